import { endianness } from 'node:os';
import { MeaError } from '../../../protocols/errors.js';
import { badMat, borrowBytes, describeWhere, miType, takeElement, type Cursor } from './element.js';
import { spend } from './limits.js';
import type { MatNumbers, NumericClass } from './mat-value.js';

interface Storage {
  readonly size: number;
  /** The class whose numbers are stored just so. */
  readonly native: NumericClass;
  readonly open: (buffer: ArrayBuffer) => MatNumbers | BigInt64Array | BigUint64Array;
}

const storages: ReadonlyMap<number, Storage> = new Map<number, Storage>([
  [miType.int8, { size: 1, native: 'int8', open: (buffer) => new Int8Array(buffer) }],
  [miType.uint8, { size: 1, native: 'uint8', open: (buffer) => new Uint8Array(buffer) }],
  [miType.int16, { size: 2, native: 'int16', open: (buffer) => new Int16Array(buffer) }],
  [miType.uint16, { size: 2, native: 'uint16', open: (buffer) => new Uint16Array(buffer) }],
  [miType.int32, { size: 4, native: 'int32', open: (buffer) => new Int32Array(buffer) }],
  [miType.uint32, { size: 4, native: 'uint32', open: (buffer) => new Uint32Array(buffer) }],
  [miType.single, { size: 4, native: 'single', open: (buffer) => new Float32Array(buffer) }],
  [miType.double, { size: 8, native: 'double', open: (buffer) => new Float64Array(buffer) }],
  [miType.int64, { size: 8, native: 'int64', open: (buffer) => new BigInt64Array(buffer) }],
  [miType.uint64, { size: 8, native: 'uint64', open: (buffer) => new BigUint64Array(buffer) }],
]);

interface NumericKind {
  readonly size: number;
  readonly from: (values: MatNumbers) => MatNumbers;
}

const kinds: Readonly<Record<NumericClass, NumericKind>> = {
  double: { size: 8, from: (values) => new Float64Array(values) },
  single: { size: 4, from: (values) => new Float32Array(values) },
  int8: { size: 1, from: (values) => new Int8Array(values) },
  uint8: { size: 1, from: (values) => new Uint8Array(values) },
  int16: { size: 2, from: (values) => new Int16Array(values) },
  uint16: { size: 2, from: (values) => new Uint16Array(values) },
  int32: { size: 4, from: (values) => new Int32Array(values) },
  uint32: { size: 4, from: (values) => new Uint32Array(values) },
  int64: { size: 8, from: (values) => new Float64Array(values) },
  uint64: { size: 8, from: (values) => new Float64Array(values) },
};

const hostIsLittleEndian = endianness() === 'LE';

/**
 * Reads the next element as `count` numbers of the given class. Files store numbers in any type that holds them: a
 * double array of small integers comes as uint8. The result is a copy, in the class's own kind of array.
 *
 * @throws MeaError `bad-format` when there are more or fewer numbers, or when one does not fit the class; `bad-input`
 *   when a 64-bit integer has no exact double
 */
export function takeNumbers(cursor: Cursor, count: number, classOf: NumericClass): MatNumbers {
  const element = takeElement(cursor, 'numbers');
  const storage = storages.get(element.type);
  if (storage === undefined) throw badMat(cursor, { what: 'No numeric data', got: `data type ${element.type}` });
  const bytes = borrowBytes(cursor.source, element);
  if (bytes.length !== count * storage.size) {
    throw badMat(cursor, {
      what: 'Wrong number of bytes',
      got: `${bytes.length}`,
      wanted: `${count} x ${storage.size}`,
    });
  }
  spend(cursor.source.budget, { of: 'valueBytes', amount: count * kinds[classOf].size }, () => describeWhere(cursor));
  const stored = storage.open(copyToHostOrder(bytes, storage.size, cursor.source.littleEndian));
  const numbers = isBig(stored) ? toSafeNumbers(stored, cursor) : stored;
  return storage.native === classOf ? numbers : convert(numbers, classOf, cursor);
}

function isBig(values: MatNumbers | BigInt64Array | BigUint64Array): values is BigInt64Array | BigUint64Array {
  return values instanceof BigInt64Array || values instanceof BigUint64Array;
}

function copyToHostOrder(bytes: Uint8Array, size: number, littleEndian: boolean): ArrayBuffer {
  const { buffer } = new Uint8Array(bytes);
  if (littleEndian === hostIsLittleEndian) return buffer;
  const swapped = Buffer.from(buffer);
  if (size === 2) swapped.swap16();
  else if (size === 4) swapped.swap32();
  else if (size === 8) swapped.swap64();
  return buffer;
}

function toSafeNumbers(values: BigInt64Array | BigUint64Array, cursor: Cursor): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let index = 0; index < values.length; index += 1) {
    const number = Number(values[index]!);
    if (!Number.isSafeInteger(number)) throw unsafeInteger(values[index]!, cursor);
    numbers[index] = number;
  }
  return numbers;
}

function unsafeInteger(value: bigint, cursor: Cursor): MeaError {
  return new MeaError('bad-input', {
    what: '64-bit integer without an exact double',
    got: String(value),
    wanted: 'at most 2^53 - 1 in size',
    where: describeWhere(cursor),
    remedy: 'save it as double, or split it in two',
  });
}

function convert(stored: MatNumbers, classOf: NumericClass, cursor: Cursor): MatNumbers {
  const numbers = kinds[classOf].from(stored);
  for (let index = 0; index < stored.length; index += 1) {
    if (Object.is(numbers[index], stored[index]) || numbers[index] === stored[index]) continue;
    throw badMat(cursor, { what: `Number out of the range of ${classOf}`, got: String(stored[index]) });
  }
  return numbers;
}
