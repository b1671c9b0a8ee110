import { NEVER } from 'rxjs';
import { connectIntanRhx, type IntanRhx } from '../../drivers/intan-rhx/connect-intan-rhx.js';
import type { IntanRhxOptions, RhxDeadlines } from '../../drivers/intan-rhx/options.js';
import type { RecorderEvent } from '../../drivers/parts/recorder.js';
import type { StimulatorEvent, TriggerBox } from '../../drivers/parts/stimulator.js';
import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import { checkPattern, type CheckedPattern } from '../../protocols/stimulation/gate.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds } from '../../protocols/units.js';
import type { RhxDelivery, RhxFacadeOptions } from '../../sim-device/facades/intan-rhx/facade-settings.js';
import { createRhxFacade, type RhxFacade } from '../../sim-device/facades/intan-rhx/rhx-facade.js';
import { createEmulatedRig, type CulturedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { systemTimers } from '../../src/timers.js';
import { waitUntil } from './wait-until.js';
import { createWideProfile } from './wide-profile.js';

/** Sample rate of the emulated controller. */
export const RHX_RATE = 30_000;

/** A culture of 64 electrodes at the controller's rate. */
export function createRhxRig(seed = 5): CulturedRig {
  return createEmulatedRig({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed, sampleRateHz: hertz(RHX_RATE) },
  });
}

/** Deadlines that a loaded machine keeps; a test that wants one sets it. */
const PATIENT: Partial<RhxDeadlines> = {
  connectMs: 20_000,
  answerMs: 20_000,
  boardMs: 20_000,
  startMs: 50,
  silenceMs: 100_000,
  drainMs: 30,
};

/** A facade and the driver that is connected to it. */
export interface RhxBench {
  readonly rig: CulturedRig;
  readonly facade: RhxFacade;
  readonly rhx: IntanRhx;
  readonly events: RecorderEvent[];
  readonly told: StimulatorEvent[];
  readonly delivered: RhxDelivery[];
  /** What the facade heard and said. */
  readonly log: string[];
  /** Fires groups; resolves when the facade has heard of it, at its present sample. */
  readonly fire: (groups: readonly number[]) => Promise<void>;
  /** Time passes on the facade; resolves when the driver has all whole blocks of it. */
  readonly advance: (frames: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What differs from the bench of 64 electrodes without groups. */
export interface RhxBenchOptions {
  readonly rig?: CulturedRig;
  readonly facade?: Partial<RhxFacadeOptions>;
  readonly driver?: Partial<IntanRhxOptions>;
  /** Called before the driver connects. */
  readonly prepare?: (facade: RhxFacade) => void;
}

/** The facade alone, ready for a client. */
export async function openRhxFacade(options: Partial<RhxFacadeOptions> = {}): Promise<RhxFacade> {
  const facade = createRhxFacade({ rig: createRhxRig(), ...options });
  await facade.pressConnect();
  return facade;
}

/** Options of a driver for a facade. */
export function toRhxOptions(facade: RhxFacade, changes: Partial<IntanRhxOptions> = {}): IntanRhxOptions {
  const { deadlines, ...others } = changes;
  return {
    ports: facade.ports,
    channels: facade.amplifiers,
    timers: systemTimers(),
    deadlines: { ...PATIENT, ...deadlines },
    ...others,
  };
}

/** Opens facade and driver. */
export async function openRhxBench(options: RhxBenchOptions = {}): Promise<RhxBench> {
  const rig = options.rig ?? createRhxRig();
  const delivered: RhxDelivery[] = [];
  const log: string[] = [];
  const facade = await openRhxFacade({
    rig,
    complianceV: 1000,
    onDelivered: (delivery) => {
      delivered.push(delivery);
    },
    onLog: (text) => {
      log.push(text);
    },
    ...options.facade,
  });
  options.prepare?.(facade);
  const rhx = await connectIntanRhx(toRhxOptions(facade, options.driver), new AbortController().signal);
  const events: RecorderEvent[] = [];
  const told: StimulatorEvent[] = [];
  rhx.recorder.events$.subscribe((event) => events.push(event));
  rhx.stimulator?.events$.subscribe((event) => told.push(event));
  let begun = 0;
  return {
    rig,
    facade,
    rhx,
    events,
    told,
    delivered,
    log,
    fire: async (groups) => {
      const heard = countKeys(log);
      await rhx.stimulator!.fire(groups);
      await waitUntil(
        () => countKeys(log) > heard,
        () => 'the facade heard of no key',
      );
    },
    advance: async (frames) => {
      const target = countBlocks(events) + Math.floor((begun + frames) / 128);
      begun = (begun + frames) % 128;
      facade.advance(frames);
      await waitUntil(
        () => countBlocks(events) >= target,
        () => `${countBlocks(events)} blocks of ${target}`,
      );
    },
    close: async () => {
      await rhx.close();
      facade.close();
    },
  };
}

function countKeys(log: readonly string[]): number {
  return log.filter((text) => text.includes('manualstimtriggerpulse')).length;
}

/** Blocks that have come. */
export function countBlocks(events: readonly RecorderEvent[]): number {
  return events.filter(({ type }) => type === 'block').length;
}

/** Two phases of 200 us, negative first. */
export function biphasic(electrode: number, currentUa = 10, durationUs = 200): Pulse {
  const phase = (sign: number): Pulse['phases'][number] => ({
    currentUa: microamps(sign * currentUa),
    durationUs: microseconds(durationUs),
  });
  return { electrode, phases: [phase(-1), phase(1)] };
}

/** What the gate makes of pulses. */
export function passGate(pulses: readonly Pulse[], capabilities: StimulationCapabilities, slot = 0): CheckedPattern {
  const profile = createWideProfile(capabilities.electrodes);
  const verdict = checkPattern({ slot, pulses }, { profile, capabilities, sampleRateHz: RHX_RATE, profileAgeS: 0 });
  if (verdict.type === 'accepted') return verdict.pattern;
  throw new Error(verdict.refusals.map(({ rule, message }) => `${rule}: ${message}`).join('; '));
}

/** A box whose lines are wired to the facade's digital inputs. */
export function wireBox(facade: () => RhxFacade, lines = 16): TriggerBox & { readonly words: (readonly number[])[] } {
  const words: (readonly number[])[] = [];
  return {
    description: { device: 'a box', serialNumber: '1', firmware: '1' },
    lines,
    words,
    events$: NEVER,
    pulse: (raised) => {
      words.push(raised);
      facade().raiseLines({ digital: raised });
      return Promise.resolve();
    },
    allOff: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
