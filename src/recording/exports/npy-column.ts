import { littleEndianBytes, writePieces, type Numbers } from './piece-writer.js';

/** Bytes of the header: room for any shape, and a multiple of 64. */
const HEADER_BYTES = 128;
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];

/** Types of numbers as `.npy` names them. */
export type NpyType = '<i8' | '<i4' | '<f8' | '<f4';

/** How a column is written. */
export interface NpyColumn {
  readonly type: NpyType;
  /** Sizes after the first, which is the number of rows. */
  readonly rowShape?: readonly number[];
  readonly pieces: AsyncIterable<Numbers> | Iterable<Numbers>;
}

/**
 * Writes a `.npy` file of version 1.0 in C order, piece by piece; its shape is put into the header at the end.
 *
 * @returns the number of rows
 */
export async function writeNpyColumn(path: string, { type, rowShape = [], pieces }: NpyColumn): Promise<number> {
  return writePieces(path, async (writer) => {
    const width = rowShape.reduce((product, size) => product * size, 1);
    await writer.write(new Uint8Array(HEADER_BYTES));
    let values = 0;
    for await (const piece of pieces) {
      await writer.write(littleEndianBytes(piece));
      values += piece.length;
    }
    const rows = values / width;
    await writer.writeAt(0, encodeHeader(type, [rows, ...rowShape]));
    return rows;
  });
}

function encodeHeader(type: NpyType, shape: readonly number[]): Uint8Array {
  // Python writes a tuple of one with a comma
  const tuple = shape.length === 1 ? `(${shape.join()},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.set(MAGIC);
  bytes.writeUInt16LE(HEADER_BYTES - 10, 8);
  bytes.write(`${text.padEnd(HEADER_BYTES - 11)}\n`, 10, 'latin1');
  return bytes;
}
