import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import { hertz, milliseconds } from '../../../protocols/units.js';
import { batchOf, type PlannedSpike } from '../../../tests/helpers/spike-recording.js';
import type { PipelineEvent } from '../events/pipeline-event.js';
import { FireRule, type FireCause, type FireRuleCounters, type FireRuleOptions } from './fire-rule.js';
import { whenFire, type TriggerRequest } from './when-fire.js';

// At 1 kHz a sample is a millisecond.
const OPTIONS: FireRuleOptions = {
  electrodes: [4, 2, 7],
  withinMs: milliseconds(10),
  refractoryMs: milliseconds(50),
  maxPerSecond: 100,
  maxTriggers: 1000,
  sampleRateHz: hertz(1000),
};
const at = (sample: number, electrode: number): PlannedSpike => ({ sample, electrode });

function run(spikes: readonly PlannedSpike[], options: Partial<FireRuleOptions> = {}): readonly FireCause[] {
  return new FireRule({ ...OPTIONS, ...options }).push(batchOf([0, 100_000], spikes));
}

describe('a rule', () => {
  it('fires at the spike that makes it whole, and tells which spikes did', () => {
    expect(run([at(100, 7), at(104, 2), at(105, 3), at(110, 4)])).toEqual([
      { firstSample: 100, lastSample: 110, electrodes: [2, 4, 7] },
    ]);
  });

  it.each([
    ['one is a sample too late', [at(100, 7), at(104, 2), at(111, 4)]],
    ['one fires twice in the place of another', [at(100, 7), at(104, 2), at(108, 2)]],
    ['another electrode fires in the place of one', [at(100, 7), at(104, 2), at(108, 5)]],
  ])('does not fire when %s', (_, spikes) => {
    expect(run(spikes)).toEqual([]);
  });

  it('takes the newest spike of each electrode', () => {
    expect(run([at(100, 7), at(107, 7), at(108, 2), at(115, 4)])).toEqual([
      { firstSample: 107, lastSample: 115, electrodes: [2, 4, 7] },
    ]);
  });

  it('fires with fewer electrodes where fewer are wanted', () => {
    expect(run([at(100, 7), at(110, 4)], { minimum: 2 })).toMatchObject([{ electrodes: [4, 7] }]);
    expect(run([at(100, 7)], { minimum: 1 })).toMatchObject([{ firstSample: 100, lastSample: 100 }]);
  });

  it('does not look at spikes within its refractory time, and uses each spike once', () => {
    const spikes = [at(100, 2), at(100, 4), at(149, 2), at(150, 4), at(151, 2)];
    const causes = run(spikes, { electrodes: [2, 4] });
    expect(causes.map(({ firstSample, lastSample }) => [firstSample, lastSample])).toEqual([
      [100, 100],
      [150, 151],
    ]);
    const eager = run([at(100, 2), at(101, 4), at(102, 2), at(103, 4)], {
      electrodes: [2, 4],
      refractoryMs: milliseconds(0),
    });
    expect(eager.map(({ firstSample }) => firstSample)).toEqual([100, 102]);
  });

  it('keeps to its cap in any second, and counts what it held back', () => {
    const rule = new FireRule({ ...OPTIONS, electrodes: [2], maxPerSecond: 2, refractoryMs: milliseconds(0) });
    const samples = [0, 400, 999, 1000, 1399, 1400].map((sample) => at(sample, 2));
    const causes = rule.push(batchOf([0, 5000], samples));
    expect(causes.map(({ lastSample }) => lastSample)).toEqual([0, 400, 1000, 1400]);
    expect(rule.counters).toEqual({ triggers: 4, suppressed: 2, isLive: true });
  });

  it('is silent for good after so many triggers', () => {
    const rule = new FireRule({ ...OPTIONS, electrodes: [2], maxTriggers: 2 });
    expect(rule.push(batchOf([0, 500], [at(0, 2), at(100, 2), at(200, 2)]))).toHaveLength(2);
    rule.forget();
    expect(rule.push(batchOf([0, 500], [at(300, 2)]))).toEqual([]);
    expect(rule.counters).toEqual({ triggers: 2, suppressed: 0, isLive: false });
  });

  it('fires at the same spikes for every cut into batches', () => {
    const random = openRandomStream(8, 'rule');
    const spikes = Array.from({ length: 3000 }, () => at(random.integer(20_000), random.integer(9)));
    const options = { ...OPTIONS, withinMs: milliseconds(40), maxPerSecond: 1 };
    const whole = new FireRule(options);
    const wanted = whole.push(batchOf([0, 20_000], spikes));
    expect(wanted.length).toBeGreaterThan(10);
    expect(whole.counters.suppressed).toBeGreaterThan(10);
    for (const cut of [1, 7, 13, 501]) {
      const rule = new FireRule(options);
      const causes: FireCause[] = [];
      for (let first = 0; first < 20_000; first += cut) {
        const end = Math.min(20_000, first + cut);
        const near = spikes.filter(({ sample }) => sample >= first && sample < end);
        causes.push(...rule.push(batchOf([first, end], near)));
      }
      expect(causes, `cut ${cut}`).toEqual(wanted);
    }
  });

  it('puts no spikes of another time base together with new ones', () => {
    const rule = new FireRule({ ...OPTIONS, electrodes: [2, 4] });
    rule.push(batchOf([0, 100], [at(95, 2)]));
    expect(rule.push(batchOf([90, 200], [at(97, 4)]))).toEqual([]);
  });

  it.each<Partial<FireRuleOptions>>([
    { electrodes: [] },
    { electrodes: [1, 1] },
    { electrodes: [-1] },
    { electrodes: [0.5] },
    { withinMs: milliseconds(Number.NaN) },
    { withinMs: milliseconds(-1) },
    { refractoryMs: milliseconds(Infinity) },
    { minimum: 4 },
    { minimum: 0 },
    { maxPerSecond: Number.NaN },
    { maxPerSecond: 0 },
    { maxTriggers: 0 },
    { maxTriggers: 1.5 },
    { sampleRateHz: hertz(0) },
  ])('is refused with %o', (bad) => {
    expect(() => new FireRule({ ...OPTIONS, ...bad })).toThrow('of a rule: got');
  });
});

describe('the operator of a rule', () => {
  const spikes = (from: number, to: number, ...planned: readonly PlannedSpike[]): PipelineEvent => ({
    type: 'spikes',
    batch: batchOf([from, to], planned),
  });

  it('asks for its slot, counts its requests, and does not join spikes across a boundary', () => {
    const requests: TriggerRequest[] = [];
    const told: FireRuleCounters[] = [];
    const options = { ...OPTIONS, electrodes: [2, 4], onCounters: (counters: FireRuleCounters) => told.push(counters) };
    of<PipelineEvent[]>(
      spikes(0, 100, at(10, 2), at(12, 4), at(99, 2)),
      { type: 'device-restarted', previousBootId: 1, bootId: 2 },
      spikes(100, 200, at(101, 4)),
      spikes(200, 300, at(220, 2), at(221, 4)),
    )
      .pipe(whenFire(options, { slot: 9 }))
      .subscribe((request) => requests.push(request));
    expect(requests).toEqual([
      { type: 'trigger-request', slot: 9, number: 1, cause: { firstSample: 10, lastSample: 12, electrodes: [2, 4] } },
      { type: 'trigger-request', slot: 9, number: 2, cause: { firstSample: 220, lastSample: 221, electrodes: [2, 4] } },
    ]);
    expect(told.at(-1)).toEqual({ triggers: 2, suppressed: 0, isLive: true });
  });
});
