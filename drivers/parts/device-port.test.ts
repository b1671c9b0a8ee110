import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { MeaError } from '../../protocols/errors.js';
import { createVirtualTimers } from '../../protocols/virtual-timers.js';
import { openDevicePort, type DevicePort } from './device-port.js';

/** A port that takes nothing before it is told to. */
class SlowPort extends EventEmitter {
  isOpen = true;
  readonly given: Uint8Array[] = [];
  readonly #done: ((error: Error | null) => void)[] = [];

  write(bytes: Uint8Array, done: (error: Error | null | undefined) => void): boolean {
    this.given.push(bytes);
    this.#done.push(done);
    return false;
  }

  close(done: (error: Error | null) => void): void {
    this.isOpen = false;
    done(null);
    this.emit('close', null);
  }

  take(): void {
    for (const done of this.#done.splice(0)) done(null);
  }
}

async function open(): Promise<{
  readonly port: DevicePort;
  readonly line: SlowPort;
  readonly timers: ReturnType<typeof createVirtualTimers>;
  readonly lost: MeaError[];
}> {
  const timers = createVirtualTimers();
  const line = new SlowPort();
  const lost: MeaError[] = [];
  const port = await openDevicePort(
    { path: '/dev/x', baud: 9600, timers, openPort: () => Promise.resolve(line) },
    { onBytes: () => undefined, onLost: (error) => lost.push(error) },
    new AbortController().signal,
  );
  return { port, line, timers, lost };
}

it('loses a line that takes nothing, with all that waits', async () => {
  const { port, line, timers, lost } = await open();
  const first = port.write(Uint8Array.of(1), 'one');
  first.catch(() => undefined);
  await timers.advanceAsync(900);
  const second = port.write(Uint8Array.of(2), 'two');
  second.catch(() => undefined);
  await timers.advanceAsync(99);
  expect(port.isOpen).toBe(true);
  await timers.advanceAsync(1);
  expect(line.isOpen).toBe(false);
  await expect(first).rejects.toMatchObject({ tag: 'deadline' });
  await expect(second).rejects.toThrow(/The device is gone: got the line took no bytes for 1000 ms/);
  await expect(port.write(Uint8Array.of(3), 'three')).rejects.toMatchObject({ tag: 'link' });
  expect(lost.map(({ tag }) => tag)).toEqual(['link']);
  expect(line.given.length).toBe(2);
  await port.close();
  expect(timers.pending).toBe(0);
});

it('gives one trigger at a time to the line, and other messages beside it', async () => {
  const { port, line } = await open();
  const first = port.trigger(Uint8Array.of(1), 'trigger');
  await expect(port.trigger(Uint8Array.of(2), 'trigger')).rejects.toMatchObject({ tag: 'refused' });
  const off = port.write(Uint8Array.of(3), 'off');
  expect(line.given).toEqual([Uint8Array.of(1), Uint8Array.of(3)]);
  line.take();
  await Promise.all([first, off]);
  const next = port.trigger(Uint8Array.of(4), 'trigger');
  line.take();
  await next;
  expect(line.given.length).toBe(3);
});
