import { existsSync } from 'node:fs';
import { createReplaySource } from '../../drivers/replay-source.js';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { milliseconds } from '../../protocols/units.js';
import { systemClock } from '../clock.js';
import { createComparingSink, type ComparingSink, type LedgerDifference } from '../closed-loop/compare-ledger.js';
import { toRecordedRun, type RecordedRun } from '../closed-loop/recorded-run.js';
import { rigSchema, type Rig } from '../closed-loop/rig.js';
import { runExperiment } from '../closed-loop/run-experiment.js';
import { readLedgerInPieces } from '../recording/ledger-reader.js';
import { openRecordingInPieces, type OpenedRecording } from '../recording/open-recording.js';
import { isRecording, openRunFolder } from '../recording/run-folder.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { recordedPolicy } from './open-policy.js';
import { createPause } from './pause.js';
import { checkRecordedExperiment, type RecordedExperiment } from './recorded-experiment.js';
import { withShareProgress } from './progress.js';
import { changeRig, describeChange } from './replay-change.js';
import { parseSpeed } from './replay-pace.js';
import { replaySamples, whyNotSamples, type SampleReplay } from './replay-samples.js';
import { replayFile } from './replay-file.js';
import type { SpikeComparison } from './spike-comparison.js';

export interface ReplayCommand {
  readonly recording: string;
  /** `max`, or how many times real time. */
  readonly speed?: string;
  /** Changes of the rig's detection, `pipeline.threshold=5`. */
  readonly set?: readonly string[];
  readonly skipDamaged?: boolean;
  /** For a file of another program: the rig file with the detection. */
  readonly rig?: string;
  readonly json: boolean;
}

/**
 * `meactl replay`: in a file of another program it looks for spikes. Of a recording of this one it looks at the raw samples of a recording again where it has all of them, repeats the loop and the model on
 * what they show, and compares spikes and every record. Exit code 1 where it differs, 3 where it does not but the recording's
 * last record was cut off. With changed settings it tells what would have been.
 */
export async function replayCommand(command: ReplayCommand, io: CliIo): Promise<ExitCode> {
  const speed = parseSpeed(command.speed ?? 'max');
  const changes = command.set ?? [];
  if (existsSync(command.recording) && !isRecording(command.recording)) {
    return replayFile({ path: command.recording, rig: command.rig, changes, json: command.json }, io);
  }
  const folder = openRunFolder(command.recording);
  const onDamaged = command.skipDamaged === true ? 'blind' : 'refuse';
  const recording = await withShareProgress('read', io, (options) =>
    openRecordingInPieces(folder.path, onDamaged, options),
  );
  try {
    if (recording.session.kind === 'record') return await replayRecord(recording, { ...command, speed, changes }, io);
    const recorded = checkRecordedExperiment(await readLedgerInPieces(folder.path, { signal: io.signal }));
    const run = toRecordedRun(recorded.ledger.records, recorded.source);
    const reason = whyNotSamples(recording, { records: run.records, rig: recorded.rig });
    if (reason !== undefined && (changes.length > 0 || command.speed !== undefined))
      throw withoutSamples(reason, command);
    const rig = changeRig(recorded.rig, changes);
    const samples =
      reason === undefined ? await replaySamples(recording, { rig, recorded: run.trials, speed }, io) : undefined;
    if (samples !== undefined && changes.length > 0) {
      io.stdout(describeChange({ recorded, samples, changes }, command.json));
      return EXIT.done;
    }
    const hasVoltages = recording.session.gainUvPerBit !== undefined;
    return await compareRun({ recorded, run, samples, reason, hasVoltages }, command, io);
  } finally {
    await recording.close();
  }
}

function withoutSamples(reason: string, { recording }: ReplayCommand): MeaError {
  return new MeaError('bad-input', {
    what: 'The samples of this recording cannot be looked at again',
    got: reason,
    wanted: 'a run on voltages with --raw all',
    where: recording,
    remedy: 'leave --set and --speed out: loop and model are then repeated on the recorded responses',
  });
}

interface Comparison {
  readonly recorded: RecordedExperiment;
  readonly run: RecordedRun;
  readonly samples: SampleReplay | undefined;
  /** Why its samples were not looked at again. */
  readonly reason: string | undefined;
  readonly hasVoltages: boolean;
}

async function compareRun(comparison: Comparison, command: ReplayCommand, io: CliIo): Promise<ExitCode> {
  const { recorded, run, samples } = comparison;
  const sink = createComparingSink(run.records);
  const refusal = await repeat(recorded, { ...run, trials: samples?.trials ?? run.trials }, { sink, io });
  const difference = io.signal.aborted ? sink.difference() : sink.finish(refusal);
  const { tornBytes } = recorded.ledger;
  const complete = run.records.at(-1)?.type === 'experiment-ended';
  const trials = run.trials.responses.length;
  const trialsAsRecorded = samples?.unseen ?? trials;
  const trialsCompared = trials - trialsAsRecorded;
  const outcome = {
    compared: sink.compared(),
    trials,
    trialsCompared,
    trialsAsRecorded,
    complete,
    tornBytes,
    difference,
  };
  io.stdout(command.json ? toJson(outcome, samples) : describeOutcome(outcome, comparison));
  if (tornBytes > 0) io.stderr(`meactl: the last record of the recording was cut off (${tornBytes} bytes)\n`);
  if (io.signal.aborted) return EXIT.interrupted;
  if (difference !== undefined || samples?.spikes.difference !== undefined) return EXIT.failed;
  return tornBytes > 0 || (samples?.unseen ?? 0) > 0 ? EXIT.dataLost : EXIT.done;
}

interface Outcome {
  readonly compared: number;
  readonly trials: number;
  /** Of them: those whose responses were found in the samples again, and those that were taken as they were recorded. */
  readonly trialsCompared: number;
  readonly trialsAsRecorded: number;
  /** The recording reaches the end of its experiment. */
  readonly complete: boolean;
  readonly tornBytes: number;
  readonly difference: LedgerDifference | undefined;
}

function toJson({ compared, difference, ...rest }: Outcome, samples: SampleReplay | undefined): string {
  const spikes = samples === undefined ? null : samples.spikes;
  const outcome = { version: 1, records: compared, ...rest, samples: spikes, difference: difference ?? null };
  return `${JSON.stringify(outcome)}\n`;
}

function describeOutcome(
  { compared, trials, complete, difference }: Outcome,
  { samples, reason, hasVoltages }: Comparison,
): string {
  const why = hasVoltages ? `from the recorded responses: ${reason}\n` : '';
  const seen = samples === undefined ? why : describeSpikes(samples);
  if (difference === undefined) {
    const extent = complete ? '' : ' (the recording does not reach the end of its experiment)';
    return `${seen}no difference: ${compared} records, ${trials} trials repeat exactly${extent}\n`;
  }
  const { where, field, recorded, repeated } = difference;
  const what = field === '' ? 'the record' : field;
  return `${seen}first difference at ${where}: ${what}\n  recorded: ${recorded}\n  repeated: ${repeated}\n`;
}

function describeSpikes({ spikes, seconds, unseen }: Pick<SampleReplay, 'spikes' | 'seconds' | 'unseen'>): string {
  const extent = `${seconds.toFixed(1)} s of samples looked at again`;
  const missing = unseen > 0 ? `; ${unseen} trials reach beyond them and were taken as recorded` : '';
  return `${extent}${missing}\n${describeComparison(spikes)}`;
}

function describeComparison({ recorded, found, difference }: SpikeComparison): string {
  if (difference === undefined) return `no difference: ${found} spikes, to the bit\n`;
  const { index, recorded: was, found: is } = difference;
  return `first difference at spike ${index} (${recorded} recorded, ${found} found)\n  recorded: ${was}\n  repeated: ${is}\n`;
}

/** A recording without trials: its spikes are found again. */
async function replayRecord(
  recording: OpenedRecording,
  { speed, changes, json }: ReplayRecordOptions,
  io: CliIo,
): Promise<ExitCode> {
  const { session, signals } = recording;
  const parsed = rigSchema.safeParse(session.configuration.rig);
  if (!parsed.success || session.gainUvPerBit === undefined || session.raw !== 'all' || signals.length === 0) {
    throw new MeaError('bad-input', {
      what: 'The samples of this recording cannot be looked at again',
      got: parsed.success ? `of its raw samples '${session.raw}' were kept` : 'no valid rig in it',
      wanted: 'a recording with --raw all',
      where: recording.path,
    });
  }
  const rig: Rig = changeRig(parsed.data, changes);
  const recorded = {
    description: {
      provenance: session.provenance,
      device: session.device.name,
      electrodes: session.channels,
      stimulatedElectrodes: [],
      sampleRateHz: session.sampleRateHz,
      responseWindowMs: [milliseconds(rig.responseWindowMs[0]), milliseconds(rig.responseWindowMs[1])] as const,
    },
    responses: [],
    sessionSamples: [],
  };
  const { spikes, seconds } = await replaySamples(recording, { rig, recorded, speed }, io);
  if (json) io.stdout(`${JSON.stringify({ version: 1, seconds, samples: spikes, changes })}\n`);
  else if (changes.length > 0) {
    io.stdout(`with ${changes.join(', ')}: ${spikes.found} spikes, ${spikes.recorded} were recorded\n`);
  } else io.stdout(describeSpikes({ spikes, seconds, unseen: 0 }));
  return changes.length === 0 && spikes.difference !== undefined ? EXIT.failed : EXIT.done;
}

interface ReplayRecordOptions {
  readonly speed: ReturnType<typeof parseSpeed>;
  readonly changes: readonly string[];
  readonly json: boolean;
}

interface Repetition {
  readonly sink: ComparingSink;
  readonly io: CliIo;
}

/**
 * Runs the engine on responses until a record differs or they end.
 *
 * @returns why the engine would not go on, where it refused a record or asked for more than there is
 */
async function repeat(
  { experiment, rig, arming }: RecordedExperiment,
  run: RecordedRun,
  { sink, io }: Repetition,
): Promise<string | undefined> {
  const steps = runExperiment({
    experiment,
    rig,
    arming,
    policy: recordedPolicy(experiment, run.records, undefined),
    source: createReplaySource(run.trials),
    ledger: sink,
    clock: systemClock(),
    signal: io.signal,
  });
  const pause = createPause();
  try {
    while ((await steps.next()).done !== true) {
      if (sink.difference() !== undefined) return undefined;
      await pause();
    }
    return undefined;
  } catch (error) {
    if (isMeaError(error)) return error.message;
    throw error;
  }
}
