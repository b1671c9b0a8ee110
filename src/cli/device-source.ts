import type { ArmingRecord } from '../../protocols/ledger.js';
import type { TrialSource } from '../../protocols/trial.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { toDeviceAddress } from '../closed-loop/device-address.js';
import { electrodeCount, toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import { openSignalSource } from '../closed-loop/signals/signal-source.js';
import { toLoopSettings, toSourceOptions, toTrialPulse } from '../closed-loop/signals/signal-settings.js';
import type { RigEvent } from '../pipeline/events/rig-event.js';
import { startRigWorker } from '../pipeline/worker/start-rig-worker.js';
import { systemClock } from '../clock.js';
import { confirmArming, type ArmingWords } from './arming.js';
import { recordEvents } from './record-events.js';
import { toRecordedDevice, withRaw, type RecordedDevice } from './open-recorder.js';
import type { RecorderPort } from '../recording/recorder-port.js';
import type { RawPolicy } from '../recording/session-file.js';
import { describeDevice } from './check-command.js';
import type { CliIo } from './io.js';
import { programVersion } from './package-info.js';
import { STOP_KEYS_HINT } from './stop-keys.js';

/** A run on a device, and what a person said about it. */
export interface DeviceRun {
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly words: ArmingWords;
  /** Told of what was lost on the way. */
  readonly onLoss: (event: RigEvent) => void;
  readonly raw: RawPolicy;
  /** Begins the recording, once a person has given the word, before anything is asked of the device. */
  readonly begin: (device: RecordedDevice) => Promise<RecorderPort>;
}

/**
 * Runs an experiment's trials on the device of a rig file, in real time, in a worker thread of its own. Arming takes a
 * person's word: the serial number of the very device, and how often it may be armed again. From then on the keys of the terminal stop it, as signals do; who closes
 * the source ends them.
 *
 * @throws MeaError of the driver; `bad-input` for a rig without limits or pulse, `refused` without that word
 */
export async function openDeviceSignals(
  { experiment, rig, words, onLoss, raw, begin }: DeviceRun,
  io: CliIo,
): Promise<{ readonly source: TrialSource; readonly arming: ArmingRecord }> {
  const pulse = toTrialPulse(rig);
  const profile = toSafetyProfile(rig, systemClock().wallMs());
  const settings = withRaw(toLoopSettings(rig), raw);
  const worker = await startRigWorker({
    ...settings,
    detector: { ...settings.detector, channels: electrodeCount(rig) },
    address: toDeviceAddress(rig, { stimulates: true }),
    client: `meactl ${programVersion()}`,
    signal: io.signal,
  });
  try {
    const { serialNumber } = worker.capabilities;
    const device = describeDevice(worker.capabilities);
    const arming = confirmArming(words, { experiment, rig, serialNumber, device, nowMs: systemClock().wallMs() });
    recordEvents(await begin(toRecordedDevice(worker.capabilities, worker.bootId)), worker.events$);
    worker.events$.subscribe({
      next: (event) => {
        if (event.type === 'gap' || event.type === 'overrun' || event.type === 'sample-jump') onLoss(event);
      },
      // Told by the source.
      error: () => undefined,
    });
    if (io.stopKeys !== undefined) {
      io.stderr(`meactl: ${STOP_KEYS_HINT}\n`);
      io.stopKeys.begin();
    }
    const source = await openSignalSource(worker, {
      ...toSourceOptions({ experiment, rig, profile }),
      pulse,
      stop: io.signal,
      rearms: arming.rearms,
    });
    return { source, arming };
  } catch (error) {
    await worker.close().catch(() => undefined);
    io.stopKeys?.end();
    throw error;
  }
}
