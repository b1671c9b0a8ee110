import type { DataMessage } from '../../protocols/mea-link/messages.js';
import { unwrapSequence } from '../../protocols/mea-link/sequence.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { GapCause, LaneEvent } from './device-event.js';
import { ReorderBuffer, type ReorderLimits } from './reorder-buffer.js';
import { StreamTally } from './stream-tally.js';

/** Asks the device to send the data lane again, from this full sequence number on. */
export interface ResumeWish {
  readonly type: 'resume';
  readonly fromSequence: number;
}

/** What came of a call, in order. */
export type ReceiverOutput = LaneEvent | ResumeWish;

/** When a receiver asks again, and when it stops asking. */
export interface RecoveryOptions {
  readonly reorder: ReorderLimits;
  /** Shortest time between two wishes. */
  readonly minAskMs: number;
  /** A tail that a heartbeat told of counts as lost when the lane has been silent for so long. */
  readonly tailMs: number;
  /** A hole that stays although messages come is asked for again after so long. */
  readonly stuckMs: number;
  /** A hole becomes a gap when it was asked for so often and for so long without an answer that fills it. */
  readonly maxAsks: number;
  readonly giveUpMs: number;
}

/** What a receiver did with what it was given; every message is counted in exactly one of the first five. */
export interface ReceiverCounters {
  readonly delivered: number;
  /** Came again, or after the gap that told of them. */
  readonly duplicates: number;
  /** Came ahead of their turn and found the reorder buffer full; the device sends them again. */
  readonly overflowed: number;
  /** Waiting in the reorder buffer. */
  readonly held: number;
  /** Had a sequence number that no lane could have reached; thrown away. */
  readonly implausible: number;
  readonly blocks: number;
  readonly frames: number;
  readonly gaps: number;
  /** Messages missing in the gaps whose size is known. */
  readonly lostMessages: number;
  readonly resumes: number;
  readonly sampleJumps: number;
  readonly reorderHighWater: number;
}

/** Further ahead than any ring reaches: a damaged number, not a message that was lost before. */
const MAX_AHEAD = 2 ** 24;

/**
 * Puts the data lane back in order: each message once, in sequence, or a gap in its place. Recovery is go-back-N: at a
 * hole it wishes that the device send everything from there again, and holds what came ahead meanwhile.
 *
 * Pure: time is an argument. A message that was delivered belongs to the receiver of the event.
 */
export class DataLaneReceiver {
  readonly #options: RecoveryOptions;
  readonly #held: ReorderBuffer;
  readonly #tally = new StreamTally();
  /** Full sequence number that comes next. */
  #expected: number;
  /** Everything before it is known to have been sent. */
  #known: number;
  #lastArrived = -1;
  #lastArrivalMs = 0;

  /** `asked`: a wish is on its way; `answered`: its answer came, the repetition not yet; `repeating`: it has begun. */
  #recovery: 'none' | 'asked' | 'answered' | 'repeating' = 'none';
  #repetitionBegan = false;
  #wishWaits = false;
  #asks = 0;
  #askedAtMs = -Infinity;
  #holeSinceMs = 0;
  #movedAtMs = 0;
  #suspect = -1;

  #expectedSample: SampleIndex | null = null;
  #gapSinceSample = false;

  #delivered = 0;
  #duplicates = 0;
  #overflowed = 0;
  #implausible = 0;
  #blocks = 0;
  #frames = 0;
  #gaps = 0;
  #lostMessages = 0;
  #resumes = 0;
  #sampleJumps = 0;
  #highWater = 0;

  /** @param firstSequence sequence number of the first message that is ours */
  constructor(options: RecoveryOptions, firstSequence: number) {
    this.#options = options;
    this.#held = new ReorderBuffer(options.reorder);
    this.#expected = firstSequence;
    this.#known = firstSequence;
  }

  /** Full sequence number that is wanted next. */
  get expected(): number {
    return this.#expected;
  }

  /** True while messages are known to have been sent that have not come. */
  get incomplete(): boolean {
    return this.#known > this.#expected;
  }

  get counters(): ReceiverCounters {
    return {
      delivered: this.#delivered,
      duplicates: this.#duplicates,
      overflowed: this.#overflowed,
      held: this.#held.size,
      implausible: this.#implausible,
      blocks: this.#blocks,
      frames: this.#frames,
      gaps: this.#gaps,
      lostMessages: this.#lostMessages,
      resumes: this.#resumes,
      sampleJumps: this.#sampleJumps,
      reorderHighWater: this.#highWater,
    };
  }

  /** The full number of a sequence number of the wire. */
  unwrap(sequence: number): number {
    return unwrapSequence(this.#expected, sequence);
  }

  /** A message of the data lane came. */
  receive(message: DataMessage, nowMs: number): readonly ReceiverOutput[] {
    const sequence = this.unwrap(message.sequence);
    const out: ReceiverOutput[] = [];
    if (sequence - this.#expected > MAX_AHEAD) {
      this.#implausible += 1;
      return out;
    }
    if (sequence < this.#lastArrived) this.#noteRepetition();
    this.#lastArrived = sequence;
    this.#lastArrivalMs = nowMs;
    if (sequence < this.#expected || this.#held.has(sequence)) {
      this.#duplicates += 1;
      return out;
    }
    if (sequence + 1 > this.#known) this.#known = sequence + 1;
    if (sequence === this.#expected) {
      this.#deliver(message, out);
      this.#drain(out);
      this.#moved(nowMs);
      return out;
    }
    if (!this.#held.hold(sequence, message)) this.#overflowed += 1;
    this.#highWater = Math.max(this.#highWater, this.#held.size);
    this.#noteHole(nowMs);
    if (this.#recovery === 'none' || this.#recovery === 'repeating') this.#wish(nowMs, out);
    return out;
  }

  /** A heartbeat or a status told which sequence number the lane's next message will have. */
  heartbeat(nextDataSequence: number, nowMs: number): void {
    const next = this.unwrap(nextDataSequence);
    if (next <= this.#known || next - this.#expected > MAX_AHEAD) return;
    this.#known = next;
    this.#noteHole(nowMs);
  }

  /** Call regularly: asks for what is missing and did not come, and gives up what was asked for too often. */
  check(nowMs: number): readonly ReceiverOutput[] {
    const out: ReceiverOutput[] = [];
    if (!this.incomplete || this.#recovery === 'asked') return out;
    const { tailMs, stuckMs, maxAsks, giveUpMs } = this.#options;
    if (this.#asks >= maxAsks && nowMs - this.#holeSinceMs >= giveUpMs) {
      this.#fail(out, nowMs);
      return out;
    }
    const seenBefore = this.#suspect === this.#expected;
    this.#suspect = this.#expected;
    const silent = nowMs - Math.max(this.#lastArrivalMs, this.#askedAtMs) >= tailMs;
    const stuck = nowMs - Math.max(this.#movedAtMs, this.#holeSinceMs, this.#askedAtMs) >= stuckMs;
    if (this.#wishWaits || (seenBefore && (silent || stuck))) this.#wish(nowMs, out);
    return out;
  }

  /** Asks at once, whatever is known to be missing: a new link has been made to the same boot of the device. */
  askAgain(nowMs: number): readonly ReceiverOutput[] {
    this.#asks = 0;
    this.#askedAtMs = -Infinity;
    this.#holeSinceMs = nowMs;
    this.#recovery = 'none';
    const out: ReceiverOutput[] = [];
    this.#wish(nowMs, out);
    return out;
  }

  /** The device answered a wish: the lane goes on from this sequence; what lies before it is gone for good. */
  resumed(fromSequence: number, nowMs: number): readonly ReceiverOutput[] {
    const out: ReceiverOutput[] = [];
    this.#recovery = this.#repetitionBegan ? 'repeating' : 'answered';
    const from = this.unwrap(fromSequence);
    if (from > this.#expected && from - this.#expected <= MAX_AHEAD) this.#skipTo(from, 'ring-overrun', out);
    else if (this.incomplete) return out;
    this.#moved(nowMs);
    return out;
  }

  /** A wish was not answered, or was refused; the next check asks again. */
  resumeFailed(): void {
    if (this.#recovery !== 'asked') return;
    this.#recovery = 'none';
    this.#wishWaits = true;
  }

  /** Ends the wait for what is known to be missing: gaps take its place. */
  giveUp(nowMs: number): readonly ReceiverOutput[] {
    const out: ReceiverOutput[] = [];
    if (this.incomplete) this.#skipTo(this.#known, 'gave-up', out);
    this.#moved(nowMs);
    return out;
  }

  /** The device booted anew: its lane begins again, and what the last boot had in hand is gone. */
  restart(firstSequence: number, nowMs: number): readonly ReceiverOutput[] {
    const out: ReceiverOutput[] = [];
    // What is at hand of the last boot is still handed on, each in its place.
    for (let first = this.#held.first(); first !== undefined; first = this.#held.first()) {
      this.#skipTo(first, 'restart', out);
      this.#drain(out);
    }
    out.push({
      type: 'gap',
      cause: 'restart',
      firstSequence: this.#expected,
      lastSequence: null,
      messages: null,
      atSequence: firstSequence,
      fromSample: this.#expectedSample,
      toSample: null,
    });
    this.#gaps += 1;
    this.#tally.reset();
    this.#tally.addGap(null);
    this.#expected = firstSequence;
    this.#known = firstSequence;
    this.#lastArrived = -1;
    this.#expectedSample = null;
    this.#gapSinceSample = false;
    this.#recovery = 'none';
    this.#moved(nowMs);
    return out;
  }

  // ---- recovery --------------------------------------------------------------------------------------------------------

  #noteHole(nowMs: number): void {
    if (this.#suspect !== this.#expected && this.#asks === 0 && this.#recovery === 'none') this.#holeSinceMs = nowMs;
  }

  #noteRepetition(): void {
    this.#repetitionBegan = true;
    if (this.#recovery === 'answered') this.#recovery = 'repeating';
  }

  #wish(nowMs: number, out: ReceiverOutput[]): void {
    if (nowMs - this.#askedAtMs < this.#options.minAskMs) {
      this.#wishWaits = true;
      return;
    }
    this.#wishWaits = false;
    this.#recovery = 'asked';
    this.#repetitionBegan = false;
    this.#asks += 1;
    this.#askedAtMs = nowMs;
    this.#resumes += 1;
    out.push({ type: 'resume', fromSequence: this.#expected });
  }

  /** The lane moved on. */
  #moved(nowMs: number): void {
    this.#movedAtMs = nowMs;
    this.#asks = 0;
    this.#holeSinceMs = nowMs;
    if (this.incomplete) return;
    this.#wishWaits = false;
    // An answer that is still on its way is waited for: it may tell of a gap.
    if (this.#recovery !== 'asked') this.#recovery = 'none';
  }

  /** Gives up the first hole: up to what is held, or to the end that is known. */
  #fail(out: ReceiverOutput[], nowMs: number): void {
    this.#skipTo(this.#held.first() ?? this.#known, 'lost', out);
    this.#drain(out);
    this.#recovery = 'none';
    this.#moved(nowMs);
  }

  /** Moves on to `target`: gaps for what is missing, what is held in its place. */
  #skipTo(target: number, cause: GapCause, out: ReceiverOutput[]): void {
    while (this.#expected < target) {
      const first = this.#held.first();
      const end = first === undefined ? target : Math.min(first, target);
      if (end > this.#expected) this.#gap(end, cause, out);
      if (end === target) break;
      this.#drain(out);
    }
    if (this.#known < this.#expected) this.#known = this.#expected;
    this.#drain(out);
  }

  #gap(end: number, cause: GapCause, out: ReceiverOutput[]): void {
    const messages = end - this.#expected;
    out.push({
      type: 'gap',
      cause,
      firstSequence: this.#expected,
      lastSequence: end - 1,
      messages,
      atSequence: end,
      fromSample: this.#expectedSample,
      toSample: this.#sampleAhead(end),
    });
    this.#gaps += 1;
    this.#lostMessages += messages;
    this.#tally.addGap(messages);
    this.#gapSinceSample = true;
    this.#expected = end;
  }

  /** The first sample that what is held from `sequence` on tells of. */
  #sampleAhead(sequence: number): SampleIndex | null {
    for (let at = sequence; ; at++) {
      const message = this.#held.peek(at);
      if (message === undefined) return null;
      const sample = sampleBefore(message);
      if (sample !== undefined) return sample;
    }
  }

  // ---- delivery --------------------------------------------------------------------------------------------------------

  #drain(out: ReceiverOutput[]): void {
    for (let next = this.#held.take(this.#expected); next !== undefined; next = this.#held.take(this.#expected)) {
      this.#deliver(next, out);
    }
    if (this.#known < this.#expected) this.#known = this.#expected;
  }

  #deliver(message: DataMessage, out: ReceiverOutput[]): void {
    this.#expected += 1;
    this.#delivered += 1;
    const sample = sampleBefore(message);
    if (sample !== undefined) this.#continueAt(sample, message.type === 'stream-started', out);
    switch (message.type) {
      case 'block':
        this.#tally.addBlock(message);
        this.#blocks += 1;
        this.#frames += message.frames;
        this.#expectedSample = sampleIndex(message.firstSample + message.frames);
        break;
      case 'rested':
        this.#expectedSample = message.toSample;
        break;
      case 'stream-started':
        this.#tally.start();
        this.#gapSinceSample = false;
        break;
      case 'stream-ended':
        out.push({ ...message, check: this.#tally.end(message) });
        this.#expectedSample = null;
        this.#gapSinceSample = false;
        return;
      case 'stimulus-delivered':
      case 'stimulus-dropped':
      case 'armed-changed':
      case 'fault':
      case 'log':
        break;
    }
    out.push(message);
  }

  /** Something stands at `sample`: says so when another one was expected. */
  #continueAt(sample: SampleIndex, isStart: boolean, out: ReceiverOutput[]): void {
    const expected = this.#expectedSample;
    this.#expectedSample = sample;
    const afterGap = this.#gapSinceSample;
    this.#gapSinceSample = false;
    // Between two acquisitions the counter may do as it likes.
    if (isStart || expected === null || expected === sample) return;
    if (afterGap) this.#tally.addGapSamples(Math.max(0, sample - expected));
    this.#sampleJumps += 1;
    out.push({
      type: 'sample-jump',
      fromSample: expected,
      toSample: sample,
      cause: afterGap ? 'gap' : 'clock-step',
    });
  }
}

/** The sample before which nothing may be missing when this message is delivered; undefined for one that has none. */
function sampleBefore(message: DataMessage): SampleIndex | undefined {
  switch (message.type) {
    case 'block':
    case 'stream-started':
      return message.firstSample;
    case 'rested':
      return message.fromSample;
    case 'stream-ended':
      return message.endSample;
    case 'stimulus-delivered':
    case 'stimulus-dropped':
    case 'armed-changed':
    case 'fault':
    case 'log':
      return undefined;
  }
}
