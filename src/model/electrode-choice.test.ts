import { beforeAll, describe, expect, it } from 'vitest';
import type { ResponseTable } from '../../protocols/responses.js';
import { emulateResponses } from '../../tests/helpers/response-tables.js';
import { analyseCulture, designOf, ownBaselineOf } from './analysis.js';
import { findLeftOut, meanBlindShares, type ElectrodeChoice } from './electrode-choice.js';
import { fitCausal, type OnlineModel } from './online-model.js';
import { judgeLearning } from './verdict.js';

const OPTIONS = { initialSessions: 4, mixing: 0.25 } as const;
const STIMULATED = Array.from({ length: 32 }, (_, input) => 2 * input);

let table: ResponseTable;
beforeAll(() => {
  table = { ...emulateResponses({ seed: 1, sessions: 12 }), stimulatedElectrodes: STIMULATED };
});

/** The table with an electrode that sees nothing of some windows, and so counts no spikes in them. */
function blinded(electrode: number, isBlind: (row: number) => boolean, share = 1): ResponseTable {
  const blindFraction = new Float32Array(table.counts.length);
  const counts = table.counts.slice();
  for (let row = 0; row < table.sessions * table.trialsPerSession; row++) {
    if (!isBlind(row)) continue;
    blindFraction[row * 64 + electrode] = share;
    if (share === 1) counts[row * 64 + electrode] = 0;
  }
  return { ...table, counts, blindFraction };
}

function fit(from: ResponseTable, choice?: ElectrodeChoice): OnlineModel {
  return fitCausal(from, { design: designOf(from, OPTIONS), electrodes: 64, baseline: 'own', choice });
}

function isOnlySource(row: number, source: 0 | 1): boolean {
  return table.sources[2 * row + source] === 1 && table.sources[2 * row + 1 - source] === 0;
}

const ALL = { stretch: 4, end: 12 } as const;

describe('an electrode that is blind after some stimuli', () => {
  it('would pass for selective, and is left out of ensembles and verdict', () => {
    // Of those that answer and prefer no source: half the answers vanish with the other source.
    const [first, second] = fit(table).calibration!.ensembles;
    const chosen = new Set([...first!, ...second!]);
    const means = Array.from({ length: 64 }, (_, e) => {
      let sum = 0;
      for (let row = 0; row < 4 * 256; row++) sum += table.counts[row * 64 + e]!;
      return sum / (4 * 256);
    });
    const electrode = means.findIndex((mean, e) => mean > 1.5 && !chosen.has(e));
    expect(electrode).toBeGreaterThanOrEqual(0);
    const blind = blinded(electrode, (row) => isOnlySource(row, 1));
    expect(fit(blind, 'all').calibration!.ensembles[0]).toContain(electrode);
    const { calibration } = fit(blind);
    expect(calibration!.ensembles.flat()).not.toContain(electrode);
    expect(calibration!.leftOut).toEqual({ blind: [electrode], pulsed: [] });
    expect(calibration!.ensembles).toEqual([first, second]);
    for (const mode of ['causal', 'published'] as const) {
      const analysis = analyseCulture(blind, { ...OPTIONS, mode, baseline: 'own' });
      expect(analysis.leftOut.blind).toEqual([electrode]);
      expect(analysis.ensembles.flat()).not.toContain(electrode);
      expect(analysis.blindShares![electrode]).toBeGreaterThan(0.1);
    }
  });

  it('counts as blind from more than one window in a hundred of a state on, not at one', () => {
    // 300 trials in one state: 3 windows are 1 %, which is allowed.
    const sources = new Uint8Array(300);
    const small: ResponseTable = {
      sessions: 1,
      trialsPerSession: 300,
      sourceCount: 1,
      inputCount: 1,
      electrodeCount: 2,
      sources,
      inputs: sources,
      counts: new Uint16Array(600),
    };
    const withBlind = (windows: number): ResponseTable => {
      const blindFraction = new Float32Array(600);
      for (let row = 0; row < windows; row++) blindFraction[2 * row + 1] = 1;
      return { ...small, blindFraction };
    };
    const once = { choice: 'seen', stretch: 1, end: 1 } as const;
    expect(findLeftOut(withBlind(3), once).blind).toEqual([]);
    expect(findLeftOut(withBlind(4), once).blind).toEqual([1]);
    expect(meanBlindShares(withBlind(3))).toEqual(Float64Array.of(0, 0.01));
  });

  it('is found where it is blind in the last sessions alone: for the verdict, not for what came before', () => {
    const { calibration } = fit(table);
    const electrode = calibration!.ensembles[0]![0]!;
    const late = blinded(electrode, (row) => row >= 8 * 256);
    expect(fit(late).calibration!.ensembles).toEqual(calibration!.ensembles);
    expect(findLeftOut(late, { choice: 'seen', ...ALL }).blind).toEqual([electrode]);
    const members = (from: ResponseTable): number =>
      judgeLearning(from, 4).electrodes.reduce((sum, count) => sum + count, 0);
    expect(members(late)).toBe(members(table) - 1);
    expect(judgeLearning(late, 4, 'all').electrodes).toEqual(judgeLearning(table, 4).electrodes);
  });

  it('changes no baseline where it is left out', () => {
    const spared = fit(table).calibration!.ensembles.flat();
    const electrode = Array.from({ length: 64 }, (_, e) => e).find((e) => !spared.includes(e))!;
    const blind = blinded(electrode, () => true, 0.5);
    const options = { mode: 'causal', initialSessions: 4 } as const;
    expect(ownBaselineOf(blind, options)).toBe(ownBaselineOf(table, options));
  });
});

describe('the choice of electrodes that were never pulsed', () => {
  it('leaves out every electrode that a stimulus used, in the model and afterwards alike', () => {
    const online = fit(table, 'never-pulsed').calibration!;
    expect(online.leftOut).toEqual({ blind: [], pulsed: STIMULATED });
    expect(online.ensembles.flat().filter((electrode) => electrode % 2 === 0)).toEqual([]);
    expect(online.ensembles.flat().length).toBeGreaterThan(0);
    for (const mode of ['causal', 'published'] as const) {
      const analysis = analyseCulture(table, { ...OPTIONS, mode, baseline: 'own', choice: 'never-pulsed' });
      expect(analysis.leftOut).toEqual(online.leftOut);
      expect(analysis.ensembles.flat().filter((electrode) => electrode % 2 === 0)).toEqual([]);
      if (mode === 'causal') expect(analysis.ensembles).toEqual(online.ensembles);
    }
  });

  it('keeps electrodes whose input was never on', () => {
    const inputs = table.inputs.map((input, i) => (i % 32 === 3 ? 0 : input));
    const { pulsed } = findLeftOut({ ...table, inputs }, { choice: 'never-pulsed', ...ALL });
    expect(pulsed).toEqual(STIMULATED.filter((electrode) => electrode !== 6));
    expect(fit({ ...table, inputs }, 'never-pulsed').calibration!.leftOut.pulsed).toEqual(pulsed);
  });

  it('cannot be made where nobody knows which electrodes were pulsed', () => {
    const unknown = { ...table, stimulatedElectrodes: undefined };
    expect(() => fit(unknown, 'never-pulsed')).toThrow('Nobody knows which electrodes were pulsed');
    expect(() => findLeftOut(unknown, { choice: 'never-pulsed', ...ALL })).toThrow('a recorded run');
    expect(findLeftOut(unknown, { choice: 'seen', ...ALL })).toEqual({ blind: [], pulsed: [] });
  });
});
