import { MeaError } from '../../../protocols/errors.js';
import { milliseconds, type Hertz, type Milliseconds } from '../../../protocols/units.js';

/** A stretch of time relative to the beginning of the pulses; negative is before. */
export type WindowMs = readonly [first: Milliseconds, end: Milliseconds];

/** Where spikes are counted around a stimulus. */
export interface TrialWindowOptions {
  /** Recording electrodes: the length of the counts. */
  readonly electrodes: number;
  readonly sampleRateHz: Hertz;
  /** 10 to 30 ms by default. Its samples are Math.round(ms x rate / 1000), from the first up to before the end. */
  readonly responseMs?: WindowMs | undefined;
  /** 50 to 10 ms before the pulses by default. */
  readonly baselineMs?: WindowMs | undefined;
  /** An electrode that missed more than this share of the response window is marked; 0.01 by default. */
  readonly maxBlindShare?: number | undefined;
  /** Most stimuli whose windows are open at once; more close the oldest early. 4096 by default. */
  readonly maxOpen?: number | undefined;
  /**
   * A stimulus that left further than this from the sample it was scheduled for is `late`; no limit by default: most devices
   * deliver at the sample or refuse.
   */
  readonly toleranceMs?: Milliseconds | undefined;
  /** Most spikes, and as many blind spans, that are kept; more forget the oldest, which then count as blind. 2^20. */
  readonly maxSpikes?: number | undefined;
}

/** The same in samples, complete and checked. */
export interface WindowSettings {
  readonly electrodes: number;
  readonly response: readonly [first: number, end: number];
  readonly baseline: readonly [first: number, end: number];
  readonly maxBlindShare: number;
  readonly maxOpen: number;
  readonly maxSpikes: number;
  readonly toleranceSamples: number;
}

const DEFAULT_RESPONSE_MS: WindowMs = [milliseconds(10), milliseconds(30)];
const DEFAULT_BASELINE_MS: WindowMs = [milliseconds(-50), milliseconds(-10)];

/**
 * Completes and checks the options.
 *
 * @throws MeaError `bad-input` for a window without a sample, or a number that cannot be
 */
export function toWindowSettings(options: TrialWindowOptions): WindowSettings {
  const { electrodes, sampleRateHz, maxBlindShare = 0.01, maxOpen = 4096, maxSpikes = 2 ** 20 } = options;
  if (!(Number.isInteger(electrodes) && electrodes >= 1 && electrodes <= 65_535)) {
    throw bad('number of electrodes', electrodes, '1 to 65535');
  }
  if (!(sampleRateHz > 0 && sampleRateHz < Infinity)) throw bad('sample rate', sampleRateHz, 'a rate above 0 Hz');
  if (!(maxBlindShare >= 0 && maxBlindShare <= 1)) throw bad('maxBlindShare', maxBlindShare, '0 to 1');
  if (!(Number.isInteger(maxOpen) && maxOpen >= 1)) throw bad('maxOpen', maxOpen, 'at least 1');
  if (!(Number.isInteger(maxSpikes) && maxSpikes >= 1)) throw bad('maxSpikes', maxSpikes, 'at least 1');
  const { toleranceMs = Infinity } = options;
  if (!(toleranceMs >= 0)) throw bad('toleranceMs', toleranceMs, '0 or more');
  const toSamples = (name: string, [firstMs, endMs]: WindowMs): readonly [number, number] => {
    const first = Math.round((firstMs * sampleRateHz) / 1000);
    const end = Math.round((endMs * sampleRateHz) / 1000);
    if (Number.isSafeInteger(first) && Number.isSafeInteger(end) && end > first) return [first, end];
    throw bad(name, `${firstMs} to ${endMs} ms`, `a window of at least one sample at ${sampleRateHz} Hz`);
  };
  return {
    electrodes,
    response: toSamples('response window', options.responseMs ?? DEFAULT_RESPONSE_MS),
    baseline: toSamples('baseline window', options.baselineMs ?? DEFAULT_BASELINE_MS),
    maxBlindShare,
    maxOpen,
    maxSpikes,
    toleranceSamples: Math.round((toleranceMs * sampleRateHz) / 1000),
  };
}

function bad(what: string, got: number | string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad ${what} of the trial windows`, got: String(got), wanted });
}
