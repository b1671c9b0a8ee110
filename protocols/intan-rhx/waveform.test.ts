import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../random.js';
import { extendCounter } from './sample-counter.js';
import { hasStimCurrent, IDLE_STIM_WORD, makeStimWord, readStimWord } from './stim-word.js';
import { WaveformDecoder, type SkippedBytes, type WaveformBlock } from './waveform-decoder.js';
import { findWord, layOutWaveform, type AmplifierBand } from './waveform-layout.js';

function outputs(...channels: readonly (readonly [string, ...AmplifierBand[]])[]): {
  amplifiers: Map<string, Set<AmplifierBand>>;
} {
  return { amplifiers: new Map(channels.map(([name, ...bands]) => [name, new Set(bands)])) };
}

const LAYOUT = layOutWaveform(outputs(['A-000', 'wide', 'stim'], ['A-003', 'wide']));

/** A block as RHX sends it: word w of frame f is 100 f + w. */
function makeBlock(timestamp: number, words = 3): Uint8Array {
  const bytes = [0x08, 0x7a, 0xf0, 0x2e]; // magic word, little-endian
  for (let frame = 0; frame < 128; frame++) {
    const stamp = (timestamp + frame) % 2 ** 32;
    for (let i = 0; i < 4; i++) bytes.push(Math.floor(stamp / 256 ** i) % 256);
    for (let word = 0; word < words; word++) bytes.push((100 * frame + word) & 0xff, (100 * frame + word) >> 8);
  }
  return Uint8Array.from(bytes);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** What comes of the bytes, cut into chunks. */
function decode(bytes: Uint8Array, chunk = bytes.length): readonly (WaveformBlock | SkippedBytes)[] {
  const decoder = new WaveformDecoder(LAYOUT);
  const items: (WaveformBlock | SkippedBytes)[] = [];
  for (let at = 0; at < bytes.length; at += chunk) items.push(...decoder.push(bytes.subarray(at, at + chunk)));
  items.push(...decoder.end());
  return items;
}

/** Blocks by their time stamp, skipped bytes by place and number. */
function summarise(items: readonly (WaveformBlock | SkippedBytes)[]): readonly string[] {
  return items.map((item) =>
    item.type === 'block' ? `${item.timestamp} at ${item.atByte}` : `${item.bytes} skipped at ${item.atByte}`,
  );
}

describe('the layout of a block', () => {
  it('follows from what is enabled, in native order, and spikes have no word', () => {
    const layout = layOutWaveform({
      ...outputs(['B-000', 'wide'], ['A-001', 'stim', 'dc', 'wide'], ['A-000', 'high', 'low']),
      analogIn: [2, 1],
      digitalIn: true,
      digitalOut: true,
    });
    expect(
      layout.words.map((word) =>
        word.type === 'amplifier' ? `${word.channel} ${word.band}` : word.type === 'analog-in' ? word.input : word.type,
      ),
    ).toEqual([
      'A-000 low',
      'A-000 high',
      'A-001 wide',
      'A-001 dc',
      'A-001 stim',
      'B-000 wide',
      1,
      2,
      'digital-in',
      'digital-out',
    ]);
    expect(layout.blockBytes).toBe(4 + 128 * (4 + 2 * 10));
    expect(findWord(layout, 'A-001', 'stim')).toBe(4);
    expect(findWord(layout, 'A-001', 'low')).toBe(-1);
  });

  it('is none where nothing is enabled', () => {
    expect(() => layOutWaveform(outputs(['A-000']))).toThrow(/No output of RHX is enabled/);
  });
});

describe('the waveform stream', () => {
  const block = makeBlock(0x01020304);

  it('is read as it is written', () => {
    const [read, ...others] = decode(block);
    expect(others).toEqual([]);
    expect(read).toMatchObject({ type: 'block', atByte: 0, timestamp: 0x01020304 });
    if (read?.type !== 'block') throw new Error('no block');
    expect([...read.words.subarray(0, 6)]).toEqual([0, 1, 2, 100, 101, 102]);
    expect(read.words[127 * 3 + 2]).toBe(12_702);
    expect(read.words).toHaveLength(384);
  });

  it.each([1, 2, 3, 7, 13, 1284, 1285, 100_000])('is the same in chunks of %i bytes', (chunk) => {
    const bytes = join(makeBlock(0), Uint8Array.of(1, 8, 0x7a), makeBlock(128), makeBlock(256));
    expect(decode(bytes, chunk)).toEqual(decode(bytes));
    expect(summarise(decode(bytes, chunk))).toEqual(['0 at 0', '3 skipped at 1284', '128 at 1287', '256 at 2571']);
  });

  it('counts what is left of a block that was cut, at every byte', () => {
    for (let end = 1; end < block.length; end++) {
      expect(summarise(decode(block.subarray(0, end)))).toEqual([`${end} skipped at 0`]);
    }
  });

  it('goes on after a block that lacks bytes', () => {
    for (const missing of [7, 10, 700, 1279]) {
      const bytes = join(makeBlock(0), makeBlock(128).subarray(0, 1284 - missing), makeBlock(256));
      expect(summarise(decode(bytes))).toEqual([
        '0 at 0',
        `${1284 - missing} skipped at 1284`,
        `256 at ${2568 - missing}`,
      ]);
    }
  });

  it('trusts no block whose magic word or time stamps have a flipped bit', () => {
    const places = [0, 1, 2, 3, ...[0, 1, 64, 127].flatMap((frame) => [4, 5, 6, 7].map((byte) => byte + 10 * frame))];
    for (const place of places) {
      const bytes = join(makeBlock(0), makeBlock(128));
      bytes[place] = bytes[place]! ^ 0x10;
      expect(summarise(decode(bytes))).toEqual(['1284 skipped at 0', '128 at 1284']);
    }
  });

  it('is not misled by the magic word among samples', () => {
    const bytes = join(Uint8Array.of(0xff), makeBlock(0), makeBlock(128));
    bytes.set([0x08, 0x7a, 0xf0, 0x2e], 9);
    bytes.set([0x08, 0x7a, 0xf0, 0x2e], 1285 + 8);
    expect(summarise(decode(bytes))).toEqual(['1 skipped at 0', '0 at 1', '128 at 1285']);
  });

  it('skips blocks of another size and finds its own again', () => {
    const bytes = join(makeBlock(0), makeBlock(128, 4), makeBlock(256, 4), makeBlock(384));
    expect(summarise(decode(bytes, 100))).toEqual(['0 at 0', '3080 skipped at 1284', '384 at 4364']);
  });

  it('accounts for every byte of any bytes', () => {
    const random = openRandomStream(11, 'waveform-noise');
    for (let round = 0; round < 30; round++) {
      const noise = Uint8Array.from({ length: random.integer(3000) }, () => random.integer(256));
      const bytes = join(noise, makeBlock(round), noise.subarray(0, 5));
      let at = 0;
      for (const item of decode(bytes, 1 + random.integer(500))) {
        expect(item.atByte).toBe(at);
        at += item.type === 'block' ? 1284 : item.bytes;
      }
      expect(at).toBe(bytes.length);
    }
  });
});

describe('the sample counter', () => {
  it('goes on over 2^32, and tells when it went back', () => {
    expect(extendCounter(null, 5)).toBe(5);
    expect(extendCounter(5, 133)).toBe(133);
    expect(extendCounter(2 ** 32 - 128, 0)).toBe(2 ** 32);
    expect(extendCounter(3 * 2 ** 32 + 7, 9)).toBe(3 * 2 ** 32 + 9);
    expect(extendCounter(2 ** 32 + 7, 6)).toBeUndefined();
  });
});

describe('a STIM word', () => {
  it('is idle at 0x0100, and has a current by its magnitude alone', () => {
    expect(readStimWord(IDLE_STIM_WORD)).toEqual({
      steps: 0,
      ampSettle: false,
      chargeRecovery: false,
      atCompliance: false,
    });
    expect(hasStimCurrent(IDLE_STIM_WORD)).toBe(false);
    expect(hasStimCurrent(0xe100)).toBe(false);
    expect(hasStimCurrent(0x0002)).toBe(true);
  });

  it('tells current, settling, recovery and compliance', () => {
    expect(readStimWord(0x0114)).toMatchObject({ steps: -20 });
    expect(readStimWord(0x0014)).toMatchObject({ steps: 20 });
    expect(readStimWord(0x2100)).toMatchObject({ ampSettle: true, chargeRecovery: false, atCompliance: false });
    expect(readStimWord(0x4100)).toMatchObject({ ampSettle: false, chargeRecovery: true, atCompliance: false });
    expect(readStimWord(0x81ff)).toMatchObject({ steps: -255, atCompliance: true });
  });

  it('is made as it is read', () => {
    for (const word of [0x0100, 0x0001, 0x01ff, 0x00ff, 0x2100, 0x4100, 0x8005, 0xe17f]) {
      expect(makeStimWord(readStimWord(word))).toBe(word);
    }
  });
});
