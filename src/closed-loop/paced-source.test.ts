import { describe, expect, it } from 'vitest';
import type { Clock } from '../../protocols/clock.js';
import type { ResumableSource, TrialResponse } from '../../protocols/trial.js';
import { sampleIndex, seconds } from '../../protocols/units.js';
import { emulatedSource, runSmall, smallExperiment, toLines } from '../../tests/helpers/small-experiment.js';
import { virtualClock } from '../clock.js';
import { mixedSourcePolicy } from './pattern-policy.js';
import { paceSource } from './paced-source.js';

const SMALL = smallExperiment();
const RATE = 20_000;
const idle = new AbortController().signal;

/** A virtual clock that notes its sleeps. */
function notingClock(startMs = 0): { clock: Clock; sleeps: number[] } {
  const clock = virtualClock(startMs);
  const sleeps: number[] = [];
  const sleep = (durationMs: number, signal: AbortSignal): Promise<void> => {
    sleeps.push(durationMs);
    return clock.sleep(durationMs, signal);
  };
  return { clock: { ...clock, sleep }, sleeps };
}

const { inputs } = mixedSourcePolicy(SMALL).nextTrials(0, 0);
async function runTrials(source: ResumableSource, trials: number, signal = idle): Promise<TrialResponse[]> {
  const first = source.nextSample();
  const requests = Array.from({ length: trials }, (_, trial) => ({
    session: 0,
    trial,
    inputs: inputs.slice(trial * 32, (trial + 1) * 32),
    atSample: sampleIndex(first + trial * RATE),
  }));
  const responses: TrialResponse[] = [];
  for await (const response of source.run(requests, signal)) responses.push(response);
  return responses;
}

describe('a paced source', () => {
  it('answers as the source does, and saves the same states', async () => {
    const plain = emulatedSource(SMALL);
    const paced = paceSource(emulatedSource(SMALL), virtualClock(), idle);
    expect(paced.description).toEqual(plain.description);
    expect(await runTrials(paced, 8)).toEqual(await runTrials(plain, 8));
    expect(paced.saveState()).toEqual(plain.saveState());
    await paced.rest(seconds(20));
    await plain.rest(seconds(20));
    expect(paced.nextSample()).toBe(plain.nextSample());
    expect(paced.saveState()).toEqual(plain.saveState());
  });

  it('makes an experiment take the time of the sample clock, and leaves its ledger as it is', async () => {
    const { clock, sleeps } = notingClock(1_000_000);
    const { ledger } = await runSmall(SMALL, { source: paceSource(emulatedSource(SMALL), clock, idle), clock });
    expect(toLines(ledger.records)).toBe(toLines((await runSmall(SMALL)).ledger.records));
    // 3 sessions of 8 s and 3 rests of 20 s; then 7 s to the last pulse and 30 ms to the end of its window
    const totalMs = 3 * 28_000 + 7030;
    expect(sleeps.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(totalMs, 6);
    expect(clock.monotonicMs() - 1_000_000).toBeCloseTo(totalMs, 6);
  });

  it('gives a response when its window has ended, not before', async () => {
    const clock = virtualClock();
    const source = paceSource(emulatedSource(SMALL), clock, idle);
    const times: number[] = [];
    const requests = [0, 1, 2].map((trial) => ({
      session: 0,
      trial,
      inputs: inputs.slice(0, 32),
      atSample: sampleIndex(trial * RATE),
    }));
    for await (const response of source.run(requests, idle)) {
      expect(response.window[1]).toBe(requests[times.length]!.atSample + 600);
      times.push(Math.round(clock.monotonicMs()));
    }
    expect(times).toEqual([30, 1030, 2030]);
  });

  it('does not stimulate before the pulse is due: the culture stands where the clock does', async () => {
    const source = emulatedSource(SMALL);
    const positions: number[] = [];
    const clock = virtualClock();
    const sleep = (durationMs: number, signal: AbortSignal): Promise<void> => {
      positions.push(source.nextSample());
      return clock.sleep(durationMs, signal);
    };
    await runTrials(paceSource(source, { ...clock, sleep }, idle), 3);
    // waits: window 0, pulse 1, window 1, pulse 2, window 2
    expect(positions).toEqual([RATE, RATE, 2 * RATE, 2 * RATE, 3 * RATE]);
  });

  it('does not wait when the host is late, and is on time again afterwards', async () => {
    const { clock, sleeps } = notingClock();
    const source = paceSource(emulatedSource(SMALL), clock, idle);
    await runTrials(source, 2);
    await clock.sleep(60_000, idle);
    sleeps.length = 0;
    await runTrials(source, 2);
    expect(sleeps).toEqual([]);
    await source.rest(seconds(100));
    expect(clock.monotonicMs()).toBeCloseTo(104_000, 6);
  });

  it('counts from where a restored source stands', async () => {
    const { clock, sleeps } = notingClock();
    const live = emulatedSource(SMALL);
    await runTrials(live, 8);
    const source = paceSource(live, clock, idle);
    await runTrials(source, 1);
    expect(sleeps.map(Math.round)).toEqual([30]);
  });

  it.each(['the pulse', 'the window', 'the rest'])(
    'rejects with the reason when aborted while waiting for %s',
    async (what) => {
      const stop = new AbortController();
      const clock = virtualClock();
      let sleeps = 0;
      const sleep = (durationMs: number, signal: AbortSignal): Promise<void> => {
        sleeps++;
        if (sleeps === (what === 'the window' ? 1 : 2)) stop.abort(new Error('enough'));
        return clock.sleep(durationMs, signal);
      };
      const source = paceSource(emulatedSource(SMALL), { ...clock, sleep }, stop.signal);
      if (what === 'the rest') await runTrials(source, 1);
      const waiting = what === 'the rest' ? source.rest(seconds(20)) : runTrials(source, 3, stop.signal);
      await expect(waiting).rejects.toThrow('enough');
      // the rest did not happen
      if (what === 'the rest') expect(source.nextSample()).toBe(RATE);
    },
  );
});
