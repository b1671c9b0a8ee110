import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { updateCrc32c } from '../../protocols/mea-link/crc32c.js';
import type { DataMessage } from '../../protocols/mea-link/messages.js';
import { sequenceDistance } from '../../protocols/mea-link/sequence.js';
import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import { DataLaneReceiver, type ReceiverOutput } from './data-lane-receiver.js';
import type { GapEvent, SampleJumpEvent, StreamEndedEvent } from './device-event.js';
import { DEFAULT_DRIVER_OPTIONS } from './driver-options.js';

const RECOVERY = DEFAULT_DRIVER_OPTIONS.recovery;

/** The lane of a device from `start` on: a stream of blocks of two frames, with logs in between. */
function createLane(start: number, blocks: number): DataMessage[] {
  const lane: DataMessage[] = [];
  let crc = 0;
  const next = (): number => (start + lane.length) >>> 0;
  lane.push({ type: 'stream-started', sequence: next(), firstSample: sampleIndex(100) });
  for (let i = 0; i < blocks; i++) {
    if (i % 5 === 3) lane.push({ type: 'log', sequence: next(), level: 'info', message: `block ${i}` });
    const samples = Int16Array.of(i, -i, 2 * i, 7);
    crc = updateCrc32c(crc, new Uint8Array(samples.buffer));
    const firstSample = sampleIndex(100 + 2 * i);
    lane.push({ type: 'block', sequence: next(), firstSample, frames: 2, channels: 2, samples });
  }
  const endSample = sampleIndex(100 + 2 * blocks);
  lane.push({
    type: 'stream-ended',
    sequence: next(),
    endSample,
    blocks,
    frames: 2 * blocks,
    samplesCrc32c: crc,
  });
  return lane;
}

function receiveAll(receiver: DataLaneReceiver, messages: readonly DataMessage[]): ReceiverOutput[] {
  return messages.flatMap((message) => [...receiver.receive(message, 0)]);
}

const gapsOf = (outputs: readonly ReceiverOutput[]): GapEvent[] => outputs.filter((output) => output.type === 'gap');
const jumpsOf = (outputs: readonly ReceiverOutput[]): SampleJumpEvent[] =>
  outputs.filter((output) => output.type === 'sample-jump');
const endOf = (outputs: readonly ReceiverOutput[]): StreamEndedEvent | undefined =>
  outputs.find((output) => output.type === 'stream-ended');
const wishesOf = (outputs: readonly ReceiverOutput[]): number[] =>
  outputs.flatMap((output) => (output.type === 'resume' ? [output.fromSequence] : []));
/** Sequence numbers of the wire that were delivered. */
const deliveredOf = (outputs: readonly ReceiverOutput[]): number[] =>
  outputs.flatMap((output) => ('sequence' in output ? [output.sequence] : []));

describe('what comes in order', () => {
  test('is delivered at once and the stream is found complete', () => {
    const lane = createLane(0, 20);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const outputs = receiveAll(receiver, lane);
    expect(deliveredOf(outputs)).toEqual(lane.map(({ sequence }) => sequence));
    expect(endOf(outputs)?.check).toMatchObject({
      verdict: 'complete',
      blocks: 20,
      frames: 40,
      missingBlocks: 0,
      missingFrames: 0,
    });
    expect(wishesOf(outputs)).toEqual([]);
    expect(receiver.counters).toMatchObject({ delivered: 26, blocks: 20, frames: 40, duplicates: 0, held: 0 });
  });

  test('is the same across the wrap of the sequence number', () => {
    const start = 2 ** 32 - 7;
    const lane = createLane(start, 20);
    expect(lane[7]?.sequence).toBe(0);
    const receiver = new DataLaneReceiver(RECOVERY, start);
    const outputs = receiveAll(receiver, lane);
    expect(outputs).toHaveLength(lane.length);
    expect(endOf(outputs)?.check.verdict).toBe('complete');
    expect(receiver.expected).toBe(start + lane.length);
  });
});

describe('what comes out of order', () => {
  test('a message that comes again is dropped and counted', () => {
    const lane = createLane(0, 5);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const outputs = receiveAll(
      receiver,
      lane.flatMap((message) => [message, message]),
    );
    expect(outputs).toHaveLength(lane.length);
    expect(receiver.counters.duplicates).toBe(lane.length);
  });

  test('a message ahead of its turn is held, asked for once, and delivered when the late one fills the hole', () => {
    const lane = createLane(0, 8);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const outputs = receiveAll(receiver, [lane[0]!, lane[2]!, lane[3]!, lane[1]!, ...lane.slice(4)]);
    expect(deliveredOf(outputs)).toEqual(lane.map(({ sequence }) => sequence));
    expect(wishesOf(outputs)).toEqual([1]);
    expect(receiver.counters.reorderHighWater).toBe(2);
    expect(endOf(outputs)?.check.verdict).toBe('complete');
  });

  test('more than the reorder buffer holds is left to the repetition', () => {
    const lane = createLane(0, 50);
    const receiver = new DataLaneReceiver({ ...RECOVERY, reorder: { maxMessages: 4, maxBytes: 1e6 } }, 0);
    const first = receiveAll(receiver, [lane[0]!, ...lane.slice(2)]);
    expect(wishesOf(first)).toEqual([1]);
    expect(receiver.counters).toMatchObject({ held: 4, overflowed: lane.length - 6 });
    const second = [...receiver.resumed(1, 1), ...receiveAll(receiver, lane.slice(1))];
    expect(deliveredOf([...first, ...second])).toEqual(lane.map(({ sequence }) => sequence));
  });

  test('the reorder buffer is bounded in bytes too', () => {
    const lane = createLane(0, 50);
    const receiver = new DataLaneReceiver({ ...RECOVERY, reorder: { maxMessages: 1000, maxBytes: 1000 } }, 0);
    receiveAll(receiver, lane.slice(1));
    expect(receiver.counters.held).toBe(3);
  });

  test('a number that no lane can have reached is thrown away', () => {
    const lane = createLane(0, 5);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const outputs = receiveAll(receiver, [lane[0]!, { ...lane[1]!, sequence: 2 ** 30 }, ...lane.slice(1)]);
    expect(deliveredOf(outputs)).toEqual(lane.map(({ sequence }) => sequence));
    expect(receiver.counters.implausible).toBe(1);
    expect(wishesOf(outputs)).toEqual([]);
  });
});

describe('what is lost for good', () => {
  test('is one gap with its numbers and samples when the ring no longer holds it', () => {
    const lane = createLane(0, 20);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    receiveAll(receiver, lane.slice(0, 3));
    const outputs = [...receiver.askAgain(10), ...receiver.resumed(12, 10), ...receiveAll(receiver, lane.slice(12))];
    expect(gapsOf(outputs)).toEqual([
      {
        type: 'gap',
        cause: 'ring-overrun',
        firstSequence: 3,
        lastSequence: 11,
        messages: 9,
        atSequence: 12,
        fromSample: 104,
        toSample: null,
      },
    ]);
    // 9 messages: 7 blocks and 2 logs.
    expect(jumpsOf(outputs)).toEqual([{ type: 'sample-jump', fromSample: 104, toSample: 118, cause: 'gap' }]);
    expect(endOf(outputs)?.check).toMatchObject({
      verdict: 'gaps-reported',
      missingBlocks: 7,
      missingFrames: 14,
      gapMessages: 9,
      gapSamples: 14,
    });
  });

  test('tells its last sample at once where the next block is at hand', () => {
    const lane = createLane(0, 20);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    receiveAll(receiver, [...lane.slice(0, 3), ...lane.slice(6, 9)]);
    const outputs = receiver.resumed(6, 1);
    expect(gapsOf(outputs)).toMatchObject([{ firstSequence: 3, lastSequence: 5, fromSample: 104, toSample: 108 }]);
    expect(deliveredOf(outputs)).toEqual([6, 7, 8]);
  });

  test('is given up when it was asked for often enough, and the lane goes on', () => {
    const lane = createLane(0, 20);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const outputs: ReceiverOutput[] = receiveAll(receiver, [lane[0]!, lane[2]!]);
    for (let ms = 0; ms < 3000; ms += 20) {
      const wished = receiver.check(ms);
      outputs.push(...wished);
      if (wishesOf(outputs).length > 0) outputs.push(...receiver.resumed(1, ms));
    }
    expect(wishesOf(outputs).length).toBeGreaterThanOrEqual(RECOVERY.maxAsks);
    expect(gapsOf(outputs)).toMatchObject([{ cause: 'lost', firstSequence: 1, lastSequence: 1, messages: 1 }]);
    expect(deliveredOf(outputs)).toEqual([0, 2]);
  });

  test('is asked for again when a wish was not answered', () => {
    const lane = createLane(0, 20);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    expect(wishesOf(receiveAll(receiver, [lane[0]!, lane[2]!]))).toEqual([1]);
    expect(receiver.check(50)).toEqual([]);
    receiver.resumeFailed();
    expect(wishesOf(receiver.check(60))).toEqual([1]);
  });

  test('is a gap of unknown length when the device boots anew, after what was at hand', () => {
    const lane = createLane(0, 20);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    receiveAll(receiver, [...lane.slice(0, 3), ...lane.slice(4, 6)]);
    const outputs = receiver.restart(0, 10);
    expect(outputs.map(({ type }) => type)).toEqual(['gap', 'log', 'sample-jump', 'block', 'gap']);
    expect(gapsOf(outputs)).toMatchObject([
      { cause: 'restart', firstSequence: 3, lastSequence: 3, messages: 1 },
      { cause: 'restart', firstSequence: 6, lastSequence: null, messages: null, atSequence: 0, toSample: null },
    ]);
    const again = receiveAll(receiver, createLane(0, 5));
    expect(again.map(({ type }) => type)).not.toContain('gap');
    expect(endOf(again)?.check.verdict).toBe('complete');
  });
});

describe('the tail', () => {
  test('that a heartbeat tells of is asked for at the second check, not at the first', () => {
    const lane = createLane(0, 5);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    receiveAll(receiver, lane.slice(0, 4));
    receiver.heartbeat(lane.length, 100);
    expect(receiver.check(100)).toEqual([]);
    expect(receiver.check(120)).toEqual([{ type: 'resume', fromSequence: 4 }]);
  });

  test('that comes between two checks is not asked for', () => {
    const lane = createLane(0, 5);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    receiveAll(receiver, lane.slice(0, 4));
    receiver.heartbeat(lane.length, 100);
    expect(receiver.check(100)).toEqual([]);
    receiveAll(receiver, lane.slice(4));
    expect(receiver.check(120)).toEqual([]);
  });

  test('that never comes is a gap', () => {
    const lane = createLane(0, 5);
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    receiveAll(receiver, lane.slice(0, 4));
    receiver.heartbeat(lane.length, 0);
    expect(gapsOf(receiver.giveUp(10))).toMatchObject([
      { cause: 'gave-up', firstSequence: 4, lastSequence: lane.length - 1, messages: lane.length - 4 },
    ]);
    expect(receiver.incomplete).toBe(false);
  });
});

describe('the samples', () => {
  const block = (sequence: number, first: number): DataMessage => ({
    type: 'block',
    sequence,
    firstSample: sampleIndex(first),
    frames: 2,
    channels: 1,
    samples: Int16Array.of(1, 2),
  });

  test('that jump without a rest and without a loss are a step of the clock', () => {
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const outputs = receiveAll(receiver, [block(0, 10), block(1, 12), block(2, 500), block(3, 502), block(4, 20)]);
    expect(jumpsOf(outputs)).toEqual([
      { type: 'sample-jump', fromSample: 14, toSample: 500, cause: 'clock-step' },
      { type: 'sample-jump', fromSample: 504, toSample: 20, cause: 'clock-step' },
    ]);
    expect(outputs.map(({ type }) => type)).toEqual([
      'block',
      'block',
      'sample-jump',
      'block',
      'block',
      'sample-jump',
      'block',
    ]);
  });

  test('may jump over a rest', () => {
    const receiver = new DataLaneReceiver(RECOVERY, 0);
    const rested: DataMessage = {
      type: 'rested',
      sequence: 1,
      fromSample: sampleIndex(12),
      toSample: sampleIndex(900),
    };
    expect(jumpsOf(receiveAll(receiver, [block(0, 10), rested, block(2, 900)]))).toEqual([]);
  });
});

describe('the end of a stream', () => {
  test('that says another number of blocks, frames or another checksum is a mismatch', () => {
    const lane = createLane(0, 10);
    for (const change of [{ blocks: 11 }, { frames: 22 }, { samplesCrc32c: 1 }, { blocks: 9 }]) {
      const receiver = new DataLaneReceiver(RECOVERY, 0);
      const end = lane.at(-1)!;
      const outputs = receiveAll(receiver, [...lane.slice(0, -1), { ...end, ...change }]);
      expect(endOf(outputs)?.check.verdict).toBe('mismatch');
    }
  });

  test('of which the beginning was not heard is told as such', () => {
    const lane = createLane(0, 10);
    const receiver = new DataLaneReceiver(RECOVERY, 5);
    expect(endOf(receiveAll(receiver, lane.slice(5)))?.check.verdict).toBe('joined-late');
  });
});

// ---- any pattern of loss ---------------------------------------------------------------------------------------------

interface LinkFaults {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Messages that the ring keeps. */
  readonly ring: number;
  readonly reorderLimit: number;
}

interface Run {
  readonly outputs: ReceiverOutput[];
  readonly receiver: DataLaneReceiver;
  readonly lane: readonly DataMessage[];
  readonly arrived: number;
  readonly faultsApplied: number;
}

/** A device that repeats what it is asked for, behind a link that loses, doubles and swaps messages. */
class FaultyLane {
  readonly outputs: ReceiverOutput[] = [];
  readonly receiver: DataLaneReceiver;
  readonly lane: readonly DataMessage[];
  readonly #random: RandomStream;
  readonly #faults: LinkFaults;
  readonly #start: number;
  arrived = 0;
  faultsApplied = 0;
  #cursor = 0;
  #made = 0;
  #nowMs = 0;
  readonly #late: DataMessage[] = [];

  constructor(options: {
    readonly seed: number;
    readonly start: number;
    readonly blocks: number;
    readonly faults: LinkFaults;
  }) {
    this.#random = openRandomStream(options.seed, 'faulty-lane');
    this.#faults = options.faults;
    this.#start = options.start;
    this.lane = createLane(options.start, options.blocks);
    const reorder = { maxMessages: options.faults.reorderLimit, maxBytes: RECOVERY.reorder.maxBytes };
    this.receiver = new DataLaneReceiver({ ...RECOVERY, reorder }, options.start);
  }

  run(): Run {
    while (this.receiver.expected < this.#start + this.lane.length) {
      this.#nowMs += 5;
      if (this.#nowMs > 1e6) throw new Error('the lane does not end');
      if (this.#made < this.lane.length) this.#made += 1;
      for (let i = 0; i < 3 && this.#cursor < this.#made; i++) this.#sendOne();
      if (this.#nowMs % 20 === 0) this.#beat();
    }
    const { outputs, receiver, lane, arrived, faultsApplied } = this;
    return { outputs, receiver, lane, arrived, faultsApplied };
  }

  #sendOne(): void {
    this.#cursor = Math.max(this.#cursor, this.#made - this.#faults.ring);
    const message = this.lane[this.#cursor]!;
    this.#cursor += 1;
    const { drop, duplicate, reorder } = this.#faults;
    const kind = this.#random.uniform();
    if (kind < drop) this.faultsApplied += 1;
    else if (kind < drop + reorder) {
      this.faultsApplied += 1;
      this.#late.push(message);
    } else {
      this.#arrive(message);
      if (this.#random.uniform() < duplicate) {
        this.faultsApplied += 1;
        this.#arrive(message);
      }
      for (const late of this.#late.splice(0)) this.#arrive(late);
    }
  }

  #beat(): void {
    this.receiver.heartbeat((this.#start + this.#made) >>> 0, this.#nowMs);
    this.#take(this.receiver.check(this.#nowMs));
  }

  #arrive(message: DataMessage): void {
    this.arrived += 1;
    this.#take(this.receiver.receive(message, this.#nowMs));
    expect(this.receiver.counters.held).toBeLessThanOrEqual(this.#faults.reorderLimit);
  }

  #take(outputs: readonly ReceiverOutput[]): void {
    this.outputs.push(...outputs);
    for (const fromSequence of wishesOf(outputs)) {
      // A wish or its answer may get lost as well.
      if (this.#random.uniform() < this.#faults.drop) {
        this.faultsApplied += 1;
        this.receiver.resumeFailed();
        continue;
      }
      const wanted = this.#made + sequenceDistance((this.#start + this.#made) >>> 0, fromSequence >>> 0);
      this.#cursor = Math.max(wanted, this.#made - this.#faults.ring, 0);
      this.#take(this.receiver.resumed((this.#start + this.#cursor) >>> 0, this.#nowMs));
    }
  }
}

/** Every message of the lane is either delivered, once and in order, or in one gap. */
function expectAccounted({ outputs, receiver, lane, arrived }: Run, start: number): void {
  let expected = start;
  for (const output of outputs) {
    if (output.type === 'gap') {
      expect(output.firstSequence).toBe(expected);
      expected = output.atSequence;
      expect(output.messages).toBe(output.atSequence - output.firstSequence);
    } else if ('sequence' in output) {
      expect(output.sequence).toBe(expected >>> 0);
      expected += 1;
    }
  }
  expect(expected).toBe(start + lane.length);
  const { delivered, duplicates, overflowed, held, lostMessages, implausible } = receiver.counters;
  expect(delivered + lostMessages).toBe(lane.length);
  expect(delivered + duplicates + overflowed + held + implausible).toBe(arrived);
  expect(held).toBe(0);
  const lostBlocks = lane.filter(({ type }) => type === 'block').length - receiver.counters.blocks;
  const end = endOf(outputs);
  if (end !== undefined) {
    expect(end.check.missingBlocks).toBe(lostBlocks);
    expect(end.check.verdict).toBe(lostBlocks === 0 ? 'complete' : 'gaps-reported');
  }
}

describe('any pattern of loss', () => {
  test('whatever a link does, what was made is what was delivered and the gaps', () => {
    let applied = 0;
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 0, max: 2 ** 31 }),
          start: fc.constantFrom(0, 5, 2 ** 31 - 20, 2 ** 32 - 30),
          blocks: fc.integer({ min: 1, max: 60 }),
          faults: fc.record({
            drop: fc.double({ min: 0, max: 0.4, noNaN: true }),
            duplicate: fc.double({ min: 0, max: 0.4, noNaN: true }),
            reorder: fc.double({ min: 0, max: 0.4, noNaN: true }),
            ring: fc.constantFrom(4, 10, 1000),
            reorderLimit: fc.integer({ min: 1, max: 20 }),
          }),
        }),
        (options) => {
          const run = new FaultyLane(options).run();
          applied += run.faultsApplied;
          expectAccounted(run, options.start);
        },
      ),
      { seed: 20260801, numRuns: 500 },
    );
    expect(applied).toBeGreaterThan(1000);
  });

  test('with a ring that holds it all nothing is lost, in 200 runs', () => {
    let applied = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const faults: LinkFaults = { drop: 0.05, duplicate: 0.05, reorder: 0.05, ring: 1000, reorderLimit: 50 };
      const run = new FaultyLane({ seed, start: 2 ** 32 - 30, blocks: 60, faults }).run();
      applied += run.faultsApplied;
      expectAccounted(run, 2 ** 32 - 30);
      expect(run.receiver.counters.lostMessages).toBe(0);
    }
    expect(applied).toBeGreaterThan(1000);
  });
});

describe('a disconnect', () => {
  /** Loses what is sent from `from` on until `to`, then resumes from a ring of `ring` messages. */
  function disconnect(options: {
    readonly from: number;
    readonly to: number;
    readonly ring: number;
  }): ReceiverOutput[] {
    const lane = createLane(2 ** 32 - 50, 100);
    const receiver = new DataLaneReceiver(RECOVERY, 2 ** 32 - 50);
    const outputs = receiveAll(receiver, lane.slice(0, options.from));
    const wishes = wishesOf(receiver.askAgain(1000));
    expect(wishes).toEqual([2 ** 32 - 50 + options.from]);
    const resumed = Math.max(options.from, options.to - options.ring);
    outputs.push(
      ...receiver.resumed((2 ** 32 - 50 + resumed) >>> 0, 1000),
      ...receiveAll(receiver, lane.slice(resumed)),
    );
    expect(receiver.expected).toBe(2 ** 32 - 50 + lane.length);
    return outputs;
  }

  test('that is shorter than the ring loses nothing, in 1,000 runs', () => {
    const random = openRandomStream(1, 'disconnects');
    let missed = 0;
    for (let run = 0; run < 1000; run++) {
      const from = random.integer(100);
      const to = from + random.integer(20);
      missed += to - from;
      const outputs = disconnect({ from, to, ring: 20 });
      expect(gapsOf(outputs)).toEqual([]);
      expect(endOf(outputs)?.check.verdict).toBe('complete');
    }
    expect(missed).toBeGreaterThan(5000);
  });

  test('that is longer than the ring is exactly one gap with the right numbers, in 1,000 runs', () => {
    const random = openRandomStream(2, 'disconnects');
    for (let run = 0; run < 1000; run++) {
      const from = 1 + random.integer(60);
      const to = from + 21 + random.integer(20);
      const outputs = disconnect({ from, to, ring: 20 });
      const first = 2 ** 32 - 50 + from;
      expect(gapsOf(outputs)).toMatchObject([
        { cause: 'ring-overrun', firstSequence: first, lastSequence: first + to - from - 21, messages: to - from - 20 },
      ]);
      const jumped = jumpsOf(outputs).reduce((sum, jump) => sum + jump.toSample - jump.fromSample, 0);
      expect(endOf(outputs)?.check).toMatchObject({
        missingFrames: jumped,
        gapSamples: jumped,
        verdict: jumped === 0 ? 'complete' : 'gaps-reported',
      });
    }
  });
});
