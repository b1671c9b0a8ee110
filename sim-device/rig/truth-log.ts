import type { TruthRecord } from './spike-event.js';

/** Where records of one sample stand among each other. */
const RANKS: Readonly<Record<TruthRecord['type'], number>> = { saturated: 0, stimulus: 1, spike: 2, rest: 3 };

/**
 * Puts truth in order: records come out by the sample at which they are complete (a saturated span: its end), as soon
 * as that sample has been rendered, so their order does not depend on how the samples are cut into blocks.
 */
export class TruthLog {
  readonly #emit: (record: TruthRecord) => void;
  #waiting: TruthRecord[] = [];

  constructor(emit: (record: TruthRecord) => void) {
    this.#emit = emit;
  }

  add(record: TruthRecord): void {
    this.#waiting.push(record);
  }

  /** Gives what is complete before sample `end`. */
  giveUntil(end: number): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter((record) => completionOf(record) < end).sort(compareRecords);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((record) => completionOf(record) >= end);
    for (const record of due) this.#emit(record);
  }

  /** Gives the spans that end with `record` and the rest itself; spikes that were not rendered never were. */
  endSession(record: TruthRecord & { readonly type: 'rest' }): void {
    this.#waiting = this.#waiting.filter((other) => other.type !== 'spike' || other.sample < record.from);
    this.#waiting.push(record);
    this.giveUntil(Infinity);
  }
}

function completionOf(record: TruthRecord): number {
  if (record.type === 'saturated') return record.end;
  return record.type === 'rest' ? record.from : record.sample;
}

function compareRecords(a: TruthRecord, b: TruthRecord): number {
  return completionOf(a) - completionOf(b) || RANKS[a.type] - RANKS[b.type] || indexOf(a) - indexOf(b);
}

/** Unit or electrode: orders records of one type and sample. */
function indexOf(record: TruthRecord): number {
  if (record.type === 'spike') return record.unit;
  return record.type === 'saturated' ? record.electrode : 0;
}
