import { describe, expect, it } from 'vitest';
import { DROP_REASONS } from '../../../protocols/mea-link/messages.js';
import { openRandomStream } from '../../../protocols/random.js';
import { hertz, milliseconds, sampleIndex } from '../../../protocols/units.js';
import { batchOf, delivered, dropped, type PlannedSpike } from '../../../tests/helpers/spike-recording.js';
import type { SpikeBatch } from '../spike-batch.js';
import { TrialWindows } from './trial-windows.js';
import type { TrialWindowOptions } from './window-settings.js';
import { toTrialResponse, type WindowedResponse } from './windowed-response.js';

const OPTIONS: TrialWindowOptions = { electrodes: 3, sampleRateHz: hertz(20_000) };
// At 20 kHz: response [200, 600) after the pulses, baseline [-1000, -200).
const at = (sample: number, electrode = 0): PlannedSpike => ({ sample, electrode });

function respond(
  batches: readonly SpikeBatch[],
  stimuli: readonly ReturnType<typeof delivered>[],
  options: TrialWindowOptions = OPTIONS,
): WindowedResponse[] {
  const windows = new TrialWindows(options);
  for (const stimulus of stimuli) windows.deliver(stimulus);
  return [...batches.flatMap((batch) => windows.push(batch)), ...windows.flush()];
}

describe('trial windows', () => {
  it('count the spikes from the first sample of the window up to before its end', () => {
    const inside = [5200, 5200, 5599].map((sample, k) => at(sample, k % 2));
    const outside = [at(5199), at(5600), at(5600, 1)];
    const baseline = [at(4000, 2), at(4799, 2), at(3999, 2), at(4800, 2)];
    const [response] = respond(
      [batchOf([0, 5600], [...inside, ...outside, ...baseline])],
      [delivered(7, 5000, [1, 2])],
    );
    expect(response).toEqual({
      type: 'windowed-response',
      stimulusId: 7,
      delivery: 'delivered',
      deliveredSample: 5000,
      pulsedElectrodes: [1, 2],
      window: [5200, 5600],
      counts: Uint16Array.of(2, 1, 0),
      baselineWindow: [4000, 4800],
      baselineCounts: Uint16Array.of(0, 0, 2),
      blindElectrodes: new Uint16Array(0),
      usedSamples: [4000, 5600],
    });
  });

  it('give a result as soon as a batch has settled past its end, and not before', () => {
    const windows = new TrialWindows(OPTIONS);
    windows.deliver(delivered(1, 5000));
    expect(windows.push(batchOf([0, 5599]))).toEqual([]);
    expect(windows.push(batchOf([5599, 5600])).map(({ stimulusId }) => stimulusId)).toEqual([1]);
    expect(windows.push(batchOf([5600, 9000]))).toEqual([]);
  });

  it('round the windows to samples as the trial-level culture does', () => {
    const options = {
      electrodes: 1,
      sampleRateHz: hertz(12_345),
      responseMs: [milliseconds(10), milliseconds(30)],
      baselineMs: [milliseconds(-5), milliseconds(-1)],
    } as const;
    const [response] = respond([batchOf([0, 2000])], [delivered(1, 1000)], options);
    expect(response!.window).toEqual([1000 + Math.round(123.45), 1000 + Math.round(370.35)]);
    expect(response!.baselineWindow).toEqual([1000 + Math.round(-61.725), 1000 + Math.round(-12.345)]);
  });

  it('are late where a stimulus left further from its sample than is allowed, with the counts of where it left', () => {
    const deliveries = [5020, 5021, 4979].map((sample) => {
      const windows = new TrialWindows({ ...OPTIONS, toleranceMs: milliseconds(1) });
      windows.schedule({ stimulusId: 1, sample: sampleIndex(5000) });
      windows.deliver(delivered(1, sample, [2]));
      const [response] = windows.push(batchOf([0, 6000], [at(5300)]));
      expect(response).toMatchObject({
        deliveredSample: sample,
        counts: Uint16Array.of(1, 0, 0),
        pulsedElectrodes: [2],
      });
      return response!.delivery;
    });
    expect(deliveries).toEqual(['delivered', 'late', 'late']);
  });

  it('have a window for an empty pattern, which is nothing as asked', () => {
    const [response] = respond([batchOf([0, 6000], [at(5300)])], [delivered(1, 5000, [])]);
    expect(response).toMatchObject({ delivery: 'nothing-as-asked', counts: Uint16Array.of(1, 0, 0) });
  });

  it('are right for stimuli whose windows overlap, whatever the cut into batches', () => {
    const random = openRandomStream(11, 'windows');
    const spikes = Array.from({ length: 4000 }, () => at(Math.floor(random.uniform() * 30_000), random.integer(3)));
    const stimuli = Array.from({ length: 60 }, (_, k) => delivered(k + 1, 1000 + k * 450 + random.integer(300)));
    const count = (first: number, end: number): Uint16Array => {
      const counts = new Uint16Array(3);
      for (const { sample, electrode } of spikes) if (sample >= first && sample < end) counts[electrode]! += 1;
      return counts;
    };
    const wanted = stimuli.map(({ stimulusId, sample }) => ({
      stimulusId,
      counts: count(sample + 200, sample + 600),
      baselineCounts: count(sample - 1000, sample - 200),
    }));
    for (const cut of [1, 2, 7, 13, 999, 30_000]) {
      const windows = new TrialWindows(OPTIONS);
      const waiting = [...stimuli];
      const responses: WindowedResponse[] = [];
      for (let from = 0; from < 30_000; from += cut) {
        const to = Math.min(30_000, from + cut);
        while (waiting.length > 0 && waiting[0]!.sample < to) responses.push(...windows.deliver(waiting.shift()!));
        responses.push(...windows.push(batchOf([from, to], spikes)));
      }
      const got = responses.map(({ stimulusId, counts, baselineCounts }) => ({ stimulusId, counts, baselineCounts }));
      expect(got, `cut ${cut}`).toEqual(wanted);
      expect(windows.counters.spikes.forgottenEarly).toBe(0);
    }
  });

  it('come in the order of their samples, then of their ids', () => {
    const responses = respond(
      [batchOf([0, 20_000])],
      [delivered(3, 9000), delivered(9, 4000), delivered(2, 9000), delivered(5, 3000)],
    );
    expect(responses.map(({ stimulusId }) => stimulusId)).toEqual([5, 9, 2, 3]);
  });
});

describe('what a window could not see', () => {
  it('is told as a share, and an electrode that missed more than 1 % of it is marked', () => {
    const blind = [
      [0, 5196, 5204], // 4 of 400 samples: just allowed
      [1, 5595, 5605], // 5 of 400
      [2, 4700, 5100], // the baseline alone
    ] as const;
    const [response] = respond([batchOf([0, 6000], [], blind)], [delivered(1, 5000)]);
    expect(response!.blindFraction).toEqual(Float32Array.of(0.01, 0.0125, 0));
    expect(response!.baselineBlindFraction).toEqual(Float32Array.of(0, 0, 0.125));
    expect(response!.blindElectrodes).toEqual(Uint16Array.of(1));
    expect(response!.delivery).toBe('delivered');
    const strict = respond([batchOf([0, 6000], [], blind)], [delivered(1, 5000)], { ...OPTIONS, maxBlindShare: 0 });
    expect(strict[0]!.blindElectrodes).toEqual(Uint16Array.of(0, 1));
  });

  it('adds up over spans that were cut by batches', () => {
    const batches = Array.from({ length: 600 }, (_, k) =>
      batchOf([k * 10, k * 10 + 10], [], k >= 500 && k < 520 ? [[1, k * 10, k * 10 + 10]] : []),
    );
    const [response] = respond(batches, [delivered(1, 4700)]);
    expect(response!.blindFraction).toEqual(Float32Array.of(0, 0.5, 0));
  });

  it.each([
    {
      what: 'a hole between two batches',
      batches: [batchOf([0, 5000]), batchOf([5300, 8000], [at(5400)])],
      blind: 0.25,
    },
    { what: 'a hole over all of it', batches: [batchOf([0, 5100]), batchOf([7000, 8000])], blind: 1 },
    { what: 'the end of the stream', batches: [batchOf([0, 5300], [at(5250)])], blind: 0.75 },
    { what: 'an end before it', batches: [batchOf([0, 4000])], blind: 1 },
    { what: 'no batch at all', batches: [], blind: 1 },
    { what: 'a beginning in its middle', batches: [batchOf([5500, 6000], [at(5550)])], blind: 0.75 },
  ])('counts as blind for all electrodes: $what', ({ batches, blind }) => {
    const [response, ...others] = respond(batches, [delivered(1, 5000)]);
    expect(others).toEqual([]);
    expect(response).toMatchObject({
      delivery: 'delivered',
      blindFraction: new Float32Array(3).fill(blind),
      blindElectrodes: Uint16Array.of(0, 1, 2),
    });
    expect(response!.counts[0]).toBe(blind < 1 ? 1 : 0);
  });

  it('takes samples that were forgotten before a late word for blind, and not for silent', () => {
    const windows = new TrialWindows(OPTIONS);
    windows.push(batchOf([0, 9000], [at(5300), at(8900)]));
    windows.deliver(delivered(1, 5000));
    const [late] = windows.push(batchOf([9000, 9001]));
    expect(late).toMatchObject({ counts: new Uint16Array(3), blindFraction: Float32Array.of(1, 1, 1) });
    windows.deliver(delivered(2, 8600));
    const [inTime] = windows.push(batchOf([9001, 9200]));
    expect(inTime!.counts).toEqual(Uint16Array.of(1, 0, 0));
    expect(inTime).not.toHaveProperty('blindFraction');
  });

  it('does not count a hole and a blind span twice', () => {
    const batches = [batchOf([0, 5300], [], [[0, 5250, 5300]]), batchOf([5350, 6000], [], [[0, 5350, 5400]])];
    const [response] = respond(batches, [delivered(1, 5000)]);
    expect(response!.blindFraction).toEqual(Float32Array.from([150 / 400, 50 / 400, 50 / 400]));
  });
});

describe('a stimulus that did not leave', () => {
  it.each(DROP_REASONS)('has its own result when it was dropped: %s', (reason) => {
    const windows = new TrialWindows(OPTIONS);
    windows.drop(dropped(4, 5000, reason));
    const [response] = windows.push(batchOf([0, 6000], [at(5300)]));
    expect(response).toMatchObject({
      stimulusId: 4,
      delivery: reason === 'safety' ? 'refused' : 'missing',
      deliveredSample: 5000,
      pulsedElectrodes: [],
    });
  });

  it('is missing when it was scheduled and no word of it ever came', () => {
    const windows = new TrialWindows(OPTIONS);
    windows.schedule({ stimulusId: 1, sample: sampleIndex(5000) });
    windows.schedule({ stimulusId: 2, sample: sampleIndex(5000) });
    windows.deliver(delivered(2, 5000));
    expect(windows.push(batchOf([0, 5599]))).toEqual([]);
    const results = windows.push(batchOf([5599, 6000]));
    expect(results.map(({ stimulusId, delivery }) => [stimulusId, delivery])).toEqual([
      [1, 'missing'],
      [2, 'delivered'],
    ]);
  });

  it('has one result, whichever word comes first or again', () => {
    const windows = new TrialWindows(OPTIONS);
    windows.deliver(delivered(1, 5000));
    windows.schedule({ stimulusId: 1, sample: sampleIndex(5000) });
    windows.deliver(delivered(1, 5000));
    expect(windows.push(batchOf([0, 6000]))).toHaveLength(1);
    windows.schedule({ stimulusId: 1, sample: sampleIndex(5000) });
    windows.deliver(delivered(1, 5000));
    expect(windows.push(batchOf([6000, 12_000]))).toEqual([]);
    expect(windows.counters).toMatchObject({ results: 1, duplicates: 2, open: 0 });
  });
});

describe('the time base of trial windows', () => {
  it('may begin anew: what is open closes, and older samples do not count', () => {
    const windows = new TrialWindows(OPTIONS);
    windows.push(batchOf([0, 9000], [at(8000), at(8200)]));
    windows.deliver(delivered(1, 8900));
    const [open] = windows.push(batchOf([100, 5000]));
    expect(open).toMatchObject({ stimulusId: 1, blindFraction: Float32Array.of(1, 1, 1) });
    windows.deliver(delivered(2, 8000));
    const [after] = windows.push(batchOf([5000, 9000], [at(8300)]));
    expect(after!.counts).toEqual(Uint16Array.of(1, 0, 0));
    expect(after).not.toHaveProperty('blindFraction');
  });

  it('may begin anew with ids after a restart of the device', () => {
    const windows = new TrialWindows(OPTIONS);
    windows.deliver(delivered(1, 5000));
    expect(windows.restart()).toHaveLength(1);
    windows.deliver(delivered(1, 5000));
    expect(windows.flush()).toHaveLength(1);
    windows.deliver(delivered(1, 5000));
    expect(windows.flush()).toEqual([]);
  });
});

describe('the memory of trial windows', () => {
  it('is as long as a baseline window, however long the recording', () => {
    const windows = new TrialWindows(OPTIONS);
    let results = 0;
    for (let from = 0; from < 2_000_000; from += 1000) {
      const spikes = Array.from({ length: 50 }, (_, k) => at(from + k * 20, k % 3));
      if (from % 20_000 === 0) results += windows.deliver(delivered(from + 1, from + 500)).length;
      results += windows.push(batchOf([from, from + 1000], spikes, [[0, from + 10, from + 20]])).length;
    }
    expect(results).toBe(100);
    const { kept, keptHighWater, forgotten, forgottenEarly } = windows.counters.spikes;
    expect(kept + forgotten).toBe(100_000);
    // The baseline's 1000 samples, the window's 600, and a batch.
    expect(keptHighWater).toBeLessThanOrEqual(150);
    expect(keptHighWater).toBeGreaterThanOrEqual(100);
    expect(forgottenEarly).toBe(0);
  });

  it('does not grow with the length of one batch', () => {
    const windows = new TrialWindows(OPTIONS);
    const spikes = Array.from({ length: 20_000 }, (_, k) => at(k * 50, k % 3));
    const stimuli = Array.from({ length: 40 }, (_, k) => delivered(k + 1, 20_000 + k * 20_000));
    for (const stimulus of stimuli) windows.deliver(stimulus);
    const results = windows.push(batchOf([0, 1_000_000], spikes, [[1, 30_000, 900_000]]));
    expect(results).toHaveLength(40);
    expect(results.map(({ counts }) => counts.reduce((sum, n) => sum + n))).toEqual(new Array<number>(40).fill(8));
    expect(results.filter(({ blindElectrodes }) => blindElectrodes.includes(1))).toHaveLength(39);
    expect(windows.counters.spikes.keptHighWater).toBeLessThan(1000);
  });

  it('forgets the oldest spikes when there are too many, and calls their time blind', () => {
    const spikes = Array.from({ length: 10 }, (_, k) => at(5200 + k * 40));
    const windows = new TrialWindows({ ...OPTIONS, maxSpikes: 6 });
    windows.deliver(delivered(1, 5000));
    windows.push(batchOf([0, 5400], spikes));
    const [response] = windows.push(batchOf([5400, 5700], spikes));
    expect(response!.counts).toEqual(Uint16Array.of(6, 0, 0));
    // The spike at 5320 is the last that went.
    expect(response!.blindFraction).toEqual(new Float32Array(3).fill(121 / 400));
    expect(windows.counters.spikes).toMatchObject({ forgottenEarly: 4, keptHighWater: 6 });
  });

  it('keeps the end of a batch that is too long by itself', () => {
    const spikes = Array.from({ length: 10 }, (_, k) => at(5200 + k * 40));
    const [response] = respond([batchOf([0, 5600], spikes)], [delivered(1, 5000)], { ...OPTIONS, maxSpikes: 2 });
    expect(response!.counts).toEqual(Uint16Array.of(2, 0, 0));
    expect(response!.blindFraction).toEqual(new Float32Array(3).fill(281 / 400));
  });

  it('forgets the oldest blind spans when there are too many, and calls all before them blind', () => {
    const blind = Array.from({ length: 40 }, (_, k) => [0, 5200 + k * 10, 5201 + k * 10] as const);
    const exact = respond([batchOf([0, 5600], [], blind)], [delivered(1, 5000)])[0]!;
    expect(exact.blindFraction).toEqual(Float32Array.of(0.1, 0, 0));
    const short = respond([batchOf([0, 5600], [], blind)], [delivered(1, 5000)], { ...OPTIONS, maxSpikes: 8 })[0]!;
    expect(short.blindFraction![0]).toBeGreaterThan(0.5);
    expect(short.blindFraction![1]).toBeGreaterThan(0.5);
    expect(short.blindElectrodes).toEqual(Uint16Array.of(0, 1, 2));
  });

  it('holds a blind stretch once, in however many batches it came', () => {
    const batches = Array.from({ length: 5600 }, (_, k) =>
      batchOf([k, k + 1], [], k >= 5200 && k < 5400 ? [[2, k, k + 1]] : []),
    );
    const [response] = respond(batches, [delivered(1, 5000)], { ...OPTIONS, maxSpikes: 8 });
    expect(response!.blindFraction).toEqual(Float32Array.of(0, 0, 0.5));
  });

  it('closes the oldest window early when too many are open, and says so', () => {
    const windows = new TrialWindows({ ...OPTIONS, maxOpen: 2 });
    expect([...windows.deliver(delivered(1, 5000)), ...windows.deliver(delivered(2, 6000))]).toEqual([]);
    const [early] = windows.deliver(delivered(3, 7000));
    expect(early).toMatchObject({ stimulusId: 1, blindFraction: Float32Array.of(1, 1, 1) });
    expect(windows.counters).toMatchObject({ closedEarly: 1, open: 2, openHighWater: 2 });
  });
});

describe('settings of trial windows', () => {
  it.each<Partial<TrialWindowOptions>>([
    { electrodes: 0 },
    { electrodes: 1.5 },
    { sampleRateHz: hertz(Number.NaN) },
    { sampleRateHz: hertz(0) },
    { responseMs: [milliseconds(10), milliseconds(10)] },
    { responseMs: [milliseconds(Number.NaN), milliseconds(10)] },
    { baselineMs: [milliseconds(-10), milliseconds(-50)] },
    { maxBlindShare: 1.5 },
    { maxBlindShare: Number.NaN },
    { maxOpen: 0 },
    { maxSpikes: Number.NaN },
  ])('are refused when they cannot be: %o', (bad) => {
    expect(() => new TrialWindows({ ...OPTIONS, ...bad })).toThrow(/of the trial windows: got/);
  });

  it('do not fit a batch with an electrode that the array does not have', () => {
    expect(() => new TrialWindows(OPTIONS).push(batchOf([0, 10], [at(5, 3)]))).toThrow('got 3, expected less than 3');
    expect(() => new TrialWindows(OPTIONS).push(batchOf([0, 10], [], [[3, 0, 5]]))).toThrow('got 3');
  });
});

describe('a windowed response', () => {
  it('becomes the response of the trial that it was for', () => {
    const [response] = respond([batchOf([0, 5300], [at(5250, 2)])], [delivered(1, 5000)]);
    expect(toTrialResponse(response!, { session: 2, trial: 5 })).toEqual({
      session: 2,
      trial: 5,
      delivery: 'delivered',
      deliveredSample: 5000,
      window: [5200, 5600],
      counts: Uint16Array.of(0, 0, 1),
      blindFraction: new Float32Array(3).fill(0.75),
      baseline: { window: [4000, 4800], counts: Uint16Array.of(0, 0, 0) },
      usedSamples: [4000, 5600],
    });
    const [whole] = respond([batchOf([0, 6000])], [delivered(1, 5000)]);
    expect(toTrialResponse(whole!, { session: 0, trial: 0 })).not.toHaveProperty('blindFraction');
  });
});
