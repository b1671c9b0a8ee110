import type { BlockReader, FrameBlock, RecordedSignal } from '../../../../protocols/recording/block-reader.js';
import { cutStretch } from '../cut-stretch.js';
import { borrowInt16 } from '../little-endian.js';
import type { PositionedFile } from '../positioned-file.js';

/** Reads int16 samples of which all of one channel lie together, then all of the next. */
export function createChannelMajorReader(file: PositionedFile, signal: RecordedSignal, offset: number): BlockReader {
  const channels = signal.channels.length;
  return {
    signal,
    readBlock: async (first, frames): Promise<FrameBlock> => {
      const count = cutStretch(signal, first, frames);
      const samples = new Int16Array(count * channels);
      const bytes = new Uint8Array(count * 2);
      for (let channel = 0; channel < channels; channel++) {
        await file.readInto(bytes, offset + (channel * signal.frames + first) * 2);
        const row = borrowInt16(bytes);
        for (let frame = 0; frame < count; frame++) samples[frame * channels + channel] = row[frame]!;
      }
      return { firstFrame: first, frames: count, channels, samples };
    },
  };
}
