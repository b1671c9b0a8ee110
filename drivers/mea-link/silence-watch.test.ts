import { expect, test } from 'vitest';
import type { Timers } from '../../protocols/timers.js';
import { createVirtualTimers } from '../../tests/helpers/virtual-timers.js';
import { SilenceWatch } from './silence-watch.js';

test('silence is told when it has lasted, once', () => {
  const timers = createVirtualTimers();
  const told: number[] = [];
  const watch = new SilenceWatch({ timers, silenceMs: 150, onSilence: (silentMs) => told.push(silentMs) });
  watch.start();
  timers.advance(100);
  watch.heard();
  timers.advance(149);
  expect(told).toEqual([]);
  timers.advance(1);
  expect(told).toEqual([150]);
  timers.advance(1000);
  expect(told).toEqual([150]);
});

test('a watch that was stopped tells nothing', () => {
  const timers = createVirtualTimers();
  const told: number[] = [];
  const watch = new SilenceWatch({ timers, silenceMs: 150, onSilence: (silentMs) => told.push(silentMs) });
  watch.start();
  timers.advance(145);
  watch.stop();
  timers.advance(1000);
  expect(told).toEqual([]);
  expect(timers.pending).toBe(0);
});

test('a process that itself stood still first reads what has come meanwhile', () => {
  const virtual = createVirtualTimers();
  const told: number[] = [];
  let stalledMs = 0;
  // A clock that ran on by a stall during which no timer fired.
  const timers: Timers = {
    nowMs: () => virtual.nowMs() + stalledMs,
    after: (delayMs, callback) => virtual.after(delayMs, callback),
  };
  const watch = new SilenceWatch({ timers, silenceMs: 150, onSilence: (silentMs) => told.push(silentMs) });
  watch.start();
  stalledMs = 180;
  virtual.advance(140);
  // The timers come first in a turn of the event loop, the sockets after them.
  watch.heard();
  virtual.advance(149);
  expect(told).toEqual([]);
  virtual.advance(1);
  expect(told).toEqual([150]);
});
