import type { RawPolicy } from '../recording/session-file.js';
import { withRaw } from './open-recorder.js';
import { systemClock } from '../clock.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { electrodeCount, stimulatedElectrodes, toGeometry, toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import type { SafetySection } from '../closed-loop/safety-section.js';
import { hertz, milliseconds } from '../../protocols/units.js';
import type { DetectingSource, ResumableSource } from '../../protocols/trial.js';
import { MeaError } from '../../protocols/errors.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { createMemoryTransport } from '../../drivers/transports/memory.js';
import { openSignalSource } from '../closed-loop/signals/signal-source.js';
import { toLoopSettings, toSourceOptions, toTrialPulse } from '../closed-loop/signals/signal-settings.js';
import { openVirtualRig, type VirtualRig } from '../closed-loop/signals/virtual-rig.js';

/**
 * Opens the bundled emulator. This is the only file of src that loads it, and only when no rig is given or the rig says
 * `device: emulator`; the source itself fixes the provenance to `emulated`.
 *
 * @throws MeaError `bad-input` for a rig that the emulator cannot be
 */
export async function openEmulator(experiment: Experiment, rig: Rig): Promise<ResumableSource> {
  assertEmulated(rig);
  const { createEmulatedCultureSource, RESPONSE_WINDOW_MS } =
    await import('../../sim-device/emulated-culture-source.js');
  const [first, end] = rig.responseWindowMs;
  if (first !== RESPONSE_WINDOW_MS[0] || end !== RESPONSE_WINDOW_MS[1]) {
    throw new MeaError('bad-input', {
      what: 'The emulated culture gives its counts for one response window only',
      got: `${first} to ${end} ms`,
      wanted: `${RESPONSE_WINDOW_MS[0]} to ${RESPONSE_WINDOW_MS[1]} ms`,
      where: `rig ${rig.name}, responseWindowMs`,
    });
  }
  const inputs = stimulatedElectrodes(rig);
  return createEmulatedCultureSource({
    ...experiment.culture,
    seed: experiment.seed,
    electrodes: electrodeCount(rig),
    inputs: inputs.length,
    stimulatedElectrodes: inputs,
    sampleRateHz: hertz(rig.sampleRateHz),
    trialPeriodMs: milliseconds(experiment.trialPeriodS * 1000),
  });
}

/** Example values for the emulator, of no real array; the same as in rigs/mea-link-tcp.yaml. */
const EXAMPLE_LIMITS: SafetySection = {
  name: 'emulator example',
  source: 'example values for the bundled emulator, of no real array',
  unconfirmed: 'all',
  electrodes: 'all',
  masked: [],
  areaUm2: 2500,
  impedanceOhm: 100_000,
  impedanceAgeS: 0,
  maxImpedanceAgeS: 86_400,
  maxCurrentUa: 30,
  minPhaseUs: 50,
  maxPhaseUs: 500,
  maxPhases: 2,
  maxChargePerPhaseNc: 6,
  maxChargeDensityUcPerCm2: 300,
  maxImbalance: 0.005,
  netChargeBudgetNc: 5,
  leadingPolarity: 'negative',
  minInterphaseGapUs: 0,
  complianceV: 5,
  minIntervalMs: 20,
  maxRateHz: 20,
  maxDuty: 0.05,
  maxChargePerSecondNc: 200,
  maxSimultaneous: 32,
  maxSummedCurrentUa: 960,
  maxStimuliPerSession: 1000,
  maxChargePerSessionNc: 10_000,
};

/** The bundled emulator as a device at the end of a link, in this process. */
export interface EmulatedLink {
  readonly transport: Transport;
  /** The limits of the rig file, or an example where it has none: no real electrode is behind it. */
  readonly profile: SafetyProfile;
  /** Stops its time and closes its links, stimulation off first. */
  close(): Promise<void>;
}

/** What the emulated electrodes of a rig are, for a culture on them. */
function toEmulatedRigSettings(rig: Rig, culture: Experiment['culture'] & { readonly seed: number }) {
  const inputs = stimulatedElectrodes(rig).toSorted((a, b) => a - b);
  const array = toGeometry(rig);
  return {
    culture: {
      ...culture,
      electrodes: electrodeCount(rig),
      inputs: inputs.length,
      sampleRateHz: hertz(rig.sampleRateHz),
    },
    stimulatedElectrodes: inputs,
    // Without one it is the square that the emulator has by itself.
    ...(!('rows' in array) && { geometry: { positions: array.positionsUm.map(([xUm, yUm]) => ({ xUm, yUm })) } }),
  };
}

function toEmulatedProfile(rig: Rig, nowMs: number): SafetyProfile {
  return toSafetyProfile(rig.safety === undefined ? { ...rig, safety: EXAMPLE_LIMITS } : rig, nowMs);
}

/**
 * Starts the bundled emulator behind MEA-Link; its time is that of the system's clock.
 *
 * @throws MeaError `bad-input` for a rig that the emulator cannot be
 */
export async function openEmulatedLink(rig: Rig): Promise<EmulatedLink> {
  assertEmulated(rig);
  const { createEmulatedRig } = await import('../../sim-device/rig/create-emulated-rig.js');
  const { EmulatedDevice } = await import('../../sim-device/firmware/emulated-device.js');
  const { DEFAULT_DEVICE_SETTINGS } = await import('../../sim-device/firmware/device-settings.js');
  const { DeviceFaults } = await import('../../sim-device/faults/device-faults.js');
  const { paceDevice } = await import('../../sim-device/pace.js');
  const culture = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 1 } as const;
  const device = new EmulatedDevice({
    rig: createEmulatedRig(toEmulatedRigSettings(rig, culture)),
    settings: DEFAULT_DEVICE_SETTINGS,
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  const mount = hub.listen(device.accept);
  const ended = new AbortController();
  const paced = paceDevice(device, { driftPpm: 0, signal: ended.signal });
  return {
    transport: createMemoryTransport(hub),
    profile: toEmulatedProfile(rig, systemClock().wallMs()),
    close: async () => {
      ended.abort();
      await paced;
      await device.close();
      await mount.close();
    },
  };
}

/** What is done with the rig before anything is asked of it, and which raw samples are kept. */
export interface EmulatedSignalsOptions {
  readonly onRig: (rig: VirtualRig) => Promise<void> | void;
  readonly raw: RawPolicy;
}

/**
 * Runs an experiment's trials on the emulator's voltages: behind its wire protocol, through pipeline and gate, in virtual
 * time. The device has a thread of its own. No real electrode is behind it, so it is armed without asking.
 *
 * @throws MeaError `bad-input` for a rig that the emulator cannot be, or whose pulse nobody has set
 */
export async function openEmulatedSignals(
  experiment: Experiment,
  rig: Rig,
  { onRig, raw }: EmulatedSignalsOptions,
): Promise<DetectingSource> {
  const pulse = toTrialPulse(rig);
  const settings = withRaw(toLoopSettings(rig), raw);
  assertEmulated(rig);
  const profile = toEmulatedProfile(rig, systemClock().wallMs());
  const { startThreadedDevice } = await import('../../sim-device/thread/threaded-device.js');
  const device = await startThreadedDevice({
    ...toEmulatedRigSettings(rig, { ...experiment.culture, seed: experiment.seed }),
    sampleRateHz: rig.sampleRateHz,
  });
  const close = (): Promise<void> => device.close();
  const source = await closingOnError(close, async () => {
    const virtual = await openVirtualRig(device, settings);
    const options = { ...toSourceOptions({ experiment, rig, profile }), pulse };
    return closingOnError(
      () => virtual.close(),
      async () => {
        await onRig(virtual);
        return openSignalSource(virtual, options);
      },
    );
  });
  let closed: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    await source.close();
    await close();
  };
  return {
    description: source.description,
    nextSample: () => source.nextSample(),
    run: (requests, signal) => source.run(requests, signal),
    rest: (duration) => source.rest(duration),
    detectorLevels: () => source.detectorLevels(),
    close: () => (closed ??= closeAll()),
  };
}

/**
 * The emulator's voltages as a rig in virtual time, for recording alone: nothing arms it.
 *
 * @throws MeaError `bad-input` for a rig that the emulator cannot be
 */
export async function openEmulatedRig(
  rig: Rig,
  { seed, raw }: { readonly seed: number; readonly raw: RawPolicy },
): Promise<VirtualRig> {
  assertEmulated(rig);
  const { startThreadedDevice } = await import('../../sim-device/thread/threaded-device.js');
  const culture = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed } as const;
  const device = await startThreadedDevice({ ...toEmulatedRigSettings(rig, culture), sampleRateHz: rig.sampleRateHz });
  const close = (): Promise<void> => device.close();
  const virtual = await closingOnError(close, () => openVirtualRig(device, withRaw(toLoopSettings(rig), raw)));
  let closed: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    await virtual.close();
    await close();
  };
  return { ...virtual, close: () => (closed ??= closeAll()) };
}

/**
 * The limits that a rig's device is configured with; an example for the emulator where it has none.
 *
 * @param nowMs wall time, ms since the epoch
 */
export function toConfiguredProfile(rig: Rig, nowMs: number): SafetyProfile {
  return rig.device === 'emulator' ? toEmulatedProfile(rig, nowMs) : toSafetyProfile(rig, nowMs);
}

/** Opens something on top of something else, which is closed when that fails. */
async function closingOnError<T>(close: () => Promise<unknown>, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

function assertEmulated({ name, device }: Rig): void {
  if (device === 'emulator') return;
  throw new MeaError('internal', {
    what: 'The emulator was asked to be a device',
    got: `device: ${device}`,
    wanted: 'device: emulator',
    where: `rig ${name}`,
  });
}
