import { MeaError } from '../../../../protocols/errors.js';
import type { BlockReader, FrameBlock, RecordedSignal } from '../../../../protocols/recording/block-reader.js';
import { cutStretch } from '../cut-stretch.js';
import { borrowUint16 } from '../little-endian.js';
import type { PositionedFile } from '../positioned-file.js';
import { BLOCK_FRAMES, type IntanBlockLayout } from './block-layout.js';

/** Zero of the recorder's unsigned samples. */
const MIDDLE = 32_768;
/** Read at once. */
const PIECE_BYTES = 2 ** 19;

/** Data of a traditional file. */
export interface IntanBlocks {
  readonly file: PositionedFile;
  readonly layout: IntanBlockLayout;
  /** Byte of the first block. */
  readonly offset: number;
}

/** A part of one block: frames [within, within + frames), the block's first word in `words` being `at`. */
interface BlockPart {
  readonly words: Uint16Array;
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
      for await (const parts of readParts(blocks, firstFrame + first, count))
        for (const part of parts) {
          assertCounters(part, signal.firstSample + first + done, blocks.file.path);
          copySamples(part, blocks.layout, samples.subarray(done * channels));
          done += part.frames;
        }
      return { firstFrame: first, frames: count, channels, samples };
    },
  };
}

function copySamples({ words, at, within, frames }: BlockPart, layout: IntanBlockLayout, target: Int16Array): void {
  const channels = layout.amplifierChannels;
  const start = at + layout.amplifier / 2 + within;
  for (let k = 0; k < frames; k++)
    for (let channel = 0; channel < channels; channel++)
      target[k * channels + channel] = words[start + channel * BLOCK_FRAMES + k]! - MIDDLE;
}

/**
 * The blocks of frames [frame, frame + count) of the file, those together that are read at once, the first and the last in
 * part. They are valid until the next are asked for.
 */
export async function* readParts(
  { file, layout, offset }: IntanBlocks,
  frame: number,
  count: number,
): AsyncGenerator<BlockPart[]> {
  const atOnce = Math.max(1, Math.floor(PIECE_BYTES / layout.bytes));
  const end = frame + count;
  const lastBlock = Math.ceil(end / BLOCK_FRAMES);
  const bytes = new Uint8Array(Math.min(atOnce, lastBlock - Math.floor(frame / BLOCK_FRAMES)) * layout.bytes);
  for (let block = Math.floor(frame / BLOCK_FRAMES); block < lastBlock; block += atOnce) {
    const blocks = Math.min(atOnce, lastBlock - block);
    await file.readInto(bytes.subarray(0, blocks * layout.bytes), offset + block * layout.bytes);
    const words = borrowUint16(bytes);
    yield Array.from({ length: blocks }, (_, k) => {
      const start = (block + k) * BLOCK_FRAMES;
      const within = Math.max(0, frame - start);
      return { words, at: (k * layout.bytes) / 2, within, frames: Math.min(BLOCK_FRAMES, end - start) - within };
    });
  }
}

function assertCounters({ words, at, within, frames }: BlockPart, first: number, path: string): void {
  for (let k = 0; k < frames; k++) {
    const low = at + (within + k) * 2;
    const counter = (words[low + 1]! << 16) | words[low]!;
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
