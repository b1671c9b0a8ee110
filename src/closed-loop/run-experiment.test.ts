import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { isInterruption, type LedgerRecord, type SessionEnded, type TrialRecord } from '../../protocols/ledger.js';
import type { ResumableSource, TrialRequest, TrialResponse, TrialSource } from '../../protocols/trial.js';
import { sampleIndex, seconds, type SampleIndex } from '../../protocols/units.js';
import { createReplaySource } from '../../drivers/replay-source.js';
import { simulateResponses } from '../../sim-device/simulate-responses.js';
import { hasSameBytes } from '../../tests/helpers/arrays.js';
import {
  emulatedSource,
  finishRun,
  memoryLedger,
  prepareRun,
  runSmall,
  smallExperiment,
  toLines,
} from '../../tests/helpers/small-experiment.js';
import { virtualClock } from '../clock.js';
import { fitCausal } from '../model/online-model.js';
import { toDesign, type Experiment } from './experiment.js';
import { mixedSourcePolicy, type PatternPolicy } from './pattern-policy.js';
import { paceSource } from './paced-source.js';
import { countedTrials, toRecordedRun } from './recorded-run.js';
import { toRecordedTable } from './recorded-table.js';
import { runExperiment, type ExperimentProgress } from './run-experiment.js';

const SMALL = smallExperiment();
const PERIOD = 20_000;

function trialsOf(records: readonly LedgerRecord[]): TrialRecord[] {
  return records.filter((record) => record.type === 'trial');
}

function sessionsOf(records: readonly LedgerRecord[]): SessionEnded[] {
  return records.filter((record) => record.type === 'session-ended');
}

/** A source of which some answers are changed on the way. */
function spoil(experiment: Experiment, change: (response: TrialResponse) => TrialResponse | undefined): TrialSource {
  const source = emulatedSource(experiment);
  return {
    description: source.description,
    nextSample: () => source.nextSample(),
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      for await (const response of source.run(requests, signal)) {
        const changed = change(response);
        if (changed === undefined) return;
        yield changed;
      }
    },
    rest: (duration) => source.rest(duration),
    close: () => source.close(),
  };
}

/**
 * The culture on a device that is away for a while before its trial number `row`: the batch ends, and its counter has moved.
 */
function awayAfter(row: number, awayS: number): TrialSource {
  const source = emulatedSource(SMALL);
  const bySamples = awayS * 20_000;
  let answered = 0;
  let moved = 0;
  const back = (sample: number): SampleIndex => sampleIndex(sample - moved);
  const forth = (sample: number): SampleIndex => sampleIndex(sample + moved);
  return {
    description: source.description,
    nextSample: () => forth(source.nextSample()),
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      for (const request of requests) {
        if (answered === row && moved === 0) {
          moved = bySamples;
          return;
        }
        for await (const response of source.run([{ ...request, atSample: back(request.atSample) }], signal)) {
          answered++;
          const { deliveredSample, window } = response;
          yield { ...response, deliveredSample: forth(deliveredSample), window: [forth(window[0]), forth(window[1])] };
        }
      }
    },
    rest: (duration) => source.rest(duration),
    close: () => source.close(),
  };
}

/** The records of a run on what another one recorded. */
async function replayOf(records: readonly LedgerRecord[]): Promise<readonly LedgerRecord[]> {
  const { description } = emulatedSource(SMALL);
  const source = { ...createReplaySource(toRecordedRun(records, description).trials), description };
  return (await runSmall(SMALL, { source })).ledger.records;
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('an experiment', () => {
  it('records its start, its sessions with their trials, the calibration, the rests and its end, in that order', async () => {
    const { ledger } = await runSmall(SMALL);
    const trials = Array<string>(8).fill('trial');
    const session = (...end: string[]): string[] => ['session-started', ...trials, ...end];
    expect(ledger.records.map(({ type }) => type)).toEqual([
      'experiment-started',
      ...session('session-ended', 'rest'),
      ...session('calibrated', 'session-ended', 'rest'),
      ...session('session-ended', 'rest'),
      ...session('session-ended'),
      'experiment-ended',
    ]);
    expect(trialsOf(ledger.records).map(({ session: s, trial }) => s * 8 + trial)).toEqual(
      Array.from({ length: 32 }, (_, row) => row),
    );
    expect(ledger.records[0]).toMatchObject({ version: 1, experiment: SMALL, source: { provenance: 'emulated' } });
    expect(ledger.records.at(-1)).toEqual({ type: 'experiment-ended', trials: 32 });
  });

  it('has the counts of the simulated culture bit for bit, and its patterns, when it never rests', async () => {
    // `simulateResponses` gives time to trials only, so the clocks agree without rests; the culture rests all the same.
    for (const patterns of ['frozen', 'fresh']) {
      const experiment = smallExperiment({ patterns, rest: { seconds: 0 } });
      const policy = mixedSourcePolicy(experiment);
      const simulated = simulateResponses(
        { ...experiment.culture, seed: experiment.seed },
        { sessions: 4, patterns: (session) => policy.nextTrials(session, 0) },
      );
      const { ledger, result } = await runSmall(experiment);
      const { stimulatedElectrodes } = emulatedSource(experiment).description;
      expect(result!.table).toEqual({ ...simulated, stimulatedElectrodes });
      expect(trialsOf(ledger.records).flatMap(({ counts }) => counts)).toEqual(Array.from(simulated.counts));
      expect(Math.max(...simulated.counts)).toBeGreaterThan(1);
    }
  });

  it.each([1, 2, 7, 13, 1000])('has the same ledger when trials are handed over %i at a time', async (batchTrials) => {
    const whole = await runSmall(SMALL);
    const { ledger, result } = await runSmall(SMALL, { batchTrials });
    expect(toLines(ledger.records)).toBe(toLines(whole.ledger.records));
    expect(Buffer.concat(ledger.states).equals(Buffer.concat(whole.ledger.states))).toBe(true);
    expect(hasSameBytes(result!.table.counts, whole.result!.table.counts)).toBe(true);
  });

  it('takes one trial at a time from a policy that decides no more ahead, to the same ledger', async () => {
    const policy = mixedSourcePolicy(SMALL);
    const asked: string[] = [];
    const single = {
      name: 'single',
      nextTrials: (session: number, from: number) => {
        asked.push(`${session}.${from}`);
        const { sources, inputs } = policy.nextTrials(session, from);
        return { trials: 1, sources: sources.subarray(0, 2), inputs: inputs.subarray(0, 32) };
      },
    };
    const { ledger } = await runSmall(SMALL, { policy: single });
    expect(asked).toHaveLength(32);
    expect(toLines(ledger.records)).toBe(toLines((await runSmall(SMALL)).ledger.records));
  });

  it('carries out no more trials than the session has, whatever a policy decides ahead', async () => {
    const policy = mixedSourcePolicy(SMALL);
    const generous = {
      name: 'generous',
      nextTrials: (session: number, from: number) => {
        const { trials, sources, inputs } = policy.nextTrials(session, from);
        const twice = (bits: Uint8Array): Uint8Array => Uint8Array.of(...bits, ...bits);
        return { trials: 2 * trials, sources: twice(sources), inputs: twice(inputs) };
      },
    };
    const { ledger } = await runSmall(SMALL, { policy: generous, batchTrials: 5 });
    expect(toLines(ledger.records)).toBe(toLines((await runSmall(SMALL)).ledger.records));
  });

  it('gives the same ledger for the same seed twice, and another for another seed', async () => {
    const first = toLines((await runSmall(SMALL)).ledger.records);
    expect(toLines((await runSmall(SMALL)).ledger.records)).toBe(first);
    expect(toLines((await runSmall(smallExperiment({ seed: 2 }))).ledger.records)).not.toBe(first);
  });

  it('has no host time in its ledger: a clock that jumps changes latency records alone', async () => {
    const still = await runSmall(SMALL);
    let nowMs = 0;
    const clock = { ...virtualClock(), wallMs: () => 1e12, monotonicMs: () => (nowMs += 2.5) };
    const jumping = await runSmall(SMALL, { clock });
    expect(toLines(jumping.ledger.records)).toBe(toLines(still.ledger.records));
    expect(still.ledger.latencies.map(({ responseUs }) => responseUs.max)).toEqual([0, 0, 0, 0]);
    expect(jumping.ledger.latencies.map(({ session, responseUs }) => [session, responseUs.median])).toEqual(
      [0, 1, 2, 3].map((session) => [session, 2500]),
    );
  });

  it.each(['own', 1.5] as const)(
    'ends with the model that the stored table gives, bit for bit (B %s)',
    async (baseline) => {
      const experiment = smallExperiment({ baseline });
      const { ledger, result } = await runSmall(experiment);
      const model = fitCausal(result!.table, { design: toDesign(experiment), electrodes: 64, baseline });
      for (const name of ['x', 'xp', 'w1', 'w0', 'w1p', 'w0p', 'freeEnergy', 'errX', 'errW', 'errA'] as const) {
        expect(hasSameBytes(result!.model.run.arrays[name], model.run.arrays[name]), name).toBe(true);
      }
      const { freeEnergy, errX, errW } = model.run.arrays;
      const calibrated = ledger.records.find((record) => record.type === 'calibrated');
      expect(calibrated).toMatchObject({
        session: 1,
        freeEnergy: Array.from(freeEnergy.subarray(0, 2)),
        errX: Array.from(errX.subarray(0, 2)),
        phi1: Array.from(model.run.phi!.phi1),
      });
      if (baseline !== 'own') expect(calibrated).toMatchObject({ baseline });
      const told = sessionsOf(ledger.records).slice(1);
      expect(told.map((record) => [record.freeEnergy, record.errX, record.errW])).toEqual(
        [1, 2, 3].map((session) => [freeEnergy[session], errX[session], errW[session]]),
      );
      expect(new Set(told.map((record) => record.freeEnergy)).size).toBe(3);
    },
  );

  it('tells of every trial after the calibration what was seen and predicted, and of none before', async () => {
    const { ledger, result } = await runSmall(SMALL);
    const trials = trialsOf(ledger.records);
    expect(trials.filter(({ x, xp }) => x !== undefined || xp !== undefined).map(({ session }) => session)).toEqual(
      trials.slice(16).map(({ session }) => session),
    );
    const { xp } = result!.model.run.arrays;
    trials.slice(16).forEach((record, i) => {
      expect(record.xp).toEqual([xp[16 + i], xp[32 + 16 + i]]);
      expect(record.x!.every((value) => value >= 0 && value <= 1)).toBe(true);
    });
    expect(sessionsOf(ledger.records).map((record) => 'freeEnergy' in record)).toEqual([false, true, true, true]);
  });

  it('counts an empty pattern as a trial: nothing as asked, a window and counts', async () => {
    const trials = trialsOf((await runSmall(SMALL)).ledger.records);
    const empty = trials.filter(({ inputs }) => !inputs.includes('1'));
    expect(empty.length).toBeGreaterThan(0);
    expect(empty.length).toBeLessThan(trials.length);
    for (const record of trials) {
      expect(record.delivery).toBe(record.inputs.includes('1') ? 'delivered' : 'nothing-as-asked');
      expect(record.window).toEqual([record.atSample + 200, record.atSample + 600]);
      expect(record.counts).toHaveLength(64);
    }
  });

  it('schedules trials by the period and sessions after the rest, on the sample clock of the device', async () => {
    const { ledger } = await runSmall(smallExperiment({ trialPeriodS: 0.5 }));
    const starts = ledger.records.flatMap((record) => (record.type === 'session-started' ? [record.atSample] : []));
    expect(starts).toEqual([0, 1, 2, 3].map((session) => session * (8 * 10_000 + 20 * 20_000)));
    expect(trialsOf(ledger.records).map(({ atSample }) => atSample)).toEqual(
      starts.flatMap((start) => Array.from({ length: 8 }, (_, trial) => start + trial * 10_000)),
    );
  });

  it('goes on to its end without a model where an ensemble is not found', async () => {
    const { ledger, result } = await runSmall(smallExperiment({ culture: { condition: 'ttx' } }));
    expect(ledger.records.filter(({ type }) => type === 'calibrated')).toEqual([]);
    expect(ledger.records.filter(({ type }) => type === 'ensemble-not-found')).toEqual([
      { type: 'ensemble-not-found', session: 1, missing: [0, 1] },
    ]);
    expect(trialsOf(ledger.records).filter(({ x, xp }) => x !== undefined || xp !== undefined)).toEqual([]);
    expect(sessionsOf(ledger.records)).toEqual(
      [0, 1, 2, 3].map((session) => ({ type: 'session-ended', session, meanCount: 0 })),
    );
    expect(ledger.records.at(-1)?.type).toBe('experiment-ended');
    expect(result!.model.calibration?.type).toBe('ensemble-not-found');
  });

  it('tells after each trial how far it is, with the figures of the last session', async () => {
    const ledger = memoryLedger();
    const seen: ExperimentProgress[] = [];
    for await (const step of runExperiment(prepareRun(SMALL, { ledger }))) seen.push(step);
    expect(seen.map(({ session, trials }) => session * 8 + trials)).toEqual(
      Array.from({ length: 32 }, (_, i) => i + 1),
    );
    expect(seen[7]!.last).toBeUndefined();
    expect(seen[31]!.last).toEqual(sessionsOf(ledger.records)[2]);
  });

  it('refuses a rig that lacks inputs, before anything is recorded', async () => {
    const ledger = memoryLedger();
    const error = await errorOf(
      finishRun(prepareRun(smallExperiment({ inputsPerBlock: 8 }), { ledger, source: emulatedSource(SMALL) })),
    );
    expect(isMeaError(error, 'bad-input')).toBe(true);
    expect(String(error)).toMatch(/got 32 stimulated electrodes, expected 2 sources x 8 inputs per block = 16/);
    expect(ledger.records).toEqual([]);
  });
});

describe('an answer that is not data', () => {
  const at = { session: 1, trial: 3 };
  const cases: readonly (readonly [
    what: string,
    change: (r: TrialResponse) => Partial<TrialResponse>,
    message: RegExp,
  ])[] = [
    [
      'another trial',
      (r) => ({ trial: r.trial + 1 }),
      /another trial.*got session 1, trial 4, expected session 1, trial 3/,
    ],
    ['another session', () => ({ session: 0 }), /another trial.*got session 0, trial 3/],
    ['too few electrodes', (r) => ({ counts: r.counts.slice(1) }), /wrong number of electrodes: got 63, expected 64/],
    ['too many electrodes', (r) => ({ counts: Uint16Array.of(...r.counts, 0) }), /got 65, expected 64/],
    ['an earlier window', (r) => ({ window: [sampleIndex(r.window[0] - 1), r.window[1]] }), /another window/],
    ['a longer window', (r) => ({ window: [r.window[0], sampleIndex(r.window[1] + 1)] }), /another window/],
  ];

  it.each(cases)('(%s) stops the run, and the trial is not recorded', async (_, change, message) => {
    const ledger = memoryLedger();
    const isHere = (r: TrialResponse): boolean => r.session === at.session && r.trial === at.trial;
    const source = spoil(SMALL, (response) => (isHere(response) ? { ...response, ...change(response) } : response));
    const error = await errorOf(finishRun(prepareRun(SMALL, { ledger, source })));
    expect(isMeaError(error, 'bad-input')).toBe(true);
    expect(String(error)).toMatch(message);
    expect(String(error)).toMatch(/session 1, trial 3/);
    expect(ledger.records.at(-1)).toMatchObject({ type: 'trial', session: 1, trial: 2 });
  });

  const failures: readonly (readonly [
    what: string,
    change: (r: TrialResponse) => Partial<TrialResponse>,
    reason: string,
  ])[] = [
    ['a late stimulus', () => ({ delivery: 'late' }), 'late'],
    ['a refused stimulus', () => ({ delivery: 'refused' }), 'refused'],
    ['a missing stimulus', () => ({ delivery: 'missing' }), 'missing'],
    [
      'a delivery of nothing in place of a pulse, or of a pulse in place of nothing',
      ({ delivery }) => ({ delivery: delivery === 'delivered' ? 'nothing-as-asked' : 'delivered' }),
      'other-delivery',
    ],
    [
      'another sample',
      (r) => ({
        deliveredSample: sampleIndex(r.deliveredSample + 1),
        window: [sampleIndex(r.window[0] + 1), sampleIndex(r.window[1] + 1)],
      }),
      'off-time',
    ],
    ['electrodes that show another stimulus', () => ({ doubt: { missing: [3], unexpected: [] } }), 'doubted'],
    ['a window that nobody saw', () => ({ blindFraction: new Float32Array(64).fill(0.02) }), 'unseen'],
  ];

  it.each(failures)(
    '(%s) is written down and repeated, and stops the run when it comes too often',
    async (_, change, reason) => {
      const ledger = memoryLedger();
      const isHere = (r: TrialResponse): boolean => r.session === at.session && r.trial === at.trial;
      const source = spoil(SMALL, (response) => (isHere(response) ? { ...response, ...change(response) } : response));
      const error = await errorOf(finishRun(prepareRun(SMALL, { ledger, source })));
      expect(isMeaError(error, 'bad-input')).toBe(true);
      expect(String(error)).toMatch(new RegExp(`again and again.*got ${reason}, 4 times.*session 1, trial 3`));
      const tail = ledger.records.slice(-8);
      expect(tail[0]).toMatchObject({ type: 'trial', session: 1, trial: 2 });
      const asked = tail.flatMap((r) => (r.type === 'trial-uncounted' ? [[r.attempt, r.reason, r.atSample]] : []));
      const [, , first] = asked[0]!;
      // A period later each time; all trials after it with it.
      expect(asked).toEqual([1, 2, 3, 4].map((n) => [n, reason, Number(first) + (n - 1) * PERIOD]));
      expect(tail.filter(({ type }) => type === 'rescheduled')).toMatchObject(
        Array.from({ length: 3 }, () => ({ session: 1, trial: 3, bySamples: PERIOD })),
      );
    },
  );

  it.each(failures)('(%s, once) leaves a run that goes on later, and repeats exactly', async (_, change, reason) => {
    let left = 2;
    const once = spoil(SMALL, (response) => {
      if (response.session !== 2 || response.trial !== 1 || left === 0) return response;
      left--;
      return { ...response, ...change(response) };
    });
    const { ledger, result } = await runSmall(SMALL, { source: once, batchTrials: 3 });
    const trials = trialsOf(ledger.records);
    expect(trials.map(({ session, trial }) => 8 * session + trial)).toEqual(Array.from({ length: 32 }, (__, i) => i));
    expect(ledger.records.filter(({ type }) => type === 'trial-uncounted')).toMatchObject([{ reason }, { reason }]);
    const [before, after] = [16, 17].map((i) => trials[i]!.atSample);
    expect(after! - before!).toBe(3 * PERIOD);
    expect(result!.table.sessions).toBe(4);
    const again = await replayOf(ledger.records);
    expect(toLines(again)).toBe(toLines(ledger.records));
  });

  it('(a source that was away for long) begins its session anew, as if the trials before had not been', async () => {
    // The device's counter goes on while nobody asks for trials.
    for (const [awayS, isAnew] of [
      [20, false],
      [50, true],
    ] as const) {
      const { ledger, result } = await runSmall(SMALL, { source: awayAfter(19, awayS), batchTrials: 2 });
      const types = ledger.records.map(({ type }) => type);
      expect(types.filter((type) => type === 'session-restarted')).toHaveLength(isAnew ? 1 : 0);
      expect(types.filter((type) => type === 'rescheduled')).toHaveLength(isAnew ? 0 : 1);
      expect(trialsOf(ledger.records)).toHaveLength(isAnew ? 35 : 32);
      expect(countedTrials(ledger.records).map(({ session, trial }) => 8 * session + trial)).toEqual(
        Array.from({ length: 32 }, (_, i) => i),
      );
      const recorded = toRecordedTable(ledger.records, {
        experiment: SMALL,
        stimulatedElectrodes: result!.table.stimulatedElectrodes!,
        where: 'here',
      });
      expect(recorded.table).toEqual(result!.table);
      const { experiment, ...model } = { experiment: SMALL, electrodes: 64, baseline: 'own' as const };
      const whole = fitCausal(result!.table, { ...model, design: toDesign(experiment) });
      expect(whole.run.arrays).toEqual(result!.model.run.arrays);
      expect(toLines(await replayOf(ledger.records))).toBe(toLines(ledger.records));
    }
  });

  it('(a source whose clock began anew) begins its session anew: nobody knows how long it was away', async () => {
    const { ledger } = await runSmall(SMALL, { source: awayAfter(19, -60) });
    expect(ledger.records.filter(({ type }) => type === 'session-restarted')).toEqual([
      { type: 'session-restarted', session: 2, trial: 3 },
    ]);
    expect(countedTrials(ledger.records)).toHaveLength(32);
    expect(toLines(await replayOf(ledger.records))).toBe(toLines(ledger.records));
  });

  it('(a source whose clock began anew) is no part of what a choice by sessions looked at, but of one by all trials', async () => {
    const lookingAt = (lookedAt: 'all' | 'sessions'): PatternPolicy => ({
      name: 'looking',
      nextTrials: (session, from) => {
        const planned = mixedSourcePolicy(SMALL).nextTrials(session, from);
        return { ...planned, trials: 1, lookedAt };
      },
    });
    for (const lookedAt of ['all', 'sessions'] as const) {
      const policy = lookingAt(lookedAt);
      const { ledger } = await runSmall(SMALL, { source: awayAfter(19, -60), policy });
      const trials = trialsOf(ledger.records);
      expect(trials).toHaveLength(35);
      const [begin, cut] = [trials[0]!.window[0], trials[15]!.window[1]];
      const anew = trials[19]!.window[0];
      expect(anew).toBeLessThan(trials[18]!.window[1]);
      const before = lookedAt === 'all' ? [begin, trials[18]!.window[1]] : [begin, cut];
      expect(trials[19]!.decidedFrom).toEqual([before]);
      expect(trials.at(-1)!.decidedFrom).toEqual([
        before,
        [anew, lookedAt === 'all' ? trials.at(-2)!.window[1] : trials[26]!.window[1]],
      ]);
    }
  });

  it('(an end before the batch is over) stops the run after the trials that were answered', async () => {
    const ledger = memoryLedger();
    const source = spoil(SMALL, (response) => (response.session === 2 && response.trial === 5 ? undefined : response));
    const error = await errorOf(finishRun(prepareRun(SMALL, { ledger, source, batchTrials: 7 })));
    expect(isMeaError(error, 'bad-input')).toBe(true);
    expect(String(error)).toMatch(/ended before the batch did: got nothing for trial 5 of session 2, expected 2 /);
    expect(trialsOf(ledger.records).at(-1)).toMatchObject({ session: 2, trial: 4 });
  });

  it('(what a source throws by itself) reaches the caller as it is', async () => {
    const failure = new Error('cable pulled');
    const ledger = memoryLedger();
    const source = spoil(SMALL, (response) => {
      if (response.trial === 6) throw failure;
      return response;
    });
    expect(await errorOf(finishRun(prepareRun(SMALL, { ledger, source })))).toBe(failure);
    expect(ledger.records.at(-1)).toMatchObject({ type: 'trial', session: 0, trial: 5 });
  });

  it('(a share of the window that could not be seen) is recorded with the trial', async () => {
    const blindFraction = new Float32Array(64).fill(0.25);
    blindFraction[7] = 0;
    const source = spoil(SMALL, (response) => ({ ...response, blindFraction }));
    const { ledger } = await runSmall(SMALL, { source });
    expect(trialsOf(ledger.records)[0]!.blindFraction).toEqual(Array.from(blindFraction));
  });
});

describe('a ledger that cannot be written', () => {
  it('stops the run; the source can be used again and no further record is tried', async () => {
    const ledger = memoryLedger();
    const source = emulatedSource(SMALL);
    const full = new Error('disk full');
    let tried = 0;
    const sink = {
      ...ledger,
      append: (record: LedgerRecord) => {
        tried++;
        if (ledger.records.length === 5) throw full;
        ledger.append(record);
      },
    };
    expect(await errorOf(finishRun(prepareRun(SMALL, { ledger: sink, source })))).toBe(full);
    expect(tried).toBe(6);
    await source.close();
  });
});

describe('a run that is stopped', () => {
  async function stopAfter(
    trials: number,
    batchTrials?: number,
  ): Promise<{ records: LedgerRecord[]; isOver: boolean }> {
    const ledger = memoryLedger();
    const stop = new AbortController();
    const steps = runExperiment(prepareRun(SMALL, { ledger, signal: stop.signal, batchTrials }));
    if (trials === 0) stop.abort(new Error('enough'));
    for (let done = 0; ;) {
      const step = await steps.next();
      if (step.done === true) return { records: ledger.records, isOver: step.value !== undefined };
      done++;
      if (done === trials) stop.abort(new Error('enough'));
    }
  }

  it.each([1, 3, undefined])(
    'ends with `interrupted` at the next trial and returns nothing (batch %s)',
    async (batch) => {
      const whole = (await runSmall(SMALL)).ledger.records;
      for (let trials = 0; trials < 32; trials++) {
        const { records, isOver } = await stopAfter(trials, batch);
        expect(isOver).toBe(false);
        expect(records.at(-1)).toEqual({ type: 'interrupted', session: Math.floor(trials / 8), trial: trials % 8 });
        expect(trialsOf(records)).toHaveLength(trials);
        const told = records.filter((record) => !isInterruption(record));
        expect(told).toHaveLength(records.length - 1);
        expect(toLines(whole).startsWith(toLines(told))).toBe(true);
      }
    },
  );

  it('after its last trial is over, not interrupted', async () => {
    const { records, isOver } = await stopAfter(32);
    expect(isOver).toBe(true);
    expect(records.at(-1)?.type).toBe('experiment-ended');
  });

  it('while a source waits for a response is interrupted at that trial', async () => {
    const ledger = memoryLedger();
    const stop = new AbortController();
    const clock = {
      ...virtualClock(),
      sleep: (_: number, signal: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          if (trialsOf(ledger.records).length < 5) {
            resolve();
            return;
          }
          signal.addEventListener('abort', () => {
            reject(stop.signal.reason instanceof Error ? stop.signal.reason : new Error('?'));
          });
          stop.abort(new Error('enough'));
        }),
    };
    const source = paceSource(emulatedSource(SMALL), clock, stop.signal);
    const result = await finishRun(prepareRun(SMALL, { ledger, source, clock, signal: stop.signal }));
    expect(result).toBeUndefined();
    expect(ledger.records.at(-1)).toEqual({ type: 'interrupted', session: 0, trial: 5 });
  });

  it('during a rest has no record of the rest, and is interrupted before the next session', async () => {
    const ledger = memoryLedger();
    const stop = new AbortController();
    const clock = virtualClock();
    const sleep = (durationMs: number, signal: AbortSignal): Promise<void> => {
      if (durationMs > 10_000) stop.abort(new Error('enough'));
      return clock.sleep(durationMs, signal);
    };
    const source = paceSource(emulatedSource(SMALL), { ...clock, sleep }, stop.signal);
    const result = await finishRun(prepareRun(SMALL, { ledger, source, signal: stop.signal }));
    expect(result).toBeUndefined();
    expect(ledger.records.map(({ type }) => type).slice(-3)).toEqual(['trial', 'session-ended', 'interrupted']);
    expect(ledger.records.at(-1)).toEqual({ type: 'interrupted', session: 1, trial: 0 });
  });

  it('by a consumer that stops looking leaves the source free, and no record of an interruption', async () => {
    for (const stopAt of [1, 8, 9, 20]) {
      const ledger = memoryLedger();
      const source: ResumableSource = emulatedSource(SMALL);
      let seen = 0;
      for await (const step of runExperiment(prepareRun(SMALL, { ledger, source }))) {
        expect(step.trials).toBeGreaterThan(0);
        seen++;
        if (seen === stopAt) break;
      }
      expect(ledger.records.at(-1)?.type).toBe('trial');
      expect(trialsOf(ledger.records)).toHaveLength(stopAt);
      expect(source.saveState()).toEqual(ledger.states.at(-1));
      // it refuses any call while a batch is running
      await expect(source.rest(seconds(1))).resolves.toBeUndefined();
    }
  });
});
