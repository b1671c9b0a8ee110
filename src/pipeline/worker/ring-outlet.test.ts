import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import { sampleIndex } from '../../../protocols/units.js';
import { batchOf } from '../../../tests/helpers/spike-recording.js';
import { decodeRecord } from '../events/ring-records.js';
import type { OverrunEvent, RigEvent } from '../events/rig-event.js';
import { createSharedRing, openRingReader, openRingWriter, type RingReader } from '../events/shared-ring.js';
import { RingOutlet } from './ring-outlet.js';

const FRAMES = 20;
const SEED = 4;

function block(first: number): RigEvent {
  const samples = new Int16Array(FRAMES).fill(first % 1000);
  return { type: 'block', firstSample: sampleIndex(first), frames: FRAMES, channels: 1, samples };
}

function spikes(from: number): RigEvent {
  return { type: 'spikes', batch: batchOf([from, from + FRAMES], [{ sample: from + 1, electrode: 0 }]) };
}

function log(message: string): RigEvent {
  return { type: 'log', sequence: 1, level: 'info', message };
}

function open(ringBytes: number, maxBacklogBytes: number): { outlet: RingOutlet; reader: RingReader } {
  const memory = createSharedRing(ringBytes);
  return {
    outlet: new RingOutlet({ writer: openRingWriter(memory), maxBacklogBytes }),
    reader: openRingReader(memory),
  };
}

function readAll(reader: RingReader): RigEvent[] {
  const events: RigEvent[] = [];
  reader.drain((record) => events.push(decodeRecord(record)), Infinity);
  return events;
}

/** Reads until nothing waits any more. */
function settle(outlet: RingOutlet, reader: RingReader): RigEvent[] {
  const events = readAll(reader);
  for (let turn = 0; outlet.isWaiting && turn < 1000; turn++) {
    outlet.flush();
    events.push(...readAll(reader));
  }
  return events;
}

describe('an outlet into a ring', () => {
  it('hands events on as they come while there is room', () => {
    const { outlet, reader } = open(4096, 1000);
    const events = [block(0), spikes(0), log('a'), block(20)];
    for (const event of events) outlet.push(event);
    expect(readAll(reader)).toEqual(events);
    expect(outlet.counters).toMatchObject({ written: 4, waited: 0, lostBlocks: 0, lostEvents: 0 });
  });

  it('drops blocks when the ring is full and says which before the next one; spikes wait and come in their order', () => {
    const { outlet, reader } = open(256, 10_000);
    for (let first = 0; first < 10 * FRAMES; first += FRAMES) {
      outlet.push(block(first));
      outlet.push(spikes(first));
    }
    const events = settle(outlet, reader);
    outlet.push(block(10 * FRAMES));
    events.push(...readAll(reader));
    const batches = events.flatMap((event) => (event.type === 'spikes' ? [event.batch.from] : []));
    expect(batches).toEqual(Array.from({ length: 10 }, (_, k) => k * FRAMES));
    const kept = events.flatMap((event) => (event.type === 'block' ? [event.firstSample / FRAMES] : []));
    const overruns = events.filter((event) => event.type === 'overrun');
    expect(overruns).toHaveLength(1);
    const { blocks, fromSample, toSample } = overruns[0]!;
    expect(blocks).toBe(11 - kept.length);
    expect([fromSample, toSample]).toEqual([(kept.at(-2)! + 1) * FRAMES, 10 * FRAMES]);
    expect(events.findIndex(({ type }) => type === 'overrun')).toBeLessThan(events.length - 1);
    expect(outlet.counters).toMatchObject({ lostBlocks: 11 - kept.length, lostEvents: 0, waitingBytes: 0 });
  });

  it('counts what its backlog does not hold either, in its place, with the samples that it told of', () => {
    const { outlet, reader } = open(128, 100);
    const logs = Array.from({ length: 4 }, (_, k) => log(`${k}`));
    for (const event of logs) outlet.push(event);
    outlet.push(spikes(40));
    outlet.push(block(60));
    const waiting = outlet.counters;
    expect(waiting.waitingBytes).toBeLessThanOrEqual(100);
    expect(waiting).toMatchObject({ lostBlocks: 1 });
    const events = settle(outlet, reader);
    outlet.push(log('after'));
    events.push(...settle(outlet, reader));
    const last = events.at(-2);
    expect(last).toMatchObject({ type: 'overrun', blocks: 1, spikeBatches: 1, fromSample: 40, toSample: 80 });
    expect(events.slice(0, -2)).toEqual(logs.slice(0, events.length - 2));
    expect(events.at(-1)).toEqual(log('after'));
    expect(outlet.counters.lostEvents).toBe(4 - (events.length - 2) + 1);
  });

  it('counts an event that the ring could never hold as lost, and goes on', () => {
    const { outlet, reader } = open(256, 10_000);
    outlet.push(log('x'.repeat(1000)));
    outlet.push(log('y'));
    expect(settle(outlet, reader)).toEqual([
      { type: 'overrun', blocks: 0, spikeBatches: 0, trials: 0, others: 1, fromSample: null, toSample: null },
      log('y'),
    ]);
  });

  it.each([
    [512, 0],
    [512, 300],
    [1024, 100_000],
  ])('of %i bytes with a backlog of %i accounts for every event, whenever the reader reads', (ringBytes, backlog) => {
    const random = openRandomStream(SEED, `outlet ${ringBytes} ${backlog}`);
    const { outlet, reader } = open(ringBytes, backlog);
    const given: RigEvent[] = [];
    const events: RigEvent[] = [];
    for (let k = 0; k < 3000; k++) {
      const event =
        random.uniform() < 0.5 ? block(k * FRAMES) : random.uniform() < 0.5 ? spikes(k * FRAMES) : log(`${k}`);
      given.push(event);
      outlet.push(event);
      if (random.uniform() < 0.1) events.push(...readAll(reader));
    }
    events.push(...settle(outlet, reader));
    const lost = events.filter((event): event is OverrunEvent => event.type === 'overrun');
    const came = events.filter(({ type }) => type !== 'overrun');
    // In their order: what came is what was given, less what is missing.
    let next = 0;
    for (const event of came) {
      while (next < given.length && !isSame(given[next]!, event)) next += 1;
      next += 1;
    }
    expect(next).toBeLessThanOrEqual(given.length);
    const sum = (pick: (overrun: OverrunEvent) => number): number => lost.reduce((all, one) => all + pick(one), 0);
    const missing = (type: RigEvent['type']): number =>
      given.filter((event) => event.type === type).length - came.filter((event) => event.type === type).length;
    expect(missing('block')).toBeGreaterThan(100);
    expect(sum(({ blocks }) => blocks)).toBe(missing('block'));
    expect(sum(({ spikeBatches }) => spikeBatches)).toBe(missing('spikes'));
    expect(sum(({ others }) => others)).toBe(missing('log'));
    if (backlog === 0) expect(missing('spikes')).toBeGreaterThan(100);
    if (backlog === 100_000) expect(missing('spikes') + missing('log')).toBe(0);
  });
});

function isSame(a: RigEvent, b: RigEvent): boolean {
  if (a.type === 'block' && b.type === 'block') return a.firstSample === b.firstSample;
  if (a.type === 'spikes' && b.type === 'spikes') return a.batch.from === b.batch.from;
  return a.type === 'log' && b.type === 'log' && a.message === b.message;
}
