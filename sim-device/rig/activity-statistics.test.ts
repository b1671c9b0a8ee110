import { describe, expect, it } from 'vitest';

import type { CultureCondition } from '../../protocols/culture-names.js';
import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { growAnatomy } from '../anatomy.js';
import { CULTURE_PARAMETERS } from '../culture-parameters.js';
import type { ActivityKnobs } from './activity-settings.js';
import { completeActivityKnobs } from './activity-settings.js';
import { CultureActivity } from './culture-activity.js';
import { growUnits } from './emulated-units.js';

const RATE = 20_000;
const PATTERN = drawPattern({ sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 }, 256, openRandomStream(21, 'pattern'));

function makeActivity(knobs: Partial<ActivityKnobs>, condition: CultureCondition = 'none'): CultureActivity {
  return new CultureActivity({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition, seed: 21 },
    knobs,
  });
}

/** (windows, 64) spontaneous counts of consecutive windows of `windowS` seconds. */
function countSpontaneous(knobs: Partial<ActivityKnobs>, seconds: number, windowS: number): Float64Array[] {
  const activity = makeActivity(knobs);
  const counts = Array.from({ length: Math.floor(seconds / windowS) }, () => new Float64Array(64));
  for (const [w, row] of counts.entries()) {
    for (const { unit } of activity.takeSpikes(w * windowS * RATE, (w + 1) * windowS * RATE)) {
      row[activity.units[unit]!.electrode]! += 1;
    }
  }
  return counts;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function ratesOf(counts: readonly Float64Array[], windowS: number): number[] {
  return Array.from({ length: 64 }, (_, e) => mean(counts.map((row) => row[e]!)) / windowS);
}

describe('the spontaneous activity of the emulated culture', () => {
  it('has the rate that was asked for on the quiet electrodes, and is noisy on the share that was', () => {
    const rates = ratesOf(countSpontaneous({ burstHz: 0 }, 1000, 10), 10).sort((a, b) => a - b);
    const quiet = rates.slice(0, 61);
    expect(Math.abs(mean(quiet) / 0.2 - 1)).toBeLessThan(0.05);
    expect(quiet.at(-1)).toBeLessThan(0.3);
    expect(rates.slice(61).every((hz) => hz > 4.5 && hz < 50)).toBe(true);
  });

  it('draws the rates of noisy electrodes log-uniformly', () => {
    const rates = ratesOf(countSpontaneous({ burstHz: 0, noisyShare: 1 }, 200, 10), 10);
    const logs = rates.map((hz) => Math.log(hz / 5) / Math.log(10));
    expect(Math.abs(mean(logs) - 0.5)).toBeLessThan(0.1);
    expect(Math.abs(mean(logs.map((log) => (log - mean(logs)) ** 2)) - 1 / 12)).toBeLessThan(0.03);
  });

  it.each([1, 3, 6])('has a Fano factor of %i where that was asked for', (fano) => {
    const knobs = { burstHz: 0, noisyShare: 0, spontaneousHz: 2, spontaneousFano: fano };
    const counts = countSpontaneous(knobs, 4000, 5);
    const fanos = Array.from({ length: 64 }, (_, e) => {
      const ofElectrode = counts.map((row) => row[e]!);
      const average = mean(ofElectrode);
      return mean(ofElectrode.map((count) => (count - average) ** 2)) / average;
    });
    expect(Math.abs(mean(fanos) / fano - 1)).toBeLessThan(0.1);
    expect(Math.abs(mean(ratesOf(counts, 5)) / 2 - 1)).toBeLessThan(0.05);
  });

  it.each([0.01, 0.02, 0.05])('bursts at %f Hz on most electrodes, rising fast and decaying in 0.2 s', (burstHz) => {
    const activity = makeActivity({ burstHz });
    const seconds = 20_000;
    const samples = activity
      .takeSpikes(0, seconds * RATE)
      .filter(({ origin }) => origin === 'burst')
      .map(({ sample, unit }) => ({ sample, electrode: activity.units[unit]!.electrode }));
    const starts = samples.filter(({ sample }, k) => k === 0 || sample - samples[k - 1]!.sample > 0.25 * RATE);
    expect(Math.abs(starts.length / seconds / burstHz - 1)).toBeLessThan(0.2);
    const shares: number[] = [];
    const halves = [0, 0, 0];
    for (const { sample: start } of starts.slice(0, 50)) {
      const burst = samples.filter(({ sample }) => sample >= start && sample < start + 0.25 * RATE);
      shares.push(new Set(burst.map(({ electrode }) => electrode)).size / 64);
      for (const { sample } of burst) halves[Math.min(2, Math.floor((sample - start) / (0.06 * RATE)))]! += 1;
      expect(burst.at(-1)!.sample - start).toBeLessThanOrEqual(0.2 * RATE);
    }
    expect(mean(shares)).toBeGreaterThan(0.65);
    expect(mean(shares)).toBeLessThan(0.85);
    expect(halves[0]).toBeGreaterThan(halves[1]!);
    expect(halves[1]).toBeGreaterThan(halves[2]!);
  });
});

describe('the units of the emulated culture', () => {
  const anatomy = growAnatomy(CULTURE_PARAMETERS.ctrl, 21, { electrodes: 1024, inputs: 32 });
  const { units, firstUnit } = growUnits(anatomy, 21, completeActivityKnobs({}, 200));

  it('are those of the anatomy, electrode by electrode', () => {
    expect(units.length).toBe(anatomy.units.reduce((a, b) => a + b, 0));
    for (const [e, count] of anatomy.units.entries()) {
      expect(firstUnit[e + 1]! - firstUnit[e]!).toBe(count);
      expect(units[firstUnit[e]!]!.electrode).toBe(e);
    }
  });

  it('have log-normal amplitudes of the median and spread asked for, cut at 20 and 300 uV', () => {
    const sorted = units.map(({ amplitudeUv }) => amplitudeUv).sort((a, b) => a - b);
    const quantile = (share: number): number => sorted[Math.floor(share * sorted.length)]!;
    expect(units.length).toBeGreaterThan(4000);
    expect(sorted[0]).toBeGreaterThanOrEqual(20);
    expect(sorted.at(-1)).toBeLessThanOrEqual(300);
    // Quantiles of ln N(ln 60, 0.6) between its 3.36 % and 99.63 % quantiles, which are 20 and 300 uV.
    expect(Math.abs(quantile(0.5) / 60 / Math.exp(0.6 * 0.037) - 1)).toBeLessThan(0.03);
    expect(Math.abs(quantile(0.84) / 60 / Math.exp(0.6 * 0.999) - 1)).toBeLessThan(0.04);
    expect(Math.abs(quantile(0.16) / 60 / Math.exp(0.6 * -0.88) - 1)).toBeLessThan(0.04);
  });

  it('of an electrode do not depend on how many electrodes there are', () => {
    const few = growAnatomy(CULTURE_PARAMETERS.ctrl, 21, { electrodes: 64, inputs: 32 });
    const fewUnits = growUnits(few, 21, completeActivityKnobs({}, 200)).units;
    const shared = fewUnits.filter(({ electrode }) => few.units[electrode] === anatomy.units[electrode]);
    expect(shared.length).toBeGreaterThan(100);
    for (const unit of shared.slice(0, 100)) expect(units).toContainEqual(unit);
  });
});

describe('the windows of the emulated culture over sessions', () => {
  const SESSIONS = 40;
  const PERIOD = RATE;

  /** Mean counts by session of what fires for each source state, less what fires for the other: |s10 - s01|. */
  function selectivityBySession(condition: CultureCondition): number[] {
    const activity = makeActivity({}, condition);
    const selectivity: number[] = [];
    let from = 0;
    for (let session = 0; session < SESSIONS; session++) {
      const sums = [new Float64Array(64), new Float64Array(64)];
      const trials = [0, 0];
      for (let trial = 0; trial < 256; trial++) {
        const sample = from + trial * PERIOD;
        activity.stimulate(PATTERN.inputs.subarray(32 * trial, 32 * (trial + 1)), sample);
        const first = PATTERN.sources[2 * trial]!;
        const second = PATTERN.sources[2 * trial + 1]!;
        for (const { sample: at, unit } of activity.takeSpikes(activity.taken, sample + 1000)) {
          if (first === second || at < sample + 200 || at >= sample + 600) continue;
          sums[first === 1 ? 0 : 1]![activity.units[unit]!.electrode]! += 1;
        }
        if (first !== second) trials[first === 1 ? 0 : 1]! += 1;
      }
      const gaps = Array.from(sums[0]!, (value, e) => Math.abs(value / trials[0]! - sums[1]![e]! / trials[1]!));
      selectivity.push(mean(gaps));
      const end = from + 256 * PERIOD;
      activity.rest(end, end + PERIOD);
      from = end + PERIOD;
    }
    return selectivity;
  }

  it('grow more selective where the culture learns, and do not under APV', () => {
    const gain = (values: readonly number[]): number => mean(values.slice(-5)) / mean(values.slice(0, 5)) - 1;
    const learning = gain(selectivityBySession('none'));
    const frozen = gain(selectivityBySession('apv'));
    expect(learning).toBeGreaterThan(0.2);
    expect(Math.abs(frozen)).toBeLessThan(0.15);
  });
});
