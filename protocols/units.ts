/** A number that carries its unit in its type; a bare number is refused where one of these is wanted. */
type Unit<Name extends string> = number & { readonly __unit: Name };

/** Time span in seconds. */
export type Seconds = Unit<'s'>;
/** Time span in milliseconds. */
export type Milliseconds = Unit<'ms'>;
/** Rate in 1/s. */
export type Hertz = Unit<'Hz'>;
/** Position on a device's sample clock: samples since its counter was zero, exact up to 2^53. */
export type SampleIndex = Unit<'sample'>;

export function seconds(value: number): Seconds {
  return value as Seconds;
}
export function milliseconds(value: number): Milliseconds {
  return value as Milliseconds;
}
export function hertz(value: number): Hertz {
  return value as Hertz;
}
export function sampleIndex(value: number): SampleIndex {
  return value as SampleIndex;
}
