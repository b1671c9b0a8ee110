import { EMPTY, NEVER, Observable, Subject, concat, from, map, of, take, tap, type OperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import { hertz, milliseconds, sampleIndex } from '../../../protocols/units.js';
import {
  batchOf,
  CUTS,
  delivered,
  dropped,
  flatBlock,
  PULSE_SAMPLES,
  toDeviceEvents,
  type RecordingPlan,
} from '../../../tests/helpers/spike-recording.js';
import { ThresholdPipeline } from '../../../tests/helpers/threshold-pipeline.js';
import type { PipelineEvent, StimulusScheduled } from '../events/pipeline-event.js';
import { whenFire } from '../rules/when-fire.js';
import type { TrialWindowCounters } from '../trials/trial-windows.js';
import { decimate } from './decimate.js';
import { detectSpikes } from './detect-spikes.js';
import { shareEvents } from './share-events.js';
import { spikeRates } from './spike-rates.js';
import { trialResponses } from './trial-responses.js';

const RATE_HZ = 1000;
const PLAN: RecordingPlan = {
  channels: 2,
  firstSample: 100,
  frames: 900,
  spikes: Array.from({ length: 130 }, (_, k) => ({ sample: 103 + k * 7 - (k % 3), electrode: k % 2 })),
  stimuli: [delivered(1, 150, [1]), delivered(2, 168, []), delivered(3, 400), dropped(4, 500), delivered(5, 990)],
  gaps: [
    [420, 445],
    [700, 760],
  ],
};

function newPipeline(): ThresholdPipeline {
  return new ThresholdPipeline({
    channels: 2,
    sampleRateHz: RATE_HZ,
    threshold: -50,
    lagSamples: 5,
    blindAfterSamples: 4,
  });
}

const detection = (): OperatorFunction<DeviceEvent, PipelineEvent> =>
  detectSpikes({ createPipeline: newPipeline, durationSamplesOf: () => PULSE_SAMPLES });

const WINDOWS = { electrodes: 2, sampleRateHz: hertz(RATE_HZ) };
const RULE = {
  electrodes: [0, 1],
  withinMs: milliseconds(10),
  refractoryMs: milliseconds(20),
  maxPerSecond: 100,
  maxTriggers: 8,
  sampleRateHz: hertz(RATE_HZ),
};

/** Each operator with what it makes of the device's events. */
const OPERATORS: Readonly<Record<string, () => OperatorFunction<DeviceEvent, unknown>>> = {
  trialResponses: () => (source) => source.pipe(detection(), trialResponses(WINDOWS)),
  spikeRates: () => (source) => source.pipe(detection(), spikeRates({ electrodes: 2, intervalSamples: 50 })),
  decimate: () => (source) => source.pipe(decimate({ samplesPerPoint: 4, pointsPerTrace: 8 })),
  whenFire: () => (source) => source.pipe(detection(), whenFire(RULE, { slot: 3 })),
};

function collect<T>(stream: Observable<T>): { values: T[]; errors: unknown[]; completions: number } {
  const seen: { values: T[]; errors: unknown[]; completions: number } = { values: [], errors: [], completions: 0 };
  stream.subscribe({
    next: (value) => seen.values.push(value),
    error: (error: unknown) => seen.errors.push(error),
    complete: () => (seen.completions += 1),
  });
  return seen;
}

describe.each(Object.entries(OPERATORS))('the operator %s', (_, create) => {
  const whole = collect(from(toDeviceEvents(PLAN, 2 ** 30)).pipe(create()));

  it('has results to be compared', () => {
    expect(whole.values.length).toBeGreaterThanOrEqual(5);
    expect(whole).toMatchObject({ errors: [], completions: 1 });
  });

  it.each(CUTS)('gives the same for blocks of %i frames', (cut) => {
    expect(collect(from(toDeviceEvents(PLAN, cut)).pipe(create()))).toEqual(whole);
  });

  it('gives the same to two subscribers, at once and one after the other', () => {
    const source = new Subject<DeviceEvent>();
    const stream = source.pipe(create());
    const [first, second] = [collect(stream), collect(stream)];
    from(toDeviceEvents(PLAN, 13)).subscribe(source);
    expect(first).toEqual(whole);
    expect(second).toEqual(whole);
    const cold = from(toDeviceEvents(PLAN, 7)).pipe(create());
    expect([collect(cold), collect(cold)]).toEqual([whole, whole]);
  });

  it('lets its source go when it is unsubscribed early', () => {
    let let_go = 0;
    let taken = 0;
    const source = new Observable<DeviceEvent>((subscriber) => {
      const events = toDeviceEvents(PLAN, 13);
      for (const event of events) {
        if (subscriber.closed) break;
        taken += 1;
        subscriber.next(event);
      }
      subscriber.add(() => (let_go += 1));
    });
    const seen = collect(source.pipe(create(), take(2)));
    expect(seen.values).toEqual(whole.values.slice(0, 2));
    expect([let_go, seen.completions]).toEqual([1, 1]);
    expect(taken).toBeLessThan(toDeviceEvents(PLAN, 13).length);
  });

  it('passes an error of its source on, and makes up no results for it', () => {
    const broken = new Observable<DeviceEvent>((subscriber) => {
      for (const event of toDeviceEvents(PLAN, 13).slice(0, 40)) subscriber.next(event);
      subscriber.error(new Error('cut off'));
    });
    const seen = collect(broken.pipe(create()));
    expect(seen.errors).toEqual([new Error('cut off')]);
    expect(seen.values).toEqual(whole.values.slice(0, seen.values.length));
    expect(seen.completions).toBe(0);
  });
});

describe('detected spikes', () => {
  it('stand in the stream after the block that settled them, and all else passes through in order', () => {
    const events = toDeviceEvents(PLAN, 13);
    const { values } = collect(from(events).pipe(detection()));
    expect(values.filter(({ type }) => type !== 'spikes')).toEqual(events);
    const batches = values.flatMap((event) => (event.type === 'spikes' ? [event.batch] : []));
    for (const [k, batch] of batches.entries()) expect(batch.from).toBe(k === 0 ? 100 : batches[k - 1]!.to);
    expect(batches.at(-1)!.to).toBe(1000);
    expect(values.findIndex(({ type }) => type === 'stream-ended')).toBe(values.length - 1);
    const found = batches.reduce((sum, { samples }) => sum + samples.length, 0);
    expect(found).toBeGreaterThan(90);
    expect(found).toBeLessThan(PLAN.spikes.length);
  });

  it('are settled to the end when the source just completes', () => {
    const events = toDeviceEvents(PLAN, 13).filter(({ type }) => type !== 'stream-ended');
    const { values, completions } = collect(from(events).pipe(detection()));
    expect(values.at(-1)).toMatchObject({ type: 'spikes', batch: { to: 1000 } });
    expect(completions).toBe(1);
  });

  it.each<readonly [string, readonly DeviceEvent[]]>([
    ['another acquisition', [{ type: 'stream-started', sequence: 0, firstSample: sampleIndex(0) }]],
    ['a restart of the device', [{ type: 'device-restarted', previousBootId: 1, bootId: 2 }]],
    ['a sample counter that went back', []],
  ])('come from a new pipeline after %s', (_, between) => {
    const made: ThresholdPipeline[] = [];
    const operator = detectSpikes({
      createPipeline: () => {
        const pipeline = newPipeline();
        made.push(pipeline);
        return pipeline;
      },
      durationSamplesOf: () => 0,
    });
    const plan = { channels: 2, spikes: [{ sample: 30, electrode: 1 }] };
    const events = [flatBlock(100, 50, plan), ...between, flatBlock(20, 50, plan)];
    const { values } = collect(from(events).pipe(operator));
    const batches = values.flatMap((event) => (event.type === 'spikes' ? [event.batch] : []));
    expect(batches.map(({ from: first, to }) => [first, to])).toEqual([
      [100, 145],
      [145, 150],
      [20, 65],
      [65, 70],
    ]);
    expect(batches[2]!.samples).toEqual(Float64Array.of(30));
    expect(made.map(({ ends }) => ends)).toEqual([1, 1]);
  });

  it('end with the error of the pipeline', () => {
    const events = [flatBlock(0, 10, { channels: 2, spikes: [] }), flatBlock(10, 10, { channels: 3, spikes: [] })];
    const seen = collect(concat(from(events), NEVER).pipe(detection()));
    expect(seen.errors).toEqual([new Error('a block of 3 channels')]);
    expect(seen.values).toHaveLength(2);
    const unmade = detectSpikes({
      createPipeline: () => {
        throw new Error('no pipeline');
      },
      durationSamplesOf: () => 0,
    });
    expect(collect(from(events).pipe(unmade)).errors).toEqual([new Error('no pipeline')]);
  });

  it('end with an error that names a stimulus that is told after its sample', () => {
    const block = flatBlock(0, 10, { channels: 2, spikes: [] });
    const seen = collect(concat(of<DeviceEvent[]>(block, delivered(7, 9)), NEVER).pipe(detection()));
    expect(seen.errors).toHaveLength(1);
    expect(String(seen.errors[0])).toMatch(/got sample 9, expected 10 or later \(stimulus 7\)/);
    expect(collect(of<DeviceEvent[]>(block, delivered(7, 10)).pipe(detection())).errors).toEqual([]);
  });
});

describe('trial responses of a stream', () => {
  it('see blindness after stimuli, gaps and the end', () => {
    const { values } = collect(from(toDeviceEvents(PLAN, 13)).pipe(detection(), trialResponses(WINDOWS)));
    expect(values.map(({ stimulusId, delivery }) => [stimulusId, delivery])).toEqual([
      [1, 'delivered'],
      [2, 'nothing-as-asked'],
      [3, 'delivered'],
      [4, 'refused'],
      [5, 'delivered'],
    ]);
    // Windows [10, 30) at 1 kHz: [160, 180) overlaps the blind 8 + 4 samples of both stimuli; [410, 430) the gap.
    expect(values.map(({ blindFraction }) => blindFraction?.[0])).toEqual([
      expect.closeTo((2 + 12) / 20),
      expect.closeTo(2 / 20),
      expect.closeTo((2 + 10) / 20),
      undefined,
      1,
    ]);
  });

  it('tell of a stimulus that was scheduled and never heard of', () => {
    const scheduled: StimulusScheduled = { type: 'stimulus-scheduled', stimulusId: 77, sample: sampleIndex(300) };
    const events = toDeviceEvents(PLAN, 13);
    const { values } = collect(concat(of(scheduled), from(events).pipe(detection())).pipe(trialResponses(WINDOWS)));
    expect(values.map(({ stimulusId, delivery }) => [stimulusId, delivery])).toContainEqual([77, 'missing']);
    expect(values).toHaveLength(6);
  });

  it.each<readonly [string, DeviceEvent]>([
    ['the end of the stream', toDeviceEvents(PLAN, 13).at(-1)!],
    ['a restart of the device', { type: 'device-restarted', previousBootId: 1, bootId: 2 }],
    ['the loss of the link for good', { type: 'link-failed', message: '' }],
  ])('do not wait for ever: %s closes what is open', (_, event) => {
    const source = concat(of(delivered(1, 50)), of(event), NEVER).pipe(detection(), trialResponses(WINDOWS));
    const seen: unknown[] = [];
    const subscription = source.subscribe((response) => seen.push(response));
    subscription.unsubscribe();
    expect(seen).toMatchObject([{ stimulusId: 1, delivery: 'delivered', blindFraction: Float32Array.of(1, 1) }]);
  });

  it('take an id for a new one after a restart of the device, and for a known one after the end of a stream', () => {
    const restarted: DeviceEvent = { type: 'device-restarted', previousBootId: 1, bootId: 2 };
    const ended = toDeviceEvents(PLAN, 13).at(-1)!;
    const run = (between: DeviceEvent): number =>
      collect(of(delivered(1, 50), between, delivered(1, 50)).pipe(detection(), trialResponses(WINDOWS))).values.length;
    expect([run(restarted), run(ended)]).toEqual([2, 1]);
  });

  it('tell their counters', () => {
    const told: TrialWindowCounters[] = [];
    const options = { ...WINDOWS, onCounters: (counters: TrialWindowCounters) => told.push(counters) };
    collect(from(toDeviceEvents(PLAN, 13)).pipe(detection(), trialResponses(options)));
    expect(told.at(-1)).toMatchObject({ results: 5, open: 0, closedEarly: 0, duplicates: 0 });
  });

  it('end with an error for spikes of an electrode that is not there', () => {
    const event: PipelineEvent = { type: 'spikes', batch: batchOf([0, 10], [{ sample: 1, electrode: 5 }]) };
    expect(collect(of(event).pipe(trialResponses(WINDOWS))).errors).toHaveLength(1);
  });
});

describe('shared events', () => {
  function countedSource(): { stream: Observable<number>; live: Subject<number>; counts: { on: number; off: number } } {
    const counts = { on: 0, off: 0 };
    const live = new Subject<number>();
    const stream = new Observable<number>((subscriber) => {
      counts.on += 1;
      subscriber.add(live.subscribe(subscriber));
      return () => (counts.off += 1);
    });
    return { stream, live, counts };
  }

  it('go on for the others when the operator of one throws', () => {
    const { stream, live, counts } = countedSource();
    const shared = stream.pipe(shareEvents());
    const before = collect(shared);
    const thrower = collect(
      shared.pipe(
        map((value) => {
          if (value === 2) throw new Error('mine');
          return value;
        }),
      ),
    );
    const after = collect(shared);
    for (const value of [1, 2, 3]) live.next(value);
    live.complete();
    expect(before).toEqual({ values: [1, 2, 3], errors: [], completions: 1 });
    expect(after).toEqual(before);
    expect(thrower).toEqual({ values: [1], errors: [new Error('mine')], completions: 0 });
    expect(counts.on).toBe(1);
  });

  it('let the source go with the last receiver, and begin anew with the next', () => {
    const { stream, live, counts } = countedSource();
    const shared = stream.pipe(shareEvents());
    const [one, two] = [shared.subscribe(), shared.subscribe()];
    one.unsubscribe();
    expect(counts).toEqual({ on: 1, off: 0 });
    two.unsubscribe();
    expect(counts).toEqual({ on: 1, off: 1 });
    const late = collect(shared);
    live.next(5);
    expect([counts.on, late.values]).toEqual([2, [5]]);
  });

  it.each(['complete', 'error'] as const)('restart nothing after %s: who comes late gets the same end', (end) => {
    const { stream, live, counts } = countedSource();
    const shared = stream.pipe(shareEvents());
    const early = collect(shared);
    if (end === 'complete') live.complete();
    else live.error(new Error('gone'));
    const late = collect(shared);
    expect(late).toEqual(early);
    expect(late.completions + late.errors.length).toBe(1);
    expect(counts.on).toBe(1);
  });

  it('feed the whole pipeline from one subscription to the device', () => {
    let subscriptions = 0;
    const device = new Subject<DeviceEvent>();
    const shared = device.pipe(tap({ subscribe: () => (subscriptions += 1) }), detection(), shareEvents());
    const trials = collect(shared.pipe(trialResponses(WINDOWS)));
    const rates = collect(shared.pipe(spikeRates({ electrodes: 2, intervalSamples: 50 })));
    const nothing = collect(EMPTY.pipe(trialResponses(WINDOWS)));
    from(toDeviceEvents(PLAN, 13)).subscribe(device);
    expect([subscriptions, trials.values.length, nothing.values.length]).toEqual([1, 5, 0]);
    expect(rates.values.length).toBeGreaterThan(10);
  });
});
