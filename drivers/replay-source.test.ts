import { describe, expect, it } from 'vitest';
import { isMeaError } from '../protocols/errors.js';
import {
  isResumable,
  type ResumableSource,
  type TrialRequest,
  type TrialResponse,
  type TrialSource,
} from '../protocols/trial.js';
import { hertz, milliseconds, sampleIndex, seconds, type SampleIndex, type Seconds } from '../protocols/units.js';
import { createContinuedSource, createReplaySource, type RecordedTrials } from './replay-source.js';

const DESCRIPTION = {
  provenance: 'real',
  device: 'rig 7',
  electrodes: 3,
  stimulatedElectrodes: [0, 2],
  sampleRateHz: hertz(1000),
  responseWindowMs: [milliseconds(10), milliseconds(30)],
} as const;
const TRIALS = 4;
const idle = new AbortController().signal;

function requestOf(row: number): TrialRequest {
  const [session, trial] = [Math.floor(row / TRIALS), row % TRIALS];
  return { session, trial, inputs: Uint8Array.of(row % 2, 1), atSample: sampleIndex(row * 1000 + session * 5000) };
}

function answerTo({ session, trial, atSample }: TrialRequest, counts: number): TrialResponse {
  const window = [sampleIndex(atSample + 10), sampleIndex(atSample + 30)] as const;
  return {
    session,
    trial,
    delivery: 'delivered',
    deliveredSample: atSample,
    window,
    counts: new Uint16Array(3).fill(counts),
  };
}

/** The first `rows` trials, of which each has its number as counts. */
function recordedTrials(rows: number): RecordedTrials {
  const sessions = Math.ceil(rows / TRIALS);
  return {
    description: DESCRIPTION,
    responses: Array.from({ length: rows }, (_, row) => answerTo(requestOf(row), row)),
    sessionSamples: Array.from({ length: sessions }, (_, session) => requestOf(session * TRIALS).atSample),
  };
}

/** A live source that answers with its number of trials so far, from `row` on, and notes every call. */
function liveSource(row: number): { source: ResumableSource; calls: string[] } {
  const calls: string[] = [];
  let next = row;
  const source: ResumableSource = {
    description: { ...DESCRIPTION, provenance: 'emulated' },
    nextSample: () => requestOf(next).atSample,
    async *run(requests) {
      for (const request of requests) {
        calls.push(`${request.session}.${request.trial}`);
        yield await Promise.resolve(answerTo(request, next));
        next++;
      }
    },
    rest(duration) {
      calls.push(`rest ${duration}`);
      return Promise.resolve();
    },
    close() {
      calls.push('close');
      return Promise.resolve();
    },
    saveState: () => Uint8Array.of(next),
    restoreState: ([state]) => {
      calls.push(`restore ${state}`);
    },
  };
  return { source, calls };
}

interface Seen {
  readonly counts: number[];
  readonly starts: SampleIndex[];
}

/** Two sessions with a rest between, in batches. */
async function runSessions(source: TrialSource, batch: number, pause: Seconds = seconds(5)): Promise<Seen> {
  const seen: Seen = { counts: [], starts: [] };
  for (let session = 0; session < 2; session++) {
    seen.starts.push(source.nextSample());
    for (let from = 0; from < TRIALS; from += batch) {
      const length = Math.min(batch, TRIALS - from);
      const requests = Array.from({ length }, (_, i) => requestOf(session * TRIALS + from + i));
      for await (const response of source.run(requests, idle)) seen.counts.push(response.counts[0]!);
    }
    if (session === 0) await source.rest(pause);
  }
  return seen;
}

const WHOLE = { counts: [0, 1, 2, 3, 4, 5, 6, 7], starts: [0, 9000] };

describe('a replayed source', () => {
  it.each([1, 2, 3, TRIALS])('answers as recorded, in batches of %i', async (batch) => {
    expect(await runSessions(createReplaySource(recordedTrials(8)), batch)).toEqual(WHOLE);
  });

  it('says that it is replayed, whatever was recorded', () => {
    const { description } = createReplaySource(recordedTrials(8));
    expect(description).toEqual({ ...DESCRIPTION, provenance: 'replayed' });
  });

  it('has no method beyond those of a source of trials, so that nothing can reach a device', () => {
    const source = createReplaySource(recordedTrials(8));
    expect(Object.keys(source).sort()).toEqual([
      'bootId',
      'close',
      'description',
      'detectorLevels',
      'nextSample',
      'rest',
      'run',
    ]);
    expect(Object.getPrototypeOf(source)).toBe(Object.prototype);
    expect(isResumable(source)).toBe(false);
  });

  it('ends with an error where the recording does, after the answers that there are', async () => {
    const source = createReplaySource(recordedTrials(3));
    const counts: number[] = [];
    const running = (async () => {
      const requests = [0, 1, 2, 3].map(requestOf);
      for await (const response of source.run(requests, idle)) counts.push(response.counts[0]!);
    })();
    await expect(running).rejects.toSatisfy((error) => isMeaError(error, 'missing'));
    await expect(running).rejects.toThrow(/ends before the experiment does: got 3 trials, expected session 0, trial 3/);
    expect(counts).toEqual([0, 1, 2]);
  });

  it('stops between two answers when aborted, with the reason, and can go on', async () => {
    const source = createReplaySource(recordedTrials(8));
    const stop = new AbortController();
    const counts: number[] = [];
    const running = (async () => {
      for await (const response of source.run([0, 1, 2, 3].map(requestOf), stop.signal)) {
        counts.push(response.counts[0]!);
        if (counts.length === 2) stop.abort(new Error('enough'));
      }
    })();
    await expect(running).rejects.toThrow('enough');
    for await (const response of source.run([2, 3].map(requestOf), idle)) counts.push(response.counts[0]!);
    expect(counts).toEqual([0, 1, 2, 3]);
  });

  it('can be closed twice', async () => {
    const source = createReplaySource(recordedTrials(8));
    await source.close();
    await expect(source.close()).resolves.toBeUndefined();
  });
});

describe('a continued source', () => {
  it.each([1, 2, 3, TRIALS])(
    'answers as recorded and goes on live at the next trial, in batches of %i',
    async (batch) => {
      for (let rows = 0; rows <= 8; rows++) {
        const { source, calls } = liveSource(rows);
        // the live source has the rest behind it where the recording reaches into the second session
        const rests = rows > TRIALS ? 1 : 0;
        const continued = createContinuedSource(recordedTrials(rows), rests, source);
        expect(await runSessions(continued, batch), `${rows} trials recorded`).toEqual(WHOLE);
        const live = Array.from({ length: 8 - rows }, (_, i) => requestOf(rows + i)).map(
          (r) => `${r.session}.${r.trial}`,
        );
        if (rests === 0) live.splice(TRIALS - rows, 0, 'rest 5');
        expect(calls).toEqual(live);
      }
    },
  );

  it('rests live only where the recording has no rest, and takes the session start from where it is known', async () => {
    const { source, calls } = liveSource(TRIALS);
    const recorded = recordedTrials(TRIALS);
    expect(await runSessions(createContinuedSource(recorded, 1, source), TRIALS)).toEqual(WHOLE);
    expect(calls).toEqual(['1.0', '1.1', '1.2', '1.3']);
  });

  it('saves and restores the state of the live source, and closes it', async () => {
    const { source, calls } = liveSource(2);
    const continued = createContinuedSource(recordedTrials(2), 0, source);
    if (!isResumable(continued)) throw new Error('expected a resumable source');
    expect(continued.saveState()).toEqual(Uint8Array.of(2));
    continued.restoreState(Uint8Array.of(9));
    await continued.close();
    expect(calls).toEqual(['restore 9', 'close']);
    expect(continued.description.provenance).toBe('emulated');
  });

  it('cannot save a state where the live source cannot', () => {
    const plain = createReplaySource(recordedTrials(2));
    expect(isResumable(createContinuedSource(recordedTrials(2), 0, plain))).toBe(false);
  });

  it('hands an abort to the live source', async () => {
    const { source } = liveSource(2);
    const signals: AbortSignal[] = [];
    const noting: TrialSource = {
      ...source,
      run: (requests, signal) => {
        signals.push(signal);
        return source.run(requests, signal);
      },
    };
    const continued = createContinuedSource(recordedTrials(2), 0, noting);
    const rows: number[] = [];
    for await (const response of continued.run([0, 1, 2].map(requestOf), idle)) rows.push(response.counts[0]!);
    expect(rows).toEqual([0, 1, 2]);
    expect(signals).toEqual([idle]);
  });
});
