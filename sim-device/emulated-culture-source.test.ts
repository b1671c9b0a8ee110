import { PLASTICITY_NAMES } from '../protocols/culture-names.js';
import { beforeAll, describe, expect, it } from 'vitest';

import { isMeaError } from '../protocols/errors.js';
import { drawPattern, type StimulusPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import type { ResponseTable } from '../protocols/responses.js';
import type { ResumableSource, TrialRequest, TrialResponse } from '../protocols/trial.js';
import { milliseconds, sampleIndex, seconds } from '../protocols/units.js';
import type { CultureSettings } from './culture-settings.js';
import { createEmulatedCultureSource } from './emulated-culture-source.js';
import { simulateResponses } from './simulate-responses.js';

const SETTINGS: CultureSettings = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 7 };
const TRIALS = 40;
const SESSIONS = 4;
const RATE = 20_000;
const idle = new AbortController().signal;

let pattern: StimulusPattern;
beforeAll(() => {
  const random = openRandomStream(7, 'pattern');
  pattern = drawPattern({ sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 }, TRIALS, random);
});

function requestOf(session: number, trial: number, first: number): TrialRequest {
  const atSample = sampleIndex(first + trial * RATE);
  return { session, trial, inputs: pattern.inputs.subarray(trial * 32, (trial + 1) * 32), atSample };
}

interface Session {
  readonly session: number;
  readonly fromTrial?: number;
  readonly batch: number;
}

/** Runs the rest of a session in batches, each scheduled from the source's own next sample. */
async function runSession(
  source: ResumableSource,
  { session, fromTrial = 0, batch }: Session,
): Promise<TrialResponse[]> {
  const responses: TrialResponse[] = [];
  for (let from = fromTrial; from < TRIALS; from += batch) {
    const first = source.nextSample() - from * RATE;
    const end = Math.min(TRIALS, from + batch);
    const requests = Array.from({ length: end - from }, (_, k) => requestOf(session, from + k, first));
    for await (const response of source.run(requests, idle)) responses.push(response);
  }
  return responses;
}

async function runAll(source: ResumableSource, batch: number): Promise<TrialResponse[]> {
  const responses: TrialResponse[] = [];
  for (let session = 0; session < SESSIONS; session++) {
    responses.push(...(await runSession(source, { session, batch })));
    await source.rest(seconds(244));
  }
  return responses;
}

function toCounts(responses: readonly TrialResponse[]): number[] {
  return responses.flatMap((response) => [...response.counts]);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the emulated culture as a source of trials', () => {
  it.each(PLASTICITY_NAMES)('answers exactly as the simulation does (%s)', async (plasticity) => {
    const settings = { ...SETTINGS, plasticity };
    const table: ResponseTable = simulateResponses(settings, { patterns: pattern, sessions: SESSIONS });
    const responses = await runAll(createEmulatedCultureSource(settings), TRIALS);
    expect(responses).toHaveLength(SESSIONS * TRIALS);
    expect(toCounts(responses)).toEqual([...table.counts]);
    expect(Math.max(...table.counts)).toBeGreaterThan(1);
  });

  it.each([1, 2, 7, 13, 256])('answers the same in batches of %i', async (batch) => {
    const whole = await runAll(createEmulatedCultureSource(SETTINGS), TRIALS);
    expect(await runAll(createEmulatedCultureSource(SETTINGS), batch)).toEqual(whole);
  });

  it('describes itself as emulated, with the checkerboard of 32 stimulated electrodes', () => {
    const { description } = createEmulatedCultureSource(SETTINGS);
    expect(description).toMatchObject({ provenance: 'emulated', electrodes: 64, sampleRateHz: RATE });
    expect(description.device).toMatch(/^emulated-culture \d+$/);
    expect(description.responseWindowMs).toEqual([10, 30]);
    expect(description.stimulatedElectrodes).toHaveLength(32);
    expect(description.stimulatedElectrodes.slice(0, 8)).toEqual([0, 2, 4, 6, 9, 11, 13, 15]);
  });

  it('puts the response window 10 to 30 ms after the pulse and moves the counter on by trials and rests', async () => {
    const source = createEmulatedCultureSource(SETTINGS);
    expect(source.nextSample()).toBe(0);
    const responses = await runSession(source, { session: 0, batch: TRIALS });
    expect(responses[3]!.deliveredSample).toBe(3 * RATE);
    expect(responses[3]!.window).toEqual([3 * RATE + 200, 3 * RATE + 600]);
    expect(source.nextSample()).toBe(TRIALS * RATE);
    await source.rest(seconds(244));
    expect(source.nextSample()).toBe((TRIALS + 244) * RATE);
  });

  it('acknowledges an empty pattern with spontaneous counts alone', async () => {
    const source = createEmulatedCultureSource({ ...SETTINGS, parameters: 'mix0' });
    const empty = Array.from({ length: 500 }, (_, trial) => ({
      session: 0,
      trial,
      inputs: new Uint8Array(32),
      atSample: sampleIndex(trial * RATE),
    }));
    let spikes = 0;
    for await (const { delivery, counts } of source.run(empty, idle)) {
      expect(delivery).toBe('nothing-as-asked');
      spikes += counts.reduce((sum, count) => sum + count, 0);
    }
    expect(Math.abs(spikes - 500 * 64 * 0.004)).toBeLessThan(5 * Math.sqrt(500 * 64 * 0.004));
  });

  it('computes a response only when it is pulled', async () => {
    const source = createEmulatedCultureSource(SETTINGS);
    const other = createEmulatedCultureSource(SETTINGS);
    const whole = await runSession(source, { session: 0, batch: TRIALS });
    const first = Array.from({ length: TRIALS }, (_, trial) => requestOf(0, trial, 0));
    const iterator = other.run(first, idle)[Symbol.asyncIterator]();
    for (let trial = 0; trial < 3; trial++) await iterator.next();
    await iterator.return?.();
    expect(other.nextSample()).toBe(3 * RATE);
    expect(await runSession(other, { session: 0, fromTrial: 3, batch: 9 })).toEqual(whole.slice(3));
  });

  it('stops between trials when the signal is aborted, and can go on', async () => {
    const source = createEmulatedCultureSource(SETTINGS);
    const whole = await runSession(createEmulatedCultureSource(SETTINGS), { session: 0, batch: TRIALS });
    const controller = new AbortController();
    const requests = Array.from({ length: TRIALS }, (_, trial) => requestOf(0, trial, 0));
    const seen: TrialResponse[] = [];
    const running = (async () => {
      for await (const response of source.run(requests, controller.signal)) {
        seen.push(response);
        if (seen.length === 5) controller.abort(new Error('enough'));
      }
    })();
    await expect(running).rejects.toThrow('enough');
    expect(seen).toEqual(whole.slice(0, 5));
    expect(await runSession(source, { session: 0, fromTrial: 5, batch: 4 })).toEqual(whole.slice(5));
  });

  it('refuses what it cannot do, before any trial of the batch', async () => {
    const source = createEmulatedCultureSource(SETTINGS);
    const good = requestOf(0, 0, 0);
    const bad: readonly (readonly TrialRequest[])[] = [
      [good, { ...good, atSample: sampleIndex(RATE), inputs: new Uint8Array(31) }],
      [good, { ...good, atSample: sampleIndex(RATE), inputs: new Uint8Array(32).fill(2) }],
      [good, { ...good, atSample: sampleIndex(599) }],
      [good, good],
      [{ ...good, atSample: sampleIndex(-1) }],
      [{ ...good, atSample: sampleIndex(0.5) }],
    ];
    for (const requests of bad) {
      const error: unknown = await source
        .run(requests, idle)
        [Symbol.asyncIterator]()
        .next()
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      expect(isMeaError(error, 'bad-input')).toBe(true);
    }
    expect(source.nextSample()).toBe(0);
    await expect(source.rest(seconds(-1))).rejects.toThrow('Bad rest');
  });

  it('refuses a second caller, and every caller once closed', async () => {
    const source = createEmulatedCultureSource(SETTINGS);
    const iterator = source.run([requestOf(0, 0, 0)], idle)[Symbol.asyncIterator]();
    await iterator.next();
    await expect(source.rest(seconds(1))).rejects.toThrow('still running');
    await iterator.return?.();
    await source.close();
    await source.close();
    await expect(source.rest(seconds(1))).rejects.toThrow('closed');
  });

  it('refuses settings that cannot be', () => {
    const bad = [
      { ...SETTINGS, seed: 0.5 },
      { ...SETTINGS, electrodes: 0 },
      { ...SETTINGS, stimulatedElectrodes: [1, 1] },
      { ...SETTINGS, stimulatedElectrodes: [64] },
      { ...SETTINGS, stimulatedElectrodes: [1, 2], inputs: 3 },
      { ...SETTINGS, trialPeriodMs: milliseconds(29) },
    ];
    for (const settings of bad) {
      expect(
        isMeaError(
          thrownBy(() => createEmulatedCultureSource(settings)),
          'bad-input',
        ),
      ).toBe(true);
    }
  });
});

describe('the saved state of the emulated culture', () => {
  it.each(PLASTICITY_NAMES)('lets another source go on identically from any trial (%s)', async (plasticity) => {
    const settings = { ...SETTINGS, plasticity };
    const whole = await runAll(createEmulatedCultureSource(settings), TRIALS);
    const random = openRandomStream(1, 'save-points');
    for (let k = 0; k < 8; k++) {
      const [session, trial] = [random.integer(SESSIONS), random.integer(TRIALS + 1)];
      const source = createEmulatedCultureSource(settings);
      for (let s = 0; s < session; s++) {
        await runSession(source, { session: s, batch: 16 });
        await source.rest(seconds(244));
      }
      const requests = Array.from({ length: TRIALS }, (_, t) => requestOf(session, t, source.nextSample()));
      const iterator = source.run(requests, idle)[Symbol.asyncIterator]();
      for (let t = 0; t < trial; t++) await iterator.next();
      const resumed = createEmulatedCultureSource(settings);
      resumed.restoreState(source.saveState());
      expect(resumed.saveState()).toEqual(source.saveState());
      const rest = await runSession(resumed, { session, fromTrial: trial, batch: 7 });
      for (let s = session + 1; s < SESSIONS; s++) {
        await resumed.rest(seconds(244));
        rest.push(...(await runSession(resumed, { session: s, batch: 7 })));
      }
      expect(rest, `from session ${session}, trial ${trial}`).toEqual(whole.slice(session * TRIALS + trial));
    }
  });

  it('undoes what came after it in the source that saved it', async () => {
    const source = createEmulatedCultureSource(SETTINGS);
    await runSession(source, { session: 0, batch: TRIALS });
    await source.rest(seconds(244));
    const state = source.saveState();
    const once = await runSession(source, { session: 1, batch: TRIALS });
    await source.rest(seconds(3));
    source.restoreState(state);
    expect(await runSession(source, { session: 1, batch: TRIALS })).toEqual(once);
  });

  it('is refused when it is cut short anywhere or one bit is flipped', async () => {
    const small = { ...SETTINGS, electrodes: 3, inputs: 2 };
    const source = createEmulatedCultureSource(small);
    const request = { session: 0, trial: 0, inputs: Uint8Array.of(1, 0), atSample: sampleIndex(0) };
    for await (const response of source.run([request], idle)) expect(response.counts).toHaveLength(3);
    const state = source.saveState();
    const restored = createEmulatedCultureSource(small);
    for (let length = 0; length < state.length; length++) {
      const error = thrownBy(() => {
        restored.restoreState(state.subarray(0, length));
      });
      expect(isMeaError(error, 'bad-format'), `cut to ${length}`).toBe(true);
    }
    for (let byte = 0; byte < state.length; byte++) {
      const flipped = state.slice();
      flipped[byte]! ^= 1 << (byte % 8);
      const error = thrownBy(() => {
        restored.restoreState(flipped);
      });
      expect(isMeaError(error, 'bad-format'), `flipped in byte ${byte}`).toBe(true);
    }
    restored.restoreState(state);
    expect(restored.saveState()).toEqual(state);
  });

  it('is refused under other settings, with both in the message', () => {
    const state = createEmulatedCultureSource(SETTINGS).saveState();
    const error = thrownBy(() => {
      createEmulatedCultureSource({ ...SETTINGS, seed: 8 }).restoreState(state);
    });
    expect(isMeaError(error, 'bad-format')).toBe(true);
    expect(String(error)).toMatch(/other settings.*"seed":7.*"seed":8/);
  });
});
