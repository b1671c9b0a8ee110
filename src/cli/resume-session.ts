import { existsSync } from 'node:fs';
import { MeaError } from '../../protocols/errors.js';
import type { ResumableSource } from '../../protocols/trial.js';
import { createContinuedSource, createReplaySource } from '../../drivers/replay-source.js';
import { systemClock } from '../clock.js';
import { createContinuingSink } from '../closed-loop/compare-ledger.js';
import { paceSource } from '../closed-loop/paced-source.js';
import { catchUp, countedTrials, toRecordedRun, type RecordedRun } from '../closed-loop/recorded-run.js';
import type { SignalRig } from '../closed-loop/signals/signal-rig.js';
import { describeStop, isTooShort } from '../closed-loop/stop-rules.js';
import { systemDisk } from '../recording/disk/disk.js';
import type { JournalPosition } from '../recording/journal/journal-writer.js';
import { recoverRecording } from '../recording/recover.js';
import { deferLedgerWriter, openLedgerWriter } from '../recording/ledger-writer.js';
import type { RecorderPort } from '../recording/recorder-port.js';
import { openRunFolder, type RunFolder } from '../recording/run-folder.js';
import { lockRun } from '../recording/run-lock.js';
import { readNewestState } from '../recording/source-state.js';
import { openEmulator } from './emulator.js';
import type { CliIo } from './io.js';
import {
  openRecorderHere,
  rawPolicyOf,
  releaseUnlessHung,
  toRecordedDevice,
  type OpenRecorderOptions,
  type RecordedDevice,
} from './open-recorder.js';
import { openPolicy, recordedPolicy } from './open-policy.js';
import { recordEvents } from './record-events.js';
import { readRecordedExperiment, type RecordedExperiment } from './recorded-experiment.js';
import type { RunCommand } from './run-options.js';
import { assertSameDevice } from './same-device.js';
import {
  assertNoWords,
  closingOnError,
  openRecorder,
  openSource,
  type RunSession,
  type SourcePlan,
} from './run-session.js';

/** Opens a run under the lock of its folder; the lock is given back when that fails. */
async function locked(folder: RunFolder, open: (release: () => void) => Promise<RunSession>): Promise<RunSession> {
  const release = lockRun(folder.lock);
  try {
    return await open(release);
  } catch (error) {
    release();
    throw error;
  }
}

export async function resumeRun(command: RunCommand, path: string, io: CliIo): Promise<RunSession> {
  const folder = openRunFolder(path);
  return locked(folder, (release) => continueRun(folder, command, { io, release }));
}

async function continueRun(
  folder: RunFolder,
  command: RunCommand,
  { io, release }: { readonly io: CliIo; readonly release: () => void },
): Promise<RunSession> {
  const recorded = readRecordedExperiment(folder);
  const { ledger, experiment, rig } = recorded;
  const hasEnded = ledger.records.some((record) => record.type === 'experiment-ended');
  if (hasEnded && (isReported(folder, command) || isTooShort(ledger.records, experiment))) {
    const stop = ledger.records.find((record) => record.type === 'stopped');
    throw new MeaError('bad-input', {
      what: 'The run is finished; there is nothing to resume',
      ...(stop !== undefined && { got: `a run that was ${describeStop(stop)}` }),
      where: folder.path,
    });
  }
  if (ledger.tornBytes > 0) {
    io.stderr(`meactl: the last record was cut off (${ledger.tornBytes} bytes); its trial is carried out again\n`);
  }
  const run = toRecordedRun(ledger.records, recorded.source, ledger.firstBootId);
  const losses = { count: 0 };
  const position = { trials: run.trials.responses.length, rests: run.rests };
  // Before the device: nothing is armed while a program is waited for, or when it does not come.
  const opened = hasEnded ? undefined : await openPolicy(experiment, systemClock(), io);
  const policy = {
    policy: recordedPolicy(experiment, run.records, opened?.policy),
    close: () => opened?.close(),
  };
  // What readers make of the samples of a recording goes by one word for all of them.
  const raw = ledger.session?.raw ?? rawPolicyOf(rig);
  const device = { provenance: recorded.source.provenance, name: recorded.source.device } as const;
  let recorder: RecorderPort | undefined;
  const toOptions = (found: RecordedDevice): OpenRecorderOptions => ({
    folder,
    plan: { kind: 'run', device: found, rig, experiment, raw },
    io,
    continued: () => continueAfterRecovery(folder, io),
    ledgerBatch: command.ledgerBatch,
    onLoss: () => losses.count++,
  });
  const begin = async (found: RecordedDevice): Promise<RecorderPort> => {
    assertSameDevice(ledger.session, found, folder.path);
    recorder = await openRecorder(toOptions(found), rig);
    return recorder;
  };
  const closeOpened = async (): Promise<void> => {
    policy.close();
    await recorder?.close();
  };
  const { source: live, arming } = hasEnded
    ? // All that is left is the report, of what was recorded from that source.
      { source: { ...createReplaySource(run.trials), description: recorded.source } }
    : await closingOnError(closeOpened, () =>
        openLive({ folder, recorded, run, position, losses, raw, begin }, command, io),
      );
  const counted = countedTrials(run.records).length;
  const [session, trial] = [Math.floor(counted / experiment.trials), counted % experiment.trials];
  // Opened by the first new record: a recording that turns out not to be repeatable stays as it is, and a run that died
  // between its last trial and its report has only the report left to do.
  const begun =
    recorder ??
    openRecorderHere(
      toOptions({ ...device, channels: recorded.source.electrodes, sampleRateHz: recorded.source.sampleRateHz }),
    );
  const writer = deferLedgerWriter(
    () => {
      const opened = openLedgerWriter({ recorder: begun, state: folder.state, position });
      opened.append({ type: 'resumed', session, trial, ...(arming !== undefined && { arming }) });
      return opened;
    },
    () => begun.close(),
  );
  const sink = createContinuingSink(run.records, writer, (difference) => {
    throw new MeaError('bad-format', {
      what: 'The recording cannot be continued: this program does not repeat it',
      got: difference.repeated,
      wanted: difference.recorded,
      where: `${difference.where}, ${difference.field}`,
    });
  });
  const source = createContinuedSource(run.trials, run.rests, live);
  const own = { arming: recorded.arming, release: releaseUnlessHung(release, begun) };
  return { folder, experiment, rig, policy, source, writer, sink, losses, ...own };
}

/** Mends what a crash left before anything is added to it. */
function continueAfterRecovery({ path }: RunFolder, io: CliIo): { journal: JournalPosition; recording: number } {
  const { index, actions } = recoverRecording(path, { disk: systemDisk(), clock: systemClock() });
  for (const action of actions) io.stderr(`meactl: ${action}\n`);
  return { journal: index.next, recording: Math.max(0, ...index.stretches.keys()) };
}

interface Continuation extends Pick<Restoration, 'run' | 'position'>, Pick<SourcePlan, 'losses' | 'raw' | 'begin'> {
  readonly folder: RunFolder;
  readonly recorded: RecordedExperiment;
}

/**
 * The source that goes on where the recording ends. An emulator stands there to the sample; a device goes on when it can, and
 * the ledger says by how much later.
 */
async function openLive(
  { folder, recorded, run, position, losses, raw, begin }: Continuation,
  command: RunCommand,
  io: CliIo,
): Promise<Pick<RunSession, 'source' | 'arming'>> {
  const { experiment, rig } = recorded;
  if (rig.device !== 'emulator') {
    const was = recorded.arming?.serialNumber;
    // Before anything is armed. Arming then takes that very number of the device that is there.
    if (command.arm !== undefined && command.arm !== was) {
      throw new MeaError('bad-input', {
        what: 'The run was begun on another device',
        got: `--arm ${command.arm}`,
        wanted: was ?? 'a device that a person armed',
        where: folder.path,
        remedy: 'connect that device, or begin a new run',
      });
    }
    return openSource({ experiment, rig, losses, raw, begin }, command, io);
  }
  assertNoWords(command, rig);
  if (rig.signal === 'voltages') {
    let signals: Pick<SignalRig, 'events$' | 'capabilities'> | undefined;
    const onVoltages = (opened: typeof signals): Promise<void> => {
      signals = opened;
      return Promise.resolve();
    };
    const { source } = await openSource({ experiment, rig, losses, raw, begin, onVoltages }, command, io);
    if (position.trials > 0) {
      io.stderr(
        `meactl: the emulator is shown ${position.trials} trials again, sample by sample, to stand where it stopped\n`,
      );
    }
    try {
      await catchUp(source, run, { from: { trials: 0, rests: 0 }, signal: io.signal });
      // What it showed again is recorded already.
      if (signals !== undefined) recordEvents(await begin(toRecordedDevice(signals.capabilities)), signals.events$);
    } catch (error) {
      await source.close();
      throw error;
    }
    return { source };
  }
  const emulator = await openEmulator(experiment, rig);
  await restoreEmulator(emulator, folder, { run, position, io });
  return { source: command.realTime ? paceSource(emulator, systemClock(), io.signal) : emulator };
}

/** True when the results of a run are there, as far as they are wanted. */
function isReported({ result, report }: RunFolder, command: RunCommand): boolean {
  return existsSync(result) && (existsSync(report) || !command.report);
}

interface Restoration {
  readonly run: RecordedRun;
  readonly position: { readonly trials: number; readonly rests: number };
  readonly io: CliIo;
}

/** Brings the emulator to where the recording ends: from its saved state, or from the start where there is none. */
async function restoreEmulator(emulator: ResumableSource, folder: RunFolder, at: Restoration): Promise<void> {
  const saved = readNewestState(folder.state);
  const usable = saved !== undefined && saved.trials <= at.position.trials && saved.rests <= at.position.rests;
  if (usable) emulator.restoreState(saved.state);
  const from = usable ? saved : { trials: 0, rests: 0 };
  await catchUp(emulator, at.run, { from, signal: at.io.signal });
}
