import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { npyInt64 } from '../../../../tests/helpers/npy-bytes.js';
import {
  OPEN_EPHYS_GAIN,
  OPEN_EPHYS_RATE_HZ,
  openEphysSample,
  writeOpenEphys,
} from '../../../../tests/helpers/open-ephys-folder.js';
import { temporaryFolder } from '../../../../tests/helpers/run-cli.js';
import { createParts, type Closable } from '../opened-parts.js';
import { openRecordedFile } from '../open-recorded-file.js';
import { toReaderLimits } from '../reader-options.js';
import { openOpenEphysRecording } from './open-recording.js';

const root = temporaryFolder('open-ephys');
let made = 0;

function makeFolder(): string {
  const folder = join(root, `session-${++made}`);
  mkdirSync(folder);
  return folder;
}

function recordingIn(session: string, experiment: number, recording: number): string {
  return join(session, 'Record Node 101', `experiment${experiment}`, `recording${recording}`);
}

const STREAM = 'continuous/MEA-100.emulator';

describe('an Open Ephys folder', () => {
  it('gives samples, gain, first sample, pulses and texts', async () => {
    const session = makeFolder();
    writeOpenEphys(recordingIn(session, 1, 1), { channels: 3, frames: 500, sampleNumbers: [9000] });
    const file = await openRecordedFile(session);
    expect([file.format, file.writtenBy, file.sampleRateHz, file.unread]).toEqual([
      'open-ephys',
      'Open Ephys GUI 0.6.7',
      OPEN_EPHYS_RATE_HZ,
      [],
    ]);
    const { signal } = file.signals[0]!;
    expect(signal).toMatchObject({ firstSample: 9000, frames: 500, blind: [] });
    expect(signal.name).toBe('Record Node 101/experiment1/recording1/MEA-100.emulator');
    expect(signal.channels[1]).toEqual({ name: 'CH2', gainUvPerBit: OPEN_EPHYS_GAIN, offsetUv: 0 });
    const block = await file.signals[0]!.readBlock(490, 100);
    expect(block).toMatchObject({ firstFrame: 490, frames: 10, channels: 3 });
    const wanted = Array.from({ length: 30 }, (_, k) => openEphysSample(k % 3, 490 + Math.floor(k / 3)));
    expect(Array.from(block.samples)).toEqual(wanted);
    expect(file.marks).toEqual([
      { timeS: 100 / 20_000, durationS: 4 / 20_000, label: 'MEA-100.emulator/TTL line 1' },
      { timeS: 150 / 20_000, label: 'hello' },
      { timeS: 200 / 20_000, durationS: 100 / 20_000, label: 'MEA-100.emulator/TTL line 2' },
    ]);
    await file.close();
    await file.close();
  });

  it('gives the same samples whatever the size of the blocks', async () => {
    const session = makeFolder();
    writeOpenEphys(recordingIn(session, 1, 1), { channels: 3, frames: 101 });
    const file = await openRecordedFile(session);
    const wanted = Array.from({ length: 303 }, (_, k) => openEphysSample(k % 3, Math.floor(k / 3)));
    for (const size of [1, 2, 7, 13, 101]) {
      const got: number[] = [];
      for (let first = 0; first < 101; first += size)
        got.push(...(await file.signals[0]!.readBlock(first, size)).samples);
      expect(got).toEqual(wanted);
    }
    await file.close();
  });

  it('has the recordings of all experiments, in the order of their numbers', async () => {
    const session = makeFolder();
    for (const [experiment, recording] of [
      [2, 1],
      [1, 10],
      [1, 2],
    ] as const)
      writeOpenEphys(recordingIn(session, experiment, recording), { channels: 1, frames: 4 });
    const file = await openRecordedFile(session);
    expect(file.signals.map(({ signal }) => signal.name.split('/').slice(1, 3).join('/'))).toEqual([
      'experiment1/recording2',
      'experiment1/recording10',
      'experiment2/recording1',
    ]);
    await file.close();
  });

  it('splits a recording where its sample numbers jump', async () => {
    const session = makeFolder();
    const sampleNumbers = Array.from({ length: 20 }, (_, k) => (k < 12 ? 50 + k : 150 + k));
    writeOpenEphys(recordingIn(session, 1, 1), { channels: 2, frames: 20, sampleNumbers });
    const file = await openRecordedFile(session);
    expect(file.signals.map(({ signal }) => [signal.firstSample, signal.frames])).toEqual([
      [50, 12],
      [162, 8],
    ]);
    const { samples } = await file.signals[1]!.readBlock(0, 1);
    expect(Array.from(samples)).toEqual([openEphysSample(0, 12), openEphysSample(1, 12)]);
    await file.close();
  });

  it('reads what is there after a hard stop, and says what is missing', async () => {
    const session = makeFolder();
    const recording = recordingIn(session, 1, 1);
    writeOpenEphys(recording, { channels: 2, frames: 20, sampleNumbers: [5, 6, 7], declared: 1024 });
    truncateSync(join(recording, STREAM, 'continuous.dat'), 20 * 4 - 3);
    const file = await openRecordedFile(session);
    expect(file.signals[0]!.signal).toMatchObject({ firstSample: 5, frames: 19 });
    expect(file.unread).toEqual([
      expect.stringContaining('1 bytes at its end are no whole frame'),
      expect.stringContaining('1024 sample numbers declared, 3 there, for 19 frames'),
    ]);
    await file.close();
  });

  it('takes the older names of files: sample numbers in timestamps.npy', async () => {
    const session = makeFolder();
    const recording = recordingIn(session, 1, 1);
    writeOpenEphys(recording, { channels: 1, frames: 3, sampleNumbers: [] });
    writeFileSync(join(recording, STREAM, 'sample_numbers.npy'), npyInt64([77, 78, 79]));
    const file = await openRecordedFile(join(recording, 'structure.oebin'));
    expect(file.signals[0]!.signal).toMatchObject({ name: 'MEA-100.emulator', firstSample: 77 });
    await file.close();
  });

  it('opens one folder with a first sample that is known from elsewhere', async () => {
    const folder = makeFolder();
    writeOpenEphys(folder, { channels: 2, frames: 5, sampleNumbers: [1] });
    const [parts, held]: [ReturnType<typeof createParts>, Closable[]] = [createParts(), []];
    await openOpenEphysRecording(
      folder,
      { parts, held },
      { limits: toReaderLimits(), firstSample: 123, electrodeOf: (channel) => channel + 8 },
    );
    expect(parts.signals[0]!.signal).toMatchObject({ firstSample: 123, frames: 5 });
    expect(parts.signals[0]!.signal.channels.map(({ electrode }) => electrode)).toEqual([8, 9]);
    await Promise.all(held.map((one) => one.close()));
  });

  it.each(['../../outside/', '/etc/', 'C:\\data', 'a/../../b', '..\\x'])(
    'refuses a stream in %s',
    async (streamFolder) => {
      const session = makeFolder();
      writeOpenEphys(recordingIn(session, 1, 1), { channels: 1, frames: 3, streamFolder });
      await expect(openRecordedFile(session)).rejects.toMatchObject({
        tag: 'bad-format',
        details: { what: 'The file names something outside its folder' },
      });
    },
  );

  it('refuses a stretch that begins outside the signal', async () => {
    const session = makeFolder();
    writeOpenEphys(recordingIn(session, 1, 1), { channels: 1, frames: 3 });
    const file = await openRecordedFile(session);
    for (const first of [-1, 3, 0.5, Number.NaN])
      await expect(file.signals[0]!.readBlock(first, 1)).rejects.toMatchObject({ tag: 'bad-input' });
    await expect(file.signals[0]!.readBlock(0, -1)).rejects.toMatchObject({ tag: 'bad-input' });
    await file.close();
  });

  it.each([
    ['no JSON', '{'],
    ['no streams', '{"continuous": 3}'],
    ['a channel without a gain', '{"continuous":[{"folder_name":"x","sample_rate":1,"channels":[{}]}]}'],
    ['a rate of 0', '{"continuous":[{"folder_name":"x","sample_rate":0,"channels":[{"bit_volts":1}]}]}'],
    [
      'other numbers of channels',
      '{"continuous":[{"folder_name":"x","sample_rate":1,"num_channels":2,"channels":[{"bit_volts":1}]}]}',
    ],
  ])('refuses a description with %s', async (_, text) => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'structure.oebin'), text);
    await expect(openRecordedFile(folder)).rejects.toMatchObject({ tag: 'bad-format' });
  });

  it('refuses a folder without a recording', async () => {
    await expect(openRecordedFile(makeFolder())).rejects.toMatchObject({
      tag: 'bad-format',
      details: { got: 'a folder without structure.oebin or info.rhs' },
    });
    await expect(openRecordedFile(join(root, 'absent'))).rejects.toMatchObject({ tag: 'missing' });
  });
});
