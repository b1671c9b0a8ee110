import { MeaError } from '../../protocols/errors.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import { BlindLedger } from './blind-ledger.js';
import { DETECTOR_RECORD, REPORT, REPORT_WORDS, SETTINGS_BYTES } from './detector-layout.js';
import { layOutDetector, type DetectorMemory } from './detector-memory.js';
import { MEDIAN_OF_SIGMA, planDetector, type DetectorPlan, type SpikeDetectorSettings } from './detector-settings.js';
import { findNeighbours } from './find-neighbours.js';
import { openKernels, type Kernel, type KernelInstance } from './open-kernels.js';
import { SnippetStore, type SnippetBatch } from './snippet-store.js';
import type { SpikeBatch } from './spike-batch.js';
import { SpikeColumns } from './spike-columns.js';
import { SpikeQueue } from './spike-queue.js';

/** Input of the kernels, as `runDetector` tells them apart. */
const KIND = { int16: 0, float: 1 } as const;

/** Epochs in one call of the kernels at most, so that little waits to be settled. */
const CALL_EPOCHS = 64;

/** One stretch of input in the kernels' memory: byte offsets. */
interface Stretch {
  readonly kind: (typeof KIND)[keyof typeof KIND];
  readonly input: number;
  /** 0 where nothing is blind. */
  readonly mask: number;
  readonly frames: number;
}

/** Views into the kernels' memory; made anew when it has grown. */
interface Views {
  readonly buffer: ArrayBufferLike;
  readonly floats: Float32Array;
  readonly integers: Int32Array;
  readonly input: Int16Array;
  readonly reportCount: Int32Array;
  readonly reports: Int32Array;
  readonly voltages: Float32Array;
}

/** Where a detector's samples come from: whole blocks, or rows that an earlier stage leaves in the kernels' memory. */
export type DetectorInput = 'blocks' | 'rows';

/** A stretch of rows in the kernels' memory. */
export interface RowSpan {
  readonly frames: number;
  readonly firstSample: SampleIndex;
}

/**
 * Makes a spike detector: band-pass, common reference, noise, threshold, peak and dead time, in WebAssembly.
 *
 * @throws MeaError `bad-input` for impossible settings, `missing` where there is no WebAssembly SIMD
 */
export function createSpikeDetector(settings: SpikeDetectorSettings): SpikeDetector {
  return new SpikeDetector(settings, { kernels: openKernels(), input: 'blocks' });
}

/** The same behind an earlier stage, whose kernels it shares: see `feedRaw` and `feedScaled`. */
export function createRowDetector(settings: SpikeDetectorSettings, kernels: KernelInstance): SpikeDetector {
  return new SpikeDetector(settings, { kernels, input: 'rows' });
}

/**
 * Finds spikes in consecutive samples. Everything is counted in sample numbers: however the samples are cut into blocks,
 * what the batches hold together is the same, bit for bit. A class because filters, noise and searches go on from block
 * to block. Its calls are `processInt16` for each block in turn (or, for rows, `feedRaw`, `feedScaled` and `take`), `reset`
 * for a gap, `end`.
 */
export class SpikeDetector {
  readonly channels: number;
  /** Channels in a row and in a frame of a mask: a multiple of 8. */
  readonly paddedChannels: number;
  /** Float32 factor from raw units to what the filter takes in: scaled rows are raw samples times this. */
  readonly inputScale: number;
  /** Samples that a spike may wait for its batch. */
  readonly lagFrames: number;
  /** Samples behind the newest one that a snippet may reach. */
  readonly #reachFrames: number;
  readonly #plan: DetectorPlan;
  readonly #kernels: KernelInstance;
  readonly #memory: DetectorMemory;
  readonly #run: Kernel;
  readonly #queue: SpikeQueue;
  readonly #ledger: BlindLedger;
  readonly #snippets: SnippetStore | undefined;
  #views: Views | undefined;
  readonly #settled = new SpikeColumns();
  /** Next sample that is expected, and the sample up to which batches were given; NaN before the first block. */
  #next = Number.NaN;
  #given = Number.NaN;
  /** First sample since the start or the last gap. */
  #origin = Number.NaN;

  constructor(
    settings: SpikeDetectorSettings,
    { kernels, input }: { readonly kernels: KernelInstance; readonly input: DetectorInput },
  ) {
    this.#plan = planDetector(settings);
    this.channels = settings.channels;
    this.paddedChannels = Math.ceil(settings.channels / 8) * 8;
    const duplicates = findNeighbours(settings);
    const snippetFrames = SnippetStore.framesOf(settings);
    this.lagFrames = Math.max(this.#plan.searchFrames - 1 + (duplicates?.withinFrames ?? 0), snippetFrames.after);
    this.#kernels = kernels;
    this.#reachFrames = this.lagFrames + snippetFrames.before;
    const kept = settings.snippets === undefined ? 0 : this.#reachFrames + 17 * this.#plan.epochFrames;
    this.#memory = layOutDetector(kernels, this.#plan, { historyFrames: kept, isFedRows: input === 'rows' });
    this.inputScale = this.#memory.inputScale;
    this.#run = kernels.find('runDetector');
    kernels.find('updateAllLevels')(this.#memory.settings);
    this.#queue = new SpikeQueue(duplicates);
    this.#ledger = new BlindLedger(settings.channels);
    this.#snippets =
      settings.snippets === undefined ? undefined : new SnippetStore(settings.snippets.capacity, snippetFrames);
    this.#clear();
  }

  /** Sample up to which batches have been given; NaN before the first block. */
  get settledTo(): SampleIndex {
    return sampleIndex(this.#given);
  }

  /**
   * The next raw samples; the block is copied.
   *
   * @returns what has been settled by it
   * @throws MeaError `bad-input` for another number of channels, or for a block that is not the next (see `reset`)
   */
  processInt16(block: SampleBlock): SpikeBatch {
    const { channels, frames, samples } = block;
    if (channels !== this.channels || samples.length !== frames * channels) {
      throw new MeaError('bad-input', {
        what: 'A block does not fit the spike detector',
        got: `${channels} channels, ${samples.length} samples in ${frames} frames`,
        wanted: `${this.channels} channels`,
        remedy: 'make a new pipeline when the number of channels changes',
      });
    }
    this.#expect(block.firstSample);
    const { input, inputFrames } = this.#memory;
    let done = 0;
    while (done < frames) {
      // Whole epochs, so that the kernels' tiles are whole.
      const room = inputFrames - (this.#next % this.#plan.epochFrames);
      const count = Math.min(room, frames - done);
      const part = count === frames ? samples : samples.subarray(done * channels, (done + count) * channels);
      this.#look().input.set(part);
      this.#process({ kind: KIND.int16, input, mask: 0, frames: count });
      done += count;
    }
    return this.take();
  }

  /** Samples will begin at `sample`: only needed where the first of them may be long in coming. */
  begin(sample: SampleIndex): void {
    this.#next = sample;
    this.#given = sample;
    this.#origin = sample;
    for (const electrode of this.#plan.excluded) this.#ledger.begin(electrode, sample);
  }

  /**
   * The next raw rows, where an earlier stage has left them in the kernels' memory: nothing in them is blind.
   *
   * @param offset byte offset of int16 (frames, padded channels)
   * @throws MeaError `bad-input` for samples that are not the next (see `reset`)
   */
  feedRaw(offset: number, span: RowSpan): void {
    this.#feed({ kind: KIND.int16, input: offset, mask: 0, frames: span.frames }, span.firstSample);
  }

  /**
   * The next rows, scaled and with what is blind in them. Raw rows times `inputScale` give what the raw ones give.
   *
   * @param offset byte offset of float32 (frames, padded channels), raw units times `inputScale`
   * @param mask byte offset of u8 (frames, padded channels), 1 where a sample is blind; 0 when nothing is
   * @throws MeaError `bad-input` for samples that are not the next (see `reset`)
   */
  feedScaled(offset: number, mask: number, span: RowSpan): void {
    this.#feed({ kind: KIND.float, input: offset, mask, frames: span.frames }, span.firstSample);
  }

  /** What has been settled by what was fed since the last call. */
  take(): SpikeBatch {
    return this.#take(this.#next - this.lagFrames);
  }

  /**
   * A gap: the next sample is `sample`. Filters, searches and dead times begin afresh there; what the noise has been is
   * kept. Every electrode is blind from its last sample that was looked at until the filter has swung in.
   *
   * @throws MeaError `bad-input` for a sample that has been already
   */
  reset(sample: SampleIndex): void {
    if (Number.isNaN(this.#next)) return;
    if (!(sample >= this.#next)) {
      throw new MeaError('bad-input', {
        what: 'A gap cannot go back',
        got: `sample ${sample}`,
        wanted: `${this.#next} or later`,
        remedy: 'make a new pipeline when the clock has stepped',
      });
    }
    this.#close();
    this.#settle(this.#next);
    this.#clear();
    this.#next = sample;
    this.#origin = sample;
  }

  /** No more samples come: gives what is left. A search that the end cuts off has found nothing, and counts as blind. */
  end(): SpikeBatch {
    if (Number.isNaN(this.#next)) return this.#take(0);
    this.#close();
    return this.#take(this.#next);
  }

  /** (channels) noise in uV rms as it is now. It belongs to the caller. */
  noiseUv(): Float32Array {
    return this.#field('median').map((median) => median / MEDIAN_OF_SIGMA);
  }

  /** (channels) thresholds in uV as they are now, without their sign; infinite where nothing can be found yet. */
  thresholdsUv(): Float32Array {
    return this.#field('limit');
  }

  /** What snippets have come since the last call. */
  takeSnippets(): SnippetBatch | undefined {
    return this.#snippets?.take();
  }

  #field(name: 'median' | 'limit'): Float32Array {
    const { floats } = this.#look();
    return Float32Array.from({ length: this.channels }, (_, c) => floats[this.#at(c) + DETECTOR_RECORD[name] / 4]!);
  }

  #expect(sample: number): void {
    if (Number.isNaN(this.#next)) {
      this.begin(sampleIndex(sample));
      return;
    }
    if (sample === this.#next) return;
    throw new MeaError('bad-input', {
      what: 'Samples are missing',
      got: `a block from sample ${sample} on`,
      wanted: `from sample ${this.#next} on`,
      remedy: 'call reset for a gap',
    });
  }

  #feed(stretch: Stretch, firstSample: number): void {
    this.#expect(firstSample);
    const most = this.#snippets === undefined ? Infinity : this.#memory.historyFrames - this.#reachFrames;
    const limit = Math.min(most, CALL_EPOCHS * this.#plan.epochFrames);
    const frameBytes = this.#frameBytes(stretch.kind);
    for (let done = 0; done < stretch.frames; done += limit) {
      this.#process({
        kind: stretch.kind,
        input: stretch.input + frameBytes * done,
        mask: stretch.mask === 0 ? 0 : stretch.mask + this.paddedChannels * done,
        frames: Math.min(limit, stretch.frames - done),
      });
    }
  }

  #frameBytes(kind: Stretch['kind']): number {
    return kind === KIND.int16 ? this.#memory.inputStride : 4 * this.paddedChannels;
  }

  #process({ kind, input, mask, frames }: Stretch): void {
    const frameBytes = this.#frameBytes(kind);
    const { epochFrames } = this.#plan;
    let done = 0;
    while (done < frames) {
      const first = this.#next;
      const count = this.#run(
        this.#memory.settings,
        kind,
        input + done * frameBytes,
        mask === 0 ? 0 : mask + done * this.paddedChannels,
        frames - done,
        first % epochFrames,
        first % this.#memory.historyFrames,
      );
      this.#next += count;
      done += count;
      this.#collect(first);
      this.#settle(this.#next - this.lagFrames);
    }
  }

  /** Takes the kernels' reports of a call that began at a sample. */
  #collect(first: number): void {
    const { reportCount, reports, voltages } = this.#look();
    const words = reportCount[0]! * REPORT_WORDS;
    const { excluded } = this.#plan;
    for (let i = 0; i < words; i += REPORT_WORDS) {
      const sample = first + reports[i]!;
      const channel = reports[i + 1]!;
      const kind = reports[i + 2]!;
      if (kind === REPORT.spike) this.#queue.push(sample, channel, voltages[i + 3]!);
      else if (kind === REPORT.blind) this.#ledger.begin(channel, sample);
      else if (!excluded.has(channel)) this.#ledger.end(channel, sample);
    }
  }

  #settle(before: number): void {
    const from = this.#settled.count;
    this.#queue.settle(before, this.#settled);
    if (this.#snippets === undefined) return;
    const { rows, rowBytes, historyFrames } = this.#memory;
    const history = new Float32Array(this.#kernels.memory.buffer, rows, (historyFrames * rowBytes) / 4);
    this.#snippets.add(this.#settled, from, { history, historyFrames, from: this.#origin, to: this.#next });
  }

  #take(to: number): SpikeBatch {
    const from = Number.isNaN(this.#given) ? to : this.#given;
    // What lies before a gap was settled by it.
    const until = Number.isNaN(this.#origin) ? from : Math.max(from, to, this.#origin);
    this.#settle(until);
    this.#given = Number.isNaN(this.#given) ? Number.NaN : until;
    const blind = this.#ledger.take(from, until);
    return { from: sampleIndex(from), to: sampleIndex(until), ...this.#settled.take(), blind };
  }

  /** Ends all searches: from their crossings, or from the last sample on, every electrode is blind. */
  #close(): void {
    const { integers } = this.#look();
    for (let c = 0; c < this.channels; c++) {
      const at = this.#at(c);
      const searchLeft = integers[at + DETECTOR_RECORD.searchLeft / 4]!;
      const since = searchLeft > 0 ? this.#plan.searchFrames - searchLeft : 0;
      this.#ledger.begin(c, this.#next - since);
      integers[at + DETECTOR_RECORD.searchLeft / 4] = 0;
      integers[at + DETECTOR_RECORD.blind / 4] = 1;
    }
  }

  /** Filters and searches as they are before the first sample; the noise stays. */
  #clear(): void {
    const { floats, integers } = this.#look();
    const words = this.#memory.recordBytes / 4;
    const isStart = Number.isNaN(this.#next);
    for (let group = 0; group < this.#memory.groups; group++) {
      const at = group * words;
      floats.fill(0, at + DETECTOR_RECORD.filter / 4, at + words);
      for (const name of CLEARED) integers.fill(0, at + DETECTOR_RECORD[name] / 4, at + DETECTOR_RECORD[name] / 4 + 8);
      integers.fill(
        this.#plan.railGuardFrames,
        at + DETECTOR_RECORD.guardLeft / 4,
        at + DETECTOR_RECORD.guardLeft / 4 + 8,
      );
      integers[at + DETECTOR_RECORD.careful / 4] = 1;
      if (!isStart) integers[at + DETECTOR_RECORD.active / 4] = 255;
    }
  }

  /** Word of a channel's record. */
  #at(channel: number): number {
    return Math.floor(channel / 8) * (this.#memory.recordBytes / 4) + (channel % 8);
  }

  #look(): Views {
    const { buffer } = this.#kernels.memory;
    if (this.#views?.buffer === buffer) return this.#views;
    const { settings, records, recordBytes, groups, input, inputStride, inputFrames, reports } = this.#memory;
    const words = (recordBytes / 4) * groups;
    const views = {
      buffer,
      floats: new Float32Array(buffer, records, words),
      integers: new Int32Array(buffer, records, words),
      input: new Int16Array(buffer, input, (inputStride / 2) * inputFrames),
      reportCount: new Int32Array(buffer, settings + SETTINGS_BYTES, 1),
      reports: new Int32Array(buffer, reports),
      voltages: new Float32Array(buffer, reports),
    };
    this.#views = views;
    return views;
  }
}

/** Fields that a gap sets to zero. */
const CLEARED = [
  'held',
  'peak',
  'crest',
  'gateLeft',
  'shutFor',
  'shutNow',
  'deadLeft',
  'searchLeft',
  'best',
  'ringLeft',
  'railRun',
  'silent',
  'started',
] as const;
