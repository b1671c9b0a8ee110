import { checkRange, type SpikeDetectorSettings } from './detector-settings.js';
import { SpikeColumns } from './spike-columns.js';

/** The filtered voltage around spikes. It belongs to its receiver. */
export interface SnippetBatch {
  /** (snippets) sample of the peak. */
  readonly samples: Float64Array;
  readonly electrodes: Uint16Array;
  /** (snippets, length) uV; NaN before the first sample and across gaps. */
  readonly waveformsUv: Float32Array;
  readonly length: number;
  /** Place of the peak in a snippet. */
  readonly peakAt: number;
  /** Spikes without a snippet, because there was no room. */
  readonly dropped: number;
}

/** Filtered frames that are still in memory. */
interface History {
  /** (historyFrames, padded channels): the frame of sample s at s % historyFrames. */
  readonly history: Float32Array;
  readonly historyFrames: number;
  /** The samples [from, to) that there are. */
  readonly from: number;
  readonly to: number;
}

/** Snippets until they are taken, never more than `capacity`. A class because it holds them. */
export class SnippetStore {
  readonly #before: number;
  readonly #length: number;
  readonly #capacity: number;
  #spikes = new SpikeColumns();
  #waveforms: Float32Array;
  #dropped = 0;

  constructor(capacity: number, { before, after }: { readonly before: number; readonly after: number }) {
    checkRange('snippets.capacity', capacity, [1, 1e6]);
    this.#capacity = Math.floor(capacity);
    this.#before = before;
    this.#length = before + 1 + after;
    this.#waveforms = new Float32Array(this.#capacity * this.#length);
  }

  /** Samples before and after a peak; none when there are no snippets. */
  static framesOf({ snippets, sampleRateHz }: Pick<SpikeDetectorSettings, 'snippets' | 'sampleRateHz'>): {
    readonly before: number;
    readonly after: number;
  } {
    if (snippets === undefined) return { before: 0, after: 0 };
    const { beforeMs = 1, afterMs = 1 } = snippets;
    checkRange('snippets.beforeMs', beforeMs, [0, 20]);
    checkRange('snippets.afterMs', afterMs, [0, 20]);
    return {
      before: Math.round((beforeMs * sampleRateHz) / 1000),
      after: Math.round((afterMs * sampleRateHz) / 1000),
    };
  }

  /** Adds snippets of the spikes from `first` on. */
  add(spikes: SpikeColumns, first: number, { history, historyFrames, from, to }: History): void {
    const channels = history.length / historyFrames;
    for (let i = first; i < spikes.count; i++) {
      const place = this.#spikes.count;
      if (place >= this.#capacity) {
        this.#dropped++;
        continue;
      }
      const peak = spikes.samples[i]!;
      const electrode = spikes.electrodes[i]!;
      this.#spikes.push(peak, electrode, spikes.amplitudesUv[i]!);
      for (let k = 0; k < this.#length; k++) {
        const sample = peak - this.#before + k;
        const isThere = sample >= from && sample < to;
        const value = isThere ? history[(sample % historyFrames) * channels + electrode]! : Number.NaN;
        this.#waveforms[place * this.#length + k] = value;
      }
    }
  }

  /** Hands out what there is and begins anew. */
  take(): SnippetBatch {
    const { count, samples, electrodes } = this.#spikes;
    const batch = {
      samples: samples.slice(0, count),
      electrodes: electrodes.slice(0, count),
      waveformsUv: this.#waveforms.slice(0, count * this.#length),
      length: this.#length,
      peakAt: this.#before,
      dropped: this.#dropped,
    };
    this.#spikes = new SpikeColumns();
    this.#dropped = 0;
    return batch;
  }
}
