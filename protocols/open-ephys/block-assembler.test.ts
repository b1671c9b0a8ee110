import { describe, expect, it } from 'vitest';

import { BlockAssembler, type AssemblerOptions } from './block-assembler.js';
import type { AssembledEvent } from './assembled-event.js';
import type { BadMessage, DataMessage, LineMessage, SpikeMessage, ZmqMessage } from './zmq-messages.js';

const RATE = 1000;
const GAIN = 0.5;

/** Microvolts of a channel at a sample: every sample can be recognised. */
function voltage(channel: number, sample: number): number {
  return (channel + 1) * 100 + (sample % 90);
}

function toBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function data(channel: number, first: number, frames: number): DataMessage {
  return {
    type: 'data',
    messageNum: 0,
    stream: 'S',
    channelNum: channel,
    channelName: `CH${channel + 1}`,
    numSamples: frames,
    sampleNum: first,
    sampleRateHz: RATE,
    samples: toBytes(Array.from({ length: frames }, (_, f) => voltage(channel, first + f))),
    isCut: false,
  };
}

function line(sample: number, change: Partial<LineMessage> = {}): LineMessage {
  const fields = { type: 'line', messageNum: 0, stream: 'S', sourceNode: 100, sampleNum: sample } as const;
  return { ...fields, line: 1, isHigh: true, word: 1n, isCut: false, ...change };
}

const SPIKE: SpikeMessage = {
  type: 'spike',
  messageNum: 0,
  stream: 'S',
  sourceNode: 102,
  electrode: 'E',
  sampleNum: 0,
  numChannels: 0,
  numSamples: 0,
  sortedId: 0,
  thresholds: [],
  samples: new Uint8Array(0),
  isCut: false,
};

/** A buffer of three channels. */
function buffer(first: number, frames = 10): ZmqMessage[] {
  return [0, 1, 2].map((channel) => data(channel, first, frames));
}

/** The messages as the program numbers them, from 1. */
function numbered<M extends ZmqMessage>(messages: readonly M[], from = 1): M[] {
  return messages.map((message, k) => ({ ...message, messageNum: from + k }));
}

function assemble(messages: readonly (ZmqMessage | BadMessage)[], options: Partial<AssemblerOptions> = {}) {
  const events: AssembledEvent[] = [];
  const assembler = new BlockAssembler(
    { stream: 'S', channels: ['CH1', 'CH2', 'CH3'], gainUvPerBit: GAIN, ...options },
    (event) => {
      events.push(event);
    },
  );
  for (const message of messages) assembler.take(message);
  return { events, assembler };
}

/** Events without the samples of blocks, and warnings as such. */
function outline(events: readonly AssembledEvent[]): unknown[] {
  return events.map((event) => {
    switch (event.type) {
      case 'block':
        return ['block', event.firstSample, event.frames];
      case 'samples-lost':
        return ['lost', event.fromSample, event.toSample, event.messages];
      case 'line-changed':
        return ['line', event.sample, event.line, event.isHigh];
      case 'started':
        return ['started', event.firstSample];
      case 'ended':
        return ['ended', event.endSample];
      case 'warning':
        return 'warning';
    }
  });
}

function warnings(events: readonly AssembledEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
}

describe('blocks from messages of one channel each', () => {
  it('hold all electrodes in their own order, in units of the gain', () => {
    const { events } = assemble(numbered([...buffer(50, 4), ...buffer(54, 3)]), { channels: ['CH3', 0, 'CH2'] });
    expect(outline(events)).toEqual([
      ['started', 50],
      ['block', 50, 4],
      ['block', 54, 3],
    ]);
    const blocks = events.filter((event) => event.type === 'block');
    for (const { firstSample, frames, samples, channels } of blocks) {
      expect(channels).toBe(3);
      const expected = Array.from({ length: frames }, (_, f) =>
        [2, 0, 1].map((channel) => voltage(channel, firstSample + f) / GAIN),
      );
      expect([...samples]).toEqual(expected.flat());
    }
  });

  it('need no channel that no electrode has, nor any other stream', () => {
    const others = [data(7, 0, 10), { ...data(0, 0, 99), stream: 'T' }, line(3, { stream: 'T' })];
    const { events, assembler } = assemble(numbered([...others, ...buffer(0)]));
    expect(outline(events)).toEqual([
      ['started', 0],
      ['block', 0, 10],
    ]);
    expect(assembler.counters).toMatchObject({ otherMessages: 3, blocks: 1, missingMessages: 0 });
  });

  it('round to the nearest unit, clip what lies beyond, and say so the first time and whenever it has doubled', () => {
    const samples = toBytes([0.24, 0.26, -0.76, 20_000, -20_000, NaN, Infinity, 16_383.5, -16_384]);
    const one = (first: number): DataMessage => ({ ...data(0, first, 9), samples });
    const messages = numbered([0, 9, 18, 27, 36].map(one));
    const { events, assembler } = assemble(messages, { channels: [0] });
    const [block] = events.filter((event) => event.type === 'block');
    expect([...block!.samples]).toEqual([0, 1, -2, 32_767, -32_768, 0, 32_767, 32_767, -32_768]);
    expect(assembler.counters.clippedSamples).toBe(20);
    expect(warnings(events).map((text) => /^\d+/u.exec(text)?.[0])).toEqual(['4', '8', '16']);
    expect(warnings(events)[0]).toMatch(/beyond 16384 uV.*CH1.*larger gainUvPerBit/u);
  });

  it('may be of any and of changing length', () => {
    const firsts = [1, 2, 7, 13, 1].reduce<[number, number][]>(
      (list, frames) => [...list, [list.length === 0 ? 0 : list.at(-1)![0] + list.at(-1)![1], frames]],
      [],
    );
    const { events } = assemble(numbered(firsts.flatMap(([first, frames]) => buffer(first, frames))));
    expect(outline(events).slice(1)).toEqual(firsts.map(([first, frames]) => ['block', first, frames]));
  });

  it('take no notice of buffers without samples', () => {
    const { events } = assemble(numbered([...buffer(0), ...buffer(10, 0), ...buffer(10)]));
    expect(outline(events)).toEqual([
      ['started', 0],
      ['block', 0, 10],
      ['block', 10, 10],
    ]);
  });
});

describe('a loss', () => {
  const stream = numbered([...buffer(0), ...buffer(10, 20), ...buffer(30), ...buffer(40)]);

  it.each([3, 4, 5])('of one message takes its buffer from all electrodes, whichever it was: %i', (dropped) => {
    const { events, assembler } = assemble(stream.filter((_, k) => k !== dropped));
    expect(outline(events)).toEqual([
      ['started', 0],
      ['block', 0, 10],
      'warning',
      ['lost', 10, 30, 1],
      ['block', 30, 10],
      ['block', 40, 10],
    ]);
    expect(warnings(events)[0]).toMatch(/20 samples from 10 only 2 of 3 channels.*lost for all/u);
    expect(assembler.counters).toMatchObject({ missingMessages: 1, incompleteBlocks: 1, blocks: 3 });
  });

  it.each([
    ['a whole buffer', [3, 4, 5], [10, 30, 3]],
    ['the end of one and the beginning of the next', [5, 6], [10, 40, 2]],
    ['a buffer and a half', [3, 4, 5, 7], [10, 40, 4]],
  ])('of %s is one gap with its samples and messages', (_, dropped, gap) => {
    const { events } = assemble(stream.filter((__, k) => !dropped.includes(k)));
    const losses = outline(events).filter((event) => Array.isArray(event) && event[0] === 'lost');
    expect(losses).toEqual([['lost', ...gap]]);
  });

  it('is the same for every message of a long stream', () => {
    const long = numbered(Array.from({ length: 8 }, (_, b) => buffer(10 * b)).flat());
    for (let dropped = 3; dropped < 21; dropped++) {
      const { events } = assemble(long.filter((_, k) => k !== dropped));
      const first = 10 * Math.floor(dropped / 3);
      const losses = events.filter((event) => event.type === 'samples-lost');
      expect(losses).toEqual([{ type: 'samples-lost', fromSample: first, toSample: first + 10, messages: 1 }]);
      expect(events.filter((event) => event.type === 'block')).toHaveLength(7);
    }
  });

  it('of samples that the program itself did not have is told with no message missing', () => {
    const { events } = assemble(numbered([...buffer(0), ...buffer(500)]));
    expect(outline(events)).toContainEqual(['lost', 10, 500, 0]);
  });

  it('of an event or a spike is a warning, since no sample is missing', () => {
    const messages = numbered([...buffer(0), line(12), SPIKE, ...buffer(10)]);
    const { events, assembler } = assemble(messages.filter((_, k) => k !== 3 && k !== 4));
    expect(outline(events)).toEqual([['started', 0], ['block', 0, 10], 'warning', ['block', 10, 10]]);
    expect(warnings(events)[0]).toMatch(/2 messages were lost before sample 10.*changes of lines may be missing/u);
    expect(assembler.counters.missingMessages).toBe(2);
  });

  it('of a message that came but cannot be read counts as one, with or without its number', () => {
    for (const messageNum of [5, null]) {
      const bad: BadMessage = { type: 'bad', messageNum, reason: 'nonsense' };
      const { events, assembler } = assemble(stream.map((message, k) => (k === 4 ? bad : message)));
      expect(outline(events)).toContainEqual(['lost', 10, 30, 1]);
      expect(warnings(events)[0]).toMatch(/1 messages could not be read; the last was nonsense/u);
      expect(assembler.counters).toMatchObject({ badMessages: 1, missingMessages: messageNum === null ? 1 : 0 });
    }
  });

  it('that does not end is told once a second', () => {
    const half = Array.from({ length: 250 }, (_, b) => buffer(10 * (b + 1)).slice(0, 2)).flat();
    const { events, assembler } = assemble(numbered([...buffer(0), ...half]));
    expect(outline(events).filter((event) => Array.isArray(event) && event[0] === 'lost')).toEqual([
      ['lost', 10, 1010, 0],
      ['lost', 1010, 2010, 0],
    ]);
    assembler.end();
    expect(outline(events).slice(-2)).toEqual([
      ['lost', 2010, 2510, 0],
      ['ended', 2510],
    ]);
  });

  it('is what a channel of another length, or twice in a buffer, amounts to', () => {
    for (const odd of [data(1, 10, 9), data(0, 10, 10)]) {
      const { events, assembler } = assemble(
        numbered([...buffer(0), data(0, 10, 10), odd, data(2, 10, 10), ...buffer(20)]),
      );
      expect(outline(events)).toContainEqual(['lost', 10, 20, 1]);
      expect(assembler.counters.badMessages).toBe(1);
    }
  });
});

describe('the beginning and the end of an acquisition', () => {
  it('is no loss for whoever comes later, in the middle of a buffer', () => {
    const { events, assembler } = assemble(numbered([...buffer(100), ...buffer(110)], 4000).slice(1));
    expect(outline(events)).toEqual([
      ['started', 110],
      ['block', 110, 10],
    ]);
    expect(assembler.counters).toMatchObject({ incompleteBlocks: 0, missingMessages: 0 });
  });

  it('is a loss for whoever was there from message 1 on', () => {
    const { events } = assemble(numbered([...buffer(0), ...buffer(10)]).filter((_, k) => k !== 1));
    expect(outline(events)).toEqual(['warning', ['started', 0], ['lost', 0, 10, 1], ['block', 10, 10]]);
  });

  it('is seen when numbers begin again: what was open is lost, and the counters of both begin anew', () => {
    const before = numbered([...buffer(1000), ...buffer(1010).slice(0, 2)]);
    const { events, assembler } = assemble([...before, ...numbered(buffer(0)), ...numbered(buffer(10), 4)]);
    expect(outline(events)).toEqual([
      ['started', 1000],
      ['block', 1000, 10],
      'warning',
      ['lost', 1010, 1020, 0],
      ['ended', 1020],
      ['started', 0],
      ['block', 0, 10],
      ['block', 10, 10],
    ]);
    expect(assembler.counters.restarts).toBe(1);
  });

  it('is seen when numbers begin again although the first messages were lost', () => {
    const { events } = assemble([
      ...numbered([...buffer(0), ...buffer(10)]),
      ...numbered(buffer(0)).slice(1),
      ...numbered(buffer(10), 4),
    ]);
    expect(outline(events)).toEqual([
      ['started', 0],
      ['block', 0, 10],
      ['block', 10, 10],
      ['ended', 20],
      'warning',
      ['started', 0],
      ['lost', 0, 10, 1],
      ['block', 10, 10],
    ]);
  });

  it('is seen when samples begin again although the numbers of messages have run on', () => {
    const { events, assembler } = assemble([...numbered(buffer(50)), ...numbered(buffer(0), 900)]);
    expect(outline(events)).toEqual([
      ['started', 50],
      ['block', 50, 10],
      'warning',
      ['ended', 60],
      ['started', 0],
      ['block', 0, 10],
    ]);
    assembler.take({ ...data(0, 10, 10), messageNum: 903 });
    expect(assembler.counters.restarts).toBe(1);
  });

  it('gives what waits and is told once', () => {
    const { events, assembler } = assemble(numbered([...buffer(0), line(14), data(0, 10, 10)]));
    assembler.end();
    assembler.end();
    expect(outline(events)).toEqual([
      ['started', 0],
      ['block', 0, 10],
      'warning',
      ['lost', 10, 20, 0],
      ['line', 14, 1, true],
      ['ended', 20],
    ]);
  });
});

describe('changes of lines', () => {
  it('come by their samples, each before the block that holds it', () => {
    const early = [line(17, { isHigh: false }), line(3), line(25, { line: 2 }), line(12)];
    const { events } = assemble(numbered([...early, ...buffer(0), ...buffer(10), ...buffer(20)]));
    expect(outline(events)).toEqual([
      ['started', 0],
      ['line', 3, 1, true],
      ['block', 0, 10],
      ['line', 12, 1, true],
      ['line', 17, 1, false],
      ['block', 10, 10],
      ['line', 25, 2, true],
      ['block', 20, 10],
    ]);
  });

  it('come at once where their block has gone, counted and told', () => {
    const { events, assembler } = assemble(numbered([...buffer(0), line(9), ...buffer(10)]));
    expect(outline(events)).toEqual([
      ['started', 0],
      ['block', 0, 10],
      'warning',
      ['line', 9, 1, true],
      ['block', 10, 10],
    ]);
    expect(assembler.counters.lateLines).toBe(1);
  });

  it('come although their block is lost', () => {
    const { events } = assemble(
      numbered([...buffer(0), line(12), ...buffer(10), ...buffer(20)]).filter((_, k) => k !== 5),
    );
    expect(outline(events).slice(2)).toEqual([
      'warning',
      ['lost', 10, 20, 1],
      ['line', 12, 1, true],
      ['block', 20, 10],
    ]);
  });

  it('from before the first block are dropped, and so are those of other processors where one is named', () => {
    const messages = numbered([line(3), line(105, { sourceNode: 101 }), line(106), ...buffer(100)], 50);
    const { events } = assemble(messages, { lineSource: 100 });
    expect(outline(events)).toEqual([
      ['started', 100],
      ['line', 106, 1, true],
      ['block', 100, 10],
    ]);
  });

  it('never pile up without end', () => {
    const { events, assembler } = assemble(numbered(Array.from({ length: 4100 }, (_, k) => line(k))));
    expect(warnings(events)[0]).toMatch(/1 changes of lines were dropped/u);
    const count = 4100;
    for (const message of numbered(buffer(0, 5000), count + 1)) assembler.take(message);
    expect(events.filter((event) => event.type === 'line-changed')).toHaveLength(4096);
  });
});

describe('an assembler', () => {
  it('says that headers came without their end, with the remedy', () => {
    const cut = numbered(buffer(0)).map((message) => ({ ...message, isCut: true }));
    const { events, assembler } = assemble(cut);
    expect(assembler.counters.cutHeaders).toBe(3);
    expect(warnings(events)[0]).toMatch(/without their end; rename streams and channels to plain letters/u);
  });

  it.each([[[]], [['CH1', 'CH1']], [['']], [[-1]], [[1.5]]])('refuses the channel map %j', (channels) => {
    expect(() => assemble([], { channels })).toThrow(/Bad channel map of an Open Ephys stream/u);
  });
});
