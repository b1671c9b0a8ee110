import { describe, expect, it } from 'vitest';
import { drawPattern, type StimulusPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { simulateResponses } from '../../sim-device/simulate-responses.js';
import { forecastBand, FEWEST_INITIAL_SESSIONS } from './forecast-band.js';
import { estimateDrift } from './forecast-drift.js';
import { drawFutures } from './forecast-futures.js';
import { selectivityBySession, type ForecastInput } from './forecast-input.js';
import { insideBand } from './forecast-score.js';
import { fitCausal, type OnlineModel } from './online-model.js';

const DESIGN = {
  sessions: 14,
  trialsPerSession: 64,
  initialSessions: 6,
  sourceCount: 2,
  inputsPerBlock: 16,
  mixing: 0.25,
} as const;

function fitEmulated(patterns: 'frozen' | 'fresh'): OnlineModel {
  const draw = (session: number): StimulusPattern =>
    drawPattern(DESIGN, DESIGN.trialsPerSession, openRandomStream(5, 'pattern', session));
  const frozen = draw(0);
  const settings = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 5 } as const;
  const table = simulateResponses(settings, {
    patterns: patterns === 'frozen' ? frozen : draw,
    sessions: DESIGN.sessions,
  });
  return fitCausal(table, { design: DESIGN, electrodes: 64, baseline: 'own' });
}

function inputOf({ run, inputs, states }: OnlineModel, sessions: number = DESIGN.sessions): ForecastInput {
  const { trialsPerSession: trials, initialSessions } = DESIGN;
  const [rows, known] = [DESIGN.sessions * trials, initialSessions * trials];
  const x = new Float64Array(2 * known);
  for (const a of [0, 1]) x.set(run.arrays.x.subarray(a * rows, a * rows + known), a * known);
  return {
    design: { ...DESIGN, sessions },
    x,
    inputs: inputs.subarray(0, sessions * trials * 32),
    states: states.subarray(0, sessions * trials),
    isKnownAhead: true,
  };
}

const model = fitEmulated('frozen');
const input = inputOf(model);
const FEW = { futures: 200, resamples: 3 };

/** Responses whose selectivity takes a given course, with noise of the trials; sources alternate through all states. */
function steered(courses: readonly (readonly number[])[], sessions: number, noise: number): ForecastInput {
  const trials = 40;
  const design = {
    sessions,
    trialsPerSession: trials,
    initialSessions: courses[0]!.length,
    sourceCount: 2,
    inputsPerBlock: 1,
    mixing: 0,
  };
  const states = Uint8Array.from({ length: sessions * trials }, (_, row) => row % 4);
  const inputs = Uint8Array.from({ length: 2 * states.length }, (_, i) => {
    const state = states[i >> 1]!;
    return i % 2 === 0 ? state >> 1 : state & 1;
  });
  const random = openRandomStream(7, 'steered', Math.round(1e6 * Math.abs(courses[0]![0]!)));
  const known = design.initialSessions * trials;
  const x = Float64Array.from({ length: 2 * known }, (_, i) => {
    const [a, row] = [Math.floor(i / known), i % known];
    const on = a === 0 ? states[row]! >> 1 : states[row]! & 1;
    return 0.5 + (on - 0.5) * courses[a]![Math.floor(row / trials)]! + noise * random.normal();
  });
  return { design, x, inputs, states, isKnownAhead: true };
}

describe('the forecast of selectivity', () => {
  it('has the published prediction for its published centre', () => {
    const { arrays } = model.run;
    const [rows, known] = [14 * 64, 6 * 64];
    const xp = new Float64Array(2 * (rows - known));
    for (const a of [0, 1]) xp.set(arrays.xp.subarray(a * rows + known, (a + 1) * rows), a * (rows - known));
    const wanted = selectivityBySession({ ...DESIGN, x: xp, states: model.states.subarray(known) });
    const band = forecastBand(input, FEW);
    band!.published.centre.forEach((values, a) => {
      expect(values).toHaveLength(8);
      values.forEach((value, t) => {
        expect(value).toBeCloseTo(wanted[a]![t]!, 4);
      });
    });
  });

  it('goes on from the last initial session where the pattern repeats', () => {
    const observed = selectivityBySession({ ...DESIGN, x: input.x, states: input.states });
    const { empirical } = forecastBand(input, FEW)!;
    empirical.centre.forEach((values, a) => {
      for (const value of values) expect(value).toBeCloseTo(observed[a]![5]!, 4);
    });
  });

  it('follows what fresh stimuli change, and does not where they are not known ahead', () => {
    const fresh = inputOf(fitEmulated('fresh'));
    const known = forecastBand(fresh, FEW)!.empirical.centre[0]!;
    expect(new Set(known).size).toBeGreaterThan(1);
    const unknown = forecastBand({ ...fresh, isKnownAhead: false }, FEW)!;
    expect(unknown.isKnownAhead).toBe(false);
    expect(new Set(unknown.empirical.centre[0]).size).toBe(1);
    const noise = (one: ForecastInput): number => estimateDrift(one).noiseVariance[0]!;
    expect(noise({ ...fresh, isKnownAhead: false })).toBeGreaterThan(noise(fresh));
  });

  it('is the same again, and over fewer sessions the beginning of the same', () => {
    const band = forecastBand(input, FEW)!;
    expect(forecastBand(input, FEW)).toEqual(band);
    const shorter = forecastBand(inputOf(model, 9), FEW)!;
    for (const name of ['published', 'empirical'] as const) {
      for (const edge of ['centre', 'low', 'high'] as const) {
        expect(shorter[name][edge]).toEqual(band[name][edge].map((values) => values.slice(0, 3)));
      }
    }
  });

  it('can be sent to a thread and is the same there', () => {
    expect(forecastBand(structuredClone(input), FEW)).toEqual(forecastBand(input, FEW));
  });

  it('is none with too few initial sessions, or where a session never shows a source', () => {
    const courses = (count: number): number[][] => [0, 1].map(() => Array.from({ length: count }, (_, t) => 0.1 * t));
    expect(forecastBand(steered(courses(FEWEST_INITIAL_SESSIONS - 1), 6, 0.1), FEW)).toBeUndefined();
    const shown = steered(courses(FEWEST_INITIAL_SESSIONS), 6, 0.1);
    expect(forecastBand(shown, FEW)).toBeDefined();
    const states = shown.states.slice().fill(0, 5 * 40);
    expect(forecastBand({ ...shown, states }, FEW)).toBeUndefined();
  });

  it('stays within what selectivity can be', () => {
    const wild = steered(
      [
        [0, 0.9, -0.9, 0.9, -0.9, 0.9],
        [0, 0.9, -0.9, 0.9, -0.9, 0.9],
      ],
      30,
      0.01,
    );
    const { low, high } = forecastBand(wild, FEW)!.empirical;
    expect(Math.min(...low.flat())).toBe(-1);
    expect(Math.max(...high.flat())).toBe(1);
  });
});

describe('the drift behind it', () => {
  it('is what steps are beyond the noise of trials', () => {
    const steps = Array.from({ length: 60 }, (_, t) => (t % 2 === 0 ? 0.2 : 0.3));
    const still = estimateDrift(steered([steps, steps], 61, 0));
    expect(still.stepVariance).toBeCloseTo(0.01, 6);
    expect(still.steps).toBe(2 * 39);
    const noisy = estimateDrift(steered([steps, steps], 61, 0.1));
    // a mean over 20 trials on less one over 20 off, of noise 0.1
    expect(Math.abs(noisy.noiseVariance[0]! / (2 * (0.01 / 20)) - 1)).toBeLessThan(0.1);
    expect(Math.abs(noisy.stepVariance / 0.01 - 1)).toBeLessThan(0.4);
  });

  it('is never nothing: a share of the steps remains', () => {
    const level = Array.from({ length: 30 }, () => 0.2);
    const { stepVariance, noiseVariance } = estimateDrift(steered([level, level], 31, 0.3));
    expect(stepVariance).toBeGreaterThan(0.2 * 2 * noiseVariance[0]! * 0.5);
  });

  it('makes futures whose first step has the variance of the steps seen, and that spread on', () => {
    const drift = { level: [0], byStimulus: [[]], stepVariance: 0.01, steps: 4000, noiseVariance: [0] };
    const { departures } = drawFutures(drift, { seed: 3, sessions: 80, draws: 4000 });
    const variance = (t: number): number =>
      departures.subarray(t * 4000, (t + 1) * 4000).reduce((sum, value) => sum + value * value, 0) / 4000;
    expect(variance(0) / 0.01).toBeGreaterThan(0.9);
    expect(variance(0) / 0.01).toBeLessThan(1.1);
    expect(variance(9)).toBeGreaterThan(3 * variance(0));
    expect(variance(79)).toBeGreaterThan(1.5 * variance(9));
  });

  it('gives bands that hold nine tenths of cultures that drift as it says', () => {
    const initial = 10;
    const courses = drawFutures(
      { level: [0, 0], byStimulus: [[], []], stepVariance: 0.0016, steps: 1e4, noiseVariance: [0, 0] },
      { seed: 11, sessions: 40, draws: 60 },
    );
    const courseOf = (draw: number): number[][] =>
      [0, 1].map((a) => Array.from({ length: 40 }, (_, t) => courses.departures[(a * 40 + t) * 60 + draw]!));
    let inside = 0;
    let scored = 0;
    for (let draw = 0; draw < 60; draw++) {
      const course = courseOf(draw);
      const one = steered(
        course.map((values) => values.slice(0, initial)),
        40,
        0.05,
      );
      const held = insideBand(
        forecastBand(one, FEW)!.empirical,
        course.map((values) => values.slice(initial)),
      ).flat();
      inside += held.filter(Boolean).length;
      scored += held.length;
    }
    expect(scored).toBe(60 * 2 * 30);
    expect(inside / scored).toBeGreaterThan(0.84);
    expect(inside / scored).toBeLessThan(0.96);
  });
});
