import { relative } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import { systemClock } from '../clock.js';
import { experimentSchema, isKnownAhead, type Experiment } from '../closed-loop/experiment.js';
import { forecastInThread } from '../closed-loop/forecast-in-thread.js';
import { forecastHere } from '../closed-loop/publish-forecast.js';
import type { Rig } from '../closed-loop/rig.js';
import { describeStop } from '../closed-loop/stop-rules.js';
import { runExperiment, type ExperimentResult } from '../closed-loop/run-experiment.js';
import { segmentName } from '../recording/journal/journal-writer.js';
import { readLedger } from '../recording/ledger-reader.js';
import { writeWholeFile } from '../recording/whole-file.js';
import { analyseNamed, describeAnalyses, describeFallbacks, encode, writeResult } from './analysis-output.js';
import { readConfigFile } from './config-file.js';
import { configPath } from './config-path.js';
import { defaultOut } from './default-out.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { openLog } from './log.js';
import { pinPatterns } from './open-policy.js';
import { createPause } from './pause.js';
import { openProgress } from './progress.js';
import { readRigFile } from './rig-file.js';
import { createArms, holdsArms, readArms, runArms, type ArmsRun, type ArmStep } from './run-arms.js';
import { resumeRun } from './resume-session.js';
import type { RunCommand } from './run-options.js';
import { startRun, type RunPlan, type RunSession } from './run-session.js';

/** `meactl run`: carries out an experiment, or goes on with an interrupted one. */
export async function runCommand(command: RunCommand, io: CliIo): Promise<ExitCode> {
  assertCommand(command);
  if (command.resume !== undefined) {
    if (holdsArms(command.resume)) return carryOutArms(readArms(command.resume), command, io);
    return finishRun(await resumeRun(command, command.resume, io), command, io);
  }
  const planned = await readPlan(command);
  const out = command.out ?? defaultOut(planned.experiment.name);
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
    io.stopKeys?.end();
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
      io.stopKeys?.end();
      session.policy.close();
      try {
        await session.writer.close();
      } finally {
        session.release();
      }
    }
  }
}

async function readPlan(command: RunCommand): Promise<RunPlan> {
  const path = configPath(command.experiment!, 'experiments');
  const experiment = withOptions(await readConfigFile(path, experimentSchema), command);
  const rig = await readRigFile(configPath(command.rig ?? 'emulated', 'rigs'));
  return { experiment: pinPatterns(experiment, path), rig };
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
      forecast: rig.device !== 'emulator' || command.realTime ? forecastInThread() : forecastHere,
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
    // Beside the results, and the same for every folder: results do not depend on it.
    { file: segmentName(0), index: 0 },
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
    const { newestLatency: latency, records } = readLedger(folder.path);
    const uncounted = records.filter((record) => record.type === 'trial-uncounted');
    const rearmings = records.filter((record) => record.type === 'rearmed');
    const array = toArrayOfRun(rig, table);
    const spikes = await stimulusSpikesOfRun(folder.path, analysis.analysis);
    const about = { experiment, source: source.description, analysis, array, spikes };
    const report = reportOfRun({ ...about, fallbacks, latency, stopped, rearmings, uncounted });
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
