import { describe, expect, it } from 'vitest';
import { systemClock, virtualClock } from './clock.js';

const idle = new AbortController().signal;

describe('the virtual clock', () => {
  it('moves by sleeping alone', async () => {
    const clock = virtualClock(500);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([500, 500]);
    await clock.sleep(1234.5, idle);
    await clock.sleep(0, idle);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1734.5, 1734.5]);
  });

  it('does not move when it is told to stop', async () => {
    const clock = virtualClock();
    await expect(clock.sleep(10, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(clock.monotonicMs()).toBe(0);
  });
});

describe("the system's clock", () => {
  it('wakes after a sleep, and never goes back', async () => {
    const clock = systemClock();
    const before = clock.monotonicMs();
    await clock.sleep(1, idle);
    expect(clock.monotonicMs()).toBeGreaterThan(before);
    expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2020));
  });

  it('is woken by an abort, before or during the sleep, with its reason', async () => {
    const clock = systemClock();
    await expect(clock.sleep(1e9, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    const stop = new AbortController();
    const sleeping = clock.sleep(1e9, stop.signal);
    stop.abort(new Error('during'));
    await expect(sleeping).rejects.toThrow('during');
  });

  it('leaves no listener on the signal once it has slept', async () => {
    const stop = new AbortController();
    let listeners = 0;
    const { signal } = stop;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const clock = systemClock();
    for (let i = 0; i < 3; i++) await clock.sleep(0, signal);
    expect(listeners).toBe(0);
  });
});
