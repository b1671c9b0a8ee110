import { ByteWriter, ParquetWriter, type ColumnSource, type SchemaElement } from 'hyparquet-writer';
import { PieceWriter } from './piece-writer.js';

/** A column of a table; `nullable` where a row need not have it. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: 'int64' | 'int32' | 'double' | 'float' | 'text' | 'boolean' | 'int32-list' | 'float-list';
  readonly nullable?: boolean;
}

/** Values of one column, as many as all others have: bigints where the type is `int64`. */
export type ParquetValues = ColumnSource['data'];

export interface ParquetTable {
  readonly columns: readonly ParquetColumn[];
  /** Values of all columns, in their order, one row group after the other. */
  readonly groups: AsyncIterable<readonly ParquetValues[]>;
  /** What a reader finds beside the columns. */
  readonly about: Readonly<Record<string, string>>;
}

/** Writes a table, one row group after the other (Snappy). */
export async function writeParquetTable(path: string, { columns, groups, about }: ParquetTable): Promise<void> {
  const file = await PieceWriter.create(path);
  try {
    const groupWriter = new GroupWriter(file);
    const writer = new ParquetWriter({
      writer: groupWriter,
      schema: toSchema(columns),
      kvMetadata: Object.entries(about).map(([key, value]) => ({ key, value })),
      createdBy: 'meactl',
    });
    for await (const group of groups) {
      const columnData = group.map((data, i) => ({ name: columns[i]!.name, data }));
      const rowGroupSize = group[0]?.length ?? 0;
      if (rowGroupSize > 0) await writer.write({ columnData, rowGroupSize });
    }
    await writer.finish();
    await groupWriter.flush();
    await file.finish();
  } finally {
    await file.abandon();
  }
}

/** Hands each row group to the file. */
class GroupWriter extends ByteWriter {
  readonly #file: PieceWriter;

  constructor(file: PieceWriter) {
    super();
    this.#file = file;
  }

  async flush(): Promise<void> {
    await this.#file.write(this.getBytes());
    this.index = 0;
  }
}

function toSchema(columns: readonly ParquetColumn[]): SchemaElement[] {
  return [{ name: 'root', num_children: columns.length }, ...columns.flatMap(toElements)];
}

function toElements({ name, type, nullable = false }: ParquetColumn): SchemaElement[] {
  const repetition_type = nullable ? 'OPTIONAL' : 'REQUIRED';
  switch (type) {
    case 'int64':
      return [{ name, type: 'INT64', repetition_type }];
    case 'int32':
      return [{ name, type: 'INT32', repetition_type }];
    case 'double':
      return [{ name, type: 'DOUBLE', repetition_type }];
    case 'float':
      return [{ name, type: 'FLOAT', repetition_type }];
    case 'boolean':
      return [{ name, type: 'BOOLEAN', repetition_type }];
    case 'text':
      return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type }];
    case 'int32-list':
    case 'float-list':
      return [
        { name, converted_type: 'LIST', num_children: 1, repetition_type },
        { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
        { name: 'element', type: type === 'int32-list' ? 'INT32' : 'FLOAT', repetition_type: 'REQUIRED' },
      ];
  }
}
