import { MeaError, type ErrorDetails } from '../../../protocols/errors.js';
import type { Budget } from './limits.js';

/** Data types of elements, as their tags number them. */
export const miType = {
  int8: 1,
  uint8: 2,
  int16: 3,
  uint16: 4,
  int32: 5,
  uint32: 6,
  single: 7,
  double: 9,
  int64: 12,
  uint64: 13,
  matrix: 14,
  compressed: 15,
  utf8: 16,
  utf16: 17,
  utf32: 18,
} as const;

/** Bytes of a tag; also the least an array can take. */
export const TAG_BYTES = 8;

/** Bytes being read: the file, or one inflated variable. */
export interface Source {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly budget: Budget;
  /** The file, and the variable where these bytes were inflated from one. */
  readonly where: string;
}

/** A value's place in the file, written as MATLAB would: `data{1}.s`. */
export interface Place {
  readonly label: string;
  readonly parent?: Place;
  readonly depth: number;
}

/** Elements one after another from `at` to `end`. */
export interface Cursor {
  readonly source: Source;
  readonly place: Place;
  readonly end: number;
  at: number;
}

/** One element: its type and the range of its data in the source. */
export interface Element {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** A cursor over the elements within `element`. */
export function cursorWithin(source: Source, element: Element, place: Place): Cursor {
  return { source, place, at: element.start, end: element.end };
}

/** The place of a part of `parent`: a cell `{3}` or a field `.name`. */
export function placeWithin(parent: Place, label: string): Place {
  return { parent, label, depth: parent.depth + 1 };
}

/**
 * Reads the tag at the cursor and moves past the element and its padding to 8 bytes.
 *
 * A tag is type and length, 4 bytes each; in the small format both share the first 4 bytes and the data (at most 4
 * bytes) are the other 4. Padding may be missing at the very end.
 *
 * @param part what the element is, for messages
 * @throws MeaError `bad-format` when the element does not end before its container does
 */
export function takeElement(cursor: Cursor, part: string): Element {
  const { source, at, end } = cursor;
  if (end - at < TAG_BYTES)
    throw badMat(cursor, { what: `File cut short before the ${part}`, got: `${end - at} bytes` });
  const first = source.view.getUint32(at, source.littleEndian);
  const smallLength = first >>> 16;
  const length = smallLength === 0 ? source.view.getUint32(at + 4, source.littleEndian) : smallLength;
  const start = smallLength === 0 ? at + TAG_BYTES : at + 4;
  const room = smallLength === 0 ? end - start : 4;
  if (length > room) {
    throw badMat(cursor, { what: `The ${part} does not fit`, got: `${length} bytes`, wanted: `at most ${room}` });
  }
  cursor.at = smallLength === 0 ? Math.min(start + Math.ceil(length / 8) * 8, end) : at + TAG_BYTES;
  return { type: first & 0xffff, start, end: start + length };
}

/** A view of an element's data. */
export function borrowBytes(source: Source, element: Element): Uint8Array {
  return source.bytes.subarray(element.start, element.end);
}

/** Where the cursor stands, in words. */
export function describeWhere({ source, place, at }: Cursor): string {
  return `${source.where}, ${describePlace(place)}, byte ${at}`;
}

/** The error for bytes that are not what the format says. */
export function badMat(cursor: Cursor, details: ErrorDetails, cause?: unknown): MeaError {
  const defaults = { where: describeWhere(cursor), remedy: 'the file is damaged or incomplete' };
  return new MeaError('bad-format', { ...defaults, ...details }, { cause });
}

function describePlace(place: Place): string {
  const labels: string[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) labels.unshift(at.label);
  return labels.length > 8 ? [...labels.slice(0, 4), ' ... ', ...labels.slice(-2)].join('') : labels.join('');
}
