import { CULTURE_PARAMETER_NAMES } from '../protocols/culture-names.js';
import { describe, expect, it } from 'vitest';

import { isMeaError } from '../protocols/errors.js';
import { drawPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import { EmulatedCulture } from './culture.js';
import { CULTURE_PARAMETERS } from './culture-parameters.js';
import type { CultureSettings } from './culture-settings.js';
import { SessionDrift } from './session-drift.js';
import { simulateResponses } from './simulate-responses.js';

const SETTINGS: CultureSettings = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 11 };
const PATTERN = drawPattern({ sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 }, 256, openRandomStream(11, 'pattern'));

describe('the emulated culture', () => {
  it.each(CULTURE_PARAMETER_NAMES)(
    'answers the same seed with the same bytes, and another with others (%s)',
    (parameters) => {
      const settings = { ...SETTINGS, parameters };
      const [first, again, other] = [settings, settings, { ...settings, seed: 12 }].map((one) =>
        simulateResponses(one, { patterns: PATTERN, sessions: 3 }),
      );
      expect(again!.counts).toEqual(first!.counts);
      expect(other!.counts).not.toEqual(first!.counts);
    },
  );

  it('draws each count as Binomial(N, p) with the p of its equation', () => {
    const culture = new EmulatedCulture({ ...SETTINGS, plasticity: 'dying-electrodes', condition: 'apv' });
    const { units, strength, wiring } = culture.anatomy;
    const drift = new SessionDrift(11, { electrodes: 64, inputs: 32, sdDrift: 0.2, sdPatternDrift: 0.599 });
    const inputs = PATTERN.inputs.subarray(0, 32);
    const repeats = 4000;
    const sums = new Float64Array(64);
    const squares = new Float64Array(64);
    const counts = new Uint16Array(64);
    for (let k = 0; k < repeats; k++) {
      culture.respond(inputs, k * 20_000, counts);
      culture.borrowEvoked().forEach((count, e) => {
        sums[e]! += count;
        squares[e]! += count * count;
      });
    }
    for (let e = 0; e < 64; e++) {
      let drive = 0;
      for (let j = 0; j < 32; j++) {
        drive += inputs[j]! * wiring[j * 64 + e]! * Math.exp(drift.borrowConnections()[j * 64 + e]!);
      }
      const u = 2 * strength[e]! * Math.exp(drift.borrowElectrodes()[e]! + drift.common) * drive;
      const p = 0.8 * (1 - Math.exp(-(u ** 2.503)));
      const variance = units[e]! * p * (1 - p);
      const mean = sums[e]! / repeats;
      expect(Math.abs(mean - units[e]! * p)).toBeLessThan(4.5 * Math.sqrt(variance / repeats) + 1e-3);
      expect(Math.abs(squares[e]! / repeats - mean * mean - variance)).toBeLessThan(0.15 * variance + 0.01);
    }
    expect(Math.max(...sums) / repeats).toBeGreaterThan(1);
  });

  it('answers an empty pattern with spontaneous spikes alone, 0.004 per electrode', () => {
    const empty = { trials: 256, sources: new Uint8Array(512), inputs: new Uint8Array(256 * 32) };
    const { counts } = simulateResponses(SETTINGS, { patterns: empty, sessions: 20 });
    const total = counts.reduce((sum, count) => sum + count, 0);
    const expected = 0.004 * counts.length;
    expect(Math.abs(total - expected)).toBeLessThan(4 * Math.sqrt(expected));
    expect(counts.every((count) => count <= 3)).toBe(true);
  });

  it('keeps evoked and spontaneous spikes apart', () => {
    const culture = new EmulatedCulture(SETTINGS);
    const counts = new Uint16Array(64);
    let extra = 0;
    for (let trial = 0; trial < 256; trial++) {
      culture.respond(PATTERN.inputs.subarray(trial * 32, (trial + 1) * 32), trial * 20_000, counts);
      const evoked = culture.borrowEvoked();
      expect(counts.every((count, e) => count >= evoked[e]!)).toBe(true);
      extra += counts.reduce((sum, count, e) => sum + count - evoked[e]!, 0);
    }
    expect(Math.abs(extra - 65.5)).toBeLessThan(4 * Math.sqrt(65.5));
  });

  it('has no spikes at all under TTX', () => {
    const { counts } = simulateResponses({ ...SETTINGS, condition: 'ttx' }, { patterns: PATTERN, sessions: 2 });
    expect(counts).toHaveLength(2 * 256 * 64);
    expect(counts.every((count) => count === 0)).toBe(true);
  });

  it('differs from its APV self only once it has learned', () => {
    const none = simulateResponses(SETTINGS, { patterns: PATTERN, sessions: 2 });
    const apv = simulateResponses({ ...SETTINGS, condition: 'apv' }, { patterns: PATTERN, sessions: 2 });
    const session = 256 * 64;
    expect(apv.counts.subarray(0, session)).toEqual(none.counts.subarray(0, session));
    expect(apv.counts.subarray(session)).not.toEqual(none.counts.subarray(session));
  });

  it('centres on the previous 256 s of stimulated time, whatever the rests', () => {
    const slow = simulateResponses(SETTINGS, { patterns: PATTERN, sessions: 3, trialPeriodS: 2 });
    const normal = simulateResponses(SETTINGS, { patterns: PATTERN, sessions: 3 });
    expect(slow.counts).not.toEqual(normal.counts);
    const culture = new EmulatedCulture(SETTINGS);
    const counts = new Uint16Array(64);
    const ask = (trial: number, time: number): void => {
      culture.respond(PATTERN.inputs.subarray(trial * 32, (trial + 1) * 32), time, counts);
    };
    for (let trial = 0; trial < 256; trial++) ask(trial, trial * 20_000);
    culture.rest();
    ask(5, 256 * 20_000);
    const known = culture.toGains();
    expect(known.some((gain) => gain !== 1)).toBe(true);
    ask(5, 1000 * 20_000);
    expect(culture.toGains().every((gain) => gain === 1)).toBe(true);
  });

  it('takes a fresh pattern for every session', () => {
    const fresh = (session: number): typeof PATTERN =>
      drawPattern({ sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 }, 64, openRandomStream(11, 'pattern', session));
    const table = simulateResponses(SETTINGS, { patterns: fresh, sessions: 3 });
    expect(table.inputs.subarray(0, 64 * 32)).toEqual(fresh(0).inputs);
    expect(table.inputs.subarray(2 * 64 * 32)).toEqual(fresh(2).inputs);
    expect(table.sources.subarray(64 * 2, 2 * 64 * 2)).toEqual(fresh(1).sources);
  });

  it('comes in other sizes, and refuses a pattern that does not fit', () => {
    const small = drawPattern({ sourceCount: 3, mixing: 0.25, inputsPerBlock: 2 }, 16, openRandomStream(1, 'pattern'));
    const table = simulateResponses({ ...SETTINGS, electrodes: 5 }, { patterns: small, sessions: 2 });
    expect(table).toMatchObject({ electrodeCount: 5, inputCount: 6, sourceCount: 3, trialsPerSession: 16 });
    let error: unknown;
    try {
      simulateResponses({ ...SETTINGS, inputs: 32 }, { patterns: small, sessions: 2 });
    } catch (thrown) {
      error = thrown;
    }
    expect(isMeaError(error, 'bad-input')).toBe(true);
  });
});

describe('the drift of a culture', () => {
  const { sdDrift, sdPatternDrift } = CULTURE_PARAMETERS.dzp;
  const size = { electrodes: 400, inputs: 4 };

  it('is stationary with the spread and the memory of its parameters', () => {
    const drift = new SessionDrift(1, { ...size, sdDrift, sdPatternDrift });
    const start = { electrode: [...drift.borrowElectrodes()], connection: [...drift.borrowConnections()] };
    for (let session = 0; session < 8; session++) drift.advance();
    const products = (a: readonly number[], b: Float64Array): number =>
      a.reduce((sum, value, k) => sum + value * b[k]!, 0) / a.length;
    const rms = (values: Float64Array): number => Math.sqrt(products([...values], values));
    expect(Math.abs(rms(drift.borrowElectrodes()) / sdDrift - 1)).toBeLessThan(0.15);
    expect(Math.abs(rms(drift.borrowConnections()) / (0.76 * sdPatternDrift) - 1)).toBeLessThan(0.08);
    expect(Math.abs(products(start.electrode, drift.borrowElectrodes()) / sdDrift ** 2 - Math.exp(-1))).toBeLessThan(
      0.2,
    );
    const remembered = products(start.connection, drift.borrowConnections()) / (0.76 * sdPatternDrift) ** 2;
    expect(Math.abs(remembered - Math.exp(-8 / 60))).toBeLessThan(0.15);
  });

  it('is the same whether walked or looked up', () => {
    const walked = new SessionDrift(1, { ...size, sdDrift, sdPatternDrift });
    for (let session = 0; session < 5; session++) walked.advance();
    const found = new SessionDrift(1, { ...size, sdDrift, sdPatternDrift });
    found.goTo(9);
    found.goTo(5);
    expect(found.borrowElectrodes()).toEqual(walked.borrowElectrodes());
    expect(found.borrowConnections()).toEqual(walked.borrowConnections());
    expect(found.common).toBe(walked.common);
  });

  it('doubles under drift-only, as recovered from the counts', () => {
    const apv = recoverDrift('apv');
    const doubled = recoverDrift('drift-only');
    let product = 0;
    let square = 0;
    let pairs = 0;
    apv.forEach((value, k) => {
      if (!Number.isFinite(value) || !Number.isFinite(doubled[k]!)) return;
      product += value * doubled[k]!;
      square += value * value;
      pairs += 1;
    });
    expect(pairs).toBeGreaterThan(1000);
    expect(Math.sqrt(square / pairs)).toBeGreaterThan(0.05);
    expect(product / square).toBeGreaterThan(1.9);
    expect(product / square).toBeLessThan(2.1);
  });
});

/**
 * (sessions, electrodes) ln u less its anatomical part, from the mean count of 256 pulses of the only input; NaN where
 * the curve is too flat to be inverted.
 */
function recoverDrift(condition: 'apv' | 'drift-only'): number[] {
  const culture = new EmulatedCulture({ ...SETTINGS, parameters: 'mix0', condition, electrodes: 200, inputs: 1 });
  const { units, strength } = culture.anatomy;
  const counts = new Uint16Array(200);
  const found: number[] = [];
  for (let session = 0; session < 20; session++) {
    const sums = new Float64Array(200);
    for (let trial = 0; trial < 256; trial++) {
      culture.respond(Uint8Array.of(1), (session * 256 + trial) * 20_000, counts);
      culture.borrowEvoked().forEach((count, e) => (sums[e]! += count));
    }
    sums.forEach((sum, e) => {
      const p = sum / 256 / units[e]!;
      const logU = Math.log(-Math.log(1 - p / 0.8)) / 2.405;
      found.push(p > 0.05 && p < 0.72 ? logU - Math.log(2 * strength[e]!) : Number.NaN);
    });
    culture.rest();
  }
  return found;
}
