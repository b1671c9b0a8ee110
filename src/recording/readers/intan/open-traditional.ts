import { basename } from 'node:path';
import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import { findStretches, type Stretch } from '../find-stretches.js';
import { createParts, openHolding, toRecordedFile } from '../opened-parts.js';
import { PositionedFile } from '../positioned-file.js';
import type { ReaderLimits } from '../reader-options.js';
import { BLOCK_FRAMES, layoutBlock } from './block-layout.js';
import { createIntanBlockReader, readParts, type IntanBlocks } from './block-reader.js';
import { readIntanHeader } from './header.js';
import { scanDigitalIn, scanStimuli, type MarkScan, type WordPiece, type WordSource } from './scan-marks.js';
import { listUnread, toSignals } from './signals.js';

/**
 * Opens an Intan .rhs file of the traditional format: header and blocks of 128 samples in one file.
 *
 * @throws MeaError `missing`, `bad-format`, `storage`
 */
export async function openIntanTraditional(path: string, limits: ReaderLimits): Promise<RecordedFile> {
  return openHolding(async (held) => {
    const file = await PositionedFile.open(path);
    held.push(file);
    const header = await readIntanHeader(file);
    const layout = layoutBlock(header);
    const blocks = { file, layout, offset: header.bytes };
    const count = Math.floor((file.size - header.bytes) / layout.bytes);
    if (count === 0 && file.size > header.bytes) throw noBlock(file, header.bytes, layout.bytes);
    const tail = file.size - header.bytes - count * layout.bytes;
    const parts = createParts();
    if (tail > 0) parts.unread.push(`${path}: ${tail} bytes at its end are no whole block`);
    const stretches = await findStretches(count * BLOCK_FRAMES, (frame) => readCounter(blocks, frame), path);
    const name = basename(path).replace(/\.rhs$/, '');
    for (const { signal, from } of toSignals(header, stretches, name))
      parts.signals.push(createIntanBlockReader(blocks, signal, from));
    parts.unread.push(...listUnread(header, path));
    const scan: MarkScan = { header, stretches, limits, parts, path };
    await scanStimuli(rowsOf(blocks, { at: layout.stim, rows: layout.amplifierChannels, count }), scan);
    if (layout.digitalIn !== undefined)
      await scanDigitalIn(rowsOf(blocks, { at: layout.digitalIn, rows: 1, count }), scan);
    return toRecordedFile({ format: 'intan-rhs', path, writtenBy: `Intan RHS ${header.version}` }, parts, held);
  });
}

async function readCounter({ file, layout, offset }: IntanBlocks, frame: number): Promise<number> {
  const at = offset + Math.floor(frame / BLOCK_FRAMES) * layout.bytes + (frame % BLOCK_FRAMES) * 4;
  return Buffer.from(await file.read(at, 4)).readInt32LE(0);
}

/** Whole blocks are read for their words, which lie far apart in them. */
function rowsOf(blocks: IntanBlocks, { at, rows, count }: { at: number; rows: number; count: number }): WordSource {
  return {
    bytes: rows === 0 ? 0 : count * blocks.layout.bytes,
    pieces: async function* pieces({ from, to }: Stretch): AsyncGenerator<WordPiece> {
      if (rows === 0) return;
      for await (const parts of readParts(blocks, from, to - from))
        for (const part of parts) {
          const start = part.at + at / 2 + part.within;
          yield { frames: part.frames, word: (row, frame) => part.words[start + row * BLOCK_FRAMES + frame]! };
        }
    },
  };
}

function noBlock(file: PositionedFile, start: number, wanted: number): MeaError {
  return new MeaError('bad-format', {
    what: 'The file holds no whole block of samples',
    got: `${file.size - start} bytes after the header`,
    wanted: `${wanted} or more`,
    where: file.path,
    remedy: 'check that the copy is complete',
  });
}
