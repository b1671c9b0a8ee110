import { extendCounter } from '../../protocols/intan-rhx/sample-counter.js';
import { WaveformDecoder, type SkippedBytes, type WaveformBlock } from '../../protocols/intan-rhx/waveform-decoder.js';
import {
  AMPLIFIER_ZERO,
  BLOCK_FRAMES,
  findWord,
  type WaveformLayout,
} from '../../protocols/intan-rhx/waveform-layout.js';
import { sampleIndex } from '../../protocols/units.js';
import type { RecorderEvent } from '../parts/recorder.js';
import { PulseWatch } from './pulse-watch.js';

/** Most blocks that wait for a pulse to end; a longer one is none of ours. */
const MAX_HELD = 16;

/** What is read of the stream. */
export interface WaveformReaderOptions {
  readonly layout: WaveformLayout;
  /** (electrode) native channel. */
  readonly channels: readonly string[];
  /** Electrodes whose STIM words are in the stream, rising. */
  readonly stimulated: readonly number[];
  /** Digital inputs that are told, from 1. */
  readonly lines: readonly number[];
  readonly emit: (event: RecorderEvent) => void;
}

interface Held {
  readonly makePulses: () => readonly RecorderEvent[];
  readonly lineChanges: readonly (RecorderEvent & { readonly type: 'line-changed' })[];
  readonly block: RecorderEvent;
}

/**
 * Makes events of the waveform stream of one run: blocks in the order of the electrodes, what is missing between them by
 * their time stamps, pulses and line changes before the block with their sample. A block waits until the pulses that began
 * in it are over, so that compliance is told with them.
 */
export class WaveformReader {
  readonly #options: WaveformReaderOptions;
  readonly #watch: PulseWatch;
  readonly #wide: readonly number[];
  readonly #linePlace: number;
  #decoder: WaveformDecoder;
  #held: Held[] = [];
  #lineWord = 0;
  /** Full index, on RHX's counter, of the first sample that has not come. */
  #next = 0;
  #base = 0;
  #hasStarted = false;

  constructor(options: WaveformReaderOptions) {
    const { layout, channels, stimulated } = options;
    this.#options = options;
    this.#decoder = new WaveformDecoder(layout);
    this.#wide = channels.map((channel) => findWord(layout, channel, 'wide'));
    this.#linePlace = layout.words.findIndex(({ type }) => type === 'digital-in');
    this.#watch = new PulseWatch(
      stimulated.map((electrode) => ({ electrode, place: findWord(layout, channels[electrode]!, 'stim') })),
    );
  }

  /** Longest time without a current within a pulse, in samples. */
  set pulseGap(samples: number) {
    this.#watch.gapSamples = samples;
  }

  /** True once a run has told its start: then its end is to be told, too. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Sample after the last one that came. */
  get endSample(): number {
    return this.#base + this.#next;
  }

  /** A run begins: RHX counts from 0, the samples go on from the last run's. */
  beginRun(): void {
    this.#base = this.endSample;
    this.#next = 0;
    this.#hasStarted = false;
    this.#lineWord = 0;
    this.reconnect();
  }

  /** Another connection: what was left of the one before is nothing. */
  reconnect(): void {
    this.#decoder = new WaveformDecoder(this.#options.layout);
    this.#watch.forget();
    this.#release();
  }

  /**
   * Takes bytes.
   *
   * @returns blocks among them; `back` where the counter went back, which nothing can be made of
   */
  push(chunk: Uint8Array): number | 'back' {
    let blocks = 0;
    for (const item of this.#decoder.push(chunk)) {
      if (item.type === 'skipped') {
        this.#tellSkipped(item);
        continue;
      }
      blocks += 1;
      if (!this.#take(item)) return 'back';
    }
    return blocks;
  }

  /** No more bytes come: everything that waits goes out. */
  endRun(): void {
    for (const item of this.#decoder.end()) this.#tellSkipped(item);
    this.#watch.forget();
    this.#release();
  }

  #take({ timestamp, words }: WaveformBlock): boolean {
    const first = extendCounter(this.#next, timestamp);
    if (first === undefined) return false;
    const { emit } = this.#options;
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      emit({ type: 'started', firstSample: sampleIndex(this.#base) });
    }
    if (first > this.#next) {
      this.#watch.forget();
      this.#release();
      const fromSample = sampleIndex(this.endSample);
      emit({ type: 'samples-lost', fromSample, toSample: sampleIndex(this.#base + first), messages: null });
    }
    this.#next = first + BLOCK_FRAMES;
    this.#hold(words, this.#base + first);
    if (!this.#watch.hasOpen || this.#held.length >= MAX_HELD) this.#release();
    return true;
  }

  #hold(words: Uint16Array, firstSample: number): void {
    const makePulses = this.#watch.look(words, firstSample);
    const block = this.#toBlock(words, firstSample);
    this.#held.push({ makePulses, lineChanges: this.#findLineChanges(words, firstSample), block });
  }

  #toBlock(words: Uint16Array, firstSample: number): RecorderEvent {
    const width = words.length / BLOCK_FRAMES;
    const channels = this.#wide.length;
    const samples = new Int16Array(BLOCK_FRAMES * channels);
    let to = 0;
    for (let from = 0; from < words.length; from += width) {
      for (let channel = 0; channel < channels; channel++) {
        samples[to++] = words[from + this.#wide[channel]!]! - AMPLIFIER_ZERO;
      }
    }
    return { type: 'block', firstSample: sampleIndex(firstSample), frames: BLOCK_FRAMES, channels, samples };
  }

  #findLineChanges(words: Uint16Array, firstSample: number): Held['lineChanges'] {
    if (this.#linePlace < 0) return [];
    const width = words.length / BLOCK_FRAMES;
    const changes: (RecorderEvent & { readonly type: 'line-changed' })[] = [];
    for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
      const word = words[frame * width + this.#linePlace]!;
      const changed = word ^ this.#lineWord;
      this.#lineWord = word;
      if (changed === 0) continue;
      for (const line of this.#options.lines) {
        const bit = 1 << (line - 1);
        if ((changed & bit) === 0) continue;
        const sample = sampleIndex(firstSample + frame);
        changes.push({ type: 'line-changed', sample, line, isHigh: (word & bit) !== 0 });
      }
    }
    return changes;
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { makePulses, lineChanges, block } of held) {
      for (const event of [...makePulses(), ...lineChanges].sort(bySample)) this.#options.emit(event);
      this.#options.emit(block);
    }
  }

  #tellSkipped({ atByte, bytes }: SkippedBytes): void {
    const message = `${bytes} bytes at byte ${atByte} of the waveform stream of RHX are no block: they were skipped`;
    this.#options.emit({ type: 'warning', message });
  }
}

function bySample(a: RecorderEvent, b: RecorderEvent): number {
  return 'sample' in a && 'sample' in b ? a.sample - b.sample : 0;
}
