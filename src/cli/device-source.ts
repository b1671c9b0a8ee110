import { MeaError } from '../../protocols/errors.js';
import type { TrialSource } from '../../protocols/trial.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import { openSignalSource } from '../closed-loop/signals/signal-source.js';
import { toLoopSettings, toSourceOptions, toTrialPulse } from '../closed-loop/signals/signal-settings.js';
import type { RigEvent } from '../pipeline/events/rig-event.js';
import { startRigWorker } from '../pipeline/worker/start-rig-worker.js';
import { describeDevice } from './check-command.js';
import type { CliIo } from './io.js';
import { programVersion } from './package-info.js';

/** What a person said about the device that a run stimulates. */
export interface DeviceRun {
  readonly experiment: Experiment;
  readonly rig: Rig;
  /** Serial number of the device that may be armed; without it nothing is. */
  readonly arm: string | undefined;
  /** Told of what was lost on the way. */
  readonly onLoss: (event: RigEvent) => void;
}

/**
 * Runs an experiment's trials on the device of a rig file, in real time, in a worker thread of its own. Arming takes a
 * person's word: the serial number of the very device.
 *
 * @throws MeaError of the driver; `bad-input` for a rig without limits or pulse, `refused` without that word
 */
export async function openDeviceSignals({ experiment, rig, arm, onLoss }: DeviceRun, io: CliIo): Promise<TrialSource> {
  const pulse = toTrialPulse(rig);
  const profile = toSafetyProfile(rig);
  const settings = toLoopSettings(rig);
  const worker = await startRigWorker({
    ...settings,
    detector: { ...settings.detector, channels: rig.array.rows * rig.array.columns },
    streams: { blocks: false },
    address: rig.address!,
    client: `meactl ${programVersion()}`,
    signal: io.signal,
  });
  try {
    const { serialNumber } = worker.capabilities;
    if (arm !== serialNumber) {
      throw new MeaError('refused', {
        what: 'Nothing is armed without the word of a person',
        got: arm === undefined ? 'no --arm' : `--arm ${arm}`,
        wanted: `--arm ${serialNumber}`,
        where: `${describeDevice(worker.capabilities)}, limits ${profile.name}`,
        remedy: 'look at the device and its culture, then give its serial number',
      });
    }
    worker.events$.subscribe({
      next: (event) => {
        if (event.type === 'gap' || event.type === 'overrun' || event.type === 'sample-jump') onLoss(event);
      },
      // Told by the source.
      error: () => undefined,
    });
    return await openSignalSource(worker, { ...toSourceOptions({ experiment, rig, profile }), pulse });
  } catch (error) {
    await worker.close().catch(() => undefined);
    throw error;
  }
}
