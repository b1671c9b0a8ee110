import { z } from 'zod';
import { hertz } from '../../protocols/units.js';
import { createRhxFacade } from '../../sim-device/facades/intan-rhx/rhx-facade.js';
import { PulsePalFacade } from '../../sim-device/facades/pulse-pal/pulse-pal-facade.js';
import { StimJimFacade } from '../../sim-device/facades/stimjim/stimjim-facade.js';
import { TtlBoxFacade } from '../../sim-device/facades/ttl-box/ttl-box-facade.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { joinedOutputs, pace, raise, serve } from './lab.js';
import { RHX_RATE } from './rhx-bench.js';

/** Stimulators whose way to off is measured, by the names that the benchmark prints. */
export const OFF_DEVICES = [
  'Intan RHX, its keys',
  'Intan RHX with a TTL box',
  'Intan RHX with a Pulse Pal',
  'StimJim',
  'Pulse Pal',
] as const;
export type OffDevice = (typeof OFF_DEVICES)[number];

/** Where a program finds a stimulator: ports of RHX, 0 for others; serial port of the stimulator or of its box, else empty. */
export const offPlace = z.object({
  device: z.enum(OFF_DEVICES),
  ports: z.object({ command: z.number(), waveform: z.number() }),
  serial: z.string(),
});
type OffPlace = z.infer<typeof offPlace>;

/** A stimulator on its facade, which goes by the clock. Times are those of `process.hrtime`, which all programs share. */
export interface OffLab {
  readonly place: OffPlace;
  /** What left at the electrodes. */
  readonly left: readonly { readonly beginNs: bigint; readonly endNs: bigint }[];
  /** Somebody else does all that could trigger a program that is left in it. */
  readonly poke: () => void;
  readonly close: () => Promise<void>;
}

const ELECTRODES = 8;

/** Opens a stimulator for a program to connect to. */
export function openOffLab(device: OffDevice): Promise<OffLab> {
  return device.startsWith('Intan') ? openRhx(device) : openSerial(device);
}

class Left {
  readonly list: { readonly beginNs: bigint; readonly endNs: bigint }[] = [];

  /** A pulse begins now. */
  add(durationUs: number): void {
    const beginNs = process.hrtime.bigint();
    this.list.push({ beginNs, endNs: beginNs + BigInt(Math.round(durationUs * 1000)) });
  }
}

function lengthOf(phases: readonly { readonly durationUs: number }[]): number {
  return phases.reduce((sum, { durationUs }) => sum + durationUs, 0);
}

async function openRhx(device: OffDevice): Promise<OffLab> {
  const left = new Left();
  const rig = createEmulatedRig({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 5,
      electrodes: ELECTRODES,
      inputs: 4,
      sampleRateHz: hertz(RHX_RATE),
    },
  });
  const facade = createRhxFacade({
    rig,
    complianceV: 1000,
    onDelivered: ({ pulses }) => {
      left.add(Math.max(...pulses.map(({ phases }) => lengthOf(phases))));
    },
  });
  await facade.pressConnect();
  const onLines = (lines: readonly number[]): void => {
    raise(facade, lines);
  };
  const box =
    device === 'Intan RHX with a TTL box'
      ? new TtlBoxFacade({
          onPulse: ({ lines }) => {
            onLines(lines);
          },
        })
      : joinedOutputs(onLines);
  const served = device === 'Intan RHX, its keys' ? undefined : await serve(box);
  const stop = pace(facade);
  return {
    place: { device, ports: facade.ports, serial: served?.path ?? '' },
    left: left.list,
    poke: () => {
      facade.operate('set runmode run;');
      facade.operate('execute manualstimtriggerpulse f1;');
      onLines([1]);
    },
    close: async () => {
      await stop();
      await served?.close();
      facade.close();
    },
  };
}

async function openSerial(device: OffDevice): Promise<OffLab> {
  const left = new Left();
  const pulsePal = new PulsePalFacade({
    onPulse: ({ phases }) => {
      left.add(lengthOf(phases));
    },
  });
  const stimJim = new StimJimFacade({
    onPulse: ({ stages }) => {
      left.add(lengthOf(stages));
    },
  });
  const isStimJim = device === 'StimJim';
  const served = await serve(isStimJim ? stimJim : pulsePal);
  return {
    place: { device, ports: { command: 0, waveform: 0 }, serial: served.path },
    left: left.list,
    poke: () => {
      if (isStimJim) for (const n of [97, 98, 99]) stimJim.type(`T${n}`);
      else {
        pulsePal.receive(Uint8Array.of(0xd5, 77, 15));
        pulsePal.raiseTrigger(1);
      }
    },
    close: served.close,
  };
}
