import { MeaError } from '../errors.js';

/** One turn of the device's timer: every time is a multiple of it. */
export const CYCLE_US = 50;
/** The longest time that it takes: an hour. */
const MAX_CYCLES = 72_000_000;
/** Pulses that one of its two custom trains holds. Its firmware does not check. */
export const MAX_CUSTOM_PULSES = 5000;
/** Its outputs go so far either way. */
export const MAX_VOLTS = 10;
/** Steps of its outputs from -10 V to 10 V. */
export const DAC_STEPS = 65_535;

const RANGE_UV = 2 * MAX_VOLTS * 1_000_000;

/**
 * The number that the device wants for a voltage: 0 is -10 V, 65535 is 10 V, and what lies between two steps becomes the
 * upper one, as in its maker's programs. Whole microvolts, no fractions.
 *
 * @throws MeaError `bad-input` beyond 10 V either way
 */
export function toDacCode(volts: number, where: string): number {
  const fromLowestUv = Math.round(volts * 1_000_000) + RANGE_UV / 2;
  if (!(fromLowestUv >= 0 && fromLowestUv <= RANGE_UV)) {
    throw new MeaError('bad-input', {
      what: 'The Pulse Pal has no such voltage',
      got: `${volts} V`,
      wanted: '-10 V to 10 V',
      where,
    });
  }
  // both products are below 2^53
  return Math.ceil((fromLowestUv * DAC_STEPS) / RANGE_UV);
}

/** The voltage of a number, rounded down to whole microvolts, so that it becomes the same number again. */
export function toVolts(code: number): number {
  return (Math.floor((code * RANGE_UV) / DAC_STEPS) - RANGE_UV / 2) / 1_000_000;
}

/**
 * The cycles of a time, exactly.
 *
 * @param limits the fewest cycles, 0 or 1
 * @throws MeaError `bad-input` for a time that is no multiple of 50 us, too short, or longer than an hour
 */
export function toCycles(durationUs: number, where: string, limits: { readonly least: 0 | 1 }): number {
  const cycles = durationUs / CYCLE_US;
  if (!Number.isInteger(cycles) || cycles < limits.least || cycles > MAX_CYCLES) {
    throw new MeaError('bad-input', {
      what: 'The Pulse Pal has no such time',
      got: `${durationUs} us`,
      wanted: `a multiple of ${CYCLE_US} us from ${limits.least * CYCLE_US} us to an hour`,
      where,
    });
  }
  return cycles;
}

export function toUs(cycles: number): number {
  return cycles * CYCLE_US;
}

/**
 * Holds a number of an output or of a trigger input against how many there are.
 *
 * @throws MeaError `bad-input` unless it is an integer from 1 to `most`
 */
export function assertChannel(channel: number, most: number): void {
  if (Number.isInteger(channel) && channel >= 1 && channel <= most) return;
  throw new MeaError('bad-input', {
    what: 'The Pulse Pal has no such channel',
    got: String(channel),
    wanted: `1 to ${most}`,
  });
}
