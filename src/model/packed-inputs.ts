/**
 * Stimuli packed four inputs to a code, so that work per trial runs over codes instead of inputs: what belongs to a code
 * is looked up or summed in a table of sixteen, and a session's tables are made or unfolded once. Four times fewer steps
 * per trial than a plain loop over inputs.
 */
export interface TrialInputs {
  /** Codes of consecutive trials, `codeGroups(inputs)` each; input 4 g + b is bit b of code g. */
  readonly codes: Uint8Array;
  /** Where this trial's codes begin. */
  offset: number;
}

/** Entries in the table of one code. */
export const CODE_VALUES = 16;

/** Codes per trial. */
export function codeGroups(inputs: number): number {
  return Math.ceil(inputs / 4);
}

/** Packs rows [first, end) of a (rows, width) array of zeros and ones. */
export function packInputs(inputs: Uint8Array, rows: PackedRows): Uint8Array {
  const { first, end, width } = rows;
  const groups = codeGroups(width);
  const codes = new Uint8Array((end - first) * groups);
  for (let row = first; row < end; row++) {
    const from = row * width;
    const to = (row - first) * groups;
    for (let g = 0; g < groups; g++) {
      const j = 4 * g;
      let code = inputs[from + j]!;
      if (j + 1 < width) code |= inputs[from + j + 1]! << 1;
      if (j + 2 < width) code |= inputs[from + j + 2]! << 2;
      if (j + 3 < width) code |= inputs[from + j + 3]! << 3;
      codes[to + g] = code;
    }
  }
  return codes;
}

export interface PackedRows {
  readonly first: number;
  readonly end: number;
  /** Inputs per row. */
  readonly width: number;
}

/**
 * Unfolds sums per code into sums per input: out[j] = sum over codes in which input j is on.
 *
 * @param byCode (vectors, groups, 16)
 * @param out (vectors, inputs)
 */
export function unfoldCodes(byCode: Float64Array, out: Float64Array, inputs: number): void {
  const groups = codeGroups(inputs);
  const vectors = out.length / inputs;
  for (let v = 0; v < vectors; v++) {
    for (let j = 0; j < inputs; j++) {
      const table = (v * groups + (j >> 2)) * CODE_VALUES;
      const bit = 1 << (j & 3);
      let sum = 0;
      for (let code = bit; code < CODE_VALUES; code++) if ((code & bit) !== 0) sum += byCode[table + code]!;
      out[v * inputs + j] = sum;
    }
  }
}

/**
 * Folds values per input into tables per code: table[code] = sum of the values of the inputs that are on in it.
 *
 * @param values (vectors, inputs)
 * @param tables (vectors, groups, 16), written whole
 */
export function foldCodes(values: Float64Array, tables: Float64Array, inputs: number): void {
  const groups = codeGroups(inputs);
  const vectors = values.length / inputs;
  for (let v = 0; v < vectors; v++) {
    for (let g = 0; g < groups; g++) {
      const table = (v * groups + g) * CODE_VALUES;
      tables[table] = 0;
      for (let b = 0; b < 4; b++) {
        const j = 4 * g + b;
        const value = j < inputs ? values[v * inputs + j]! : 0;
        const bit = 1 << b;
        for (let code = 0; code < bit; code++) tables[table + bit + code] = tables[table + code]! + value;
      }
    }
  }
}
