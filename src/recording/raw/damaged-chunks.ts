import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MeaError } from '../../../protocols/errors.js';
import { crc32c } from '../../../protocols/mea-link/crc32c.js';
import type { IndexedStretch } from '../journal/journal-index.js';
import type { RawChunk } from '../journal/payloads.js';
import type { LongWork } from '../long-work.js';

/**
 * Holds all chunks of a stretch against their checksums.
 *
 * @param path of continuous.dat
 * @returns those whose samples are not what was written, in the order of the file
 * @throws MeaError `missing` for a file that cannot be opened
 */
export function* findDamagedChunks(path: string, { started, chunks }: IndexedStretch): LongWork<readonly RawChunk[]> {
  const fd = openSamples(path);
  const frameBytes = started.channels * 2;
  const damaged: RawChunk[] = [];
  let buffer = Buffer.alloc(0);
  try {
    const { size } = fstatSync(fd);
    for (const chunk of [...chunks].sort((a, b) => a.firstFrame - b.firstFrame)) {
      const position = chunk.firstFrame * frameBytes;
      const length = chunk.frames * frameBytes;
      // Before memory is taken for what a damaged journal may say.
      const isThere = position + length <= size;
      if (isThere && buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
      const bytes = buffer.subarray(0, length);
      if (!isThere || !fill(fd, bytes, position) || crc32c(bytes) !== chunk.crc) damaged.push(chunk);
      yield length;
    }
  } finally {
    closeSync(fd);
  }
  return damaged;
}

/** Opens samples for reading. @throws MeaError `missing` */
export function openSamples(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new MeaError('missing', { what: 'The raw samples are not there', where: path }, { cause });
  }
}

/** @returns false where the file ends before */
function fill(fd: number, bytes: Buffer, position: number): boolean {
  for (let at = 0; at < bytes.length;) {
    const count = readSync(fd, bytes, at, bytes.length - at, position + at);
    if (count === 0) return false;
    at += count;
  }
  return true;
}
