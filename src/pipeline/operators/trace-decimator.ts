import { MeaError } from '../../../protocols/errors.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../../protocols/units.js';

/** The envelope of a stretch of samples, for a display. The receiver owns it. */
export interface DecimatedTrace {
  readonly type: 'trace';
  /** First sample of the first point, a multiple of `samplesPerPoint`. */
  readonly firstSample: SampleIndex;
  readonly samplesPerPoint: number;
  readonly points: number;
  /** Which channels, in the order of the columns. */
  readonly channels: readonly number[];
  /** (points, channels) lowest and highest sample of each point, raw units of the device. */
  readonly minima: Int16Array;
  readonly maxima: Int16Array;
}

/** Most samples in a point, and points in a trace. */
const MAX_SIZE = 1_000_000;

/** How traces are thinned out. */
export interface DecimateOptions {
  /** Samples that become one point. */
  readonly samplesPerPoint: number;
  /** Most points in one trace: it ends at their multiples, and before a gap, so that its points follow each other. */
  readonly pointsPerTrace: number;
  /** Which channels; all by default. */
  readonly channels?: readonly number[] | undefined;
}

/**
 * Minimum and maximum of every so many samples. Points and traces begin at multiples on the device's sample clock, so
 * they are the same for every cut into blocks. Its state is one trace.
 */
export class TraceDecimator {
  readonly #perPoint: number;
  readonly #perTrace: number;
  readonly #wanted: readonly number[] | undefined;
  #channels: readonly number[] = [];
  #blockChannels = 0;
  #minima = new Int16Array(0);
  #maxima = new Int16Array(0);
  /** Numbers of the first point of the trace, of the point that is open, and of the first point after the trace. */
  #firstPoint = 0;
  #point = 0;
  #traceEnd = 0;
  /** False while no sample has come for the open point. */
  #isOpen = false;
  #next = Number.NaN;

  /** @throws MeaError `bad-input` for numbers that are not whole, not positive or too large */
  constructor({ samplesPerPoint, pointsPerTrace, channels }: DecimateOptions) {
    for (const [name, value] of Object.entries({ samplesPerPoint, pointsPerTrace })) {
      if (!(Number.isInteger(value) && value >= 1 && value <= MAX_SIZE)) {
        throw bad(name, String(value), `a whole number from 1 to ${MAX_SIZE}`);
      }
    }
    this.#perPoint = samplesPerPoint;
    this.#perTrace = pointsPerTrace;
    this.#wanted = channels;
  }

  /** @throws MeaError `bad-input` for a channel that the blocks do not have */
  push(block: SampleBlock): readonly DecimatedTrace[] {
    const traces: DecimatedTrace[] = [];
    if (block.channels !== this.#blockChannels) {
      traces.push(...this.end());
      this.#setUp(block.channels);
    }
    // What continues within the open point is no gap for a display.
    const point = Math.floor(block.firstSample / this.#perPoint);
    const goesOn = block.firstSample === this.#next || (block.firstSample > this.#next && point === this.#point);
    if (!goesOn) traces.push(...this.end());
    let frame = 0;
    while (frame < block.frames) {
      this.#moveTo(Math.floor((block.firstSample + frame) / this.#perPoint), traces);
      const end = Math.min(block.frames, (this.#point + 1) * this.#perPoint - block.firstSample);
      this.#addFrames(block, frame, end);
      frame = end;
    }
    this.#next = block.firstSample + block.frames;
    if (this.#isOpen && this.#next === this.#traceEnd * this.#perPoint) traces.push(...this.#finish());
    return traces;
  }

  /** No more samples come: what there is of the last trace, its last point from the samples that came. */
  end(): readonly DecimatedTrace[] {
    const traces = this.#isOpen ? this.#finish() : [];
    this.#next = Number.NaN;
    return traces;
  }

  #setUp(blockChannels: number): void {
    const channels = this.#wanted ?? Array.from({ length: blockChannels }, (_, channel) => channel);
    const odd = channels.find((channel) => !(Number.isInteger(channel) && channel >= 0 && channel < blockChannels));
    if (odd !== undefined) throw bad('channel', String(odd), `less than ${blockChannels}`);
    this.#channels = [...channels];
    this.#blockChannels = blockChannels;
    this.#renew();
  }

  #renew(): void {
    this.#minima = new Int16Array(this.#perTrace * this.#channels.length).fill(32_767);
    this.#maxima = new Int16Array(this.#perTrace * this.#channels.length).fill(-32_768);
  }

  #moveTo(point: number, traces: DecimatedTrace[]): void {
    if (this.#isOpen && point >= this.#traceEnd) traces.push(...this.#finish());
    if (!this.#isOpen) {
      this.#firstPoint = point;
      this.#traceEnd = (Math.floor(point / this.#perTrace) + 1) * this.#perTrace;
    }
    this.#point = point;
    this.#isOpen = true;
  }

  #addFrames(block: SampleBlock, from: number, to: number): void {
    const { samples } = block;
    const columns = this.#channels;
    const row = (this.#point - this.#firstPoint) * columns.length;
    for (let frame = from; frame < to; frame++) {
      const at = frame * block.channels;
      for (let c = 0; c < columns.length; c++) {
        const value = samples[at + columns[c]!]!;
        if (value < this.#minima[row + c]!) this.#minima[row + c] = value;
        if (value > this.#maxima[row + c]!) this.#maxima[row + c] = value;
      }
    }
  }

  #finish(): DecimatedTrace[] {
    const points = this.#point - this.#firstPoint + 1;
    const trace: DecimatedTrace = {
      type: 'trace',
      firstSample: sampleIndex(this.#firstPoint * this.#perPoint),
      samplesPerPoint: this.#perPoint,
      points,
      channels: this.#channels,
      minima: this.#minima.slice(0, points * this.#channels.length),
      maxima: this.#maxima.slice(0, points * this.#channels.length),
    };
    this.#isOpen = false;
    this.#renew();
    return [trace];
  }
}

function bad(what: string, got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad ${what} of the decimated traces`, got, wanted });
}
