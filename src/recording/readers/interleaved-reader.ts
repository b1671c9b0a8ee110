import type { BlockReader, FrameBlock, RecordedSignal } from '../../../protocols/recording/block-reader.js';
import { cutStretch } from './cut-stretch.js';
import { borrowInt16 } from './little-endian.js';
import type { PositionedFile } from './positioned-file.js';

/** Where the samples of a signal lie in a file of int16, little-endian, frame after frame. */
export interface InterleavedLayout {
  /** Byte of the first frame. */
  readonly offset: number;
  /** Samples of one frame in the file. */
  readonly width: number;
  /** Which samples of a frame are the signal's channels; the first ones by default. */
  readonly columns?: readonly number[];
}

/** Frames that are read at once where not all samples of a frame are wanted. */
const PIECE_BYTES = 2 ** 22;

/** Reads a signal out of a file of interleaved int16 samples. The file stays open; whoever opened it closes it. */
export function createInterleavedReader(
  file: PositionedFile,
  signal: RecordedSignal,
  { offset, width, columns }: InterleavedLayout,
): BlockReader {
  const channels = signal.channels.length;
  const isWhole = columns === undefined && width === channels;
  const chosen = columns ?? Array.from({ length: channels }, (_, k) => k);
  const readFrames = async (first: number, frames: number): Promise<Int16Array<ArrayBuffer>> => {
    const bytes = new Uint8Array(frames * width * 2);
    await file.readInto(bytes, offset + first * width * 2);
    return borrowInt16(bytes);
  };
  return {
    signal,
    readBlock: async (first, frames): Promise<FrameBlock> => {
      const count = cutStretch(signal, first, frames);
      if (isWhole) return { firstFrame: first, frames: count, channels, samples: await readFrames(first, count) };
      const samples = new Int16Array(count * channels);
      const piece = Math.max(1, Math.floor(PIECE_BYTES / (width * 2)));
      for (let done = 0; done < count; done += piece) {
        const part = Math.min(piece, count - done);
        const wide = await readFrames(first + done, part);
        for (let frame = 0; frame < part; frame++)
          for (let k = 0; k < channels; k++) samples[(done + frame) * channels + k] = wide[frame * width + chosen[k]!]!;
      }
      return { firstFrame: first, frames: count, channels, samples };
    },
  };
}
