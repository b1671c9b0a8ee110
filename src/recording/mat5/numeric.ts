import { endianness } from 'node:os';
import { MeaError } from '../../../protocols/errors.js';
import { badMat, borrowBytes, describeWhere, miType, takeElement, type Cursor } from './element.js';
import type { MatNumbers } from './mat-value.js';

interface Storage {
  readonly size: number;
  readonly open: (buffer: ArrayBuffer) => MatNumbers | BigInt64Array | BigUint64Array;
}

const storages: ReadonlyMap<number, Storage> = new Map<number, Storage>([
  [miType.int8, { size: 1, open: (buffer) => new Int8Array(buffer) }],
  [miType.uint8, { size: 1, open: (buffer) => new Uint8Array(buffer) }],
  [miType.int16, { size: 2, open: (buffer) => new Int16Array(buffer) }],
  [miType.uint16, { size: 2, open: (buffer) => new Uint16Array(buffer) }],
  [miType.int32, { size: 4, open: (buffer) => new Int32Array(buffer) }],
  [miType.uint32, { size: 4, open: (buffer) => new Uint32Array(buffer) }],
  [miType.single, { size: 4, open: (buffer) => new Float32Array(buffer) }],
  [miType.double, { size: 8, open: (buffer) => new Float64Array(buffer) }],
  [miType.int64, { size: 8, open: (buffer) => new BigInt64Array(buffer) }],
  [miType.uint64, { size: 8, open: (buffer) => new BigUint64Array(buffer) }],
]);

const hostIsLittleEndian = endianness() === 'LE';

/**
 * Reads the next element as `count` numbers, into an array of their own of the kind they are stored in, which is often
 * smaller than their class: an array of class double that holds small integers is stored as uint8.
 *
 * @throws MeaError `bad-format` when there are more or fewer numbers; `bad-input` when a 64-bit integer has no exact double
 */
export function takeNumbers(cursor: Cursor, count: number): MatNumbers {
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
  const stored = storage.open(copyToHostOrder(bytes, storage.size, cursor.source.littleEndian));
  return isBig(stored) ? toSafeNumbers(stored, cursor) : stored;
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
