import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { microvolts } from '../../protocols/units.js';
import type { Anatomy } from '../anatomy.js';
import type { ActivityKnobs } from './activity-settings.js';
import type { EmulatedUnit } from './spike-event.js';

/** Steps that drawn properties are rounded to, so that the last bit of an engine's `exp` or `log` cannot show. */
const STEPS_PER_UNIT = 1024;

/** The units of an array, electrode by electrode. */
export interface UnitPopulation {
  readonly units: readonly EmulatedUnit[];
  /** (electrodes + 1) index of each electrode's first unit; the last value is the number of units. */
  readonly firstUnit: Uint32Array;
}

/**
 * Grows the N_e units of each electrode of an anatomy. Amplitudes are log-normal with the median and sigma asked for
 * (60 uV and 0.6 by default), drawn again outside their range (20-300 uV); widths and refractory times are uniform.
 * Each electrode has its own random stream, so its units do not depend on how many others there are.
 *
 * Source: docs/emulated-culture.md (design values, fitted to nothing).
 */
export function growUnits(anatomy: Anatomy, seed: number, knobs: ActivityKnobs): UnitPopulation {
  const units: EmulatedUnit[] = [];
  const firstUnit = new Uint32Array(anatomy.units.length + 1);
  for (let electrode = 0; electrode < anatomy.units.length; electrode++) {
    const random = openRandomStream(seed, 'unit-shape', electrode);
    for (let k = 0; k < anatomy.units[electrode]!; k++) units.push(growUnit(electrode, knobs, random));
    firstUnit[electrode + 1] = units.length;
  }
  return { units, firstUnit };
}

function growUnit(electrode: number, knobs: ActivityKnobs, random: RandomStream): EmulatedUnit {
  const { amplitudeMedianUv, amplitudeSigma, amplitudeRangeUv } = knobs;
  const [least, most] = amplitudeRangeUv;
  let amplitudeUv = 0;
  do amplitudeUv = roundToStep(amplitudeMedianUv * Math.exp(amplitudeSigma * random.normal()));
  while (amplitudeUv < least || amplitudeUv > most);
  return {
    electrode,
    amplitudeUv: microvolts(amplitudeUv),
    widthMs: drawWithin(knobs.widthRangeMs, random),
    refractoryMs: drawWithin(knobs.refractoryRangeMs, random),
  };
}

function drawWithin([least, most]: readonly [number, number], random: RandomStream): number {
  return roundToStep(least + (most - least) * random.uniform());
}

function roundToStep(value: number): number {
  return Math.round(value * STEPS_PER_UNIT) / STEPS_PER_UNIT;
}
