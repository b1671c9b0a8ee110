import {
  badMat,
  cursorWithin,
  describeWhere,
  miType,
  TAG_BYTES,
  takeElement,
  type Cursor,
  type Element,
  type Source,
} from './element.js';
import { HEADER_BYTES, readByteOrder } from './header.js';
import { inflateVariable, peekInflated } from './inflate.js';
import { openBudget, spend, type Mat5Limits } from './limits.js';
import type { MatListing, MatValue } from './mat-value.js';
import { takeMatrixHeader } from './matrix-header.js';
import { takeMatrix } from './matrix.js';

/** How to read a file. */
export interface ReadMat5Options {
  /** The file, for messages. */
  readonly where: string;
  /** Limits other than `defaultMat5Limits`. */
  readonly limits?: Partial<Mat5Limits>;
  /** The variables to read; all by default. The others are not inflated. */
  readonly variables?: readonly string[];
}

/** A variable as the file holds it: its element, and its header. */
interface Variable {
  readonly element: Element;
  /** At the start of the element in the file. */
  readonly at: Cursor;
  readonly listing: MatListing;
}

/**
 * Reads the variables of a MATLAB level-5 file (versions 5 to 7, either byte order, compressed or not), one at a time.
 *
 * Written from the published "MAT-File Format" document (MathWorks), not from another reader. Sparse arrays, objects, function
 * handles and opaque values come as `unsupported`; complex arrays keep both parts. Nothing of `bytes` is kept.
 *
 * @throws MeaError `bad-format` when the file is damaged, cut short, or of another version; `bad-input` when it asks
 *   for more than the limits or has a 64-bit integer without an exact double
 */
export function readMat5(bytes: Uint8Array, options: ReadMat5Options): ReadonlyMap<string, MatValue> {
  const values = new Map<string, MatValue>();
  for (const variable of variablesOf(bytes, options)) {
    const { name } = variable.listing;
    if (options.variables !== undefined && !options.variables.includes(name)) continue;
    if (values.has(name)) throw badMat(variable.at, { what: 'Two variables of one name', got: JSON.stringify(name) });
    values.set(name, readValue(variable));
  }
  return values;
}

/**
 * Lists the variables of a MATLAB level-5 file in its order, without reading their values.
 *
 * @throws MeaError as `readMat5` does, for what the headers of the variables show
 */
export function listMat5(bytes: Uint8Array, options: ReadMat5Options): readonly MatListing[] {
  return Array.from(variablesOf(bytes, options), ({ listing }) => listing);
}

function* variablesOf(bytes: Uint8Array, { where, limits }: ReadMat5Options): Generator<Variable> {
  const littleEndian = readByteOrder(bytes, where);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const source = { bytes, view, littleEndian, where, budget: openBudget(limits) };
  const place = { label: 'top level', depth: 0 };
  const cursor = { source, place, at: HEADER_BYTES, end: bytes.length };
  while (cursor.at < cursor.end) yield takeVariable(cursor);
}

function takeVariable(cursor: Cursor): Variable {
  const at = { ...cursor };
  spend(cursor.source.budget, { of: 'values', amount: 1 }, () => describeWhere(at));
  const element = takeElement(cursor, 'variable');
  // the length of a variable covers its padding; a compressed one has none
  cursor.at = element.end;
  const isCompressed = element.type === miType.compressed;
  if (!isCompressed && element.type !== miType.matrix) {
    throw badMat(at, {
      what: 'Not a variable',
      got: `data type ${element.type}`,
      wanted: 'an array, compressed or not',
    });
  }
  const { classOf, dims, isLogical, isComplex, name } = takeMatrixHeader(openForHeader(at, element));
  const range = { byteOffset: at.at, byteLength: element.end - at.at };
  return { element, at, listing: { name, classOf, dims, isLogical, isComplex, isCompressed, ...range } };
}

function openForHeader(at: Cursor, element: Element): Cursor {
  if (element.type === miType.matrix) return cursorWithin(at.source, element, at.place);
  return cursorAfterTag(peekInflated(at, element), at);
}

function readValue({ element, at, listing }: Variable): MatValue {
  const place = { label: quoteUnlessPlain(listing.name), depth: 0 };
  const named = { ...at, place };
  const cursor = listing.isCompressed
    ? cursorAfterTag(inflateVariable(named, element), named)
    : cursorWithin(at.source, element, place);
  return takeMatrix(cursor);
}

function cursorAfterTag(source: Source, { place }: Cursor): Cursor {
  return { source, place, at: TAG_BYTES, end: source.bytes.length };
}

function quoteUnlessPlain(name: string): string {
  return /^\w+$/.test(name) ? name : JSON.stringify(name);
}
