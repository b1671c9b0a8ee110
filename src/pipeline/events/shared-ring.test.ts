import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import { packageFolder } from '../../cli/package-info.js';
import { createSharedRing, openRingReader, openRingWriter, type RingReader, type RingWriter } from './shared-ring.js';

function openRing(capacityBytes: number): { writer: RingWriter; reader: RingReader; memory: SharedArrayBuffer } {
  const memory = createSharedRing(capacityBytes);
  return { writer: openRingWriter(memory), reader: openRingReader(memory), memory };
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
const isEqual = (a: Uint8Array = bytes(), b: Uint8Array = bytes()): boolean => Buffer.compare(a, b) === 0;

describe('a shared ring', () => {
  it('gives records back in their order, put together from their parts', () => {
    const { writer, reader } = openRing(1024);
    expect(reader.read()).toBeUndefined();
    expect(writer.tryWrite(1, [bytes(1, 2), bytes(), bytes(3)])).toBe(true);
    expect(writer.tryWrite(2 ** 32 - 1, [])).toBe(true);
    expect(reader.read()).toEqual({ kind: 1, bytes: bytes(1, 2, 3) });
    expect(reader.read()).toEqual({ kind: 2 ** 32 - 1, bytes: bytes() });
    expect(reader.read()).toBeUndefined();
  });

  it('never overwrites: it is full to the last byte, then refuses, counts, and takes more when it was read', () => {
    const { writer, reader } = openRing(64);
    const record = new Uint8Array(24).fill(7);
    expect([0, 1].map(() => writer.tryWrite(5, [record]))).toEqual([true, true]);
    expect(writer.tryWrite(5, [])).toBe(false);
    expect(writer.counters).toEqual({ records: 2, refused: 1, waitingBytes: 64, highWaterBytes: 64 });
    expect(reader.read()).toEqual({ kind: 5, bytes: record });
    expect(writer.tryWrite(6, [new Uint8Array(25)])).toBe(false);
    expect(writer.tryWrite(6, [bytes(9)])).toBe(true);
    expect([reader.read(), reader.read(), reader.read()]).toEqual([
      { kind: 5, bytes: record },
      { kind: 6, bytes: bytes(9) },
      undefined,
    ]);
    expect(reader.counters).toEqual({ records: 3, refused: 2, waitingBytes: 0, highWaterBytes: 64 });
  });

  it('hands out copies that later records do not touch', () => {
    const { writer, reader } = openRing(64);
    writer.tryWrite(1, [bytes(1, 2, 3)]);
    const { bytes: first } = reader.read()!;
    for (let k = 0; k < 20; k++) {
      writer.tryWrite(1, [new Uint8Array(20).fill(255)]);
      reader.read();
    }
    expect(first).toEqual(bytes(1, 2, 3));
    expect(first.byteOffset).toBe(0);
  });

  it('drains no more than it is asked to', () => {
    const { writer, reader } = openRing(1024);
    for (let kind = 0; kind < 5; kind++) writer.tryWrite(kind, []);
    const kinds: number[] = [];
    const note = ({ kind }: { readonly kind: number }): void => void kinds.push(kind);
    expect([reader.drain(note, 3), reader.drain(note, 3), reader.drain(note, 3)]).toEqual([3, 2, 0]);
    expect(kinds).toEqual([0, 1, 2, 3, 4]);
  });

  it('keeps records of all sizes whole across its end, however it fills and empties', () => {
    const { writer, reader } = openRing(256);
    const random = openRandomStream(21, 'ring');
    const waiting: { kind: number; bytes: Uint8Array }[] = [];
    let [written, refused, passed] = [0, 0, 0];
    for (let turn = 0; turn < 50_000; turn++) {
      if (random.uniform() < 0.55) {
        const record = Uint8Array.from({ length: random.integer(120) }, () => random.integer(256));
        const cut = random.integer(record.length + 1);
        if (writer.tryWrite(turn, [record.subarray(0, cut), record.subarray(cut)])) {
          written += 1;
          waiting.push({ kind: turn, bytes: record });
        } else refused += 1;
      } else {
        const [record, wanted] = [reader.read(), waiting.shift()];
        const isSame = record?.kind === wanted?.kind && isEqual(record?.bytes, wanted?.bytes);
        if (!isSame) expect(record).toEqual(wanted);
        passed += record?.bytes.length ?? 0;
      }
    }
    expect(refused).toBeGreaterThan(1000);
    expect(passed).toBeGreaterThan(256 * 1000);
    expect(writer.counters).toMatchObject({ records: written, refused });
  });

  it('goes on where its positions wrap at 2^32', () => {
    const { memory } = openRing(64);
    new Int32Array(memory, 0, 64).set([-32], 0);
    new Int32Array(memory, 0, 64).set([-32], 32);
    const [writer, reader] = [openRingWriter(memory), openRingReader(memory)];
    for (let k = 0; k < 10; k++) {
      expect(writer.tryWrite(k, [new Uint8Array(17).fill(k)])).toBe(true);
      expect(writer.counters.waitingBytes).toBe(32);
      expect(reader.read()).toEqual({ kind: k, bytes: new Uint8Array(17).fill(k) });
    }
  });

  it('refuses what it could never hold, memory that is none, and a damaged length', () => {
    const { writer, reader, memory } = openRing(64);
    expect(() => writer.tryWrite(0, [new Uint8Array(57)])).toThrow('larger than the shared ring');
    expect(() => createSharedRing(Number.NaN)).toThrow('Bad capacity');
    expect(() => createSharedRing(63)).toThrow('Bad capacity');
    expect(() => createSharedRing(2 ** 31)).toThrow('Bad capacity');
    expect(() => openRingReader(new SharedArrayBuffer(356))).toThrow('no shared ring');
    expect(createSharedRing(65).byteLength - createSharedRing(64).byteLength).toBe(64);
    writer.tryWrite(0, [bytes(1)]);
    new Uint32Array(memory, 256)[0] = 1000;
    expect(() => reader.read()).toThrow('damaged');
  });

  it('tells a thread with a main loop when there is something, and lets it be woken without', async () => {
    const { writer, reader, memory } = openRing(64);
    const told: string[] = [];
    const wait = async (name: string): Promise<void> => {
      await reader.whenReadable();
      told.push(name);
    };
    writer.tryWrite(0, []);
    await wait('there already');
    reader.read();
    const waiting = wait('written');
    await setImmediate();
    expect(told).toEqual(['there already']);
    writer.tryWrite(0, []);
    await waiting;
    reader.read();
    const byHand = openRingWriter(memory, 'by-hand');
    const quiet = wait('by hand');
    byHand.tryWrite(0, []);
    await setImmediate();
    expect(told).toHaveLength(2);
    byHand.wake();
    await quiet;
    reader.read();
    const woken = wait('woken');
    reader.wakeReader();
    await woken;
    expect(told).toEqual(['there already', 'written', 'by hand', 'woken']);
  });

  it('does not wait for what is there, and waits no longer than it is told', () => {
    const { writer, reader } = openRing(64);
    expect(reader.wait(1)).toBe(false);
    writer.tryWrite(0, []);
    expect(reader.wait(1e9)).toBe(true);
  });
});

// Threads cannot begin from TypeScript: they load the built module, which `npm test` makes before the tests.
const BUILT = join(packageFolder(), 'dist/src/pipeline/events/shared-ring.js');
const RECORDS = 100_000;

/** Sizes, bytes and checksum of record k are the same sum in both threads. */
const COMMON = `
const { workerData, parentPort } = require('node:worker_threads');
const sizeOf = (k) => (k * 7919) % 300;
const fill = (record, k) => { for (let i = 0; i < record.length; i++) record[i] = (k * 31 + i * 17) & 255; };
`;

const PRODUCER = `${COMMON}
import(workerData.url).then(({ openRingWriter }) => {
  const writer = openRingWriter(workerData.memory);
  const idle = new Int32Array(new SharedArrayBuffer(4));
  let refused = 0;
  for (let k = 0; k < workerData.records; k++) {
    const record = new Uint8Array(sizeOf(k));
    fill(record, k);
    while (!writer.tryWrite(k, [record.subarray(0, record.length >> 1), record.subarray(record.length >> 1)])) {
      refused += 1;
      Atomics.wait(idle, 0, 0, 0.05);
    }
  }
  parentPort.postMessage({ refused, counted: writer.counters.refused });
});`;

const CONSUMER = `${COMMON}
import(workerData.url).then(({ openRingReader }) => {
  const reader = openRingReader(workerData.memory);
  const wanted = new Uint8Array(300);
  let [next, bad, bytes] = [0, 0, 0];
  while (next < workerData.records) {
    if (!reader.wait(20000)) break;
    reader.drain((record) => {
      fill(wanted.subarray(0, sizeOf(next)), next);
      const isSame = Buffer.compare(record.bytes, wanted.subarray(0, sizeOf(next))) === 0;
      if (record.kind !== next || !isSame) bad += 1;
      bytes += record.bytes.length;
      next += 1;
    }, 64);
  }
  parentPort.postMessage({ records: next, bad, bytes, left: reader.read() });
});`;

const WAITER = `${COMMON}
import(workerData.url).then(({ openRingReader }) => {
  const reader = openRingReader(workerData.memory);
  parentPort.postMessage({ waited: reader.wait(60000), record: reader.read() });
});`;

function start(program: string, memory: SharedArrayBuffer): { worker: Worker; heard: Promise<unknown> } {
  if (!existsSync(BUILT)) throw new Error(`${BUILT} is not there: build first, as npm test does`);
  const workerData = { memory, url: pathToFileURL(BUILT).href, records: RECORDS };
  const worker = new Worker(program, { eval: true, workerData });
  const heard = new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => {
      reject(new Error(`the thread ended with ${code} and no message`));
    });
  });
  return { worker, heard };
}

describe('a ring between two threads', () => {
  it('passes 100,000 records of all sizes, each whole and in its place, although it is often full', async () => {
    const memory = createSharedRing(4096);
    const [consumer, producer] = [start(CONSUMER, memory), start(PRODUCER, memory)];
    const [read, written] = await Promise.all([consumer.heard, producer.heard]);
    await Promise.all([consumer.worker.terminate(), producer.worker.terminate()]);
    const size = Array.from({ length: RECORDS }, (_, k) => (k * 7919) % 300).reduce((sum, part) => sum + part);
    expect(read).toEqual({ records: RECORDS, bad: 0, bytes: size, left: undefined });
    expect(written).toMatchObject({ refused: openRingWriter(memory).counters.refused });
    expect(openRingWriter(memory).counters).toMatchObject({ records: RECORDS, waitingBytes: 0 });
    expect(openRingWriter(memory).counters.refused).toBeGreaterThan(0);
  });

  it('goes on waiting when it was woken for a record that it has read already', async () => {
    const memory = createSharedRing(64);
    const { worker, heard } = start(WAITER, memory);
    const places = new Int32Array(memory, 0, 64);
    // Wakes the thread, which finds nothing, as often as it sleeps; then there is something.
    for (let woken = 0; woken < 3;) {
      woken += Atomics.notify(places, 0);
      await setImmediate();
    }
    expect(openRingWriter(memory).tryWrite(7, [bytes(1, 2)])).toBe(true);
    expect(await heard).toEqual({ waited: true, record: { kind: 7, bytes: bytes(1, 2) } });
    await worker.terminate();
  });
});
