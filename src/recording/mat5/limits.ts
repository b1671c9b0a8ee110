import { MeaError } from '../../../protocols/errors.js';

/**
 * How much a MATLAB file may ask for. Reading holds one inflated variable beside the values read so far, whose numbers take
 * no more than they do in the file: memory stays below the file, three times `inflatedBytes`, and some hundred bytes for each of
 * `values`.
 */
export interface Mat5Limits {
  /** Bytes after decompression, summed over the variables that are read. */
  readonly inflatedBytes: number;
  /** Variables, cells and fields of struct elements, summed. */
  readonly values: number;
  /** Levels of cells and structs below a variable. */
  readonly depth: number;
  /** Bytes of one text. */
  readonly textBytes: number;
  /** Bytes of a variable's or a field's name. */
  readonly nameBytes: number;
  /** Fields of one struct. */
  readonly fields: number;
  /** Dimensions of one array. */
  readonly dimensions: number;
}

/** Roomy for recordings of an experiment, small enough that a hostile file cannot take the machine. */
const defaultMat5Limits: Mat5Limits = {
  inflatedBytes: 2 ** 30,
  values: 1_000_000,
  depth: 32,
  textBytes: 2 ** 26,
  nameBytes: 255,
  fields: 4096,
  dimensions: 32,
};

/** What one reading has used of its limits so far. */
export interface Budget {
  readonly limits: Mat5Limits;
  readonly spent: Record<'inflatedBytes' | 'values', number>;
}

/** A fresh budget: the default limits, with the given ones in their place. */
export function openBudget(limits: Partial<Mat5Limits> = {}): Budget {
  return { limits: { ...defaultMat5Limits, ...limits }, spent: { inflatedBytes: 0, values: 0 } };
}

/**
 * Takes `amount` out of the budget, before anything of that size is allocated.
 *
 * @param where called only for the message
 * @throws MeaError `bad-input` when the sum passes the limit
 */
export function spend(
  budget: Budget,
  cost: { readonly of: keyof Budget['spent']; readonly amount: number },
  where: () => string,
): void {
  budget.spent[cost.of] += cost.amount;
  assertWithin(budget, { of: cost.of, amount: budget.spent[cost.of] }, where);
}

/**
 * Checks one amount against its limit.
 *
 * @throws MeaError `bad-input` naming the limit
 */
export function assertWithin(
  { limits }: Budget,
  { of, amount }: { readonly of: keyof Mat5Limits; readonly amount: number },
  where: () => string,
): void {
  if (amount <= limits[of]) return;
  throw new MeaError('bad-input', {
    what: `MAT-file over the limit ${of}`,
    got: String(amount),
    wanted: `at most ${limits[of]}`,
    where: where(),
    remedy: 'if the file is trusted, save what is needed of it into a smaller one',
  });
}
