import { encodeNpyHeader, NPY_HEADER_BYTES } from '../raw/npy-column.js';
import { littleEndianBytes, writePieces, type Numbers } from './piece-writer.js';

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
    await writer.write(new Uint8Array(NPY_HEADER_BYTES));
    let values = 0;
    for await (const piece of pieces) {
      await writer.write(littleEndianBytes(piece));
      values += piece.length;
    }
    const rows = values / width;
    await writer.writeAt(0, encodeNpyHeader(type, rows, rowShape));
    return rows;
  });
}
