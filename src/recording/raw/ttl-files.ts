import { encodeNpyHeader, encodeNpyValues, type NpyType } from './npy-column.js';

/** Files that tell of a stretch's stimuli. */
export type TtlFiles = Readonly<
  Record<'sample_numbers.npy' | 'timestamps.npy' | 'states.npy' | 'full_words.npy', Uint8Array>
>;

/** @param numbers samples at which pulses began and ended, in turns */
export function encodeTtl(numbers: readonly number[], sampleRateHz: number): TtlFiles {
  return {
    'sample_numbers.npy': columnOf('<i8', numbers),
    'timestamps.npy': columnOf(
      '<f8',
      numbers.map((sample) => sample / sampleRateHz),
    ),
    'states.npy': columnOf(
      '<i2',
      numbers.map((_, i) => (i % 2 === 0 ? 1 : -1)),
    ),
    'full_words.npy': columnOf(
      '<u8',
      numbers.map((_, i) => (i % 2 === 0 ? 1 : 0)),
    ),
  };
}

/** A whole column. */
export function columnOf(type: NpyType, values: readonly number[]): Uint8Array {
  return Buffer.concat([encodeNpyHeader(type, values.length), encodeNpyValues(type, values)]);
}
