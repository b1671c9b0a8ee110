import { expect, test } from 'vitest';
import { systemTimers } from './timers.js';

test('the system calls back once, not before `after` has returned, and not what was ended', async () => {
  const timers = systemTimers();
  const calls: string[] = [];
  const startMs = timers.nowMs();
  timers.after(0, () => calls.push('ended'))();
  await new Promise<void>((resolve) => {
    const cancel = timers.after(2, () => {
      calls.push('due');
      cancel();
      resolve();
    });
    calls.push('returned');
  });
  expect(calls).toEqual(['returned', 'due']);
  expect(timers.nowMs()).toBeGreaterThan(startMs);
});
