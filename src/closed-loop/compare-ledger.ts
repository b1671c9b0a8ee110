import { isInterruption, type LedgerRecord, type LedgerSink } from '../../protocols/ledger.js';

/** The first place where a run does not repeat a recorded one. */
export interface LedgerDifference {
  /** Number of the record, from 0, interruptions not counted. */
  readonly index: number;
  /** Session and trial of the record, as far as it has them. */
  readonly where: string;
  /** Path of the first field that differs, e.g. `counts.3`; empty where a record is missing or of another type. */
  readonly field: string;
  readonly recorded: string;
  readonly repeated: string;
}

/** A sink that compares records with recorded ones instead of keeping them. */
export interface ComparingSink extends LedgerSink {
  /** The first difference so far. */
  difference(): LedgerDifference | undefined;
  /** Records compared so far. */
  compared(): number;
  /**
   * To be called at the end: records that the run did not repeat are a difference too.
   *
   * @param refusal why the run did not go on, where it ended with an error
   */
  finish(refusal?: string): LedgerDifference | undefined;
}

/**
 * Compares a run with recorded records, bit for bit: numbers are equal when their shortest decimal forms are. Only the
 * provenance of the source may differ, since a replay must not pass for the run it repeats. What a choice looked at
 * (`decidedFrom`) is compared from the first record on that tells it: older versions did not.
 *
 * @param recorded without interruptions; where they do not end with the experiment, what the run adds to them is ignored
 */
export function createComparingSink(recorded: readonly LedgerRecord[]): ComparingSink {
  const isComplete = recorded.at(-1)?.type === 'experiment-ended';
  const compareAt = compareWith(recorded);
  let index = 0;
  let difference: LedgerDifference | undefined;
  return {
    append(record) {
      if (isInterruption(record) || (!isComplete && index >= recorded.length)) return;
      difference ??= compareAt(index, record);
      index++;
    },
    isRepeating: () => index < recorded.length,
    appendLatency: () => undefined,
    saveSourceState: () => undefined,
    difference: () => difference,
    compared: () => Math.min(index, recorded.length),
    finish(refusal) {
      const missing = index < recorded.length ? compareAt(index, undefined) : undefined;
      difference ??= missing && { ...missing, repeated: refusal ?? missing.repeated };
      return difference;
    },
  };
}

/**
 * A sink for a run that goes on: the records that are there already are compared, the others are passed on. Nothing is
 * passed on before all of them have been compared, not even an interruption: it changes nothing.
 *
 * @param onDifference is called when the run does not repeat what was recorded, and must throw
 */
export function createContinuingSink(
  recorded: readonly LedgerRecord[],
  sink: LedgerSink,
  onDifference: (difference: LedgerDifference) => never,
): LedgerSink {
  const compareAt = compareWith(recorded);
  let index = 0;
  return {
    append(record) {
      if (index >= recorded.length) {
        sink.append(record);
        return;
      }
      if (isInterruption(record)) return;
      const difference = compareAt(index, record);
      if (difference !== undefined) onDifference(difference);
      index++;
    },
    isRepeating: () => index < recorded.length,
    appendLatency(record) {
      if (index >= recorded.length) sink.appendLatency(record);
    },
    appendModel(model) {
      if (index >= recorded.length) sink.appendModel?.(model);
    },
    saveSourceState(state) {
      if (index >= recorded.length) sink.saveSourceState(state);
    },
  };
}

/** Compares a repeated record with the recorded one of its number. */
function compareWith(recorded: readonly LedgerRecord[]) {
  const told = recorded.findIndex((record) => 'decidedFrom' in record);
  return (index: number, repeated: LedgerRecord | undefined): LedgerDifference | undefined => {
    const isOlder = told === -1 || index < told;
    return compareRecords(index, recorded[index], isOlder ? withoutDecision(repeated) : repeated);
  };
}

/** A record as older versions, which did not tell what a choice looked at, wrote it. */
function withoutDecision(record: LedgerRecord | undefined): LedgerRecord | undefined {
  if (record?.type !== 'trial' && record?.type !== 'trial-uncounted') return record;
  const { decidedFrom, ...older } = record;
  return decidedFrom === undefined ? record : older;
}

function compareRecords(
  index: number,
  recorded: LedgerRecord | undefined,
  repeated: LedgerRecord | undefined,
): LedgerDifference | undefined {
  // Through JSON, so that a record in memory is compared as it would be read back.
  const left = toPlain(recorded);
  const right = toPlain(repeated);
  const found = firstDifference(left, right, '');
  if (found === undefined) return undefined;
  return { index, where: placeOf(recorded ?? repeated), ...found };
}

function toPlain(record: LedgerRecord | undefined): unknown {
  if (record === undefined) return undefined;
  const comparable =
    record.type === 'experiment-started' ? { ...record, source: { ...record.source, provenance: 'any' } } : record;
  const plain: unknown = JSON.parse(JSON.stringify(comparable));
  return plain;
}

function firstDifference(left: unknown, right: unknown, field: string): FieldDifference | undefined {
  if (isObject(left) && isObject(right)) {
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const found = firstDifference(left[key], right[key], field === '' ? key : `${field}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (Object.is(left, right)) return undefined;
  return { field, recorded: textOf(left), repeated: textOf(right) };
}

type FieldDifference = Pick<LedgerDifference, 'field' | 'recorded' | 'repeated'>;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function placeOf(record: LedgerRecord | undefined): string {
  if (record === undefined) return 'the end';
  const session = 'session' in record ? `session ${record.session}` : '';
  const trial = 'trial' in record ? `, trial ${record.trial}` : '';
  return session === '' ? record.type : `${session}${trial}`;
}
