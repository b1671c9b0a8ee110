import { encodeNpyHeader, encodeNpyValues, type NpyType } from './npy-column.js';

/** Files that tell of a stretch's stimuli. */
export type TtlFiles = Readonly<
  Record<'sample_numbers.npy' | 'timestamps.npy' | 'states.npy' | 'full_words.npy', Uint8Array>
>;

/** A line of the event stream goes up, or down where it is negative, at a sample. */
export interface TtlEdge {
  readonly sample: number;
  readonly line: number;
}

/** High while pulses are delivered. */
const STIMULUS_LINE = 1;
/** High for the first sample of a stretch: readers stumble over a stretch without events beside one with them. */
const START_LINE = 2;

/** The edges that every stretch begins with. */
export function startEdges(firstSample: number): readonly TtlEdge[] {
  return pulse(START_LINE, firstSample, 1);
}

/** The edges of a stimulus whose pulses last so many samples. */
export function stimulusEdges(sample: number, samples: number): readonly TtlEdge[] {
  return pulse(STIMULUS_LINE, sample, samples);
}

function pulse(line: number, sample: number, samples: number): readonly TtlEdge[] {
  return [
    { sample, line },
    { sample: sample + samples, line: -line },
  ];
}

/** Values of the four columns. */
export function toTtlColumns(
  edges: readonly TtlEdge[],
  sampleRateHz: number,
): Readonly<Record<keyof TtlFiles, readonly number[]>> {
  return {
    'sample_numbers.npy': edges.map(({ sample }) => sample),
    'timestamps.npy': edges.map(({ sample }) => sample / sampleRateHz),
    'states.npy': edges.map(({ line }) => line),
    'full_words.npy': edges.map(({ line }) => (line > 0 ? 2 ** (line - 1) : 0)),
  };
}

/** NumPy types of the four columns. */
export const TTL_TYPES: Readonly<Record<keyof TtlFiles, NpyType>> = {
  'sample_numbers.npy': '<i8',
  'timestamps.npy': '<f8',
  'states.npy': '<i2',
  'full_words.npy': '<u8',
};

/** The four files, whole. */
export function encodeTtl(edges: readonly TtlEdge[], sampleRateHz: number): TtlFiles {
  const columns = toTtlColumns(edges, sampleRateHz);
  const encode = (name: keyof TtlFiles): Uint8Array => columnOf(TTL_TYPES[name], columns[name]);
  return {
    'sample_numbers.npy': encode('sample_numbers.npy'),
    'timestamps.npy': encode('timestamps.npy'),
    'states.npy': encode('states.npy'),
    'full_words.npy': encode('full_words.npy'),
  };
}

/** A whole column. */
export function columnOf(type: NpyType, values: readonly number[]): Uint8Array {
  return Buffer.concat([encodeNpyHeader(type, values.length), encodeNpyValues(type, values)]);
}
