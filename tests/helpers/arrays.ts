import type { ModelArrays } from '../../src/model/model-run.js';

/** Largest absolute difference between two arrays; Infinity where their lengths differ or a difference is NaN. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, difference);
  }
  return largest;
}

/** True when two arrays hold the same bits, signs of zeros and NaNs included. */
export function hasSameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytesOf = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return bytesOf(a).equals(bytesOf(b));
}

const ARRAY_NAMES = [
  'x',
  'xp',
  'w1',
  'w0',
  'w1p',
  'w0p',
  'freeEnergy',
  'unlearnedFreeEnergy',
  'errX',
  'errW',
  'errA',
] as const satisfies readonly (keyof ModelArrays)[];

/** Names of the model's arrays that do not hold the same bits in both. */
export function differingArrays(a: ModelArrays, b: ModelArrays): readonly string[] {
  return ARRAY_NAMES.filter((name) => !hasSameBytes(a[name], b[name]));
}

/** Paths of all numbers inside a value that are not finite, e.g. `outcome.arrays.x[3]`. */
export function findNonFinite(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (ArrayBuffer.isView(value)) {
    const numbers = value instanceof Float64Array ? value : [];
    const at = numbers.findIndex((number) => !Number.isFinite(number));
    return at < 0 ? [] : [`${path}[${at}]`];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => findNonFinite(inner, path === '' ? key : `${path}.${key}`));
}
