import { MeaError } from '../../protocols/errors.js';
import type { ArmingRecord, LedgerSink } from '../../protocols/ledger.js';
import type { TrialSource } from '../../protocols/trial.js';
import { systemClock } from '../clock.js';
import { assertRigFits } from '../closed-loop/device-fit.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { paceSource } from '../closed-loop/paced-source.js';
import { stimulatedElectrodes, type Rig } from '../closed-loop/rig.js';
import type { SignalRig } from '../closed-loop/signals/signal-rig.js';
import { assertFitting } from '../closed-loop/run-experiment.js';
import { openLedgerWriter, type LedgerWriter } from '../recording/ledger-writer.js';
import type { RecorderPort } from '../recording/recorder-port.js';
import type { RawPolicy } from '../recording/session-file.js';
import { createRunFolder, type RunFolder } from '../recording/run-folder.js';
import { lockRun } from '../recording/run-lock.js';
import type { ArmingWords } from './arming.js';
import { openEmulatedSignals, openEmulator } from './emulator.js';
import type { CliIo } from './io.js';
import {
  assertRoom,
  openRecorderHere,
  openRecorderThread,
  rawPolicyOf,
  releaseUnlessHung,
  toRecordedDevice,
  type OpenRecorderOptions,
  type RecordedDevice,
} from './open-recorder.js';
import { openPolicy, type OpenPolicy } from './open-policy.js';
import { recordEvents } from './record-events.js';
import type { RunCommand } from './run-options.js';

/** What a run is made from. */
export interface RunPlan {
  readonly experiment: Experiment;
  readonly rig: Rig;
}

export interface RunSession {
  readonly folder: RunFolder;
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly policy: OpenPolicy;
  readonly source: TrialSource;
  /** What a person said before a device could stimulate. */
  readonly arming?: ArmingRecord | undefined;
  readonly writer: LedgerWriter;
  readonly sink: LedgerSink;
  /** Losses on the way from a device. */
  readonly losses: { readonly count: number };
  /** Gives the folder's lock back. */
  readonly release: () => void;
}

/** A recording that has begun. */
interface Begun {
  readonly folder: RunFolder;
  readonly recorder: RecorderPort;
  readonly release: () => void;
}

export async function startRun(
  { experiment, rig }: RunPlan,
  command: RunCommand & { readonly out: string },
  io: CliIo,
): Promise<RunSession> {
  const losses = { count: 0 };
  const raw = rawPolicyOf(rig, command.raw);
  let begun: Begun | undefined;
  const begin = async (device: RecordedDevice): Promise<RecorderPort> => {
    const plan = { kind: 'run', device, rig, experiment, raw } as const;
    assertRoom(command.out, { plan, ...extentOf(experiment) });
    const folder = createRunFolder(command.out);
    const release = lockRun(folder.lock);
    try {
      const recorder = await openRecorder(
        { folder, plan, io, ledgerBatch: command.ledgerBatch, onLoss: () => losses.count++ },
        rig,
      );
      begun = { folder, recorder, release: releaseUnlessHung(release, recorder) };
      return recorder;
    } catch (error) {
      release();
      throw error;
    }
  };
  const policy = await openPolicy(experiment, systemClock(), io);
  let source: TrialSource | undefined;
  try {
    const opened = await openSource({ experiment, rig, losses, raw, begin }, command, io);
    source = opened.source;
    const { folder, recorder, release } = assertBegun(begun);
    const writer = openLedgerWriter({ recorder, state: folder.state });
    return { folder, experiment, rig, policy, ...opened, writer, sink: writer, losses, release };
  } catch (error) {
    policy.close();
    // Nobody else knows of it yet, and a device may be armed.
    await source?.close().catch(() => undefined);
    await begun?.recorder.close().catch(() => undefined);
    begun?.release();
    throw error;
  }
}

function assertBegun(begun: Begun | undefined): Begun {
  if (begun !== undefined) return begun;
  throw new MeaError('internal', { what: 'A source was opened that nobody records' });
}

/** A device is recorded in a thread of its own, so that no disk holds it up; the emulator's time waits for this one. */
export function openRecorder(options: OpenRecorderOptions, { device }: Rig): Promise<RecorderPort> {
  return device !== 'emulator' ? openRecorderThread(options) : Promise.resolve(openRecorderHere(options));
}

/** How long an experiment acquires, at least, and how often it stimulates. */
function extentOf({ sessions, trials, trialPeriodS }: Experiment): { seconds: number; stimuli: number } {
  return { seconds: sessions * trials * trialPeriodS, stimuli: sessions * trials };
}

/** What is open already is closed when the rest cannot be: a thread that nobody ends keeps the process. */
export async function closingOnError<T>(close: () => Promise<void> | void, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await Promise.resolve(close()).catch(() => undefined);
    throw error;
  }
}

/** What a source is opened for. */
export interface SourcePlan extends Pick<RunSession, 'experiment' | 'rig'> {
  readonly losses: { count: number };
  readonly raw: RawPolicy;
  /** Begins its recording. */
  readonly begin: (device: RecordedDevice) => Promise<RecorderPort>;
  /** Records what the emulator's voltages tell from the beginning; or later, when they stand where a recording ended. */
  readonly onVoltages?: (rig: Pick<SignalRig, 'events$' | 'capabilities'>) => Promise<void>;
}

/** A device, or the emulator's counts, or its voltages, as the rig file says. */
export async function openSource(
  { experiment, rig, losses, raw, begin, onVoltages }: SourcePlan,
  { realTime, ...words }: RunCommand,
  io: CliIo,
): Promise<Pick<RunSession, 'source' | 'arming'>> {
  if (rig.device !== 'emulator') {
    assertFitting(experiment, { stimulatedElectrodes: stimulatedElectrodes(rig) });
    assertRigFits(experiment, rig);
    assertRearms(words, rig);
    const { openDeviceSignals } = await import('./device-source.js');
    const onLoss = (event: { readonly type: string }): void => {
      losses.count += 1;
      io.stderr(`meactl: data were lost: ${JSON.stringify(event)}\n`);
    };
    return openDeviceSignals({ experiment, rig, words, onLoss, raw, begin }, io);
  }
  assertNoWords(words, rig);
  if (rig.signal !== 'voltages') {
    const emulator = await openEmulator(experiment, rig);
    assertFitting(experiment, emulator.description);
    const { device, electrodes, sampleRateHz } = emulator.description;
    await begin({ provenance: 'emulated', name: device, channels: electrodes, sampleRateHz });
    return { source: realTime ? paceSource(emulator, systemClock(), io.signal) : emulator };
  }
  if (realTime) {
    throw new MeaError('usage', {
      what: 'The emulator runs on voltages in virtual time only',
      got: '--real-time',
      where: `rig ${rig.name}`,
      remedy: '`mea-sim serve` is a rig in real time',
    });
  }
  assertFitting(experiment, { stimulatedElectrodes: stimulatedElectrodes(rig) });
  const onRig = async (signals: Pick<SignalRig, 'events$' | 'capabilities'>): Promise<void> => {
    recordEvents(await begin(toRecordedDevice(signals.capabilities)), signals.events$);
  };
  return { source: await openEmulatedSignals(experiment, rig, { raw, onRig: onVoltages ?? onRig }) };
}

/** A device of several makers has to be programmed anew after it was switched off, which it is not while it records. */
function assertRearms({ rearm = 0 }: ArmingWords, { name, combined }: Rig): void {
  if (combined === undefined || rearm === 0) return;
  throw new MeaError('usage', {
    what: 'A combined rig is not armed again within a run',
    got: `--rearm ${rearm}`,
    where: `rig ${name}`,
    remedy: 'leave it out; what was stopped goes on with `meactl run --resume`',
  });
}

/** Words about a device are refused where there is none: who says them means one. */
export function assertNoWords(words: ArmingWords, { name }: Rig): void {
  for (const [option, value] of [
    ['--arm', words.arm],
    ['--accept-unconfirmed', words.acceptUnconfirmed],
    ['--rearm', words.rearm],
    ['--treatment-lot', words.treatmentLot],
    ['--treatment-applied', words.treatmentApplied],
  ] as const) {
    if (value === undefined) continue;
    throw new MeaError('usage', {
      what: `${option} is for a device`,
      got: `${option} ${value}`,
      where: `rig ${name}, which is emulated`,
      remedy: 'leave it out',
    });
  }
}
