/** Numbers as HDF5 holds them; 8-byte integers as bigint. */
export type Hdf5Numbers =
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** What a value is made of. */
export type Hdf5Kind = 'integer' | 'float' | 'text' | 'compound' | 'other';

/** One link of a group. */
export interface Hdf5Entry {
  readonly name: string;
  /** `outside`: a link into another file, or to nothing; it is not followed. */
  readonly type: 'group' | 'dataset' | 'outside';
}

/** What a dataset says of itself. */
export interface Hdf5Dataset {
  readonly path: string;
  readonly kind: Hdf5Kind;
  /** Bytes of one value. */
  readonly size: number;
  readonly isSigned: boolean;
  /** Sizes; none for a single value. */
  readonly shape: readonly number[];
  /** Sizes of a chunk; absent where the values lie together. */
  readonly chunks?: readonly number[];
  readonly filters: readonly { readonly id: number; readonly name: string }[];
  /** Parts of a compound value. */
  readonly members: readonly { readonly name: string; readonly kind: Hdf5Kind }[];
  /** True when its values lie in other datasets or files. */
  readonly isVirtual: boolean;
}

/** A part of an attribute or of a compound value. */
export type Hdf5Value = number | string | readonly Hdf5Value[];

/** True for a list of values; `Array.isArray` does not know lists that may not be changed. */
export function isValueList(value: Hdf5Value | undefined): value is readonly Hdf5Value[] {
  return Array.isArray(value);
}

/** What the thread is asked; one answer for each, in order. */
export type Hdf5Request =
  | { readonly type: 'list'; readonly path: string }
  | { readonly type: 'describe'; readonly path: string }
  | { readonly type: 'attributes'; readonly path: string }
  | { readonly type: 'numbers'; readonly path: string; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly type: 'rows'; readonly path: string; readonly range: readonly [number, number] }
  | {
      readonly type: 'columns';
      readonly path: string;
      readonly names: readonly string[];
      readonly range: readonly [number, number];
    };

export type Hdf5Answer =
  | { readonly type: 'entries'; readonly entries: readonly Hdf5Entry[] }
  /** Undefined when there is no dataset of that name. */
  | { readonly type: 'dataset'; readonly dataset: Hdf5Dataset | undefined }
  | { readonly type: 'attributes'; readonly attributes: Readonly<Record<string, Hdf5Value>> }
  | { readonly type: 'numbers'; readonly numbers: Hdf5Numbers }
  | { readonly type: 'rows'; readonly rows: readonly Hdf5Value[] }
  | { readonly type: 'columns'; readonly columns: readonly Float64Array<ArrayBuffer>[] }
  | { readonly type: 'failed'; readonly reason: string };

export interface Hdf5ThreadData {
  readonly path: string;
  /** Bytes that the library may take. */
  readonly memoryBytes: number;
}

export interface ToHdf5Thread {
  readonly id: number;
  readonly request: Hdf5Request;
}

/** The first message has id 0 and says whether the file could be opened: an empty list of entries, or `failed`. */
export interface FromHdf5Thread {
  readonly id: number;
  readonly answer: Hdf5Answer;
}
