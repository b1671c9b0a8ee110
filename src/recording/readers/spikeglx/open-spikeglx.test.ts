import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../tests/helpers/run-cli.js';
import { openRecordedFile } from '../open-recorded-file.js';

const folder = temporaryFolder('spikeglx');

function write(name: string, samples: readonly number[], meta: Readonly<Record<string, string | number>>): string {
  const path = join(folder, `${name}.bin`);
  writeFileSync(path, new Uint8Array(Int16Array.from(samples).buffer));
  const lines = Object.entries(meta).map(([key, value]) => `${key}=${value}`);
  writeFileSync(join(folder, `${name}.meta`), `${lines.join('\n')}\n`);
  return path;
}

/** Neuropixels 1.0: three acquired sites with AP gains 500, 1000, 250 and LF gains 250, 125, 50. */
const IMEC = {
  typeThis: 'imec',
  appVersion: 20_230_411,
  imSampRate: 30_000.1,
  imAiRangeMax: 0.6,
  acqApLfSy: '3,3,1',
  '~imroTbl': '(0,3)(0 0 0 500 250 1)(1 0 0 1000 125 1)(2 0 0 250 50 1)',
} as const;

function gainsOf(file: Awaited<ReturnType<typeof openRecordedFile>>): number[] {
  return file.signals[0]!.signal.channels.map(({ gainUvPerBit }) => gainUvPerBit);
}

describe('a SpikeGLX file', () => {
  it('of AP channels has the gain of each from its table, and leaves the synchronisation word', async () => {
    const path = write('ap', [1, 2, 64, 3, 4, 64], {
      ...IMEC,
      nSavedChans: 3,
      snsApLfSy: '2,0,1',
      snsSaveChanSubset: '0,2,6',
      firstSample: 900,
      fileSizeBytes: 12,
    });
    for (const name of [path, path.replace('.bin', '.meta')]) {
      const file = await openRecordedFile(name);
      expect(file).toMatchObject({ format: 'spikeglx', writtenBy: 'SpikeGLX 20230411', sampleRateHz: 30_000.1 });
      expect(file.signals[0]!.signal).toMatchObject({ name: 'ap', frames: 2, firstSample: 900 });
      expect(file.signals[0]!.signal.channels.map(({ name: channel }) => channel)).toEqual(['AP0', 'AP2']);
      expect(gainsOf(file)).toEqual([(0.6 / 512 / 500) * 1e6, (0.6 / 512 / 250) * 1e6]);
      expect(Array.from((await file.signals[0]!.readBlock(0, 2)).samples)).toEqual([1, 2, 3, 4]);
      expect(file.unread).toEqual([expect.stringContaining('digital words are not read: SY0')]);
      await file.close();
    }
  });

  it('of LF channels has their gains', async () => {
    const path = write('lf', [1, 2, 3, 0], {
      ...IMEC,
      nSavedChans: 4,
      snsApLfSy: '0,3,1',
      snsSaveChanSubset: '3:6',
    });
    const file = await openRecordedFile(path);
    expect(gainsOf(file)).toEqual([250, 125, 50].map((gain) => (0.6 / 512 / gain) * 1e6));
    await file.close();
  });

  it('of Neuropixels 2.0 has one gain and finer steps', async () => {
    const path = write('np2', [5, 6, 0], {
      ...IMEC,
      '~imroTbl': '',
      imDatPrb_type: 24,
      imMaxInt: 8192,
      imAiRangeMax: 0.5,
      nSavedChans: 3,
      snsApLfSy: '2,0,1',
    });
    const file = await openRecordedFile(path);
    expect(gainsOf(file)).toEqual([(0.5 / 8192 / 80) * 1e6, (0.5 / 8192 / 80) * 1e6]);
    await file.close();
    const named = write('named', [5, 6, 0], { ...IMEC, imChan0apGain: 100, nSavedChans: 3, snsApLfSy: '2,0,1' });
    const second = await openRecordedFile(named);
    expect(gainsOf(second)[0]).toBe((0.6 / 512 / 100) * 1e6);
    await second.close();
  });

  it('of a board has the gains of its kinds of channels', async () => {
    const path = write('nidq', [1, 2, 3, 4], {
      typeThis: 'nidq',
      niSampRate: 25_000,
      niAiRangeMax: 5,
      niMNGain: 200,
      niMAGain: 4,
      nSavedChans: 4,
      snsMnMaXaDw: '1,1,1,1',
      snsSaveChanSubset: 'all',
    });
    const file = await openRecordedFile(path);
    expect(file.signals[0]!.signal.channels).toEqual([
      { name: 'MN0', gainUvPerBit: (5 / 32_768 / 200) * 1e6, offsetUv: 0 },
      { name: 'MA0', gainUvPerBit: (5 / 32_768 / 4) * 1e6, offsetUv: 0 },
      { name: 'XA0', gainUvPerBit: (5 / 32_768) * 1e6, offsetUv: 0 },
    ]);
    await file.close();
  });

  it('is as long as its samples, and says where its description has another length', async () => {
    const path = write('cut', [1, 2, 3, 4, 5, 6], {
      ...IMEC,
      nSavedChans: 2,
      snsApLfSy: '2,0,0',
      fileSizeBytes: 12,
    });
    truncateSync(path, 11);
    const file = await openRecordedFile(path);
    expect(file.signals[0]!.signal.frames).toBe(2);
    expect(file.unread).toEqual([
      expect.stringContaining('11 bytes, 12 in its .meta file'),
      expect.stringContaining('3 bytes at its end are no whole frame'),
    ]);
    await file.close();
  });

  it.each([
    ['an unknown kind', { typeThis: 'other', nSavedChans: 1 }],
    ['no rate', { typeThis: 'imec', nSavedChans: 1, snsApLfSy: '1,0,0' }],
    ['counts that are no counts', { ...IMEC, nSavedChans: 1, snsApLfSy: '-1,x,0' }],
    ['too many channels', { ...IMEC, nSavedChans: 1, snsApLfSy: '99999999,0,0' }],
    ['another number of saved channels', { ...IMEC, nSavedChans: 5, snsApLfSy: '2,0,1' }],
    ['channels that were not acquired', { ...IMEC, nSavedChans: 2, snsApLfSy: '2,0,0', snsSaveChanSubset: '0,700' }],
    ['a table that is too short', { ...IMEC, nSavedChans: 1, snsApLfSy: '1,0,0', '~imroTbl': '(0,3)' }],
    ['no range', { ...IMEC, imAiRangeMax: '', nSavedChans: 1, snsApLfSy: '1,0,0' }],
  ])('is refused with %s', async (name, meta) => {
    const path = write(name.replaceAll(' ', '-'), [1, 2, 3, 4], meta);
    await expect(openRecordedFile(path)).rejects.toMatchObject({ tag: 'bad-format' });
  });
});
