/** The numeric classes of MATLAB. */
export type NumericClass =
  'double' | 'single' | 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uint64';

/** Every class an array of a level-5 file can have. */
export type MatClass = NumericClass | 'cell' | 'struct' | 'object' | 'char' | 'sparse' | 'function handle' | 'opaque';

/** Numbers of one array, of the kind the file stores them in; 64-bit integers come as exact doubles. */
export type MatNumbers =
  Float64Array | Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** A numeric or logical array. */
export interface MatNumeric {
  readonly type: 'numeric';
  readonly classOf: NumericClass;
  /** True for MATLAB's `logical` (stored as uint8). */
  readonly isLogical: boolean;
  /** At least two sizes. */
  readonly dims: readonly number[];
  /** (product of dims) column-major, owned by the receiver; often of a smaller kind than `classOf`. */
  readonly data: MatNumbers;
  /** The imaginary part, where the array is complex: as many numbers. */
  readonly imaginary?: MatNumbers;
}

/** A character array. */
export interface MatChar {
  readonly type: 'char';
  readonly dims: readonly number[];
  /** The characters in column-major order: for the usual 1 x n array, the text as it reads. */
  readonly text: string;
}

/** A cell array. */
export interface MatCell {
  readonly type: 'cell';
  readonly dims: readonly number[];
  /** (product of dims) column-major. */
  readonly cells: readonly MatValue[];
}

/** A struct, or an array of structs: each field holds one value per element. */
export interface MatStruct {
  readonly type: 'struct';
  readonly dims: readonly number[];
  /** Field name to its values, one per element of the struct array, column-major; in the file's order. */
  readonly fields: ReadonlyMap<string, readonly MatValue[]>;
}

/** A class this reader leaves alone, so that the other variables of the file can still be read. */
export interface MatUnsupported {
  readonly type: 'unsupported';
  readonly classOf: MatClass;
  /** Empty for opaque values, which state none. */
  readonly dims: readonly number[];
}

/** A value of a MATLAB level-5 file. */
export type MatValue = MatNumeric | MatChar | MatCell | MatStruct | MatUnsupported;

/** What a file says about one of its variables, without reading its values. */
export interface MatListing {
  /** Empty for the hidden variable that holds the data of opaque objects. */
  readonly name: string;
  readonly classOf: MatClass;
  readonly dims: readonly number[];
  readonly isLogical: boolean;
  readonly isComplex: boolean;
  readonly isCompressed: boolean;
  /** Where its element starts in the file, and the bytes it takes there, tag included. */
  readonly byteOffset: number;
  readonly byteLength: number;
}
