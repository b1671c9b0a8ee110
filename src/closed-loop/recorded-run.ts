import type { RecordedTrials } from '../../drivers/replay-source.js';
import { MeaError } from '../../protocols/errors.js';
import {
  isInterruption,
  type DetectorLevelsRecord,
  type LedgerRecord,
  type TrialRecord,
  type TrialUncountedRecord,
} from '../../protocols/ledger.js';
import type { DetectorLevels, TrialRequest, TrialSource, TrialSourceDescription } from '../../protocols/trial.js';
import { sampleIndex, seconds, type SampleIndex } from '../../protocols/units.js';
import { toFailedResponse, toTrialResponse } from './trial-record.js';

/** A recorded run as replay and resume need it. */
export interface RecordedRun {
  /** Without interruptions, and without changes of plan that nothing followed. */
  readonly records: readonly LedgerRecord[];
  readonly trials: RecordedTrials;
  /** Rests that were finished. */
  readonly rests: number;
}

/**
 * Sorts a ledger's records into what a repetition needs.
 *
 * @param bootId of the device that it was begun on; a record of another clock tells of it too
 */
export function toRecordedRun(
  records: readonly LedgerRecord[],
  description: TrialSourceDescription,
  bootId?: number,
): RecordedRun {
  const told = withoutUnfollowed(records).filter((record) => !isInterruption(record));
  const shown = told.filter((record) => record.type === 'trial' || record.type === 'trial-uncounted');
  return {
    records: told,
    trials: {
      description,
      responses: shown.map((record) =>
        record.type === 'trial' ? toTrialResponse(record) : toFailedResponse(record, description.electrodes),
      ),
      due: shown.map(({ atSample }) => sampleIndex(atSample)),
      moved: findMoved(told),
      ...findBoots(told, bootId),
      sessionSamples: told.flatMap((record) =>
        record.type === 'session-started' ? [sampleIndex(record.atSample)] : [],
      ),
      detectorLevels: new Map(
        told.flatMap((record) =>
          record.type === 'detector-levels' ? [[record.session, toLevels(record)] as const] : [],
        ),
      ),
    },
    rests: told.filter((record) => record.type === 'rest').length,
  };
}

/**
 * Leaves out what was told of a change of plan when the program died before anything came of it: who went on planned anew.
 */
function withoutUnfollowed(records: readonly LedgerRecord[]): readonly LedgerRecord[] {
  const kept: LedgerRecord[] = [];
  let changes: LedgerRecord[] = [];
  for (const record of records) {
    if (MOVES.has(record.type)) {
      changes.push(record);
      continue;
    }
    if (record.type !== 'resumed') kept.push(...changes);
    changes = [];
    kept.push(record);
  }
  return kept;
}

const MOVES: ReadonlySet<string> = new Set(['rescheduled', 'session-restarted', 'another-clock']);

/** By which boot of the device sessions were begun and stimuli planned. */
function findBoots(
  records: readonly LedgerRecord[],
  begunBy: number | undefined,
): Required<Pick<RecordedTrials, 'sessionBoots' | 'boots'>> {
  const first = records.find((record) => record.type === 'another-clock');
  let bootId = first?.previousBootId ?? begunBy;
  const sessionBoots: (number | undefined)[] = [];
  const boots: (number | undefined)[] = [];
  for (const record of records) {
    if (record.type === 'another-clock') bootId = record.bootId;
    if (record.type === 'session-started') sessionBoots.push(bootId);
    if (record.type === 'trial' || record.type === 'trial-uncounted') boots.push(bootId);
  }
  return { sessionBoots, boots };
}

/** (response) the sample of the trials before which the plan changed. */
function findMoved(records: readonly LedgerRecord[]): ReadonlyMap<number, SampleIndex> {
  const moved = new Map<number, SampleIndex>();
  let responses = 0;
  let isMoved = false;
  for (const record of records) {
    if (MOVES.has(record.type)) isMoved = true;
    if (record.type !== 'trial' && record.type !== 'trial-uncounted') continue;
    if (isMoved) moved.set(responses, sampleIndex(record.atSample));
    isMoved = false;
    responses++;
  }
  return moved;
}

/** The trials that count: not those of a session that began anew, from before it did. */
export function countedTrials(records: readonly LedgerRecord[]): readonly TrialRecord[] {
  const trials: TrialRecord[] = [];
  for (const record of records) {
    if (record.type === 'trial') trials.push(record);
    else if (record.type === 'session-restarted') {
      while (trials.at(-1)?.session === record.session) trials.pop();
    }
  }
  return trials;
}

function toLevels({ atSample, noise, noiseUv, thresholdsUv }: DetectorLevelsRecord): DetectorLevels {
  return { atSample: sampleIndex(atSample), noise, noiseUv, thresholdsUv };
}

/** How many trials and rests a source has behind it. */
export interface SourcePosition {
  readonly trials: number;
  readonly rests: number;
}

/**
 * Brings a source from an earlier position to where the recording ends, by showing it the recorded patterns again, and
 * checks that it answers as recorded.
 *
 * @throws MeaError `bad-format` at the first answer that differs: state and recording do not belong together
 */
export async function catchUp(
  source: TrialSource,
  { records }: RecordedRun,
  { from, signal }: { readonly from: SourcePosition; readonly signal: AbortSignal },
): Promise<void> {
  let trials = 0;
  let rests = 0;
  for (const record of records) {
    if (record.type === 'trial' || record.type === 'trial-uncounted') {
      trials++;
      if (trials > from.trials) await repeatTrial(source, record, signal);
    } else if (record.type === 'rest') {
      rests++;
      if (rests > from.rests) await source.rest(seconds(record.seconds));
    }
  }
}

async function repeatTrial(
  source: TrialSource,
  record: TrialRecord | TrialUncountedRecord,
  signal: AbortSignal,
): Promise<void> {
  const request: TrialRequest = {
    session: record.session,
    trial: record.trial,
    inputs: Uint8Array.from(record.inputs, Number),
    atSample: sampleIndex(record.atSample),
  };
  for await (const response of source.run([request], signal)) {
    // Of a trial that did not count, no counts were kept.
    if (record.type === 'trial-uncounted' && response.delivery === record.delivery) continue;
    if (record.type === 'trial' && record.counts.every((count, e) => count === response.counts[e])) continue;
    throw new MeaError('bad-format', {
      what: 'The emulated culture does not repeat what was recorded',
      where: `session ${record.session}, trial ${record.trial}`,
      remedy: 'the recording was made by another version or with other settings; start a new one',
    });
  }
}
