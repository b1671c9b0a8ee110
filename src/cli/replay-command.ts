import { createReplaySource } from '../../drivers/replay-source.js';
import { isMeaError } from '../../protocols/errors.js';
import { systemClock } from '../clock.js';
import { createComparingSink, type ComparingSink } from '../closed-loop/compare-ledger.js';
import { toRecordedRun, type RecordedRun } from '../closed-loop/recorded-run.js';
import { runExperiment } from '../closed-loop/run-experiment.js';
import { openRunFolder } from '../recording/run-folder.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { recordedPolicy } from './open-policy.js';
import { createPause } from './pause.js';
import { readRecordedExperiment, type RecordedExperiment } from './recorded-experiment.js';

export interface ReplayCommand {
  readonly recording: string;
  readonly json: boolean;
}

/**
 * `meactl replay`: repeats a recorded run from its responses and compares every record. Exit code 1 where it differs,
 * 3 where it does not but the recording's last record was cut off.
 */
export async function replayCommand(command: ReplayCommand, io: CliIo): Promise<ExitCode> {
  const folder = openRunFolder(command.recording);
  const recorded = readRecordedExperiment(folder);
  const run = toRecordedRun(recorded.ledger.records, recorded.source);
  const sink = createComparingSink(run.records);
  const refusal = await repeat(recorded, run, { sink, io });
  const difference = io.signal.aborted ? sink.difference() : sink.finish(refusal);
  const { tornBytes } = recorded.ledger;
  const complete = run.records.at(-1)?.type === 'experiment-ended';
  if (command.json) {
    const outcome = { version: 1, records: sink.compared(), trials: run.trials.responses.length, complete, tornBytes };
    io.stdout(`${JSON.stringify({ ...outcome, difference: difference ?? null })}\n`);
  } else if (difference === undefined) {
    const extent = complete ? '' : ' (the recording does not reach the end of its experiment)';
    io.stdout(
      `no difference: ${sink.compared()} records, ${run.trials.responses.length} trials repeat exactly${extent}\n`,
    );
  } else {
    const { where, field, recorded: was, repeated } = difference;
    const what = field === '' ? 'the record' : field;
    io.stdout(`first difference at ${where}: ${what}\n  recorded: ${was}\n  repeated: ${repeated}\n`);
  }
  if (tornBytes > 0) io.stderr(`meactl: the last record of the recording was cut off (${tornBytes} bytes)\n`);
  if (io.signal.aborted) return EXIT.interrupted;
  if (difference !== undefined) return EXIT.failed;
  return tornBytes > 0 ? EXIT.dataLost : EXIT.done;
}

interface Repetition {
  readonly sink: ComparingSink;
  readonly io: CliIo;
}

/**
 * Runs the engine on the recorded responses until a record differs or they end.
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
