import { MeaError } from '../../../../protocols/errors.js';
import type { BlockReader, FrameBlock, RecordedSignal } from '../../../../protocols/recording/block-reader.js';
import { cutStretch } from '../cut-stretch.js';
import type { PositionedFile } from '../positioned-file.js';
import { BLOCK_FRAMES, type IntanBlockLayout } from './block-layout.js';

/** Zero of the recorder's unsigned samples. */
const MIDDLE = 32_768;
/** Read at once. */
const PIECE_BYTES = 2 ** 22;

/** Data of a traditional file. */
export interface IntanBlocks {
  readonly file: PositionedFile;
  readonly layout: IntanBlockLayout;
  /** Byte of the first block. */
  readonly offset: number;
}

/** A part of one block: frames [within, within + frames), the block's first byte in `bytes` being `at`. */
interface BlockPart {
  readonly bytes: Buffer;
  readonly at: number;
  readonly within: number;
  readonly frames: number;
}

/**
 * Reads the amplifier channels of a traditional file, int16 around 0. Counters are checked as they are read.
 *
 * @param firstFrame frame of the file with which the signal begins
 */
export function createIntanBlockReader(blocks: IntanBlocks, signal: RecordedSignal, firstFrame: number): BlockReader {
  const channels = blocks.layout.amplifierChannels;
  return {
    signal,
    readBlock: async (first, frames): Promise<FrameBlock> => {
      const count = cutStretch(signal, first, frames);
      const samples = new Int16Array(count * channels);
      let done = 0;
      for await (const part of readParts(blocks, firstFrame + first, count)) {
        assertCounters(part, signal.firstSample + first + done, blocks.file.path);
        const { bytes, at, within } = part;
        for (let channel = 0; channel < channels; channel++) {
          const row = at + blocks.layout.amplifier + (channel * BLOCK_FRAMES + within) * 2;
          for (let k = 0; k < part.frames; k++)
            samples[(done + k) * channels + channel] = bytes.readUInt16LE(row + k * 2) - MIDDLE;
        }
        done += part.frames;
      }
      return { firstFrame: first, frames: count, channels, samples };
    },
  };
}

/** The blocks of frames [frame, frame + count) of the file, the first and the last in part. */
export async function* readParts(
  { file, layout, offset }: IntanBlocks,
  frame: number,
  count: number,
): AsyncGenerator<BlockPart> {
  const atOnce = Math.max(1, Math.floor(PIECE_BYTES / layout.bytes));
  const end = frame + count;
  const lastBlock = Math.ceil(end / BLOCK_FRAMES);
  for (let block = Math.floor(frame / BLOCK_FRAMES); block < lastBlock; block += atOnce) {
    const blocks = Math.min(atOnce, lastBlock - block);
    const read = await file.read(offset + block * layout.bytes, blocks * layout.bytes);
    const bytes = Buffer.from(read.buffer);
    for (let k = 0; k < blocks; k++) {
      const start = (block + k) * BLOCK_FRAMES;
      const within = Math.max(0, frame - start);
      yield { bytes, at: k * layout.bytes, within, frames: Math.min(BLOCK_FRAMES, end - start) - within };
    }
  }
}

function assertCounters({ bytes, at, within, frames }: BlockPart, first: number, path: string): void {
  for (let k = 0; k < frames; k++) {
    const counter = bytes.readInt32LE(at + (within + k) * 4);
    if (counter !== first + k)
      throw new MeaError('bad-format', {
        what: 'The sample counter jumps within a stretch',
        got: String(counter),
        wanted: String(first + k),
        where: path,
        remedy: 'the file is damaged',
      });
  }
}
