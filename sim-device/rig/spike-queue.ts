import type { SpikeEvent, SpikeOrigin } from './spike-event.js';

/** Why a spike is in the queue; of two at one sample of one unit, the earlier in this list comes first. */
const SPIKE_KINDS = [
  { origin: 'evoked', held: true },
  // The spontaneous spikes that the culture counted in a response window: as fixed as the evoked ones.
  { origin: 'spontaneous', held: true },
  { origin: 'direct', held: false },
  { origin: 'late', held: false },
  { origin: 'burst', held: false },
  { origin: 'spontaneous', held: false },
] as const satisfies readonly { readonly origin: SpikeOrigin; readonly held: boolean }[];

/** Which of these kinds: evoked, spontaneous in a window, direct, late, burst, spontaneous elsewhere. */
export type SpikeKind = 0 | 1 | 2 | 3 | 4 | 5;

/** Room for kinds in a key, at least their number. */
const KIND_STRIDE = 8;

/**
 * Spikes to come, in the order of (sample, unit, kind). A spike is one number, so that sorting is cheap: with samples
 * counted from a base that moves along, keys stay below 2^53 for any array.
 */
export class SpikeQueue {
  readonly #sampleStride: number;
  #keys = new Float64Array(1024);
  #first = 0;
  #end = 0;
  #sorted = true;
  #base = 0;

  /** @param unitCount number of units that spikes may name */
  constructor(unitCount: number) {
    this.#sampleStride = unitCount * KIND_STRIDE;
  }

  add(sample: number, unit: number, kind: SpikeKind): void {
    if (this.#end === this.#keys.length) this.#makeRoom();
    this.#sorted = false;
    this.#keys[this.#end++] = (sample - this.#base) * this.#sampleStride + unit * KIND_STRIDE + kind;
  }

  /** Forgets every spike; samples will be `sample` or later. */
  clear(sample: number): void {
    this.#first = 0;
    this.#end = 0;
    this.#sorted = true;
    this.#base = sample;
  }

  /** Takes the next spike before `end` and gives it to `visit`, until there is none. */
  takeUntil(end: number, visit: (spike: QueuedSpike) => void): void {
    this.#sort();
    const limit = (end - this.#base) * this.#sampleStride;
    while (this.#first < this.#end && this.#keys[this.#first]! < limit) visit(this.#parse(this.#keys[this.#first++]!));
    this.#moveBase(end);
  }

  /** Drops the spikes in samples [from, to) that `drops` says. */
  drop([from, to]: readonly [from: number, to: number], drops: (spike: QueuedSpike) => boolean): void {
    const low = (from - this.#base) * this.#sampleStride;
    const high = (to - this.#base) * this.#sampleStride;
    let kept = this.#first;
    for (let k = this.#first; k < this.#end; k++) {
      const key = this.#keys[k]!;
      if (key >= low && key < high && drops(this.#parse(key))) continue;
      this.#keys[kept++] = key;
    }
    this.#end = kept;
  }

  #parse(key: number): QueuedSpike {
    const sample = Math.floor(key / this.#sampleStride);
    const rest = key - sample * this.#sampleStride;
    const unit = Math.floor(rest / KIND_STRIDE);
    return { sample: sample + this.#base, unit, ...SPIKE_KINDS[rest - unit * KIND_STRIDE]! };
  }

  #sort(): void {
    if (this.#sorted) return;
    this.#keys.subarray(this.#first, this.#end).sort();
    this.#sorted = true;
  }

  /** Now and then, so that keys stay small. */
  #moveBase(sample: number): void {
    if ((sample - this.#base) * this.#sampleStride < 2 ** 50) return;
    const step = (sample - this.#base) * this.#sampleStride;
    for (let k = this.#first; k < this.#end; k++) this.#keys[k]! -= step;
    this.#base = sample;
  }

  #makeRoom(): void {
    const waiting = this.#keys.slice(this.#first, this.#end);
    if (waiting.length > this.#keys.length / 2) this.#keys = new Float64Array(2 * this.#keys.length);
    this.#keys.set(waiting);
    this.#end = waiting.length;
    this.#first = 0;
  }
}

/** A spike that waits. A `held` one belongs to a response window, where the culture's count is law. */
export interface QueuedSpike extends SpikeEvent {
  readonly held: boolean;
}
