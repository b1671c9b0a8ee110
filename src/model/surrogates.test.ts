import { describe, expect, it } from 'vitest';

import { hasSameBytes } from '../../tests/helpers/arrays.js';
import { emulateResponses } from '../../tests/helpers/response-tables.js';
import { designOf } from './analysis.js';
import { fitPublished, publishedTraces } from './fit-published.js';
import { computeSurrogates, energyCurve, type CurveData, type EnergyCurve } from './surrogates.js';
import { traceSelectivity } from './trace-selectivity.js';

const TABLE = emulateResponses({ seed: 1, sessions: 30 });
const DESIGN = designOf(TABLE, { initialSessions: 5, mixing: 0.25 });
const CULTURE = publishedTraces(TABLE, 5);
const OPTIONS = { seed: 7, staticDraws: 3, shuffles: 3, rolls: [37, 91] };

function dataFor(mode: 'published' | 'causal', design = DESIGN): CurveData {
  const { traces, states, ownBaseline: baseline } = CULTURE;
  return { mode, design, traces, states, inputs: TABLE.inputs, baseline };
}

/** The data with their sessions in another order, made by hand. */
function reorder(data: CurveData, order: readonly number[]): CurveData {
  const rows = order.flatMap((session) => Array.from({ length: 256 }, (_, trial) => session * 256 + trial));
  const total = data.states.length;
  return {
    ...data,
    traces: Float64Array.from([0, 1].flatMap((a) => rows.map((row) => data.traces[a * total + row]!))),
    states: Uint8Array.from(rows.map((row) => data.states[row]!)),
    inputs: Uint8Array.from(rows.flatMap((row) => Array.from(data.inputs.subarray(row * 32, (row + 1) * 32)))),
  };
}

function isSameCurve(a: EnergyCurve, b: EnergyCurve): boolean {
  return hasSameBytes(a.freeEnergy, b.freeEnergy) && a.fall === b.fall && a.selectivity === b.selectivity;
}

describe('the free-energy curve', () => {
  it('is, to the bit, the one of the analysis', () => {
    const run = fitPublished(TABLE, CULTURE, { design: DESIGN, baseline: CULTURE.ownBaseline });
    const curve = energyCurve(dataFor('published'));
    expect(hasSameBytes(curve.freeEnergy, run.arrays.freeEnergy)).toBe(true);
    const range = { design: DESIGN, first: 25, end: 30 };
    expect(curve.selectivity).toBe(traceSelectivity(run.arrays.x, CULTURE.states, range));
  });

  it('falls by its first session less the mean of the last ones, as many as there are initial ones', () => {
    const { freeEnergy, fall } = energyCurve(dataFor('causal'));
    const last = freeEnergy.subarray(25).reduce((sum, energy) => sum + energy, 0) / 5;
    expect(fall).toBeCloseTo(freeEnergy[0]! - last, 9);
  });
});

describe('the surrogates', () => {
  const data = dataFor('causal');
  const observed = energyCurve(data);
  const surrogates = computeSurrogates(data, OPTIONS);

  it('are as many as asked for', () => {
    const { staticCulture, shuffled, rolled } = surrogates;
    expect([staticCulture.length, shuffled.length, rolled.length]).toEqual([3, 3, 2]);
  });

  it('are the same for the same seed, and others for another', () => {
    expect(computeSurrogates(data, OPTIONS)).toEqual(surrogates);
    const other = computeSurrogates(data, { ...OPTIONS, seed: 8 });
    expect(isSameCurve(other.staticCulture[0]!, surrogates.staticCulture[0]!)).toBe(false);
    expect(isSameCurve(other.shuffled[0]!, surrogates.shuffled[0]!)).toBe(false);
    expect(isSameCurve(other.reversed, surrogates.reversed)).toBe(true);
    expect(other.rolled.every((curve, i) => isSameCurve(curve, surrogates.rolled[i]!))).toBe(true);
  });

  it('keep the initial sessions where they are, in the static culture and in the shuffle', () => {
    for (const { freeEnergy } of [...surrogates.staticCulture, ...surrogates.shuffled]) {
      expect(hasSameBytes(freeEnergy.subarray(0, 5), observed.freeEnergy.subarray(0, 5))).toBe(true);
      expect(hasSameBytes(freeEnergy.subarray(5), observed.freeEnergy.subarray(5))).toBe(false);
    }
    const [a, b, c] = surrogates.staticCulture;
    expect(isSameCurve(a!, b!) || isSameCurve(b!, c!)).toBe(false);
    expect(isSameCurve(surrogates.shuffled[0]!, surrogates.shuffled[1]!)).toBe(false);
  });

  it('fill the static culture with initial sessions alone: with one of them, with copies of it', () => {
    const single = dataFor('causal', { ...DESIGN, initialSessions: 1 });
    const [drawn] = computeSurrogates(single, { ...OPTIONS, staticDraws: 1 }).staticCulture;
    const copies = reorder(single, new Array<number>(30).fill(0));
    expect(isSameCurve(drawn!, energyCurve(copies))).toBe(true);
  });

  it('draw the static culture from all initial sessions', () => {
    // later sessions are marked by a high count: none of them may come into a static draw
    const marked = data.traces.map((count, i) => (i % (30 * 256) >= 5 * 256 ? 1000 : count));
    const { staticCulture } = computeSurrogates({ ...data, traces: marked }, OPTIONS);
    expect(staticCulture).toEqual(surrogates.staticCulture);
  });

  it('shuffle the later sessions without losing one', () => {
    // session 21 answers nothing or 60 spikes, in turn: every x is 0 or 1, which costs about 0.3 nats a response
    const isMarked = (i: number): boolean => Math.floor((i % (30 * 256)) / 256) === 20;
    const marked = { ...data, traces: data.traces.map((count, i) => (isMarked(i) ? (i % 2) * 60 : count)) };
    const most = Math.max(...observed.freeEnergy) + 50;
    const whereMarked = ({ freeEnergy }: EnergyCurve): number[] =>
      Array.from(freeEnergy).flatMap((energy, session) => (energy > most ? [session] : []));
    expect(whereMarked(energyCurve(marked))).toEqual([20]);
    const found = computeSurrogates(marked, { ...OPTIONS, shuffles: 4 }).shuffled.map(whereMarked);
    expect(found.map((sessions) => sessions.length)).toEqual([1, 1, 1, 1]);
    expect(new Set(found.flat()).size).toBeGreaterThan(1);
    expect(Math.min(...found.flat())).toBeGreaterThanOrEqual(5);
  });

  it.each(['published', 'causal'] as const)('reverse the whole experiment: twice is forward again (%s)', (mode) => {
    const forward = dataFor(mode);
    const backward = reorder(
      forward,
      Array.from({ length: 30 }, (_, t) => 29 - t),
    );
    const none = { seed: 1, staticDraws: 0, shuffles: 0, rolls: [] };
    expect(isSameCurve(computeSurrogates(forward, none).reversed, energyCurve(backward))).toBe(true);
    expect(isSameCurve(computeSurrogates(backward, none).reversed, energyCurve(forward))).toBe(true);
    expect(isSameCurve(energyCurve(backward), energyCurve(forward))).toBe(false);
  });

  it.each([1, 2, 3])('turn the selectivity of a learning culture round with time (seed %d)', (seed) => {
    const table = emulateResponses({ seed });
    const { traces, states, ownBaseline: baseline } = publishedTraces(table, 10);
    const design = designOf(table, { initialSessions: 10, mixing: 0.25 });
    const learning: CurveData = { mode: 'published', design, traces, states, inputs: table.inputs, baseline };
    const none = { seed: 1, staticDraws: 0, shuffles: 0, rolls: [] };
    expect(energyCurve(learning).selectivity).toBeGreaterThan(0.2);
    expect(computeSurrogates(learning, none).reversed.selectivity).toBeLessThan(-0.1);
  });

  it('roll responses against stimuli, which takes the fall away; a full turn brings it back', () => {
    const rows = 30 * 256;
    expect(isSameCurve(energyCurve(data, rows), observed)).toBe(true);
    expect(isSameCurve(energyCurve(data, 37), surrogates.rolled[0]!)).toBe(true);
    expect(isSameCurve(surrogates.rolled[0]!, observed)).toBe(false);
    expect(observed.fall).toBeGreaterThan(100);
    for (const { fall } of surrogates.rolled) expect(fall).toBeLessThan(observed.fall / 4);
  });

  it('leave the data as they were', () => {
    expect(hasSameBytes(data.traces, publishedTraces(TABLE, 5).traces)).toBe(true);
    expect(hasSameBytes(data.states, publishedTraces(TABLE, 5).states)).toBe(true);
  });
});
