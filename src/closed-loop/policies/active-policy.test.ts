import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../../protocols/errors.js';
import type { TrialRecord } from '../../../protocols/ledger.js';
import { runSmall, smallExperiment, toLines } from '../../../tests/helpers/small-experiment.js';
import { mixedSourcePolicy } from '../pattern-policy.js';
import { activePolicy } from './active-policy.js';

const SETTINGS = { mixing: 0.25, sessions: 4, trials: 64, initialSessions: 2, patterns: 'fresh', seed: 1 };
const ACTIVE = smallExperiment({ ...SETTINGS, policy: { type: 'active', candidates: 32 } });

async function trialsOf(experiment = ACTIVE, batchTrials?: number): Promise<readonly TrialRecord[]> {
  const policy = activePolicy(experiment, { candidates: 32, states: 'drawn' });
  const { ledger } = await runSmall(experiment, { policy, batchTrials });
  expect(ledger.records.map(({ type }) => type)).toContain('calibrated');
  return ledger.records.filter((record) => record.type === 'trial');
}

describe('the active policy', () => {
  it('shows mixed sources in the initial sessions, and then patterns of its own', async () => {
    const mixed = mixedSourcePolicy(ACTIVE);
    const trials = await trialsOf();
    const inputsOf = (session: number): string =>
      trials
        .filter((trial) => trial.session === session)
        .map(({ inputs }) => inputs)
        .join('');
    expect(inputsOf(1)).toBe(mixed.nextTrials(1, 0).inputs.join(''));
    expect(inputsOf(2)).not.toBe(mixed.nextTrials(2, 0).inputs.join(''));
    expect(inputsOf(2)).not.toBe(inputsOf(3));
  });

  it('mixes exactly as much as the design says, in every trial that it chooses', async () => {
    const chosen = (await trialsOf()).filter(({ session }) => session >= 2);
    expect(chosen).toHaveLength(128);
    for (const { sources, inputs } of chosen) {
      [inputs.slice(0, 16), inputs.slice(16)].forEach((block, k) => {
        const on = block.replaceAll('0', '').length;
        const [own, other] = [Number(sources[k]), Number(sources[1 - k])];
        expect(on).toBe(12 * own + 4 * other);
      });
    }
    expect(new Set(chosen.map(({ sources }) => sources))).toEqual(new Set(['00', '01', '10', '11']));
  });

  it('decides the same however its trials are cut into batches', async () => {
    expect(toLines(await trialsOf(ACTIVE, 7))).toBe(toLines(await trialsOf()));
  });

  it('says from which samples it chose: those of the sessions that have ended, and of none in the initial sessions', async () => {
    const trials = await trialsOf();
    const [first] = trials[0]!.window;
    const endOf = (session: number): number => trials.filter((trial) => trial.session === session).at(-1)!.window[1];
    for (const { session, decidedFrom } of trials) {
      expect(decidedFrom).toEqual(session < 2 ? undefined : [[first, endOf(session - 1)]]);
    }
    expect(trials.filter(({ decidedFrom }) => decidedFrom !== undefined)).toHaveLength(128);
  });

  it('follows the responses: another culture is shown other patterns', async () => {
    const shown = async (parameters: string): Promise<string> =>
      (await trialsOf(smallExperiment({ ...SETTINGS, culture: { parameters } })))
        .filter(({ session }) => session === 3)
        .map(({ inputs }) => inputs)
        .join('');
    expect(await shown('ctrl')).not.toBe(await shown('mix0'));
  });

  it('shows mixed sources where no ensemble was found', async () => {
    const silent = smallExperiment({ ...SETTINGS, culture: { condition: 'ttx' } });
    const policy = activePolicy(silent, { candidates: 4, states: 'drawn' });
    const { ledger } = await runSmall(silent, { policy }).catch((error: unknown) => {
      if (isMeaError(error)) throw new Error(error.message);
      throw error;
    });
    const last = ledger.records.filter((record) => record.type === 'trial').slice(-64);
    expect(last.map(({ inputs }) => inputs).join('')).toBe(mixedSourcePolicy(silent).nextTrials(3, 0).inputs.join(''));
  });
});
