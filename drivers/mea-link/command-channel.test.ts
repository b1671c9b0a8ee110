import { describe, expect, test } from 'vitest';
import type { Command, ReplyResult } from '../../protocols/mea-link/messages.js';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { createVirtualTimers } from '../../tests/helpers/virtual-timers.js';
import { CommandChannel } from './command-channel.js';

const DONE: ReplyResult = { type: 'done' };
const STATUS: Command = { type: 'status' };
const START: Command = { type: 'start' };
const ABORT: Command = { type: 'abort' };
const STALE: ReplyResult = { type: 'refused', reason: 'stale-id', message: 'older than the newest' };

function createChannel() {
  const timers = createVirtualTimers();
  const sent: { readonly id: number; readonly type: string; readonly atMs: number }[] = [];
  const link = { isFull: false };
  const channel = new CommandChannel({
    timers,
    address: 'test:',
    maxQueued: 3,
    retryMs: 100,
    deadlineMs: 1000,
    send: (id, { type }) => {
      if (link.isFull) return false;
      sent.push({ id, type, atMs: timers.nowMs() });
      return true;
    },
  });
  channel.open();
  const answer = (commandId: number, result: ReplyResult = DONE): void => {
    channel.onReply({ type: 'reply', sequence: 0, commandId, result });
  };
  return { timers, channel, sent, link, answer, ids: () => sent.map(({ id }) => id) };
}

async function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a command', () => {
  test('is answered by the reply with its id', async () => {
    const { channel, answer, sent } = createChannel();
    const reply = channel.request(STATUS);
    expect(sent).toEqual([{ id: 1, type: 'status', atMs: 0 }]);
    answer(1);
    expect(await reply).toEqual(DONE);
  });

  test('is sent again with the same id until it is answered', async () => {
    const { channel, answer, sent, timers } = createChannel();
    const reply = channel.request(STATUS);
    timers.advance(250);
    expect(sent.map(({ id, atMs }) => [id, atMs])).toEqual([
      [1, 0],
      [1, 100],
      [1, 200],
    ]);
    answer(1);
    await reply;
    timers.advance(1000);
    expect(sent).toHaveLength(3);
    expect(channel.counters).toEqual({ sent: 3, retransmitted: 2, lateReplies: 0 });
    expect(timers.pending).toBe(0);
  });

  test('that is not answered fails at its deadline and says so in full', async () => {
    const { channel, timers, answer } = createChannel();
    const failure = caught(channel.request(STATUS));
    timers.advance(999);
    expect(channel.waiting).toBe(1);
    timers.advance(1);
    const error = await failure;
    expect(isMeaError(error, 'deadline')).toBe(true);
    expect(String(error)).toBe(
      'MeaError: The device did not answer status: got silence after 10 sendings in 1000 ms, expected a reply ' +
        '(test:, command 1); check the cable and that the device is on',
    );
    answer(1);
    expect(channel.counters.lateReplies).toBe(1);
  });

  test('has a deadline of its own where one is given', async () => {
    const { channel, timers } = createChannel();
    const failure = caught(channel.request(STATUS, { deadlineMs: 30 }));
    timers.advance(30);
    expect(isMeaError(await failure, 'deadline')).toBe(true);
  });

  test('that is refused is answered with the refusal', async () => {
    const { channel, answer } = createChannel();
    const reply = channel.request(START);
    const refusal: ReplyResult = { type: 'refused', reason: 'not-configured', message: 'configure first' };
    answer(1, refusal);
    expect(await reply).toEqual(refusal);
  });

  test('ends when its signal is aborted', async () => {
    const { channel, timers, sent } = createChannel();
    const controller = new AbortController();
    const failure = caught(channel.request(STATUS, { signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect(await failure).toEqual(new Error('enough'));
    timers.advance(1000);
    expect(sent).toHaveLength(1);
    expect(await caught(channel.request(STATUS, { signal: controller.signal }))).toEqual(new Error('enough'));
  });

  test('that cannot be sent fails with the reason, and the next one goes', async () => {
    const timers = createVirtualTimers();
    const channel = new CommandChannel({
      timers,
      address: 'test:',
      maxQueued: 3,
      retryMs: 100,
      deadlineMs: 1000,
      send: () => {
        throw new MeaError('bad-input', { what: 'too long' });
      },
    });
    channel.open();
    expect(isMeaError(await caught(channel.request(STATUS)), 'bad-input')).toBe(true);
    expect(channel.waiting).toBe(0);
    expect(timers.pending).toBe(0);
  });

  test('that came too late for its id is issued once more under a new one', async () => {
    const { channel, answer, timers, sent } = createChannel();
    const reply = channel.request(START);
    void channel.request(ABORT, { urgent: true });
    timers.advance(100);
    answer(1, STALE);
    expect(sent.at(-1)).toMatchObject({ id: 3, type: 'start' });
    answer(3, STALE);
    expect(await reply).toEqual(STALE);
  });

  test('that stimulates is never issued twice', async () => {
    const { channel, answer, timers, sent } = createChannel();
    const trigger: Command = {
      type: 'trigger',
      stimulusId: 1,
      slot: 0,
      at: { type: 'now' },
      token: new Uint8Array(16),
    };
    const reply = channel.request(trigger);
    timers.advance(100);
    answer(1, STALE);
    expect(await reply).toEqual(STALE);
    expect(sent).toHaveLength(2);
  });
});

describe('several commands', () => {
  test('go one after the other, in order', async () => {
    const { channel, answer, ids } = createChannel();
    const all = Promise.all([channel.request(STATUS), channel.request(START), channel.request(STATUS)]);
    expect(ids()).toEqual([1]);
    answer(1);
    expect(ids()).toEqual([1, 2]);
    answer(2);
    answer(3);
    await all;
    expect(ids()).toEqual([1, 2, 3]);
  });

  test('are bounded: one too many is refused by name', async () => {
    const { channel } = createChannel();
    for (let i = 0; i < 4; i++) void caught(channel.request(STATUS));
    const error = await caught(channel.request(START));
    expect(isMeaError(error, 'refused')).toBe(true);
    expect(String(error)).toContain('got 3 commands that wait, expected at most 3');
  });

  test('an urgent one overtakes all that wait', () => {
    const { channel, sent } = createChannel();
    for (let i = 0; i < 4; i++) void caught(channel.request(STATUS));
    void channel.request(ABORT, { urgent: true });
    expect(sent.map(({ type }) => type)).toEqual(['status', 'abort']);
  });
});

describe('a link', () => {
  test('that is full gets what waits when it drains, urgent first', () => {
    const { channel, sent, link, timers } = createChannel();
    link.isFull = true;
    void caught(channel.request(STATUS));
    void caught(channel.request(START));
    void caught(channel.request(ABORT, { urgent: true }));
    timers.advance(500);
    expect(sent).toEqual([]);
    link.isFull = false;
    channel.drained();
    expect(sent.map(({ type }) => type)).toEqual(['abort', 'status']);
    expect(channel.counters.retransmitted).toBe(0);
  });

  test('that is lost fails what may not outlive it; the rest is sent on the next one with the same id', async () => {
    const { channel, sent, answer, timers } = createChannel();
    const stop = channel.request({ type: 'stop' }, { survivesLinkLoss: true });
    const start = caught(channel.request(START));
    channel.suspend(new MeaError('link', { what: 'gone' }));
    expect(isMeaError(await start, 'link')).toBe(true);
    timers.advance(200);
    expect(sent).toHaveLength(1);
    channel.open();
    expect(sent.map(({ id, type }) => [id, type])).toEqual([
      [1, 'stop'],
      [1, 'stop'],
    ]);
    answer(1);
    expect(await stop).toEqual(DONE);
  });

  test('that does not know us yet gets nothing but what is urgent', () => {
    const { channel, sent } = createChannel();
    void caught(channel.request(ABORT, { urgent: true, survivesLinkLoss: true }));
    void caught(channel.request({ type: 'stop' }, { survivesLinkLoss: true }));
    channel.suspend(new Error('gone'));
    sent.length = 0;
    channel.drained();
    expect(sent.map(({ type }) => type)).toEqual(['abort']);
    channel.open();
    expect(sent.map(({ type }) => type)).toEqual(['abort', 'stop']);
  });
});
