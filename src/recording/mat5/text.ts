import { badMat, borrowBytes, describeWhere, miType, takeElement, type Cursor, type Element } from './element.js';
import { assertWithin } from './limits.js';

/**
 * Reads the next element as `count` characters, in any of the encodings that files use: 8 bits (Latin-1), 16 bits,
 * UTF-8, UTF-16, UTF-32. `count` may be in UTF-16 code units (MATLAB) or in code points (scipy).
 *
 * @throws MeaError `bad-format` when there are more or fewer, or when they are not text
 */
export function takeText(cursor: Cursor, count: number): string {
  const element = takeElement(cursor, 'text');
  const amount = element.end - element.start;
  assertWithin(cursor.source.budget, { of: 'textBytes', amount }, () => describeWhere(cursor));
  const text = decode(cursor, element);
  if (text.length === count || codePoints(text) === count) return text;
  throw badMat(cursor, { what: 'Wrong number of characters', got: `${text.length}`, wanted: `${count}` });
}

/**
 * Reads the next element as a name.
 *
 * @throws MeaError `bad-format` when it is not text, `bad-input` when it is too long
 */
export function takeName(cursor: Cursor, part: string): string {
  const element = takeElement(cursor, part);
  if (element.type !== miType.int8 && element.type !== miType.uint8 && element.type !== miType.utf8) {
    throw badMat(cursor, { what: `The ${part} is not text`, got: `data type ${element.type}` });
  }
  const amount = element.end - element.start;
  assertWithin(cursor.source.budget, { of: 'nameBytes', amount }, () => describeWhere(cursor));
  return trimName(borrowBytes(cursor.source, element));
}

/** The name in a field that is filled up with zero bytes. */
export function trimName(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return Buffer.from(zero < 0 ? bytes : bytes.subarray(0, zero)).toString('latin1');
}

function decode(cursor: Cursor, element: Element): string {
  const bytes = borrowBytes(cursor.source, element);
  switch (element.type) {
    case miType.int8:
    case miType.uint8:
      return Buffer.from(bytes).toString('latin1');
    case miType.utf8:
      return decodeUtf8(cursor, bytes);
    case miType.int16:
    case miType.uint16:
    case miType.utf16:
      return decodeUtf16(cursor, bytes);
    case miType.utf32:
      return decodeUtf32(cursor, bytes);
    default:
      // MATLAB writes an empty text with the type of no character at all
      if (bytes.length === 0) return '';
      throw badMat(cursor, { what: 'Not a text', got: `data type ${element.type}` });
  }
}

function decodeUtf8(cursor: Cursor, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw badMat(cursor, { what: 'Text that is not UTF-8' }, cause);
  }
}

function decodeUtf16(cursor: Cursor, bytes: Uint8Array): string {
  if (bytes.length % 2 !== 0)
    throw badMat(cursor, { what: 'Text with half a character', got: `${bytes.length} bytes` });
  const copy = Buffer.from(bytes);
  if (!cursor.source.littleEndian) copy.swap16();
  return copy.toString('utf16le');
}

function decodeUtf32(cursor: Cursor, bytes: Uint8Array): string {
  const { source } = cursor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const code = at + 4 > bytes.length ? Infinity : view.getUint32(at, source.littleEndian);
    if (code > 0x10ffff) throw badMat(cursor, { what: 'Text that is not UTF-32', got: `${code}` });
    parts.push(String.fromCodePoint(code));
  }
  return parts.join('');
}

function codePoints(text: string): number {
  let points = 0;
  for (const point of text) points += point.length > 0 ? 1 : 0;
  return points;
}
