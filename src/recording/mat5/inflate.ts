import { constants, inflateSync } from 'node:zlib';
import {
  badMat,
  borrowBytes,
  describeWhere,
  miType,
  TAG_BYTES,
  type Cursor,
  type Element,
  type Source,
} from './element.js';
import { spend } from './limits.js';

/** Compressed bytes that always hold the whole header of an array: it takes less than 700 bytes, and deflate adds few. */
const PEEK_BYTES = 2048;
/** Deflate cannot do better: 258 bytes from 2 bits. */
const MAX_RATIO = 1032;
/** Bytes by which data and declared size may differ: a writer may count the last padding, or not. */
const MAX_PADDING = 7;

/**
 * Inflates the beginning of a compressed variable, enough for its header.
 *
 * @param cursor stands at the variable, for messages
 * @throws MeaError `bad-format` when it is not zlib data or holds no array
 */
export function peekInflated(cursor: Cursor, element: Element): Source {
  const { source } = cursor;
  const start = borrowBytes(source, element).subarray(0, PEEK_BYTES);
  const bytes = guard(cursor, () => inflateSync(start, { finishFlush: constants.Z_SYNC_FLUSH }));
  if (bytes.length < TAG_BYTES) throw badMat(cursor, { what: 'Compressed variable cut short' });
  const inflated = sourceOf(cursor, bytes);
  const type = inflated.view.getUint32(0, source.littleEndian);
  if (type !== miType.matrix) throw badMat(cursor, { what: 'Compressed data hold no array', got: `data type ${type}` });
  return inflated;
}

/**
 * Inflates one compressed variable, into one buffer of the size that its first tag declares.
 *
 * @throws MeaError `bad-format` when the data are damaged or not of the declared size; `bad-input` beyond the limit
 */
export function inflateVariable(cursor: Cursor, element: Element): Source {
  const { source } = cursor;
  const compressed = borrowBytes(source, element);
  const total = TAG_BYTES + peekInflated(cursor, element).view.getUint32(4, source.littleEndian);
  const possible = compressed.length * MAX_RATIO;
  if (total > possible) {
    throw badMat(cursor, { what: 'Declared size is impossible', got: `${total} bytes`, wanted: `at most ${possible}` });
  }
  spend(source.budget, { of: 'inflatedBytes', amount: total }, () => describeWhere(cursor));
  const maxOutputLength = total + MAX_PADDING;
  // one chunk with room to spare: no second allocation, no copy
  const bytes = guard(cursor, () => inflateSync(compressed, { maxOutputLength, chunkSize: maxOutputLength + 64 }));
  // Octave declares up to 7 bytes too many after a short text; the checksum of the data says that nothing is lost
  if (bytes.length + MAX_PADDING >= total) return sourceOf(cursor, bytes.subarray(0, total));
  throw badMat(cursor, { what: 'Compressed variable cut short', got: `${bytes.length} bytes`, wanted: `${total}` });
}

function sourceOf(cursor: Cursor, bytes: Uint8Array): Source {
  const { source, at } = cursor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { ...source, bytes, view, where: `${source.where}, inflated from byte ${at}` };
}

function guard(cursor: Cursor, inflate: () => Uint8Array): Uint8Array {
  try {
    return inflate();
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw badMat(cursor, { what: 'Compressed variable cannot be inflated', got }, cause);
  }
}
