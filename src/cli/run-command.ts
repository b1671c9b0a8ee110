import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import type { ArmingRecord, LedgerSink } from '../../protocols/ledger.js';
import type { ResumableSource, TrialSource } from '../../protocols/trial.js';
import { createContinuedSource, createReplaySource } from '../../drivers/replay-source.js';
import { systemClock } from '../clock.js';
import { createContinuingSink } from '../closed-loop/compare-ledger.js';
import { experimentSchema, isKnownAhead, type Experiment } from '../closed-loop/experiment.js';
import { forecastInThread } from '../closed-loop/forecast-in-thread.js';
import { paceSource } from '../closed-loop/paced-source.js';
import { catchUp, countedTrials, toRecordedRun, type RecordedRun } from '../closed-loop/recorded-run.js';
import { forecastHere } from '../closed-loop/publish-forecast.js';
import { rigSchema, stimulatedElectrodes, type Rig } from '../closed-loop/rig.js';
import type { SignalRig } from '../closed-loop/signals/signal-rig.js';
import { describeStop, isTooShort } from '../closed-loop/stop-rules.js';
import { assertFitting, runExperiment, type ExperimentResult } from '../closed-loop/run-experiment.js';
import { systemDisk } from '../recording/disk/disk.js';
import type { JournalPosition } from '../recording/journal/journal-writer.js';
import { readLedger } from '../recording/ledger-reader.js';
import { recoverRecording } from '../recording/recover.js';
import { deferLedgerWriter, openLedgerWriter, type LedgerWriter } from '../recording/ledger-writer.js';
import type { RecorderPort } from '../recording/recorder-port.js';
import type { RawPolicy } from '../recording/session-file.js';
import { createRunFolder, openRunFolder, type RunFolder } from '../recording/run-folder.js';
import { lockRun } from '../recording/run-lock.js';
import { readNewestState } from '../recording/source-state.js';
import { writeWholeFile } from '../recording/whole-file.js';
import type { ArmingWords } from './arming.js';
import { analyseNamed, describeAnalyses, describeFallbacks, encode, writeResult } from './analysis-output.js';
import { readConfigFile } from './config-file.js';
import { configPath } from './config-path.js';
import { openEmulatedSignals, openEmulator } from './emulator.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { openLog } from './log.js';
import {
  assertRoom,
  openRecorderHere,
  openRecorderThread,
  rawPolicyOf,
  toRecordedDevice,
  type OpenRecorderOptions,
  type RecordedDevice,
} from './open-recorder.js';
import { openPolicy, pinPatterns, recordedPolicy, type OpenPolicy } from './open-policy.js';
import { createPause } from './pause.js';
import { openProgress } from './progress.js';
import { recordEvents } from './record-events.js';
import { readRecordedExperiment, type RecordedExperiment } from './recorded-experiment.js';
import { createArms, holdsArms, readArms, runArms, type ArmsRun, type ArmStep } from './run-arms.js';

export interface RunCommand {
  readonly experiment?: string | undefined;
  readonly rig?: string;
  readonly out?: string;
  readonly resume?: string | undefined;
  readonly seed?: number;
  readonly sessions?: number;
  readonly realTime: boolean;
  readonly arm?: string;
  readonly acceptUnconfirmed?: string;
  readonly treatmentLot?: string;
  readonly treatmentApplied?: string;
  readonly raw?: RawPolicy;
  readonly batch?: number;
  readonly ledgerBatch: number;
  readonly report: boolean;
  readonly json: boolean;
}

/** `meactl run`: carries out an experiment, or goes on with an interrupted one. */
export async function runCommand(command: RunCommand, io: CliIo): Promise<ExitCode> {
  assertCommand(command);
  if (command.resume !== undefined) {
    if (holdsArms(command.resume)) return carryOutArms(readArms(command.resume), command, io);
    return finishRun(await resumeRun(command, command.resume, io), command, io);
  }
  const planned = await readPlan(command);
  const out = command.out ?? join('recordings', `${planned.experiment.name}-${timeStamp()}`);
  if (planned.experiment.arms === undefined)
    return finishRun(await startRun(planned, { ...command, out }, io), command, io);
  assertEmulatedArms(planned.rig);
  const arms = { ...planned, path: out };
  await createArms(arms);
  return carryOutArms(arms, command, io);
}

function carryOutArms(arms: ArmsRun, command: RunCommand, io: CliIo): Promise<ExitCode> {
  assertEmulatedArms(arms.rig);
  const run = async ({ experiment, rig, folder, resume }: ArmStep, armIo: CliIo): Promise<ExitCode> => {
    const own = { ...command, resume: resume ? folder : undefined, out: folder };
    const session = resume ? await resumeRun(own, folder, armIo) : await startRun({ experiment, rig }, own, armIo);
    return finishRun(session, own, armIo);
  };
  return runArms(arms, { report: command.report, json: command.json, run }, io);
}

/** A device is armed once, by a person, for one culture and one treatment. */
function assertEmulatedArms({ name, device }: Rig): void {
  if (device === 'emulator') return;
  throw new MeaError('usage', {
    what: 'The arms of an experiment are carried out one after the other on the emulator only',
    got: `device: ${device}`,
    where: `rig ${name}`,
    remedy: 'write a file for each arm, with its treatment, and run them one by one: each arming takes a person',
  });
}

/** Carries a run out to its end and writes what came of it. */
async function finishRun(session: RunSession, command: RunCommand, io: CliIo): Promise<ExitCode> {
  try {
    const result = await carryOut(session, command, io);
    // Stimulation off first, before files, and before the report, during which nobody looks at the device.
    await session.source.close();
    await session.writer.close();
    if (result === undefined) {
      const again = `meactl run --resume ${relative('', session.folder.path) || '.'}`;
      io.stderr(`meactl: interrupted; go on with: ${again}\n`);
      return EXIT.interrupted;
    }
    await writeOutcome(session, result, { command, io });
    return session.losses.count > 0 ? EXIT.dataLost : EXIT.done;
  } finally {
    try {
      await session.source.close();
    } finally {
      session.policy.close();
      try {
        await session.writer.close();
      } finally {
        session.release();
      }
    }
  }
}

/** What a run is made from. */
interface RunPlan {
  readonly experiment: Experiment;
  readonly rig: Rig;
}

async function readPlan(command: RunCommand): Promise<RunPlan> {
  const path = configPath(command.experiment!, 'experiments');
  const experiment = withOptions(await readConfigFile(path, experimentSchema), command);
  const rig = await readConfigFile(configPath(command.rig ?? 'emulated', 'rigs'), rigSchema);
  return { experiment: pinPatterns(experiment, path), rig };
}

function timeStamp(): string {
  return new Date(systemClock().wallMs()).toISOString().replaceAll(/[:.]/g, '-');
}

interface RunSession {
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

function assertCommand({ experiment, rig, out, resume, seed, sessions, raw, batch, ledgerBatch }: RunCommand): void {
  if (resume === undefined && experiment === undefined) {
    throw new MeaError('usage', {
      what: 'Nothing to run',
      wanted: 'an experiment file, the name of a bundled one (isomura2023, quick), or --resume FOLDER',
    });
  }
  if (resume !== undefined && [experiment, rig, out, seed, sessions, raw].some((option) => option !== undefined)) {
    throw new MeaError('usage', {
      what: '--resume goes on with a recorded run as it was begun',
      got: 'another experiment, rig, folder, seed, number of sessions or choice of raw samples',
      wanted: '--resume FOLDER alone',
    });
  }
  for (const [name, value] of [
    ['--batch', batch],
    ['--ledger-batch', ledgerBatch],
  ] as const) {
    if (value !== undefined && value < 1)
      throw new MeaError('usage', { what: `Bad ${name}`, got: '0', wanted: 'at least 1' });
  }
}

/** A recording that has begun. */
interface Begun {
  readonly folder: RunFolder;
  readonly recorder: RecorderPort;
  readonly release: () => void;
}

async function startRun(
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
      begun = { folder, recorder, release };
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
function openRecorder(options: OpenRecorderOptions, { device }: Rig): Promise<RecorderPort> {
  return device === 'mea-link' ? openRecorderThread(options) : Promise.resolve(openRecorderHere(options));
}

/** How long an experiment acquires, at least, and how often it stimulates. */
function extentOf({ sessions, trials, trialPeriodS }: Experiment): { seconds: number; stimuli: number } {
  return { seconds: sessions * trials * trialPeriodS, stimuli: sessions * trials };
}

/** What is open already is closed when the rest cannot be: a thread that nobody ends keeps the process. */
async function closingOnError<T>(close: () => Promise<void> | void, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await Promise.resolve(close()).catch(() => undefined);
    throw error;
  }
}

/** What a source is opened for. */
interface SourcePlan extends Pick<RunSession, 'experiment' | 'rig'> {
  readonly losses: { count: number };
  readonly raw: RawPolicy;
  /** Begins its recording. */
  readonly begin: (device: RecordedDevice) => Promise<RecorderPort>;
  /** Records what the emulator's voltages tell from the beginning; or later, when they stand where a recording ended. */
  readonly onVoltages?: (rig: Pick<SignalRig, 'events$' | 'capabilities'>) => Promise<void>;
}

/** A device, or the emulator's counts, or its voltages, as the rig file says. */
async function openSource(
  { experiment, rig, losses, raw, begin, onVoltages }: SourcePlan,
  { realTime, ...words }: RunCommand,
  io: CliIo,
): Promise<Pick<RunSession, 'source' | 'arming'>> {
  if (rig.device === 'mea-link') {
    assertFitting(experiment, { stimulatedElectrodes: stimulatedElectrodes(rig) });
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

/** Words about a device are refused where there is none: who says them means one. */
function assertNoWords(words: ArmingWords, { name }: Rig): void {
  for (const [option, value] of [
    ['--arm', words.arm],
    ['--accept-unconfirmed', words.acceptUnconfirmed],
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

function withOptions(file: Experiment, { seed, sessions }: RunCommand): Experiment {
  const changed = { ...file, ...(seed !== undefined && { seed }), ...(sessions !== undefined && { sessions }) };
  const checked = experimentSchema.safeParse(changed);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new MeaError('usage', {
    what: '--seed or --sessions does not fit the experiment',
    got: issue?.path.join('.') ?? '?',
    wanted: issue?.message ?? '?',
  });
}

async function resumeRun(command: RunCommand, path: string, io: CliIo): Promise<RunSession> {
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
  const run = toRecordedRun(ledger.records, recorded.source);
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
  return { folder, experiment, rig, policy, source, arming: recorded.arming, writer, sink, losses, release };
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
  if (rig.device === 'mea-link') {
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

async function carryOut(session: RunSession, command: RunCommand, io: CliIo): Promise<ExperimentResult | undefined> {
  const { experiment, rig, arming, source, sink } = session;
  const progress = await openProgress(experiment, io);
  const pause = createPause();
  const log = await openLog(io);
  log.info({ folder: session.folder.path, provenance: source.description.provenance }, 'run');
  try {
    const run = runExperiment({
      experiment,
      rig,
      arming,
      policy: session.policy.policy,
      source,
      ledger: sink,
      clock: systemClock(),
      signal: io.signal,
      batchTrials: command.batch,
      // Where time is virtual nothing waits for this thread, and starting another costs more than it gains.
      forecast: rig.device === 'mea-link' || command.realTime ? forecastInThread() : forecastHere,
    });
    for (;;) {
      const step = await run.next();
      if (step.done === true) {
        log.info(step.value === undefined ? 'interrupted' : 'finished');
        return step.value;
      }
      progress.update(step.value);
      await pause();
      if (step.value.trials === experiment.trials) log.info({ session: step.value.session }, 'session done');
    }
  } finally {
    progress.stop();
  }
}

async function writeOutcome(
  { folder, experiment, rig, source }: RunSession,
  { table, forecast, stopped, fallbacks }: ExperimentResult,
  { command, io }: { readonly command: RunCommand; readonly io: CliIo },
): Promise<void> {
  if (stopped !== undefined) io.stderr(`meactl: ${describeStop(stopped)}\n`);
  if (table.sessions <= experiment.initialSessions) {
    io.stderr(`meactl: it ended within the initial sessions, so that there is nothing to analyse\n`);
    io.stdout(command.json ? '' : `recording: ${folder.path}\n`);
    return;
  }
  const analysis = analyseNamed(
    table,
    { file: 'ledger.jsonl', index: 0 },
    {
      mode: 'causal',
      initialSessions: experiment.initialSessions,
      mixing: experiment.mixing,
      baseline: experiment.baseline === 'own' ? 'own' : { value: experiment.baseline, source: 'given' },
      choice: experiment.ensembleElectrodes,
      isKnownAhead: isKnownAhead(experiment),
      forecast,
    },
  );
  // What an earlier attempt left is replaced: it is the same, or cut short.
  const overwrite = command.resume !== undefined;
  const output = await writeResult(folder.result, [analysis], { overwrite, fallbacks });
  if (command.report) {
    const { reportOfRun, toArrayOfRun } = await import('./report-output.js');
    const { stimulusSpikesOfRun } = await import('./stimulus-spikes-of-run.js');
    const latency = readLedger(folder.path).newestLatency;
    const array = toArrayOfRun(rig, table);
    const spikes = await stimulusSpikesOfRun(folder.path, analysis.analysis);
    const about = { experiment, source: source.description, analysis, array, spikes };
    const report = reportOfRun({ ...about, fallbacks, latency, stopped });
    await writeWholeFile(folder.report, encode(report), { overwrite });
  }
  if (command.json) {
    io.stdout(`${JSON.stringify(output)}\n`);
    return;
  }
  io.stdout(describeAnalyses([{ ...analysis, file: experiment.name }]));
  if (fallbacks !== undefined) io.stdout(`  ${describeFallbacks(fallbacks)}\n`);
  io.stdout(`recording: ${folder.path}\n${command.report ? `report: ${folder.report}\n` : ''}`);
}
