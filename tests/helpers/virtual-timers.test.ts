import { expect, test } from 'vitest';
import { createVirtualTimers } from './virtual-timers.js';

test('callbacks come in the order of their time, then of their creation, at their own time', () => {
  const timers = createVirtualTimers(100);
  const calls: string[] = [];
  const note = (name: string) => (): void => {
    calls.push(`${name} ${timers.nowMs()}`);
  };
  timers.after(20, note('late'));
  timers.after(10, note('first'));
  timers.after(10, () => {
    note('second')();
    timers.after(5, note('nested'));
  });
  const cancel = timers.after(1, note('ended'));
  cancel();
  cancel();
  timers.advance(15);
  expect(calls).toEqual(['first 110', 'second 110', 'nested 115']);
  expect(timers.nowMs()).toBe(115);
  expect(timers.pending).toBe(1);
});

test('promises run out between the callbacks of an asynchronous advance', async () => {
  const timers = createVirtualTimers();
  const calls: string[] = [];
  timers.after(1, () => {
    void Promise.resolve().then(() => {
      calls.push('promise');
      timers.after(1, () => calls.push('nested'));
    });
  });
  timers.after(3, () => calls.push('last'));
  await timers.advanceAsync(3);
  expect(calls).toEqual(['promise', 'nested', 'last']);
});
