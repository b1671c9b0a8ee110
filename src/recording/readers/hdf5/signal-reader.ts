import type { BlockReader, FrameBlock, RecordedSignal } from '../../../../protocols/recording/block-reader.js';
import { cutStretch } from '../cut-stretch.js';
import { MAX_REQUEST_BYTES, type Hdf5File } from './hdf5-file.js';
import type { Hdf5Dataset } from './hdf5-messages.js';

/** How samples of a dataset are given out. */
export interface SampleType {
  readonly name: 'int16' | 'int32' | 'float32' | 'float64';
  /** Subtracted from each sample: unsigned ones are moved around 0, and the channels' offset makes up for it. */
  readonly middle: number;
}

/** Where a signal lies in a dataset of two dimensions, or of one for a single channel. */
export interface SignalLayout {
  readonly dataset: Hdf5Dataset;
  readonly type: SampleType;
  /** Which dimension counts channels; the other counts frames. */
  readonly channelAxis: 0 | 1;
  /** Rows of the channel axis that are the signal's channels. */
  readonly rows: readonly number[];
  /** Frame of the dataset with which the signal begins. */
  readonly firstFrame: number;
}

/** How samples that are floats are read; undefined where they are none, or of another size. */
export function floatTypeOf({ kind, size }: Hdf5Dataset): SampleType | undefined {
  if (kind !== 'float') return undefined;
  if (size === 4) return { name: 'float32', middle: 0 };
  return size === 8 ? { name: 'float64', middle: 0 } : undefined;
}

/** How the samples of a dataset are read; undefined where they are no integers that fit. */
export function sampleTypeOf({ kind, size, isSigned }: Hdf5Dataset): SampleType | undefined {
  if (kind !== 'integer') return undefined;
  if (size === 1 || (size === 2 && isSigned)) return { name: 'int16', middle: 0 };
  if (size === 2) return { name: 'int16', middle: 32_768 };
  return size === 4 && isSigned ? { name: 'int32', middle: 0 } : undefined;
}

/** Reads a signal out of an HDF5 file, in pieces. */
export function createHdf5Reader(file: Hdf5File, signal: RecordedSignal, layout: SignalLayout): BlockReader {
  const channels = signal.channels.length;
  return {
    signal,
    readBlock: async (first, frames): Promise<FrameBlock> => {
      const count = cutStretch(signal, first, frames);
      const samples = allocate(layout.type, count * channels);
      const atOnce = framesAtOnce(layout);
      for (let done = 0; done < count; done += atOnce) {
        const part = Math.min(atOnce, count - done);
        await readPiece({ file, layout, first: first + done, frames: part }, samples.subarray(done * channels));
      }
      return { firstFrame: first, frames: count, channels, samples };
    },
  };
}

function allocate({ name }: SampleType, length: number): FrameBlock['samples'] {
  switch (name) {
    case 'int16':
      return new Int16Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
  }
}

/** The rows from the first to the last that is wanted are read, all of them. */
function rowRange({ rows }: SignalLayout): readonly [number, number] {
  const low = rows.reduce((least, row) => Math.min(least, row), Infinity);
  return [low, rows.reduce((most, row) => Math.max(most, row), 0) + 1];
}

function framesAtOnce(layout: SignalLayout): number {
  const [from, to] = rowRange(layout);
  return Math.max(1, Math.floor(MAX_REQUEST_BYTES / ((to - from) * layout.dataset.size)));
}

interface Piece {
  readonly file: Hdf5File;
  readonly layout: SignalLayout;
  /** Of the signal. */
  readonly first: number;
  readonly frames: number;
}

async function readPiece({ file, layout, first, frames }: Piece, target: FrameBlock['samples']): Promise<void> {
  const { dataset, type, channelAxis, rows } = layout;
  const [from, to] = rowRange(layout);
  const start = layout.firstFrame + first;
  const time: readonly [number, number] = [start, start + frames];
  const channel: readonly [number, number] = [from, to];
  const isFlat = dataset.shape.length === 1;
  const numbers = await file.numbers(
    dataset.path,
    isFlat ? [time] : channelAxis === 0 ? [channel, time] : [time, channel],
  );
  if (numbers instanceof BigInt64Array || numbers instanceof BigUint64Array) return;
  const width = to - from;
  const [rowStep, frameStep] = channelAxis === 0 ? [frames, 1] : [1, width];
  rows.forEach((row, k) => {
    const offset = (row - from) * rowStep;
    for (let frame = 0; frame < frames; frame++)
      target[frame * rows.length + k] = numbers[offset + frame * frameStep]! - type.middle;
  });
}
