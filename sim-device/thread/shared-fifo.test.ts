import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../protocols/random.js';
import { createFifoMemory, SharedFifo } from './shared-fifo.js';

const BYTES = 1024;

function openPair(maxWaitMs = 50): readonly [writer: SharedFifo, reader: SharedFifo] {
  const memory = createFifoMemory(BYTES);
  return [new SharedFifo(memory, maxWaitMs), new SharedFifo(memory, maxWaitMs)];
}

describe('SharedFifo', () => {
  it('gives records of any length in their order, many times around its memory', () => {
    const [writer, reader] = openPair();
    const random = openRandomStream(7, 'fifo');
    for (let round = 0; round < 2000; round++) {
      const sent = Array.from({ length: 1 + random.integer(3) }, (_, k) => ({
        type: k,
        value: round + k / 4,
        payload: Uint8Array.from({ length: random.integer(200) }, () => random.integer(256)),
      }));
      for (const { type, value, payload } of sent) writer.write(type, value, payload);
      writer.flush();
      for (const record of sent) {
        const { type, value, payload } = reader.read();
        expect({ type, value, payload: payload.slice() }).toEqual(record);
      }
    }
  });

  it('does not show a record before it was flushed, and says so to a reader that waits in vain', () => {
    const [writer, reader] = openPair(5);
    writer.write(1, 2);
    expect(() => reader.read()).toThrow(expect.objectContaining({ tag: 'deadline' }));
    writer.flush();
    expect(reader.read()).toMatchObject({ type: 1, value: 2 });
  });

  it('makes a writer wait while it is full, and refuses a record that would never fit well', () => {
    const [writer] = openPair(5);
    const payload = new Uint8Array(200);
    const fill = (): void => {
      for (let k = 0; k < 10; k++) writer.write(0, 0, payload);
    };
    expect(fill).toThrow(expect.objectContaining({ tag: 'deadline' }));
    const tooLong = (): void => {
      writer.write(0, 0, new Uint8Array(BYTES / 4));
    };
    expect(tooLong).toThrow(expect.objectContaining({ tag: 'bad-input' }));
  });

  it('goes on over the end of its counters, which are 32-bit numbers', () => {
    const memory = createFifoMemory(BYTES);
    new Int32Array(memory, 0, 2).fill(-64);
    const writer = new SharedFifo(memory, 5);
    const reader = new SharedFifo(memory, 5);
    for (let k = 0; k < 20; k++) {
      writer.write(k, k / 2, Uint8Array.of(k));
      writer.flush();
      const { type, value, payload } = reader.read();
      expect([type, value, ...payload]).toEqual([k, k / 2, k]);
    }
  });

  it('carries records from one thread to another that waits for each', async () => {
    const memory = createFifoMemory(BYTES);
    const writer = new SharedFifo(memory, 5000);
    const echo = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const counters = new Int32Array(workerData, 0, 2);
       Atomics.wait(counters, 0, 0, 5000);
       parentPort.postMessage(Atomics.load(counters, 0));`,
      { eval: true, workerData: memory },
    );
    const heard = new Promise((resolve, reject) => {
      echo.once('message', resolve).once('error', reject);
    });
    writer.write(3, 4, new Uint8Array(16));
    writer.flush();
    expect(await heard).toBe(32);
  });
});
