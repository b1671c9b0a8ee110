import { MeaError } from '../../protocols/errors.js';
import { designButterworth, type Complex, type ZerosPolesGain } from './butterworth.js';

/** A second-order section: (b0 + b1/z + b2/z^2) / (1 + a1/z + a2/z^2). */
export interface FilterSection {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

/** The passband before detection; edges at -3 dB. */
export type BandPassSettings =
  | {
      /** A high-pass and a low-pass one after the other. */
      readonly type: 'cascade';
      readonly lowHz: number;
      readonly highHz: number;
      /** Order of the high-pass, at `lowHz`, and of the low-pass, at `highHz`: 1 to 8, 2 each unless given. */
      readonly highPassOrder?: number;
      readonly lowPassOrder?: number;
    }
  | {
      /** A band-pass from one prototype: order 1 to 8, as many sections. */
      readonly type: 'band-pass';
      readonly lowHz: number;
      readonly highHz: number;
      readonly order: number;
    };

/** 300-3000 Hz, second order on either side. */
export const DEFAULT_BAND: BandPassSettings = { type: 'cascade', lowHz: 300, highHz: 3000 };

/**
 * Butterworth band-pass as second-order sections: each pair of poles with the zeros nearest to it, low Q first, all the
 * gain in the first section. Of `band-pass` scipy's `butter(..., output='sos')` makes the same sections.
 *
 * @throws MeaError `bad-input` for edges that are no numbers, in the wrong order or not below half the sampling rate,
 * and for an order that is no integer from 1 to 8
 */
export function designBandPass(band: BandPassSettings, sampleRateHz: number): FilterSection[] {
  const { lowHz, highHz } = band;
  checkEdges(band, sampleRateHz);
  if (band.type === 'band-pass') {
    checkOrder(band.order);
    return toSections(designButterworth(band, sampleRateHz));
  }
  const { highPassOrder = 2, lowPassOrder = 2 } = band;
  checkOrder(highPassOrder);
  checkOrder(lowPassOrder);
  const high = designButterworth({ type: 'high-pass', order: highPassOrder, edgeHz: lowHz }, sampleRateHz);
  const low = designButterworth({ type: 'low-pass', order: lowPassOrder, edgeHz: highHz }, sampleRateHz);
  return toSections({
    zeros: [...high.zeros, ...low.zeros],
    poles: [...high.poles, ...low.poles],
    gain: high.gain * low.gain,
  });
}

function checkEdges({ lowHz, highHz }: BandPassSettings, sampleRateHz: number): void {
  if (lowHz > 0 && lowHz < highHz && highHz < sampleRateHz / 2 && Number.isFinite(sampleRateHz)) return;
  throw new MeaError('bad-input', {
    what: 'Impossible band-pass',
    got: `${lowHz}-${highHz} Hz at ${sampleRateHz} samples a second`,
    wanted: '0 < low < high < half the sampling rate',
    remedy: 'give edges below half the sampling rate, the lower one first',
  });
}

function checkOrder(order: number): void {
  if (Number.isInteger(order) && order >= 1 && order <= 8) return;
  throw new MeaError('bad-input', { what: 'Impossible order of a filter', got: String(order), wanted: '1 to 8' });
}

/** One conjugate pair, two real poles, or a single one. */
interface PoleGroup {
  readonly a1: number;
  readonly a2: number;
  readonly order: 1 | 2;
  /** The pole that lies nearer to the unit circle. */
  readonly pole: Complex;
}

function toSections({ zeros, poles, gain }: ZerosPolesGain): FilterSection[] {
  const left = [...zeros];
  const takeNearest = ([real, imaginary]: Complex): number => {
    const distance = (zero: number): number => Math.hypot(real - zero, imaginary);
    const index = left.reduce((best, zero, i) => (distance(zero) < distance(left[best]!) ? i : best), 0);
    return left.splice(index, 1)[0]!;
  };
  // The poles nearest to the unit circle choose first, and come last.
  const groups = groupPoles(poles).sort((a, b) => radius(b.pole) - radius(a.pole));
  const sections = groups.map(({ a1, a2, order, pole }): FilterSection => {
    const first = takeNearest(pole);
    if (order === 1) return { b0: 1, b1: -first, b2: 0, a1, a2 };
    const second = takeNearest(pole);
    return { b0: 1, b1: -(first + second), b2: first * second, a1, a2 };
  });
  sections.reverse();
  return sections.map((section, i) =>
    i === 0 ? { ...section, b0: gain, b1: gain * section.b1, b2: gain * section.b2 } : section,
  );
}

function groupPoles(poles: readonly Complex[]): PoleGroup[] {
  const isReal = ([real, imaginary]: Complex): boolean => Math.abs(imaginary) <= 1e-12 * Math.abs(real);
  const groups = poles
    .filter((pole) => !isReal(pole) && pole[1] > 0)
    .map((pole): PoleGroup => ({ a1: -2 * pole[0], a2: pole[0] ** 2 + pole[1] ** 2, order: 2, pole }));
  const real = poles.filter(isReal).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
  for (let i = 0; i < real.length; i += 2) {
    const pole = real[i]!;
    const other = real[i + 1];
    if (other === undefined) groups.push({ a1: -pole[0], a2: 0, order: 1, pole });
    else groups.push({ a1: -(pole[0] + other[0]), a2: pole[0] * other[0], order: 2, pole });
  }
  return groups;
}

function radius([real, imaginary]: Complex): number {
  return Math.hypot(real, imaginary);
}
