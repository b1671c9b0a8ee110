import { assertNever, MeaError } from '../../../protocols/errors.js';
import {
  badMat,
  borrowBytes,
  cursorWithin,
  describeWhere,
  miType,
  placeWithin,
  TAG_BYTES,
  takeElement,
  type Cursor,
  type Place,
} from './element.js';
import { assertWithin, spend } from './limits.js';
import { takeMatrixHeader, type MatrixHeader } from './matrix-header.js';
import type { MatCell, MatChar, MatNumeric, MatStruct, MatValue, NumericClass } from './mat-value.js';
import { takeNumbers } from './numeric.js';
import { takeText, trimName } from './text.js';

/**
 * Reads the array that fills the cursor's range.
 *
 * @throws MeaError `bad-format` when the bytes are not what its header says, `bad-input` beyond a limit
 */
export function takeMatrix(cursor: Cursor): MatValue {
  const value = takeBody(cursor, takeMatrixHeader(cursor));
  if (value.type === 'unsupported' || cursor.at === cursor.end) return value;
  throw badMat(cursor, { what: 'Bytes after the end of the array', got: `${cursor.end - cursor.at}` });
}

function takeBody(cursor: Cursor, header: MatrixHeader): MatValue {
  const { classOf, dims } = header;
  switch (classOf) {
    case 'cell':
      return takeCell(cursor, header);
    case 'struct':
      return takeStruct(cursor, header);
    case 'char':
      return takeChar(cursor, header);
    case 'object':
    case 'sparse':
    case 'function handle':
    case 'opaque':
      return { type: 'unsupported', classOf, dims };
    case 'double':
    case 'single':
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      return takeNumeric(cursor, header, classOf);
    default:
      return assertNever(classOf);
  }
}

function takeNumeric(cursor: Cursor, header: MatrixHeader, classOf: NumericClass): MatNumeric {
  const { dims, count, isLogical } = header;
  const data = takeNumbers(cursor, count);
  const value: MatNumeric = { type: 'numeric', classOf, isLogical, dims, data };
  return header.isComplex ? { ...value, imaginary: takeNumbers(cursor, count) } : value;
}

function takeChar(cursor: Cursor, { dims, count }: MatrixHeader): MatChar {
  return { type: 'char', dims, text: takeText(cursor, count) };
}

function takeCell(cursor: Cursor, { dims, count }: MatrixHeader): MatCell {
  reserve(cursor, count);
  const cells: MatValue[] = [];
  for (let index = 0; index < count; index += 1) {
    cells.push(takeNested(cursor, placeWithin(cursor.place, `{${index + 1}}`)));
  }
  return { type: 'cell', dims, cells };
}

function takeStruct(cursor: Cursor, { dims, count }: MatrixHeader): MatStruct {
  const fields = new Map<string, MatValue[]>();
  for (const name of takeFieldNames(cursor)) {
    if (fields.has(name)) throw badMat(cursor, { what: 'Field name used twice', got: JSON.stringify(name) });
    fields.set(name, []);
  }
  // without fields an array of any size takes no bytes, so nothing may depend on its count
  if (fields.size === 0) return { type: 'struct', dims, fields };
  reserve(cursor, count * fields.size);
  for (let index = 0; index < count; index += 1) {
    const element = count === 1 ? '' : `(${index + 1})`;
    for (const [name, values] of fields)
      values.push(takeNested(cursor, placeWithin(cursor.place, `${element}.${name}`)));
  }
  return { type: 'struct', dims, fields };
}

function takeFieldNames(cursor: Cursor): string[] {
  const { source } = cursor;
  const width = takeFieldWidth(cursor);
  const element = takeElement(cursor, 'field names');
  const bytes = borrowBytes(source, element);
  if (bytes.length === 0) return [];
  if (width < 1 || bytes.length % width !== 0) {
    throw badMat(cursor, { what: 'Field names do not divide', got: `${bytes.length} bytes`, wanted: `${width} each` });
  }
  const where = (): string => describeWhere(cursor);
  assertWithin(source.budget, { of: 'nameBytes', amount: width }, where);
  assertWithin(source.budget, { of: 'fields', amount: bytes.length / width }, where);
  return Array.from({ length: bytes.length / width }, (_, index) =>
    trimName(bytes.subarray(index * width, (index + 1) * width)),
  );
}

function takeFieldWidth(cursor: Cursor): number {
  const { source } = cursor;
  const element = takeElement(cursor, 'field name length');
  const isInteger = element.type === miType.int32 || element.type === miType.uint32;
  if (isInteger && element.end - element.start === 4) return source.view.getInt32(element.start, source.littleEndian);
  throw badMat(cursor, { what: 'Bad field name length', got: `data type ${element.type}`, wanted: 'one int32' });
}

/** A count that the bytes cannot hold is refused before anything is allocated for it. */
function reserve(cursor: Cursor, count: number): void {
  const room = Math.floor((cursor.end - cursor.at) / TAG_BYTES);
  if (count > room)
    throw badMat(cursor, { what: 'More elements than bytes', got: `${count}`, wanted: `at most ${room}` });
  spend(cursor.source.budget, { of: 'values', amount: count }, () => describeWhere(cursor));
}

function takeNested(cursor: Cursor, place: Place): MatValue {
  const { source } = cursor;
  const element = takeElement(cursor, 'array');
  const inner = cursorWithin(source, element, place);
  if (element.type !== miType.matrix) throw badMat(inner, { what: 'Not an array', got: `data type ${element.type}` });
  if (place.depth > source.budget.limits.depth) throw tooDeep(inner);
  if (element.end === element.start) return emptyArray();
  return takeMatrix(inner);
}

function emptyArray(): MatNumeric {
  return { type: 'numeric', classOf: 'double', isLogical: false, dims: [0, 0], data: new Float64Array(0) };
}

function tooDeep(cursor: Cursor): MeaError {
  const { depth } = cursor.source.budget.limits;
  return new MeaError('bad-input', {
    what: 'Cells or structs nested too deep',
    wanted: `at most ${depth} levels`,
    where: describeWhere(cursor),
  });
}
