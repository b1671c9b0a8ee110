import { describe, expect, it } from 'vitest';
import { createContinuedSource, createReplaySource } from '../../drivers/replay-source.js';
import type { LedgerRecord } from '../../protocols/ledger.js';
import type { TrialRequest, TrialResponse, TrialSource } from '../../protocols/trial.js';
import { sampleIndex } from '../../protocols/units.js';
import {
  emulatedSource,
  finishRun,
  memoryLedger,
  prepareRun,
  runSmall,
  smallExperiment,
  toLines,
} from '../../tests/helpers/small-experiment.js';
import { createContinuingSink } from './compare-ledger.js';
import { mixedSourcePolicy, type PatternPolicy } from './pattern-policy.js';
import { repeatRecorded } from './policies/recorded-policy.js';
import { catchUp, toRecordedRun } from './recorded-run.js';
import { alignPlan, takePlanChange, type TrialPlan } from './trial-plan.js';

const SMALL = smallExperiment();
const LIMITS = { maxGapS: 30, sampleRateHz: 20_000 };

function planAt(firstSample: number): TrialPlan {
  return { periodSamples: 20_000, firstSample, bootId: undefined, change: undefined };
}

function align(plan: TrialPlan, trial: number, at: number): string {
  return alignPlan(plan, { trial, earliest: sampleIndex(at), hasEnded: false }, LIMITS);
}

function taken(plan: TrialPlan, at: number): readonly LedgerRecord[] {
  return takePlanChange(plan, { session: 3, atSample: sampleIndex(at) });
}

describe('the plan of a session', () => {
  it('stays as it is where a trial can be when it should, and has nothing to tell', () => {
    const plan = planAt(1000);
    expect(align(plan, 2, 41_000)).toBe('go-on');
    expect(align(plan, 2, 5)).toBe('go-on');
    expect(taken(plan, 41_000)).toEqual([]);
    expect(plan.firstSample).toBe(1000);
  });

  it('tells once of all that moved a trial', () => {
    const plan = planAt(1000);
    expect([align(plan, 2, 45_000), align(plan, 2, 46_000)]).toEqual(['go-on', 'go-on']);
    expect(taken(plan, 46_000)).toEqual([
      { type: 'rescheduled', session: 3, trial: 2, atSample: 46_000, bySamples: 5000 },
    ]);
    expect(taken(plan, 46_000)).toEqual([]);
  });

  it('begins anew where moves together are longer than a gap may be, and counts the gap to where it begins', () => {
    const plan = planAt(0);
    expect([align(plan, 2, 340_000), align(plan, 2, 641_000)]).toEqual(['go-on', 'restart']);
    expect(plan.firstSample).toBe(641_000);
    // Deciding trial 0 took its time, too.
    expect(align(plan, 0, 650_000)).toBe('go-on');
    expect(taken(plan, 650_000)).toEqual([{ type: 'session-restarted', session: 3, trial: 2, gapSamples: 610_000 }]);
  });

  it('begins anew by another clock, with a gap that nobody knows', () => {
    const plan = planAt(1_000_000);
    expect(alignPlan(plan, { trial: 1, earliest: sampleIndex(500), hasEnded: true }, LIMITS)).toBe('restart');
    expect(taken(plan, 500)).toEqual([{ type: 'session-restarted', session: 3, trial: 1 }]);
  });

  it('begins anew by the clock of another boot, wherever that stands, and counts no gap', () => {
    for (const at of [500, 1_020_000, 1_030_000, 9_000_000]) {
      const plan = { ...planAt(1_000_000), bootId: 7 };
      const byBoot = (trial: number, earliest: number, bootId: number): string =>
        alignPlan(plan, { trial, earliest: sampleIndex(earliest), hasEnded: false, bootId }, LIMITS);
      expect(byBoot(1, 1_020_000, 7)).toBe('go-on');
      expect(byBoot(1, at, 8)).toBe('restart');
      // Once more, and then trial 0 takes a little longer.
      expect([byBoot(0, at + 3, 9), byBoot(0, at + 5, 9)]).toEqual(['go-on', 'go-on']);
      expect(plan.firstSample).toBe(at + 5);
      const place = { session: 3, trial: 1 };
      expect(taken(plan, at + 5)).toEqual([
        { type: 'another-clock', ...place, atSample: at + 5, previousBootId: 7, bootId: 9 },
        { type: 'session-restarted', ...place },
      ]);
    }
  });

  it('tells of another clock before the first trial of a session, which is no change otherwise', () => {
    const plan = { ...planAt(1000), bootId: 7 };
    const earliest = sampleIndex(1000);
    expect(alignPlan(plan, { trial: 0, earliest, hasEnded: false, bootId: 8 }, LIMITS)).toBe('go-on');
    expect(taken(plan, 1000)).toEqual([
      { type: 'another-clock', session: 3, trial: 0, atSample: 1000, previousBootId: 7, bootId: 8 },
    ]);
  });

  it('takes a boot that nobody knows for no other one', () => {
    const plan = planAt(0);
    for (const bootId of [undefined, 7, undefined, 7]) {
      expect(alignPlan(plan, { trial: 1, earliest: sampleIndex(20_000), hasEnded: true, bootId }, LIMITS)).toBe(
        'go-on',
      );
    }
    expect(taken(plan, 20_000)).toEqual([]);
  });
});

/** The culture on a device whose clock goes on while nobody looks: `pass` moves it. */
function movingSource(): TrialSource & { pass: (samples: number) => void } {
  const source = emulatedSource(SMALL);
  let moved = 0;
  return {
    description: source.description,
    nextSample: () => sampleIndex(source.nextSample() + moved),
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      for (const request of requests) {
        const inner = { ...request, atSample: sampleIndex(request.atSample - moved) };
        for await (const response of source.run([inner], signal)) {
          const { deliveredSample, window } = response;
          const forth = (sample: number): TrialResponse['deliveredSample'] => sampleIndex(sample + moved);
          yield { ...response, deliveredSample: forth(deliveredSample), window: [forth(window[0]), forth(window[1])] };
        }
      }
    },
    rest: (duration) => source.rest(duration),
    close: () => source.close(),
    pass: (samples) => {
      moved += samples;
    },
  };
}

/** One trial at a time, told of all responses; before some, something happens while it is being decided. */
function slowPolicy(onDecide: (session: number, trial: number) => void): PatternPolicy {
  const planned = mixedSourcePolicy(SMALL);
  return {
    name: 'slow',
    async nextTrials(session, from) {
      await Promise.resolve();
      onDecide(session, from);
      const { sources, inputs } = planned.nextTrials(session, from);
      const first = { sources: sources.slice(0, 2), inputs: inputs.slice(0, inputs.length / (8 - from)) };
      return { trials: 1, ...first, lookedAt: 'all' };
    },
  };
}

function typesOf(records: readonly LedgerRecord[]): string[] {
  return records.map(({ type }) => type);
}

async function replayOf(records: readonly LedgerRecord[]): Promise<readonly LedgerRecord[]> {
  const { description } = emulatedSource(SMALL);
  const source = { ...createReplaySource(toRecordedRun(records, description).trials), description };
  return (await runSmall(SMALL, { source, policy: repeatRecorded(records, undefined) })).ledger.records;
}

describe('a run whose clock goes on while patterns are decided', () => {
  it('tells once of each trial that came later, and repeats exactly, also where a session began anew', async () => {
    const source = movingSource();
    let isFirst = true;
    const policy = slowPolicy((session, trial) => {
      if (session === 1 && trial > 4) source.pass(300);
      if (session !== 2 || trial !== 3 || !isFirst) return;
      isFirst = false;
      source.pass(31 * 20_000);
    });
    const { ledger } = await runSmall(SMALL, { source, policy });
    const types = typesOf(ledger.records);
    expect(types.filter((type) => type === 'rescheduled')).toHaveLength(3);
    expect(types.filter((type) => type === 'session-restarted')).toHaveLength(1);
    expect(toLines(await replayOf(ledger.records))).toBe(toLines(ledger.records));
  });

  it('leaves no word of a change when it is stopped before the trial that the change led to', async () => {
    const source = movingSource();
    const stop = new AbortController();
    const policy = slowPolicy((session, trial) => {
      if (session !== 1 || trial !== 2) return;
      source.pass(5000);
      stop.abort(new Error('enough'));
    });
    const { ledger } = await runSmall(SMALL, { source, policy, signal: stop.signal });
    expect(typesOf(ledger.records).slice(-2)).toEqual(['trial', 'interrupted']);
  });
});

describe('a run that ended because a trial failed too often', () => {
  it('goes on with the next attempt when it is resumed, and repeats exactly', async () => {
    const spoiled = (failures: number): TrialSource => {
      const source = emulatedSource(SMALL);
      let left = failures;
      return {
        description: source.description,
        nextSample: () => source.nextSample(),
        async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
          for await (const response of source.run(requests, signal)) {
            const isBad = response.session === 1 && response.trial === 3 && left > 0;
            if (isBad) left--;
            yield isBad ? { ...response, delivery: 'late' } : response;
          }
        },
        rest: (duration) => source.rest(duration),
        close: () => source.close(),
      };
    };
    const died = memoryLedger();
    await expect(finishRun(prepareRun(SMALL, { ledger: died, source: spoiled(99) }))).rejects.toThrow(
      'again and again',
    );
    // The cause is mended, and the culture stands where the recording ends.
    const live = spoiled(4);
    const recorded = toRecordedRun(died.records, live.description);
    await catchUp(live, recorded, { from: { trials: 0, rests: 0 }, signal: new AbortController().signal });
    const rest = memoryLedger();
    const sink = createContinuingSink(recorded.records, rest, ({ where }) => {
      throw new Error(`another record at ${where}`);
    });
    const source = createContinuedSource(recorded.trials, recorded.rests, live);
    const result = await finishRun(prepareRun(SMALL, { ledger: sink, source }));
    expect(result?.table.sessions).toBe(4);
    const whole = [...died.records, ...rest.records];
    expect(typesOf(whole).filter((type) => type === 'trial-uncounted')).toHaveLength(4);
    expect(typesOf(whole).filter((type) => type === 'trial')).toHaveLength(32);
  });
});

describe('recorded decisions', () => {
  function shown(type: 'trial' | 'trial-uncounted', trial: number, inputs: string): LedgerRecord {
    const place = {
      session: 0,
      trial,
      sources: '10',
      inputs,
      atSample: 0,
      deliveredSample: 0,
      window: [200, 600],
    } as const;
    return type === 'trial'
      ? { type, ...place, delivery: 'delivered', counts: [] }
      : { type, ...place, delivery: 'late', attempt: 1, reason: 'late' };
  }

  it('are one for a trial that was shown until it counted, and another one after its session began anew', async () => {
    const restarted: LedgerRecord = { type: 'session-restarted', session: 0, trial: 1 };
    const policy = repeatRecorded(
      [
        shown('trial', 0, '1100'),
        shown('trial-uncounted', 1, '1010'),
        shown('trial-uncounted', 1, '1010'),
        restarted,
        shown('trial', 0, '0001'),
        shown('trial-uncounted', 1, '0010'),
        shown('trial', 1, '0010'),
      ],
      undefined,
    );
    const history = (await runSmall(SMALL)).result!;
    const ask = async (trial: number): Promise<string> => (await policy.nextTrials(0, trial, history)).inputs.join('');
    expect([await ask(0), await ask(1), await ask(0), await ask(1)]).toEqual(['1100', '1010', '0001', '0010']);
    expect(() => policy.nextTrials(0, 1, history)).toThrow('The recording ends');
  });
});
