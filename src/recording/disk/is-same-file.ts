import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import type { LongWork } from '../long-work.js';

/** True for a file that holds these bytes and no others. They are held against it piece by piece. */
export function* isSameFile(path: string, pieces: Iterable<Uint8Array>): LongWork<boolean> {
  if (!existsSync(path)) return false;
  const fd = openSync(path, 'r');
  try {
    let at = 0;
    for (const piece of pieces) {
      yield piece.length;
      if (!isSameAt(fd, piece, at)) return false;
      at += piece.length;
    }
    return fstatSync(fd).size === at;
  } finally {
    closeSync(fd);
  }
}

function isSameAt(fd: number, piece: Uint8Array, position: number): boolean {
  const bytes = Buffer.alloc(piece.length);
  for (let at = 0; at < bytes.length;) {
    const count = readSync(fd, bytes, at, bytes.length - at, position + at);
    if (count === 0) return false;
    at += count;
  }
  return Buffer.compare(bytes, piece) === 0;
}
