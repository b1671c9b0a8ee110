import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../tests/helpers/run-cli.js';
import { openRecordedFile } from '../open-recorded-file.js';
import { rawSidecarSchema } from './sidecar.js';

const folder = temporaryFolder('raw');

function write(name: string, samples: readonly number[], sidecar: object): string {
  const path = join(folder, `${name}.dat`);
  writeFileSync(path, new Uint8Array(Int16Array.from(samples).buffer));
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(sidecar));
  return path;
}

describe('raw samples with a JSON file beside them', () => {
  it('are read frame after frame', async () => {
    const path = write('frames', [1, -2, 3, -4, 5, -6], {
      channels: 2,
      sampleRateHz: 25_000,
      gainUvPerBit: 0.5,
      offsetUv: 3,
      firstSample: 40,
    });
    const file = await openRecordedFile(path);
    expect(file).toMatchObject({ format: 'raw', sampleRateHz: 25_000, unread: [] });
    const { signal } = file.signals[0]!;
    expect(signal).toMatchObject({ name: 'frames.dat', frames: 3, firstSample: 40 });
    expect(signal.channels).toEqual([
      { name: '0', gainUvPerBit: 0.5, offsetUv: 3 },
      { name: '1', gainUvPerBit: 0.5, offsetUv: 3 },
    ]);
    expect(Array.from((await file.signals[0]!.readBlock(1, 5)).samples)).toEqual([3, -4, 5, -6]);
    await file.close();
  });

  it('are read channel after channel, with gains and names of their own', async () => {
    const path = write('channels', [10, 11, 12, 20, 21, 22], {
      channels: [
        { name: 'left', electrode: 7 },
        { name: 'right', gainUvPerBit: -2 },
      ],
      sampleRateHz: 1000,
      gainUvPerBit: 1,
      order: 'channels',
    });
    const file = await openRecordedFile(path);
    expect(file.signals[0]!.signal.channels).toEqual([
      { name: 'left', gainUvPerBit: 1, offsetUv: 0, electrode: 7 },
      { name: 'right', gainUvPerBit: -2, offsetUv: 0 },
    ]);
    expect(Array.from((await file.signals[0]!.readBlock(1, 2)).samples)).toEqual([11, 21, 12, 22]);
    await file.close();
  });

  it('may follow a header, and may end within a frame', async () => {
    const path = write('tail', [99, 1, 2, 3], { channels: 2, sampleRateHz: 1000, gainUvPerBit: 1, headerBytes: 2 });
    const file = await openRecordedFile(path);
    expect(file.signals[0]!.signal.frames).toBe(1);
    expect(file.unread).toEqual([expect.stringContaining('2 bytes at its end are no whole frame')]);
    expect(Array.from((await file.signals[0]!.readBlock(0, 1)).samples)).toEqual([1, 2]);
    await file.close();
  });

  it('are refused where the order of channels needs whole frames', async () => {
    const path = write('cut', [1, 2, 3], { channels: 2, sampleRateHz: 1, gainUvPerBit: 1, order: 'channels' });
    await expect(openRecordedFile(path)).rejects.toMatchObject({ tag: 'bad-format' });
    const short = write('short', [1], { channels: 1, sampleRateHz: 1, gainUvPerBit: 1, headerBytes: 100 });
    await expect(openRecordedFile(short)).rejects.toMatchObject({ tag: 'bad-format' });
  });

  it.each([
    { channels: 2, sampleRateHz: 1000 },
    { channels: 0, sampleRateHz: 1000, gainUvPerBit: 1 },
    { channels: 2, sampleRateHz: -1, gainUvPerBit: 1 },
    { channels: 2, sampleRateHz: 1000, gainUvPerBit: 0 },
    { channels: 2, sampleRateHz: 1000, gainUvPerBit: 1, order: 'diagonal' },
    { channels: 2, sampleRateHz: 1000, gainUvPerBit: 1, gain: 3 },
    { channels: 1e12, sampleRateHz: 1000, gainUvPerBit: 1 },
  ])('are refused with the description %j', async (sidecar) => {
    expect(rawSidecarSchema.safeParse(sidecar).success).toBe(false);
    await expect(openRecordedFile(write('bad', [1, 2], sidecar))).rejects.toMatchObject({ tag: 'bad-format' });
  });

  it('are no recording without it', async () => {
    const path = join(folder, 'alone.dat');
    writeFileSync(path, Buffer.alloc(64));
    await expect(openRecordedFile(path)).rejects.toMatchObject({
      tag: 'bad-format',
      details: { what: 'Not a recording that can be read', got: 'a file that begins with 0000000000000000' },
    });
  });

  it('are read right at both ends of a file of more than 4 GiB, in pieces', async () => {
    const frames = 2 ** 31 + 1000;
    const path = write('long', [], { channels: 2, sampleRateHz: 20_000, gainUvPerBit: 1 });
    truncateSync(path, frames * 4);
    const descriptor = openSync(path, 'r+');
    for (const frame of [0, 2 ** 29, 2 ** 30, frames - 1])
      writeSync(descriptor, new Uint8Array(Int16Array.of(frame % 30_000, -3).buffer), 0, 4, frame * 4);
    closeSync(descriptor);
    const file = await openRecordedFile(path);
    expect(file.signals[0]!.signal.frames).toBe(frames);
    for (const frame of [0, 2 ** 29, 2 ** 30, frames - 1]) {
      const first = Math.max(0, frame - 2);
      const { samples, frames: got } = await file.signals[0]!.readBlock(first, 1000);
      expect(got).toBe(Math.min(1000, frames - first));
      expect(samples).toHaveLength(got * 2);
      expect(Array.from(samples.subarray((frame - first) * 2, (frame - first) * 2 + 2))).toEqual([frame % 30_000, -3]);
    }
    await file.close();
  });
});
