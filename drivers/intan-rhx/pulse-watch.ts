import { hasStimCurrent, readStimWord } from '../../protocols/intan-rhx/stim-word.js';
import { BLOCK_FRAMES } from '../../protocols/intan-rhx/waveform-layout.js';
import { sampleIndex } from '../../protocols/units.js';
import type { PulsesSeen } from '../parts/recorder.js';

/** Where the STIM word of an electrode stands in a frame. */
export interface StimPlace {
  readonly electrode: number;
  readonly place: number;
}

interface OpenPulse {
  readonly electrodes: number[];
  readonly atCompliance: Set<number>;
}

/**
 * Finds pulses in STIM words: one begins where a current flows and none did before, and ends with its last phase; a gap
 * between two phases does not make it two.
 */
export class PulseWatch {
  readonly #places: readonly StimPlace[];
  /** Longest time without a current within a pulse. */
  gapSamples = 0;
  /** Of each place: the pulse that goes on, and the samples since its last current. */
  readonly #open: (OpenPulse | undefined)[];
  readonly #quiet: Uint32Array;

  constructor(places: readonly StimPlace[]) {
    this.#places = places;
    this.#open = places.map(() => undefined);
    this.#quiet = new Uint32Array(places.length);
  }

  /** True while a pulse goes on that may still reach compliance. */
  get hasOpen(): boolean {
    return this.#open.some((pulse) => pulse !== undefined);
  }

  /**
   * Looks through the next block.
   *
   * @param words (128, words) frame-major
   * @param firstSample of its first frame
   * @returns makes the pulses that began in it; called when nothing can be added to them any more
   */
  look(words: Uint16Array, firstSample: number): () => readonly PulsesSeen[] {
    const width = words.length / BLOCK_FRAMES;
    const begun = new Map<number, OpenPulse>();
    for (let i = 0; i < this.#places.length; i++) {
      const { place, electrode } = this.#places[i]!;
      for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
        const word = words[frame * width + place]!;
        if (!hasStimCurrent(word)) {
          this.#rest(i);
          continue;
        }
        const pulse = this.#open[i] ?? this.#begin(begun, firstSample + frame, electrode);
        this.#open[i] = pulse;
        this.#quiet[i] = 0;
        if (readStimWord(word).atCompliance) pulse.atCompliance.add(electrode);
      }
    }
    return () =>
      [...begun]
        .sort(([a], [b]) => a - b)
        .map(([sample, { electrodes, atCompliance }]) => ({
          type: 'pulses-seen',
          sample: sampleIndex(sample),
          electrodes: [...electrodes].sort((a, b) => a - b),
          atCompliance: [...atCompliance].sort((a, b) => a - b),
        }));
  }

  /** Samples are missing: what went on is over. */
  forget(): void {
    this.#open.fill(undefined);
    this.#quiet.fill(0);
  }

  #rest(i: number): void {
    if (this.#open[i] === undefined) return;
    this.#quiet[i] = this.#quiet[i]! + 1;
    if (this.#quiet[i] > this.gapSamples) {
      this.#open[i] = undefined;
      this.#quiet[i] = 0;
    }
  }

  #begin(begun: Map<number, OpenPulse>, sample: number, electrode: number): OpenPulse {
    const pulse = begun.get(sample) ?? { electrodes: [], atCompliance: new Set<number>() };
    begun.set(sample, pulse);
    pulse.electrodes.push(electrode);
    return pulse;
  }
}
