import { describe, expect, it } from 'vitest';
import { createVirtualTimers } from '../../protocols/virtual-timers.js';
import { isMeaError } from '../../protocols/errors.js';
import { sampleIndex } from '../../protocols/units.js';
import type { FromRecorder, ToRecorder } from './recorder-messages.js';
import type { RecorderNotice } from './recorder.js';
import { ThreadedRecorder, type ThreadLink } from './threaded-recorder.js';

const MAX_PENDING = 2 ** 20;
const DEADLINE_MS = 30_000;
/** One channel. */
const BLOCK_FRAMES = 2 ** 16;

/** A recorder whose thread does nothing that it is not told to. */
function open() {
  const timers = createVirtualTimers();
  const posted: ToRecorder[] = [];
  const notices: RecorderNotice[] = [];
  let listener: Parameters<ThreadLink['listen']>[0] | undefined;
  let abandoned = 0;
  const recorder = new ThreadedRecorder({
    thread: {
      post: (message) => posted.push(message),
      listen: (handlers) => {
        listener = handlers;
      },
      abandon: () => {
        abandoned += 1;
      },
    },
    folder: '/recording',
    sampleRateHz: 20_000,
    onNotice: (notice) => notices.push(notice),
    timers,
    limits: { maxPendingBytes: MAX_PENDING, closeDeadlineMs: DEADLINE_MS },
  });
  let next = 0;
  const answer = (message: FromRecorder): void => {
    listener!.onMessage(message);
  };
  return {
    recorder,
    timers,
    notices,
    posted,
    abandoned: () => abandoned,
    answer,
    exit: () => {
      listener!.onExit();
    },
    give: () => {
      const samples = new Int16Array(BLOCK_FRAMES);
      recorder.block({ firstSample: sampleIndex(next), frames: BLOCK_FRAMES, channels: 1, samples });
      next += BLOCK_FRAMES;
      timers.advance(10);
    },
    told: (type: RecorderNotice['type']) => notices.filter((notice) => notice.type === type),
    /** The thread has carried out all that was posted since the last time. */
    catchUp: () => {
      for (const message of posted.splice(0)) {
        if (message.type === 'batch') answer({ type: 'done', bytes: message.used, buffer: message.bytes });
      }
    },
  };
}

function bytesOf(posted: readonly ToRecorder[]): number {
  return posted.reduce((sum, message) => sum + (message.type === 'batch' ? message.used : 0), 0);
}

function textOf(posted: readonly ToRecorder[]): string {
  return posted.map((m) => (m.type === 'batch' ? Buffer.from(m.bytes, 0, m.used).toString('latin1') : '')).join('');
}

describe('a recorder whose disk stands still', () => {
  it('drops samples first, says so at once and once, and tells how much when the disk follows again', () => {
    const { recorder, posted, give, told, catchUp, timers } = open();
    let given = 0;
    while (told('behind').length === 0 && given < 100) {
      give();
      given += 1;
    }
    expect(given).toBeLessThan(12);
    const waiting = bytesOf(posted);
    expect(waiting).toBeGreaterThan(MAX_PENDING);
    expect(waiting).toBeLessThan(MAX_PENDING * 1.25);
    for (let i = 0; i < 50; i++) give();
    expect(bytesOf(posted)).toBe(waiting);
    expect([told('behind').length, told('overrun').length]).toEqual([1, 0]);
    // All else still has room.
    recorder.event({ type: 'gap' });
    timers.advance(10);
    expect(textOf(posted)).toContain('{"type":"gap"}');
    catchUp();
    give();
    const dropped = { blocks: 51, frames: 51 * BLOCK_FRAMES, records: 0 };
    const span = { fromSample: (given - 1) * BLOCK_FRAMES, toSample: (given + 50) * BLOCK_FRAMES };
    expect(told('overrun')).toEqual([{ type: 'overrun', ...dropped, ...span }]);
    expect(textOf(posted)).toContain('"type":"recorder-overrun"');
    expect(textOf(posted)).toContain('"records":0');
  });

  it('drops all else when that does not help, and refuses the next record of the ledger', () => {
    const { recorder, posted, told, catchUp, timers } = open();
    const note = { type: 'note', text: 'x'.repeat(2 ** 15) };
    let given = 0;
    while (told('behind').length === 0 && given < 200) {
      recorder.event(note);
      timers.advance(10);
      given += 1;
    }
    const waiting = bytesOf(posted);
    expect(waiting).toBeLessThan(MAX_PENDING * 1.25 + 2 ** 16);
    for (let i = 0; i < 500; i++) {
      recorder.event(note);
      recorder.put('snippets', new Uint8Array(1000));
      timers.advance(10);
    }
    expect(bytesOf(posted)).toBe(waiting);
    expect(() => {
      recorder.ledger(Buffer.from('{}'));
    }).toThrow(/The disk does not follow, and the record cannot wait for it: got 1 MiB on their way; nothing is saved/);
    catchUp();
    recorder.event({ type: 'gap' });
    timers.advance(10);
    expect(told('overrun')).toMatchObject([{ frames: 0, records: 1001 }]);
    // Before what follows it.
    expect(textOf(posted)).toMatch(/"records":1001.*\{"type":"gap"\}/s);
    recorder.ledger(Buffer.from('{"type":"rest"}'));
    expect(textOf(posted)).toContain('{"type":"rest"}');
  });
});

describe('the end of a recorder', () => {
  it('has a deadline, counted from the last sign of life; what is saved is told', async () => {
    const { recorder, timers, answer, told, abandoned, posted } = open();
    const notice = { type: 'saved', nextSample: 4000, hasRaw: true, bytes: 8000, records: 12, atMs: 5 } as const;
    answer({ type: 'notice', notice });
    let error: unknown;
    const closing = recorder.close().catch((thrown: unknown) => {
      error = thrown;
    });
    expect(posted.at(-1)).toEqual({ type: 'close' });
    await timers.advanceAsync(DEADLINE_MS - 1);
    answer({ type: 'done', bytes: 0, buffer: new ArrayBuffer(0) });
    await timers.advanceAsync(DEADLINE_MS - 1);
    expect([error, recorder.isHung, abandoned()]).toEqual([undefined, false, 0]);
    await timers.advanceAsync(1);
    await closing;
    expect(isMeaError(error, 'deadline')).toBe(true);
    expect(String(error)).toContain('got nothing for 30 s; saved up to sample 4000 (0.20 s): 12 records, 60 s ago');
    expect([recorder.isHung, abandoned(), told('failed').length, timers.pending]).toEqual([true, 1, 1, 0]);
    await expect(recorder.close()).rejects.toBe(error);
  });

  it('waits for nothing once the thread has ended', async () => {
    const { recorder, timers, answer, exit, told } = open();
    const closing = recorder.close();
    answer({ type: 'closed', error: undefined });
    exit();
    await closing;
    expect([recorder.isHung, told('failed').length, timers.pending]).toEqual([false, 0, 0]);
  });
});
