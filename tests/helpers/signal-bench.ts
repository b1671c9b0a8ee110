import { createMemoryTransport } from '../../drivers/transports/memory.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type {
  DetectingSource,
  RearmingSource,
  TrialRequest,
  TrialResponse,
  TrialSource,
} from '../../protocols/trial.js';
import { microamps, microseconds, milliseconds, sampleIndex } from '../../protocols/units.js';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { parseFaults } from '../../sim-device/faults/fault-settings.js';
import { DEFAULT_DEVICE_SETTINGS } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import type { TruthRecord } from '../../sim-device/rig/spike-event.js';
import { openSignalSource } from '../../src/closed-loop/signals/signal-source.js';
import type { SignalRig } from '../../src/closed-loop/signals/signal-rig.js';
import { openVirtualRig, type VirtualRig } from '../../src/closed-loop/signals/virtual-rig.js';
import { createWideProfile } from './wide-profile.js';

export const CULTURE = {
  parameters: 'ctrl',
  plasticity: 'free-energy',
  condition: 'none',
  seed: 11,
  electrodes: 16,
  inputs: 8,
} as const;
export const TRIALS = 24;
export const PERIOD = 20_000;

/** Of the emulator's 4 x 4 electrodes. */
const ARTEFACTS = {
  aboveUv: 1000,
  reachUm: 2.9,
  positions: Array.from({ length: 16 }, (_, e) => ({ xUm: e % 4, yUm: Math.floor(e / 4) })),
};

interface Opened {
  readonly source: DetectingSource & RearmingSource;
  readonly truth: readonly TruthRecord[];
}

export async function open({
  blockFrames = 200,
  limits = {},
  faults = [],
  isJudged = false,
  stuckChannels = [],
  change = (rig) => rig,
  stop,
  rearms,
  complianceV = DEFAULT_DEVICE_SETTINGS.complianceV,
}: {
  readonly blockFrames?: number;
  readonly limits?: Partial<SafetyProfile>;
  readonly faults?: readonly string[];
  /** Whether delivery is judged from the signal. */
  readonly isJudged?: boolean;
  /** Channels that keep their last value. */
  readonly stuckChannels?: readonly number[];
  /** Puts something between the rig and the source. */
  readonly change?: (rig: VirtualRig) => SignalRig;
  /** The emergency stop. */
  readonly stop?: AbortSignal;
  readonly rearms?: number;
  readonly complianceV?: number;
} = {}): Promise<Opened> {
  const truth: TruthRecord[] = [];
  const rig = createEmulatedRig({ culture: CULTURE, onTruth: (record) => truth.push(record) });
  for (const channel of stuckChannels) rig.setChannelFault(channel, 'stuck');
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, complianceV },
    faults: new DeviceFaults(parseFaults(faults), { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  hub.listen(device.accept);
  const virtual = await openVirtualRig(
    {
      transport: createMemoryTransport(hub),
      sampleRateHz: rig.sampleRateHz,
      advance: (ticks) => {
        device.advance(ticks);
      },
    },
    { detector: { deadMs: 0.8 }, ...(isJudged && { delivery: ARTEFACTS }) },
  );
  const source = await openSignalSource(change(virtual), {
    stimulatedElectrodes: rig.stimulatedElectrodes,
    pulse: { amplitudeUa: microamps(20), phaseWidthUs: microseconds(200) },
    responseWindowMs: [milliseconds(10), milliseconds(30)],
    trialPeriodMs: milliseconds(1000),
    safetyProfile: createWideProfile(rig.stimulatedElectrodes, limits),
    blockFrames,
    settleMs: milliseconds(3000),
    stop,
    rearms,
  });
  return { source, truth };
}

/** The trials of a session of two mixed sources, from a source's next sample on. */
export function requestsFor(source: TrialSource, trials = TRIALS, session = 0): TrialRequest[] {
  const design = { sourceCount: 2, mixing: 0.25, inputsPerBlock: 4 };
  const { inputs } = drawPattern(design, trials, openRandomStream(3, 'pattern'));
  const first = source.nextSample();
  return Array.from({ length: trials }, (_, trial) => ({
    session,
    trial,
    inputs: inputs.slice(8 * trial, 8 * (trial + 1)),
    atSample: sampleIndex(first + trial * PERIOD),
  }));
}

export async function carryOut(source: TrialSource, requests: readonly TrialRequest[]): Promise<TrialResponse[]> {
  const responses: TrialResponse[] = [];
  for await (const response of source.run(requests, new AbortController().signal)) responses.push(response);
  return responses;
}
