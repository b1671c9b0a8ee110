import { badMat, describeWhere, miType, takeElement, type Cursor } from './element.js';
import { assertWithin } from './limits.js';
import type { MatClass } from './mat-value.js';
import { takeName } from './text.js';

const classes: ReadonlyMap<number, MatClass> = new Map<number, MatClass>([
  [1, 'cell'],
  [2, 'struct'],
  [3, 'object'],
  [4, 'char'],
  [5, 'sparse'],
  [6, 'double'],
  [7, 'single'],
  [8, 'int8'],
  [9, 'uint8'],
  [10, 'int16'],
  [11, 'uint16'],
  [12, 'int32'],
  [13, 'uint32'],
  [14, 'int64'],
  [15, 'uint64'],
  [16, 'function handle'],
  [17, 'opaque'],
]);

const FLAG_LOGICAL = 0x0200;
const FLAG_COMPLEX = 0x0800;

/** What precedes the data of an array: its flags, dimensions and name. */
export interface MatrixHeader {
  readonly classOf: MatClass;
  readonly isLogical: boolean;
  readonly isComplex: boolean;
  readonly dims: readonly number[];
  /** Product of the dimensions, exact below 2^53. */
  readonly count: number;
  /** Empty within cells and structs. */
  readonly name: string;
}

/**
 * Reads the first sub-elements of an array: flags, dimensions (which opaque values lack), name.
 *
 * @throws MeaError `bad-format` when they are not there or make no sense, `bad-input` beyond a limit
 */
export function takeMatrixHeader(cursor: Cursor): MatrixHeader {
  const flags = takeFlags(cursor);
  const classOf = classes.get(flags & 0xff);
  if (classOf === undefined) throw badMat(cursor, { what: 'Unknown class of array', got: String(flags & 0xff) });
  const dims = classOf === 'opaque' ? [] : takeDimensions(cursor);
  return {
    classOf,
    isLogical: (flags & FLAG_LOGICAL) !== 0,
    isComplex: (flags & FLAG_COMPLEX) !== 0,
    dims,
    count: dims.reduce((product, size) => product * size, 1),
    name: takeName(cursor, 'name'),
  };
}

function takeFlags(cursor: Cursor): number {
  const { source } = cursor;
  const element = takeElement(cursor, 'array flags');
  const length = element.end - element.start;
  if (element.type === miType.uint32 && length === 8) return source.view.getUint32(element.start, source.littleEndian);
  throw badMat(cursor, {
    what: 'Bad array flags',
    got: `data type ${element.type}, ${length} bytes`,
    wanted: 'two uint32',
  });
}

function takeDimensions(cursor: Cursor): number[] {
  const { source } = cursor;
  const element = takeElement(cursor, 'dimensions');
  const count = (element.end - element.start) / 4;
  const isInteger = element.type === miType.int32 || element.type === miType.uint32;
  if (!isInteger || !Number.isInteger(count) || count < 2) {
    throw badMat(cursor, {
      what: 'Bad dimensions',
      got: `data type ${element.type} x ${count}`,
      wanted: 'two int32 or more',
    });
  }
  assertWithin(source.budget, { of: 'dimensions', amount: count }, () => describeWhere(cursor));
  const dims = Array.from({ length: count }, (_, index) =>
    source.view.getInt32(element.start + index * 4, source.littleEndian),
  );
  if (dims.every((size) => size >= 0)) return dims;
  throw badMat(cursor, { what: 'Negative dimension', got: dims.join(' x ') });
}
