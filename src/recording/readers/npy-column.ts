import { MeaError } from '../../../protocols/errors.js';
import { PositionedFile } from './positioned-file.js';

/** A one-dimensional array in a `.npy` file, read in pieces. */
export interface NpyColumn {
  /** Values that are in the file. */
  readonly length: number;
  /** Values that its header claims: more where the file was cut short. */
  readonly declared: number;
  readonly type: NpyType;
  /** Values [first, first + count) as numbers. */
  numbers(first: number, count: number): Promise<Float64Array>;
  /** Values [first, first + count) as texts, without the zeros that fill them up. */
  texts(first: number, count: number): Promise<string[]>;
  close(): Promise<void>;
}

/** Kind and bytes of one value: signed, unsigned, float, bytes, UTF-32. */
export interface NpyType {
  readonly kind: 'i' | 'u' | 'f' | 'S' | 'U';
  readonly size: number;
}

const MAGIC = '\x93NUMPY';
const HEADER = /'descr': *'([<|])([iufSU])(\d+)'.*'fortran_order': *False.*'shape': *\((\d+), *\)/s;
const MAX_HEADER_BYTES = 65_536;
const MAX_VALUE_BYTES = 65_536;
const NUMBER_SIZES = { i: [1, 2, 4, 8], u: [1, 2, 4, 8], f: [4, 8] } as const;

/**
 * Opens a `.npy` file of versions 1 to 3 that holds one dimension of little-endian numbers or of texts.
 *
 * @throws MeaError `missing` without such a file; `bad-format` when it is anything else
 */
export async function openNpyColumn(path: string): Promise<NpyColumn> {
  const file = await PositionedFile.open(path);
  try {
    const { type, declared, start } = await readHeader(file);
    const length = Math.min(declared, Math.floor((file.size - start) / bytesOf(type)));
    return toColumn(file, { type, declared, length, start });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Bytes of one value in the file. */
function bytesOf({ kind, size }: NpyType): number {
  return kind === 'U' ? size * 4 : size;
}

interface Layout {
  readonly type: NpyType;
  readonly declared: number;
  readonly length: number;
  readonly start: number;
}

async function readHeader(file: PositionedFile): Promise<Omit<Layout, 'length'>> {
  const preamble = Buffer.from(await file.read(0, Math.min(12, file.size)));
  const version = preamble[6] ?? 0;
  if (preamble.length < 12 || preamble.toString('latin1', 0, 6) !== MAGIC || version < 1 || version > 3)
    throw badNpy('Not a .npy file', file.path);
  const start = version === 1 ? 10 : 12;
  const headerBytes = version === 1 ? preamble.readUInt16LE(8) : preamble.readUInt32LE(8);
  if (headerBytes > MAX_HEADER_BYTES) throw badNpy('The header is too long', file.path, `${headerBytes} bytes`);
  const header = Buffer.from(await file.read(start, headerBytes)).toString('latin1');
  const [, order, letter, sizeText, count] = HEADER.exec(header) ?? [];
  const type = toType(letter, Number(sizeText));
  if (type === undefined || (order === '|' && bytesOf(type) > 1 && type.kind !== 'S'))
    throw badNpy('Unsupported .npy header', file.path, JSON.stringify(header.trim().slice(0, 200)));
  return { type, declared: Number(count), start: start + headerBytes };
}

function toType(letter: string | undefined, size: number): NpyType | undefined {
  if (letter === 'i' || letter === 'u' || letter === 'f')
    return NUMBER_SIZES[letter].some((known) => known === size) ? { kind: letter, size } : undefined;
  if (letter !== 'S' && letter !== 'U') return undefined;
  return size >= 1 && size <= MAX_VALUE_BYTES ? { kind: letter, size } : undefined;
}

function toColumn(file: PositionedFile, { type, declared, length, start }: Layout): NpyColumn {
  const bytes = bytesOf(type);
  const readBytes = async (first: number, count: number): Promise<Buffer> =>
    Buffer.from((await file.read(start + first * bytes, count * bytes)).buffer);
  return {
    length,
    declared,
    type,
    numbers: async (first, count) => {
      const read = numberReader(type, file.path);
      const data = await readBytes(first, count);
      return Float64Array.from({ length: count }, (_, k) => read(data, k * bytes));
    },
    texts: async (first, count) => {
      const data = await readBytes(first, count);
      const one = (k: number): string => toText(data.subarray(k * bytes, (k + 1) * bytes), type);
      return Array.from({ length: count }, (_, k) => one(k));
    },
    close: () => file.close(),
  };
}

function numberReader({ kind, size }: NpyType, path: string): (data: Buffer, at: number) => number {
  if (kind === 'f') return size === 8 ? (data, at) => data.readDoubleLE(at) : (data, at) => data.readFloatLE(at);
  if (kind === 'i')
    return size === 8 ? (data, at) => Number(data.readBigInt64LE(at)) : (data, at) => data.readIntLE(at, size);
  if (kind === 'u')
    return size === 8 ? (data, at) => Number(data.readBigUInt64LE(at)) : (data, at) => data.readUIntLE(at, size);
  throw badNpy('The file holds texts', path, `${kind}${size}`);
}

function toText(bytes: Buffer, { kind }: NpyType): string {
  if (kind !== 'U') return bytes.toString('utf8').replace(/\0+$/, '');
  const points = Array.from({ length: bytes.length / 4 }, (_, k) => bytes.readUInt32LE(k * 4));
  return points
    .filter((point) => point > 0)
    .map((point) => (point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'))
    .join('');
}

function badNpy(what: string, where: string, got?: string): MeaError {
  return new MeaError('bad-format', {
    what,
    ...(got !== undefined && { got }),
    wanted: 'one dimension of little-endian numbers or texts',
    where,
  });
}
