import {
  runConformance,
  type ConformanceOptions,
  type ConformanceReport,
} from '../../drivers/conformance/run-conformance.js';
import { createMemoryTransport } from '../../drivers/transports/memory.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS, type DeviceSettings } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { createRampRig, type RigAct } from './ramp-rig.js';
import { createVirtualTimers, type VirtualTimers } from './virtual-timers.js';
import { createWideProfile } from './wide-profile.js';

/** Electrodes with an output of the device under test. */
const STIMULATED = [0, 2, 3];

/** A run of the kit against the emulated device, in virtual time. */
export interface VirtualRun {
  readonly report: ConformanceReport;
  /** What reached the electrodes. */
  readonly acts: readonly RigAct[];
  /** Ids of the checks that failed. */
  readonly failed: readonly string[];
  /** Timers that the kit left behind. */
  readonly pendingTimers: number;
}

/**
 * Runs the conformance kit against the emulated device over a memory link. Time is virtual: a millisecond of the device
 * for a millisecond of the kit, as fast as the machine can.
 */
export async function runVirtually(
  options: Partial<ConformanceOptions> & {
    readonly settings?: Partial<DeviceSettings>;
    readonly onDeliver?: (pulses: readonly Pulse[]) => void;
    /** Puts a liar between the device and the kit. */
    readonly disguise?: (transport: Transport, timers: VirtualTimers) => Transport;
  } = {},
): Promise<VirtualRun> {
  const timers = createVirtualTimers();
  const rig = createRampRig({
    stimulated: STIMULATED,
    ...(options.onDeliver !== undefined && { onDeliver: options.onDeliver }),
  });
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, ...options.settings },
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 77,
  });
  const hub = new MemoryHub();
  hub.listen(device.accept);
  const honest = createMemoryTransport(hub);
  const run = runConformance({
    transport: options.disguise?.(honest, timers) ?? honest,
    timers,
    signal: new AbortController().signal,
    profile: createWideProfile(STIMULATED),
    stimulate: true,
    ...options,
  });
  const report = await passTime(run, { timers, device });
  return { report, acts: rig.acts, failed: failedIds(report), pendingTimers: timers.pending };
}

/** Lets virtual time pass for both sides until the run ends. */
async function passTime<T>(
  run: Promise<T>,
  { timers, device }: { readonly timers: VirtualTimers; readonly device: EmulatedDevice },
): Promise<T> {
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  run.then(end, end);
  while (!ended.signal.aborted) {
    device.advance(device.sampleRateHz / 1000);
    await timers.advanceAsync(1);
  }
  return run;
}

/** Ids of the checks that failed, in order. */
function failedIds({ results }: ConformanceReport): readonly string[] {
  return results.filter(({ outcome }) => outcome.type === 'failed').map(({ id }) => id);
}
