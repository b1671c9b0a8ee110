/** A number that carries its unit in its type; a bare number is refused where one of these is wanted. */
type Unit<Name extends string> = number & { readonly __unit: Name };

/** Time span in seconds. */
export type Seconds = Unit<'s'>;
/** Time span in milliseconds. */
export type Milliseconds = Unit<'ms'>;
/** Time span in microseconds. */
export type Microseconds = Unit<'us'>;
/** Rate in 1/s. */
export type Hertz = Unit<'Hz'>;
/** Voltage in microvolts. */
export type Microvolts = Unit<'uV'>;
/** Current in microamperes; negative is cathodic. */
export type Microamps = Unit<'uA'>;
/** Position on a device's sample clock: samples since its counter was zero, exact up to 2^53. */
export type SampleIndex = Unit<'sample'>;

export function seconds(value: number): Seconds {
  return value as Seconds;
}
export function milliseconds(value: number): Milliseconds {
  return value as Milliseconds;
}
export function microseconds(value: number): Microseconds {
  return value as Microseconds;
}
export function hertz(value: number): Hertz {
  return value as Hertz;
}
export function microvolts(value: number): Microvolts {
  return value as Microvolts;
}
export function microamps(value: number): Microamps {
  return value as Microamps;
}
export function sampleIndex(value: number): SampleIndex {
  return value as SampleIndex;
}
