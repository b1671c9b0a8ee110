import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RecordedFile } from '../protocols/recording/recorded-file.js';
import { packageFolder } from '../src/cli/package-info.js';
import { describeRecordedFile } from '../src/recording/readers/describe-recorded-file.js';
import { openRecordedFile } from '../src/recording/readers/open-recorded-file.js';
import { dataPath, describeWithRealData } from './helpers/real-data.js';
import { temporaryFolder } from './helpers/run-cli.js';

const folder = temporaryFolder('recorded-files');
/** The built program: a thread cannot start from TypeScript. */
const PROGRAM = pathToFileURL(join(packageFolder(), 'dist/src/recording/readers/hdf5/hdf5-thread.js'));

async function withFile(path: string, look: (file: RecordedFile) => Promise<void>): Promise<void> {
  const file = await openRecordedFile(path, { hdf5Program: PROGRAM });
  try {
    await look(file);
  } finally {
    await file.close();
  }
}

const RHS = 'rhx/demo.rhs.gz';
const MAXTWO = 'vendor-files/maxtwo.raw.h5';
const MCS = 'vendor-files/mcs_w8_standard_500hz.h5';
const DEMAS = 'waverepo/Demas2003_P9_CTRL_MY1_1A.h5';
const MACCIONE = 'waverepo/Maccione2014_P05_retina2.h5';
const MIX0 = 'isomura2023/response_data_mix0.mat';

describeWithRealData('a recording of the Intan program', [RHS], () => {
  /** Header of 8476 bytes, then blocks: 128 counters of 4 bytes, samples and stimulus words of 64 channels. */
  const HEADER = 8476;
  const BLOCK = 128 * 4 + 64 * 128 * 2 * 2;

  it('holds every sample that its bytes hold', async () => {
    const bytes = gunzipSync(readFileSync(dataPath(RHS)));
    expect((bytes.length - HEADER) / BLOCK).toBe(382);
    const path = join(folder, 'demo.rhs');
    writeFileSync(path, bytes);
    await withFile(path, async (file) => {
      expect(describeRecordedFile(file)).toMatchObject({
        format: 'intan-rhs',
        writtenBy: 'Intan RHS 3.4',
        signals: [{ name: 'demo', channels: 64, sampleRateHz: 30_000, firstSample: 0, frames: 382 * 128 }],
        marks: [],
        unread: [],
      });
      const { signal } = file.signals[0]!;
      expect(signal.channels[10]).toEqual({ name: 'A-010', gainUvPerBit: 0.195, offsetUv: 0 });
      const { samples } = await file.signals[0]!.readBlock(0, signal.frames);
      let differences = 0;
      for (let frame = 0; frame < signal.frames; frame++)
        for (let channel = 0; channel < 64; channel++) {
          const at = HEADER + Math.floor(frame / 128) * BLOCK + 512 + channel * 256 + (frame % 128) * 2;
          if (samples[frame * 64 + channel] !== bytes.readUInt16LE(at) - 32_768) differences += 1;
        }
      expect(differences).toBe(0);
      // The sum of the first channel, as another program has it.
      let sum = 0;
      for (let frame = 0; frame < signal.frames; frame++) sum += samples[frame * 64]!;
      expect(sum).toBe(719_486);
    });
  });
});

describeWithRealData('a recording of MaxTwo', [MAXTWO], () => {
  it('has spikes, electrodes and settings of six wells, and says what hides the raw signal', async () => {
    await withFile(dataPath(MAXTWO), (file) => {
      const summary = describeRecordedFile(file);
      expect(summary).toMatchObject({
        format: 'maxwell',
        writtenBy: 'MaxLab Live 20.1.8, format 20190530',
        sampleRateHz: 10_000,
        signals: [],
        spikeTrains: 99,
        spikes: 284,
      });
      // 16 electrodes in each of 2 recordings of 6 wells.
      expect(summary.electrodes).toHaveLength(192);
      expect(summary.electrodes[0]).toEqual({ name: 'well000/rec0000 electrode 14797', xUm: 997.5, yUm: 1172.5 });
      expect(file.spikes[0]).toMatchObject({ name: 'well000/rec0000 channel 56' });
      expect(Array.from(file.spikes[0]!.timesS)).toEqual([9_568_937 / 10_000]);
      expect(summary.unread).toHaveLength(12);
      expect(summary.unread[0]).toMatch(/16 channels, 10000 frames.*filter 401 \(mxw-data\).*h5repack/);
      return Promise.resolve();
    });
  });
});

describeWithRealData('a recording of Multi Channel Systems', [MCS], () => {
  it('has two streams of voltages, twelve events and the times of its spikes', async () => {
    await withFile(dataPath(MCS), async (file) => {
      expect(describeRecordedFile(file)).toMatchObject({
        format: 'mcs',
        writtenBy: 'Multi Channel Experimenter 0.9.8.2',
        signals: [
          { channels: 8, sampleRateHz: 500, firstSample: 0, frames: 9850 },
          { channels: 8, sampleRateHz: 500, firstSample: 50, frames: 9800 },
        ],
        spikeTrains: 8,
        spikes: 26 + 23 + 30 + 33 + 29 + 28 + 29 + 26,
        marks: [{ label: 'Digital Events 1 1', count: 12 }],
      });
      expect(file.marks[0]).toEqual({ timeS: 0.216, label: 'Digital Events 1 1' });
      expect(file.spikes[7]!.name).toBe('Spike Detector (1) Spike Timestamps E8');
      expect(Array.from(file.spikes[0]!.timesS.subarray(0, 3))).toEqual([0.944, 0.954, 0.964]);
      expect(file.unread).toEqual([
        'Data Acquisition (1) Digital Data (Digital, 1 channels, 9800 frames): no voltages (NoUnit)',
        'Spike Detector (1) Spike Data: 224 cut-outs of 8 channels are not read',
      ]);
      const whole = await file.signals[0]!.readBlock(0, 9850);
      const part = await file.signals[0]!.readBlock(2047, 3);
      expect(Array.from(part.samples)).toEqual(Array.from(whole.samples.subarray(2047 * 8, 2050 * 8)));
      expect(file.signals[0]!.signal.channels[0]).toEqual({ name: 'E1', gainUvPerBit: 381.47, offsetUv: 0 });
    });
  });
});

describeWithRealData('recordings of the retinal-wave repository', [DEMAS, MACCIONE], () => {
  it.each([
    [DEMAS, 26, 26_911],
    [MACCIONE, 282, 48_202],
  ])('%s has the spikes of all its units', async (name, units, spikes) => {
    await withFile(dataPath(name), (file) => {
      expect(describeRecordedFile(file)).toMatchObject({ format: 'waverepo', spikeTrains: units, spikes, unread: [] });
      expect(file.electrodes).toHaveLength(units);
      return Promise.resolve();
    });
  });

  it('has times and places of the first unit', async () => {
    await withFile(dataPath(DEMAS), (file) => {
      expect(file.electrodes[0]).toEqual({ name: 'ch_12a', xUm: 100, yUm: 200 });
      expect(file.spikes[0]!.timesS).toHaveLength(732);
      expect(Array.from(file.spikes[0]!.timesS.subarray(0, 2))).toEqual([21.4407, 21.48885]);
      return Promise.resolve();
    });
  });
});

describeWithRealData('a file of responses', [MIX0], () => {
  it('is recognised, and says which command reads it', async () => {
    await withFile(dataPath(MIX0), (file) => {
      expect(file).toMatchObject({ format: 'responses', signals: [], spikes: [] });
      expect(file.unread).toHaveLength(4);
      expect(file.unread[0]).toBe(
        'data_mix0, culture 0: responses, 25600 trials x 64 electrodes; meactl fit reads them',
      );
      return Promise.resolve();
    });
  });
});

describe('describeRecordedFile', () => {
  it('counts marks by their label, and the labels that are too many together', () => {
    const marks = Array.from({ length: 3000 }, (_, k) => ({ timeS: k, label: k % 2 === 0 ? 'line 1' : `text ${k}` }));
    const empty = { spikes: [], electrodes: [], unread: [], signals: [], close: () => Promise.resolve() };
    const summary = describeRecordedFile({ format: 'raw', path: 'x', marks, ...empty });
    expect(summary.marks[0]).toEqual({ label: 'line 1', count: 1500 });
    expect(summary.marks.reduce((sum, { count }) => sum + count, 0)).toBe(3000);
    expect(summary.marks.length).toBeLessThan(1100);
  });
});
