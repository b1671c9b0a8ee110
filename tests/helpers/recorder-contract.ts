import { describe, expect, test } from 'vitest';
import type { Recorder, RecorderEvent } from '../../drivers/parts/recorder.js';
import { isMeaError } from '../../protocols/errors.js';

/** A recorder on its facade. */
export interface RecorderBench {
  readonly recorder: Recorder;
  /** Lets so much of the facade's time pass, and what came of it arrive. */
  readonly runFor: (ms: number) => Promise<void>;
  /** Makes a pulse or an edge that the recorder sees; undefined where it sees nothing. */
  readonly poke?: () => Promise<void> | void;
  readonly close: () => Promise<void>;
}

/**
 * What every recorder must keep, whatever it speaks.
 *
 * @param open a fresh one for every test
 */
export function describeRecorderContract(name: string, open: () => Promise<RecorderBench>): void {
  const withBench = async (use: (bench: RecorderBench, events: RecorderEvent[]) => Promise<void>): Promise<void> => {
    const bench = await open();
    const events: RecorderEvent[] = [];
    bench.recorder.events$.subscribe((event) => events.push(event));
    try {
      await use(bench, events);
    } finally {
      await bench.recorder.close();
      await bench.close();
    }
  };

  describe(`the recorder contract, ${name}`, () => {
    test('gives every sample from where it began to where it ended, once', async () => {
      await withBench(async ({ recorder, runFor }, events) => {
        const { channels } = recorder.description;
        await startWhile(recorder, runFor);
        await runFor(300);
        await stopWhile(recorder, runFor);
        const started = events.find((event) => event.type === 'started')!;
        let next: number = started.firstSample;
        let blocks = 0;
        for (const event of events) {
          if (event.type !== 'block') continue;
          expect(event.firstSample).toBe(next);
          expect(event.channels).toBe(channels);
          expect(event.samples).toHaveLength(event.frames * channels);
          next += event.frames;
          blocks += 1;
        }
        expect(blocks).toBeGreaterThan(2);
        expect(events.at(-1)).toEqual({ type: 'ended', endSample: next });
      });
    });

    test('says nothing more after the end, and begins again', async () => {
      await withBench(async ({ recorder, runFor }, events) => {
        await startWhile(recorder, runFor);
        await runFor(100);
        await stopWhile(recorder, runFor);
        const length = events.length;
        await runFor(100);
        expect(events.slice(length)).toEqual([]);
        await startWhile(recorder, runFor);
        await runFor(100);
        await stopWhile(recorder, runFor);
        const again = events.slice(length);
        expect(again[0]).toMatchObject({ type: 'started' });
        expect(again.filter(({ type }) => type === 'block').length).toBeGreaterThan(0);
      });
    });

    test('tells what it saw before the block that holds the sample', async () => {
      await withBench(async ({ recorder, runFor, poke }, events) => {
        expect(poke === undefined).toBe(recorder.description.sees === 'nothing');
        if (poke === undefined) return;
        await startWhile(recorder, runFor);
        await runFor(100);
        await poke();
        await runFor(400);
        await stopWhile(recorder, runFor);
        const place = events.findIndex(({ type }) => type === 'pulses-seen' || type === 'line-changed');
        expect(place).toBeGreaterThan(0);
        const seen = events[place]!;
        const next = events.slice(place).find((event) => event.type === 'block');
        if (!('sample' in seen) || next === undefined) throw new Error('no block follows');
        expect(seen.sample).toBeGreaterThanOrEqual(next.firstSample);
        expect(seen.sample).toBeLessThan(next.firstSample + next.frames);
      });
    });

    test('is closed while it runs, and twice', async () => {
      await withBench(async ({ recorder, runFor }, events) => {
        await startWhile(recorder, runFor);
        await runFor(50);
        const closed = recorder.close();
        await runFor(200);
        await closed;
        await recorder.close();
        expect(recorder.isConnected).toBe(false);
        const length = events.length;
        await runFor(50);
        expect(events.slice(length).filter(({ type }) => type === 'block')).toEqual([]);
      });
    });

    test('does not start once it is closed', async () => {
      await withBench(async ({ recorder }) => {
        await recorder.close();
        const error: unknown = await recorder.start().catch((reason: unknown) => reason);
        expect(isMeaError(error)).toBe(true);
      });
    });
  });
}

/** Time has to pass for a start and a stop as well. */
async function startWhile(recorder: Recorder, runFor: RecorderBench['runFor']): Promise<void> {
  await whileRunning(recorder.start(), runFor);
}

async function stopWhile(recorder: Recorder, runFor: RecorderBench['runFor']): Promise<void> {
  await whileRunning(recorder.stop(), runFor);
}

async function whileRunning(promise: Promise<void>, runFor: RecorderBench['runFor']): Promise<void> {
  const state = { isSettled: false };
  const settled = promise.finally(() => (state.isSettled = true));
  settled.catch(() => undefined);
  for (let turn = 0; turn < 200 && !state.isSettled; turn++) await runFor(20);
  await settled;
}
