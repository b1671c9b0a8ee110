import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RHS_RATE_HZ, rhsBytes, rhsHeader, rhsSample, type RhsContent } from '../../../../tests/helpers/rhs-bytes.js';
import { temporaryFolder } from '../../../../tests/helpers/run-cli.js';
import { openRecordedFile } from '../open-recorded-file.js';

const folder = temporaryFolder('intan');
let made = 0;

function write(bytes: Uint8Array): string {
  const path = join(folder, `file-${++made}.rhs`);
  writeFileSync(path, bytes);
  return path;
}

/** -30 uA for 3 frames, then +30 uA for 3, on channel 1; line 2 is high for 50 frames. */
const EVENTFUL: RhsContent = {
  amplifiers: 3,
  digitalIns: 2,
  isDcSaved: true,
  blocks: 4,
  stimAt: (channel, frame) => (channel !== 1 || frame < 126 || frame >= 132 ? 0 : frame < 129 ? 0x103 : 0x003),
  digitalAt: (frame) => (frame >= 200 && frame < 250 ? 0b10 : 0),
};
const MARKS = [
  { timeS: 126 / RHS_RATE_HZ, durationS: 6 / RHS_RATE_HZ, label: 'stim A-001 -30 uA' },
  { timeS: 200 / RHS_RATE_HZ, durationS: 50 / RHS_RATE_HZ, label: 'DIGITAL-IN-2' },
];

describe('an Intan .rhs file', () => {
  it('gives the amplifier channels, across blocks, whatever the size of the pieces', async () => {
    const file = await openRecordedFile(write(rhsBytes(EVENTFUL)));
    expect(file).toMatchObject({ format: 'intan-rhs', writtenBy: 'Intan RHS 3.4', sampleRateHz: RHS_RATE_HZ });
    expect(file.signals[0]!.signal).toMatchObject({ frames: 512, firstSample: 0 });
    expect(file.signals[0]!.signal.channels[2]).toEqual({ name: 'A-002', gainUvPerBit: 0.195, offsetUv: 0 });
    const wanted = Array.from({ length: 512 * 3 }, (_, k) => rhsSample(k % 3, Math.floor(k / 3)) - 32_768);
    for (const size of [1, 7, 128, 200, 512]) {
      const got: number[] = [];
      for (let first = 0; first < 512; first += size)
        got.push(...(await file.signals[0]!.readBlock(first, size)).samples);
      expect(got).toEqual(wanted);
    }
    await file.close();
  });

  it('makes marks of stimuli and digital lines, and names what it leaves', async () => {
    const file = await openRecordedFile(write(rhsBytes(EVENTFUL)));
    expect(file.marks).toEqual(MARKS);
    expect(file.unread).toEqual([expect.stringContaining('3 DC amplifier channels are not read')]);
    await file.close();
  });

  it('does not search more bytes for marks than it may', async () => {
    const file = await openRecordedFile(write(rhsBytes(EVENTFUL)), { limits: { scanBytes: 1000 } });
    expect(file.marks).toEqual([]);
    expect(file.unread).toContainEqual(expect.stringContaining('stimuli were not looked for'));
    await file.close();
    const few = await openRecordedFile(write(rhsBytes(EVENTFUL)), { limits: { marks: 1 } });
    expect(few.marks).toHaveLength(1);
    expect(few.unread).toContainEqual(expect.stringContaining('1 of the digital inputs left out'));
    await few.close();
  });

  it('has a signal for each stretch of its counter', async () => {
    const counterAt = (frame: number): number => (frame < 200 ? frame + 10 : frame + 5010);
    const file = await openRecordedFile(write(rhsBytes({ amplifiers: 2, blocks: 3, counterAt })));
    expect(file.signals.map(({ signal }) => [signal.firstSample, signal.frames])).toEqual([
      [10, 200],
      [5210, 184],
    ]);
    const { samples } = await file.signals[1]!.readBlock(0, 2);
    expect(Array.from(samples)).toEqual([0, 1, 2, 3].map((k) => rhsSample(k % 2, 200 + (k >> 1)) - 32_768));
    await file.close();
  });

  it('notices a counter that is wrong inside a stretch when it is read', async () => {
    const counterAt = (frame: number): number => (frame === 40 ? 7 : frame);
    const file = await openRecordedFile(write(rhsBytes({ amplifiers: 1, blocks: 2, counterAt })));
    await expect(file.signals[0]!.readBlock(0, 100)).rejects.toMatchObject({ tag: 'bad-format' });
    await file.close();
  });

  it('is refused when its header is cut off at any byte', async () => {
    const whole = rhsBytes({ amplifiers: 2, blocks: 1 });
    const header = rhsHeader({ amplifiers: 2, blocks: 1 });
    for (let length = 4; length < header.length; length++)
      await expect(openRecordedFile(write(whole.subarray(0, length)))).rejects.toMatchObject({ tag: 'bad-format' });
    const partial = write(whole.subarray(0, header.length + 100));
    await expect(openRecordedFile(partial)).rejects.toMatchObject({
      details: { what: 'The file holds no whole block of samples' },
    });
  });

  it('is read as far as its blocks are whole', async () => {
    const whole = rhsBytes({ amplifiers: 2, blocks: 3 });
    const file = await openRecordedFile(write(whole.subarray(0, whole.length - 5)));
    expect(file.signals[0]!.signal.frames).toBe(256);
    expect(file.unread).toContainEqual(expect.stringContaining('are no whole block'));
    await file.close();
  });

  it.each([
    ['a newer version', 4, 9],
    ['a text of odd length', 74, 3],
    ['a text that is longer than the file', 74, 0x7ffffff0],
    ['a rate that is no rate', 8, 0xffc00000],
  ])('is refused with %s', async (_, at, value) => {
    const bytes = rhsBytes({ amplifiers: 1, blocks: 1 });
    bytes.writeUInt32LE(value, at);
    await expect(openRecordedFile(write(bytes))).rejects.toMatchObject({ tag: 'bad-format' });
  });
});

describe('a folder with one Intan file for each type of signal', () => {
  function writeSplit(content: RhsContent): string {
    const path = join(folder, `split-${++made}`);
    mkdirSync(path);
    const frames = Array.from({ length: content.blocks * 128 }, (_, k) => k);
    const { amplifiers, counterAt = (frame: number) => frame, stimAt = () => 0, digitalAt = () => 0 } = content;
    const words = (values: readonly number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
    const each = (word: (channel: number, frame: number) => number): number[] =>
      frames.flatMap((frame) => Array.from({ length: amplifiers }, (_, channel) => word(channel, frame)));
    writeFileSync(join(path, 'info.rhs'), rhsHeader(content));
    writeFileSync(join(path, 'time.dat'), new Uint8Array(Int32Array.from(frames, counterAt).buffer));
    writeFileSync(join(path, 'amplifier.dat'), words(each((channel, frame) => rhsSample(channel, frame) - 32_768)));
    writeFileSync(join(path, 'stim.dat'), words(each(stimAt)));
    writeFileSync(join(path, 'digitalin.dat'), words(frames.map(digitalAt)));
    return path;
  }

  it('holds the same as a file of the traditional format', async () => {
    const path = writeSplit(EVENTFUL);
    for (const name of [path, join(path, 'info.rhs')]) {
      const file = await openRecordedFile(name);
      expect(file.signals[0]!.signal).toMatchObject({ frames: 512, firstSample: 0 });
      const { samples } = await file.signals[0]!.readBlock(127, 2);
      const wanted = Array.from({ length: 6 }, (_, k) => rhsSample(k % 3, 127 + Math.floor(k / 3)) - 32_768);
      expect(Array.from(samples)).toEqual(wanted);
      expect(file.marks).toEqual(MARKS);
      await file.close();
    }
  });

  it('is split where its counter jumps, and cut to what all files have', async () => {
    const path = writeSplit({ amplifiers: 2, blocks: 2, counterAt: (frame) => (frame < 100 ? frame : frame + 1) });
    writeFileSync(join(path, 'time.dat'), new Uint8Array(Int32Array.from([0, 1, 2, 9, 10]).buffer));
    const file = await openRecordedFile(path);
    expect(file.signals.map(({ signal }) => [signal.firstSample, signal.frames])).toEqual([
      [0, 3],
      [9, 2],
    ]);
    expect(file.unread).toContainEqual(expect.stringContaining('5 frames in time.dat, 256 in amplifier.dat'));
    await file.close();
  });

  it('is refused without its samples', async () => {
    const path = join(folder, 'headers-only');
    mkdirSync(path);
    writeFileSync(join(path, 'info.rhs'), rhsHeader({ amplifiers: 1, blocks: 0 }));
    await expect(openRecordedFile(path)).rejects.toMatchObject({ tag: 'missing' });
    writeFileSync(join(path, 'time.dat'), Buffer.alloc(8));
    await expect(openRecordedFile(path)).rejects.toMatchObject({ details: { what: 'No amplifier.dat' } });
  });
});
