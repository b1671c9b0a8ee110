import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LedgerRecord } from '../../protocols/ledger.js';
import {
  emulatedSource,
  finishRun,
  memoryLedger,
  prepareRun,
  runSmall,
  smallExperiment,
  toLines,
} from '../../tests/helpers/small-experiment.js';
import { createReplaySource } from '../../drivers/replay-source.js';
import { createComparingSink } from './compare-ledger.js';
import { mixedSourcePolicy, type PatternPolicy } from './pattern-policy.js';
import { forecastHere, toForecastInput, type Forecaster } from './publish-forecast.js';
import { toRecordedRun } from './recorded-run.js';

/** Three sessions calibrate, so that there is a forecast. */
const LONG = smallExperiment({ sessions: 6, trials: 16, initialSessions: 3 });

const typesOf = (records: readonly LedgerRecord[]): string[] =>
  records.flatMap(({ type }) => (type === 'trial' ? [] : [type]));

function ofType<T extends LedgerRecord['type']>(
  records: readonly LedgerRecord[],
  type: T,
): Extract<LedgerRecord, { type: T }>[] {
  return records.filter((record): record is Extract<LedgerRecord, { type: T }> => record.type === type);
}

describe('the forecast of a run', () => {
  it('stands after the rest, before the first session that it is about; a score follows each of those', async () => {
    const { ledger, result } = await runSmall(LONG);
    const calibrating = ['session-started', 'session-ended', 'rest'];
    expect(typesOf(ledger.records)).toEqual([
      'experiment-started',
      ...calibrating,
      ...calibrating,
      'session-started',
      'calibrated',
      'session-ended',
      'rest',
      'forecast',
      ...['session-started', 'session-ended', 'forecast-score', 'rest'],
      ...['session-started', 'session-ended', 'forecast-score', 'rest'],
      ...['session-started', 'session-ended', 'forecast-score'],
      'experiment-ended',
    ]);
    const [forecast] = ofType(ledger.records, 'forecast');
    const { type, session, ...band } = forecast!;
    expect([type, session]).toEqual(['forecast', 2]);
    expect(band).toEqual(result!.forecast);
    expect(band.empirical.centre.map((values) => values.length)).toEqual([3, 3]);
    const scores = ofType(ledger.records, 'forecast-score');
    expect(scores.map((score) => score.session)).toEqual([3, 4, 5]);
    expect(scores.map((score) => score.empirical.scored)).toEqual([2, 4, 6]);
    scores.forEach(({ selectivity, empirical }, t) => {
      selectivity.forEach((value, a) => {
        const isInside = value! >= band.empirical.low[a]![t]! && value! <= band.empirical.high[a]![t]!;
        expect(empirical.inside[a]).toBe(isInside);
      });
    });
  });

  it('is the same from a forecaster that takes its time, and is not waited for during the rest', async () => {
    const order: string[] = [];
    const late: Forecaster = async (input, signal) => {
      await wait(20);
      order.push('forecast');
      return forecastHere(input, signal);
    };
    const source = emulatedSource(LONG);
    const rest = source.rest.bind(source);
    source.rest = (duration) => {
      order.push('rest');
      return rest(duration);
    };
    const { ledger } = await runSmall(LONG, { forecast: late, source });
    expect(toLines(ledger.records)).toBe(toLines((await runSmall(LONG)).ledger.records));
    expect(order).toEqual(['rest', 'rest', 'rest', 'forecast', 'rest', 'rest']);
  });

  it('is repeated by a replay, record for record', async () => {
    const { ledger } = await runSmall(LONG);
    const recorded = toRecordedRun(ledger.records, emulatedSource(LONG).description);
    const sink = createComparingSink(recorded.records);
    await finishRun(prepareRun(LONG, { source: createReplaySource(recorded.trials), ledger: sink }));
    expect(sink.finish()).toBeUndefined();
    expect(sink.compared()).toBe(ledger.records.length);
  });

  it('is none where two sessions calibrate, and then nothing is scored', async () => {
    const { ledger, result } = await runSmall(smallExperiment());
    expect(typesOf(ledger.records).filter((type) => type.startsWith('forecast'))).toEqual([]);
    expect(result!.forecast).toBeUndefined();
  });

  it('ends the run with its error', async () => {
    const failing: Forecaster = () => Promise.reject(new Error('no memory'));
    const ledger = memoryLedger();
    await expect(finishRun(prepareRun(LONG, { ledger, forecast: failing }))).rejects.toThrow('no memory');
    expect(typesOf(ledger.records).at(-1)).toBe('rest');
  });

  it('gives way to a stop: interrupted before the session, without a forecast', async () => {
    const controller = new AbortController();
    const stuck: Forecaster = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
        });
        queueMicrotask(() => {
          controller.abort();
        });
      });
    const { ledger, result } = await runSmall(LONG, { forecast: stuck, signal: controller.signal });
    expect(result).toBeUndefined();
    expect(typesOf(ledger.records).slice(-1)).toEqual(['interrupted']);
    expect(ofType(ledger.records, 'interrupted')[0]).toMatchObject({ session: 3, trial: 0 });
    expect(ofType(ledger.records, 'forecast')).toEqual([]);
  });
});

describe('the stimuli that a forecast is made for', () => {
  it('are those of the policy, or the initial ones in turn where it cannot say', async () => {
    const fresh = smallExperiment({ sessions: 7, trials: 16, initialSessions: 3, patterns: 'fresh' });
    const policy = mixedSourcePolicy(fresh);
    const { result } = await runSmall(fresh);
    const known = toForecastInput(result!.model, policy);
    expect(known.isKnownAhead).toBe(true);
    expect(known.inputs).toEqual(result!.model.inputs);
    expect(known.states).toEqual(result!.model.states);
    const closed: PatternPolicy = {
      name: 'closed',
      nextTrials: (session, from) => policy.nextTrials(session, from),
    };
    const unknown = toForecastInput(result!.model, closed);
    expect(unknown.isKnownAhead).toBe(false);
    const session = (values: Uint8Array, index: number): Uint8Array =>
      values.subarray((index * values.length) / 7, ((index + 1) * values.length) / 7);
    for (const [later, from] of [
      [3, 0],
      [4, 1],
      [6, 0],
    ] as const) {
      expect(session(unknown.inputs, later)).toEqual(session(known.inputs, from));
      expect(session(unknown.states, later)).toEqual(session(known.states, from));
    }
  });
});

describe('a run with stop rules', () => {
  it('ends after the session that meets one, and says so before its end', async () => {
    const experiment = smallExperiment({
      sessions: 6,
      trials: 16,
      initialSessions: 3,
      stop: { selectivityReached: { atLeast: -100, sessions: 2 } },
    });
    const { ledger, result } = await runSmall(experiment);
    expect(typesOf(ledger.records).slice(-5)).toEqual([
      'session-started',
      'session-ended',
      'forecast-score',
      'stopped',
      'experiment-ended',
    ]);
    expect(result!.stopped).toMatchObject({ session: 4, rule: 'selectivityReached', limit: -100, sessions: 2 });
    expect(result!.stopped!.value).toBe(ofType(ledger.records, 'session-ended')[4]!.selectivity);
    expect(ofType(ledger.records, 'experiment-ended')).toEqual([{ type: 'experiment-ended', trials: 80 }]);
    expect(result!.table).toMatchObject({ sessions: 5, trialsPerSession: 16 });
    expect(result!.table.counts).toHaveLength(80 * 64);
    // but for the stop it is the same run
    const whole = await runSmall({ ...experiment, stop: {} });
    const trials = (records: readonly LedgerRecord[]): string => toLines(ofType(records, 'trial'));
    expect(trials(whole.ledger.records).startsWith(trials(ledger.records))).toBe(true);
  });

  it('can end while the model is calibrated, and does not wait for a forecast', async () => {
    const experiment = smallExperiment({
      sessions: 6,
      trials: 16,
      initialSessions: 3,
      stop: { deadCulture: { meanCountBelow: 1e6, sessions: 3 } },
    });
    const never: Forecaster = () => new Promise(() => undefined);
    const { ledger, result } = await runSmall(experiment, { forecast: never });
    expect(result!.table.sessions).toBe(3);
    expect(typesOf(ledger.records).slice(-3)).toEqual(['session-ended', 'stopped', 'experiment-ended']);
  });

  it('counts silent electrodes', async () => {
    const experiment = smallExperiment({
      trials: 16,
      culture: { condition: 'ttx' },
      stop: { deadCulture: { silentShareAbove: 0.9, sessions: 1 } },
    });
    const { result } = await runSmall(experiment);
    expect(result!.stopped).toMatchObject({ session: 0, rule: 'deadCulture', measure: 'silent-share', value: 1 });
  });
});
