import { describe, expect, it } from 'vitest';
import { createContinuedSource, createReplaySource } from '../../drivers/replay-source.js';
import type { LedgerRecord } from '../../protocols/ledger.js';
import type { BootedSource, TrialRequest } from '../../protocols/trial.js';
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
import { countedTrials, toRecordedRun } from './recorded-run.js';

const SMALL = smallExperiment({ sessions: 3, trials: 4, initialSessions: 1 });
const PERIOD = 20_000;
const { description } = emulatedSource(SMALL);

/** The culture behind a device of a boot whose counter stands somewhere. */
function booted(bootId: number, at: number): BootedSource {
  const source = emulatedSource(SMALL);
  const by = at - source.nextSample();
  return {
    description,
    bootId: () => bootId,
    nextSample: () => sampleIndex(source.nextSample() + by),
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      const inner = requests.map((request) => ({ ...request, atSample: sampleIndex(request.atSample - by) }));
      for await (const response of source.run(inner, signal)) {
        const { deliveredSample, window } = response;
        const there = [window[0] + by, window[1] + by].map(sampleIndex);
        yield { ...response, deliveredSample: sampleIndex(deliveredSample + by), window: [there[0]!, there[1]!] };
      }
    },
    rest: (duration) => source.rest(duration),
    close: () => source.close(),
  };
}

/** Goes on with what is left of a ledger, on another source. */
async function resume(left: readonly LedgerRecord[], live: BootedSource, policy: PatternPolicy = looking) {
  // The run was begun on boot 7.
  const recorded = toRecordedRun(left, description, 7);
  const added = memoryLedger();
  const sink = createContinuingSink(recorded.records, added, ({ where, field, recorded: was, repeated }) => {
    throw new Error(`another record at ${where}, ${field}: ${was}, ${repeated}`);
  });
  const source = createContinuedSource(recorded.trials, recorded.rests, live);
  await finishRun(prepareRun(SMALL, { ledger: sink, source, policy }));
  return [...left, { type: 'resumed', session: 0, trial: 0 } as const, ...added.records];
}

/** One trial at a time, told of all before. */
const looking: PatternPolicy = {
  name: 'looking',
  nextTrials(session, from) {
    const { sources, inputs } = mixedSourcePolicy(SMALL).nextTrials(session, from);
    return { trials: 1, sources: sources.slice(0, 2), inputs: inputs.slice(0, 32), lookedAt: 'all' };
  },
};

async function expectRepeated(records: readonly LedgerRecord[], policy: PatternPolicy): Promise<void> {
  const { records: told, trials } = toRecordedRun(records, description);
  const again = await runSmall(SMALL, { source: { ...createReplaySource(trials), description }, policy });
  expect(toLines(again.ledger.records)).toBe(toLines(told));
}

/** After two of the second session's four trials. */
function inSecondSession(records: readonly LedgerRecord[]): number {
  return records.findIndex((record) => record.type === 'trial' && record.session === 1 && record.trial === 1) + 1;
}

/** Where the counter of the next boot stands, against where the next trial was planned. */
const PLACES = [-100_000, 0, 300, 40 * PERIOD] as const;
const POLICIES = [looking, mixedSourcePolicy(SMALL)];

describe.each(POLICIES)('a run under $name that goes on after its device was booted anew', (policy) => {
  it('says so, plans anew and counts no gap, wherever it was cut and wherever the new counter stands', async () => {
    const whole = (await runSmall(SMALL, { source: booted(7, 200_000), policy })).ledger.records;
    for (let cut = 1; cut < whole.length - 1; cut++) {
      const left = whole.slice(0, cut);
      const last = left.findLast((record) => record.type === 'trial');
      const planned = last === undefined ? 200_000 : last.atSample + PERIOD;
      for (const place of PLACES) {
        const records = await resume(left, booted(8, planned + place), policy);
        const where = `cut after ${cut}, ${place} samples on`;
        const types = records.map(({ type }) => type);
        expect(types, where).not.toContain('rescheduled');
        expect(countedTrials(records), where).toHaveLength(12);
        const changes = records.filter(({ type }) => type === 'another-clock');
        // Before the first session nothing was planned by the first clock; after the last trial nothing is any more.
        const isPlanned = cut > 1 && left.filter(({ type }) => type === 'trial').length < 12;
        expect(changes, where).toMatchObject(isPlanned ? [{ previousBootId: 7, bootId: 8 }] : []);
        for (const record of records)
          if (record.type === 'session-restarted') expect(record).not.toHaveProperty('gapSamples');
        const shown = left.filter(({ type }) => type === 'trial').length % 4;
        expect(
          types.filter((type) => type === 'session-restarted'),
          where,
        ).toHaveLength(shown === 0 ? 0 : 1);
        await expectRepeated(records, policy);
      }
    }
  });

  it('goes on once more, also when it died before anything came of the new plan', async () => {
    const whole = (await runSmall(SMALL, { source: booted(7, 200_000), policy })).ledger.records;
    const second = await resume(whole.slice(0, inSecondSession(whole)), booted(8, 5_000_000), policy);
    const anew = second.findIndex(({ type }) => type === 'another-clock');
    for (const cut of [anew, anew + 1, anew + 2, anew + 3, anew + 5]) {
      for (const bootId of [8, 9]) {
        const third = await resume(second.slice(0, cut), booted(bootId, 9_000_000), policy);
        expect(countedTrials(third), `cut after ${cut}, boot ${bootId}`).toHaveLength(12);
        await expectRepeated(third, policy);
        const told = toRecordedRun(third, description).records;
        const clocks = told.flatMap((record) => (record.type === 'another-clock' ? [record.bootId] : []));
        // Had a trial been shown by the second boot, the third is one more.
        const isSecondTold = second.slice(anew, cut).some(({ type }) => type === 'trial');
        expect(clocks, `cut after ${cut}`).toEqual([
          ...(isSecondTold ? [8] : []),
          ...(isSecondTold && bootId === 8 ? [] : [bootId]),
        ]);
      }
    }
  });

  it('takes the same boot for what it is: a gap', async () => {
    const whole = (await runSmall(SMALL, { source: booted(7, 200_000), policy })).ledger.records;
    const left = whole.slice(0, inSecondSession(whole));
    const last = left.findLast((record) => record.type === 'trial')!;
    const records = await resume(left, booted(7, last.atSample + 3 * PERIOD), policy);
    expect(records.map(({ type }) => type)).not.toContain('another-clock');
    expect(records.find(({ type }) => type === 'rescheduled')).toMatchObject({ bySamples: 2 * PERIOD });
  });
});

it('the samples that a choice looked at are told clock by clock, though the second goes on beyond the first', async () => {
  const whole = (await runSmall(SMALL, { source: booted(7, 200_000), policy: looking })).ledger.records;
  const records = await resume(whole.slice(0, inSecondSession(whole)), booted(8, 5_000_000));
  const trials = records.filter((record) => record.type === 'trial');
  const spans = trials.at(-1)!.decidedFrom!;
  expect(spans).toHaveLength(2);
  expect(spans[0]![1]).toBeLessThan(spans[1]![0]);
  expect(spans[1]![0]).toBeGreaterThanOrEqual(5_000_000);
});
