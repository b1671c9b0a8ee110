import { from } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { hertz } from '../../../protocols/units.js';
import { delivered, toDeviceEvents } from '../../../tests/helpers/spike-recording.js';
import { ThresholdPipeline } from '../../../tests/helpers/threshold-pipeline.js';
import { createVirtualTimers } from '../../../tests/helpers/virtual-timers.js';
import { detectSpikes } from '../operators/detect-spikes.js';
import { noteDetected, noteReceived, noteSettled } from '../operators/note-latency.js';
import { trialResponses } from '../operators/trial-responses.js';
import { createLatencyRecorder, type EventLatency, type LatencyRecorder } from './latency-recorder.js';

function open(options: { maxOpen?: number; maxValues?: number } = {}): {
  recorder: LatencyRecorder;
  records: EventLatency[];
  pass: (ms: number) => void;
} {
  const timers = createVirtualTimers(1000);
  const records: EventLatency[] = [];
  const recorder = createLatencyRecorder({ clock: timers, onRecord: (record) => records.push(record), ...options });
  return {
    recorder,
    records,
    pass: (ms) => {
      timers.advance(ms);
    },
  };
}

describe('latency records', () => {
  it('tell of a stimulus when it was received, detected, decided, sent and acknowledged', () => {
    const { recorder, records, pass } = open();
    recorder.received();
    pass(1);
    recorder.detected();
    pass(2);
    recorder.decided(7);
    pass(4);
    recorder.sent(7);
    // The next block does not change what the decision rested on.
    recorder.received();
    pass(8);
    expect(records).toEqual([]);
    recorder.acknowledged(7);
    expect(records).toEqual([
      {
        type: 'latency',
        about: 'stimulus',
        stimulusId: 7,
        receivedMs: 1000,
        detectedMs: 1001,
        decidedMs: 1003,
        sentMs: 1007,
        acknowledgedMs: 1015,
      },
    ]);
    const { detect, decide, send, acknowledge, loop, trial } = recorder.figures;
    expect([detect, decide, send, acknowledge, loop].map(({ p50Us }) => p50Us)).toEqual([1000, 2000, 4000, 8000, 7000]);
    expect(trial).toEqual({ count: 0, p50Us: 0, p99Us: 0, maxUs: 0 });
  });

  it('of stimuli whose steps were not all noted have holes, and the holes no figures', () => {
    const { recorder, records } = open();
    recorder.decided(1);
    recorder.acknowledged(1);
    recorder.sent(1);
    recorder.acknowledged(2);
    expect(records).toMatchObject([{ receivedMs: null, detectedMs: null, sentMs: null, acknowledgedMs: 1000 }]);
    const { decide, send, acknowledge } = recorder.figures;
    expect([decide.count, send.count, acknowledge.count]).toEqual([0, 0, 0]);
  });

  it('do not take the detection of one block for that of the next', () => {
    const { recorder, records, pass } = open();
    recorder.received();
    recorder.detected();
    pass(1);
    recorder.received();
    recorder.settled(1);
    expect(records).toMatchObject([{ receivedMs: 1001, detectedMs: null }]);
  });

  it('have the median, the 99th percentile and the largest of each step', () => {
    const { recorder, pass } = open();
    for (let k = 100; k >= 1; k--) {
      recorder.received();
      pass(k);
      recorder.detected();
    }
    expect(recorder.figures.detect).toEqual({ count: 100, p50Us: 51_000, p99Us: 100_000, maxUs: 100_000 });
  });

  it('take percentiles over the newest values, and the largest over all', () => {
    const { recorder, pass } = open({ maxValues: 3 });
    for (const ms of [50, 9, 1, 2, 3]) {
      recorder.received();
      pass(ms);
      recorder.detected();
    }
    expect(recorder.figures.detect).toEqual({ count: 5, p50Us: 2000, p99Us: 3000, maxUs: 50_000 });
  });

  it('are given up, the oldest first, when too many wait, and at the end', () => {
    const { recorder, records } = open({ maxOpen: 2 });
    for (const id of [1, 2, 3]) recorder.decided(id);
    expect(records.map(({ stimulusId, acknowledgedMs }) => [stimulusId, acknowledgedMs])).toEqual([[1, null]]);
    recorder.close();
    expect(records.map(({ stimulusId }) => stimulusId)).toEqual([1, 2, 3]);
    expect(recorder.givenUp).toBe(3);
  });

  it('are noted along the stream, one for each trial result, and leave results as they are', () => {
    const plan = {
      channels: 1,
      firstSample: 0,
      frames: 200,
      spikes: [],
      stimuli: [delivered(5, 60), delivered(6, 90)],
    };
    const createPipeline = (): ThresholdPipeline =>
      new ThresholdPipeline({ channels: 1, sampleRateHz: 1000, threshold: -50 });
    const { recorder, records, pass } = open();
    const run = (isNoted: boolean): unknown[] => {
      const results: unknown[] = [];
      const detect = detectSpikes({ createPipeline, durationSamplesOf: () => 1 });
      const windows = trialResponses({ electrodes: 1, sampleRateHz: hertz(1000) });
      const source = from(toDeviceEvents(plan, 10));
      const stream = isNoted
        ? source.pipe(noteReceived(recorder), detect, noteDetected(recorder), windows, noteSettled(recorder))
        : source.pipe(detect, windows);
      stream.subscribe((result) => {
        pass(3);
        results.push(result);
      });
      return results;
    };
    expect(run(true)).toEqual(run(false));
    expect(records.map(({ about, stimulusId, sentMs }) => [about, stimulusId, sentMs])).toEqual([
      ['trial', 5, null],
      ['trial', 6, null],
    ]);
    const { detect, trial } = recorder.figures;
    expect([detect.count, trial.count]).toEqual([20, 2]);
    expect(records[1]!.decidedMs! - records[0]!.decidedMs!).toBe(3);
  });
});
