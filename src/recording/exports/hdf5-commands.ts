/** Numbers as a dataset takes them. */
export type Hdf5Numbers =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** Types of numbers: letters of Python's `struct`, as h5wasm has them. */
export type Hdf5Type = '<b' | '<B' | '<h' | '<H' | '<i' | '<I' | '<f' | '<d';

/** One step of writing an HDF5 file. Paths are absolute; what is above a path must be there already. */
export type Hdf5Command =
  | { readonly type: 'group'; readonly path: string }
  /** Text of one line or a column of it, UTF-8 of variable length. */
  | { readonly type: 'text'; readonly path: string; readonly value: string | readonly string[] }
  | {
      readonly type: 'numbers';
      readonly path: string;
      readonly dtype: Hdf5Type;
      readonly shape: readonly number[];
      readonly data: Hdf5Numbers;
    }
  /** A number without a shape. */
  | { readonly type: 'scalar'; readonly path: string; readonly dtype: Hdf5Type; readonly value: number }
  /** A dataset of `rows` rows, zero at first, that may grow. */
  | {
      readonly type: 'rows';
      readonly path: string;
      readonly dtype: Hdf5Type;
      readonly rows: number;
      readonly rowShape: readonly number[];
      readonly chunkRows: number;
      readonly gzip: boolean;
    }
  /** Fills rows of such a dataset from `first` on, and makes room for them where there is none. */
  | { readonly type: 'fill'; readonly path: string; readonly first: number; readonly data: Hdf5Numbers }
  /** A column of object references. */
  | { readonly type: 'references'; readonly path: string; readonly targets: readonly string[] }
  | { readonly type: 'soft-link'; readonly path: string; readonly target: string }
  | {
      readonly type: 'attribute';
      readonly path: string;
      readonly name: string;
      readonly value: string | readonly string[] | number;
      /** Of a number. */
      readonly dtype?: Hdf5Type;
    }
  | { readonly type: 'reference-attribute'; readonly path: string; readonly name: string; readonly target: string };

/** A new HDF5 file. */
export interface Hdf5Writer {
  /** Writes in order; what went wrong may come out at a later call. */
  apply(commands: readonly Hdf5Command[]): Promise<void>;
  /** Writes the rest and closes the file. */
  close(): Promise<void>;
  /** Leaves the file as it is. Idempotent; nothing after `close`. */
  abandon(): Promise<void>;
}
