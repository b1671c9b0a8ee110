import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { makeRecording } from '../../../tests/helpers/recording-fixture.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { exportPhy } from './export-phy.js';

const folder = temporaryFolder('phy');

/** A .npy file, by the published description of its version 1.0. */
function readNpy(path: string): { descr: string; shape: string; values: number[] } {
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]));
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const parts = /^\{'descr': '(.*?)', 'fortran_order': False, 'shape': \((.*?)\), \} *\n$/.exec(header);
  const descr = parts?.[1] ?? '';
  const size = Number(descr.at(-1));
  const read = {
    '<i8': (at: number) => Number(bytes.readBigInt64LE(at)),
    '<i4': (at: number) => bytes.readInt32LE(at),
    '<f8': (at: number) => bytes.readDoubleLE(at),
  }[descr];
  if (read === undefined) throw new Error(`no such type: ${header}`);
  const values = Array.from({ length: (bytes.length - start) / size }, (_, i) => read(start + i * size));
  return { descr, shape: parts?.[2] ?? '', values };
}

describe('a folder for phy', () => {
  it('has spikes at frames of the samples, one cluster per electrode', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'two');
    const summary = await exportPhy(fixture.contents, path, exportOptions());
    expect(summary).toMatchObject({ format: 'phy', spikes: 400, frames: 8000 });
    const times = readNpy(join(path, 'spike_times.npy'));
    const clusters = readNpy(join(path, 'spike_clusters.npy'));
    const amplitudes = readNpy(join(path, 'amplitudes.npy'));
    // The first stretch begins at sample 1000 and has 5000 frames, the second at 10000.
    const toFrame = (sample: number): number => (sample < 6000 ? sample - 1000 : sample - 10_000 + 5000);
    expect(times).toEqual({
      descr: '<i8',
      shape: '400,',
      values: fixture.spikes.map(({ sample }) => toFrame(sample)),
    });
    expect(clusters).toEqual({ descr: '<i4', shape: '400,', values: fixture.spikes.map(({ electrode }) => electrode) });
    expect(amplitudes.values).toEqual(fixture.spikes.map(({ amplitudeUv }) => amplitudeUv));
    const segments = readFileSync(join(path, 'segments.csv'), 'utf8');
    expect(segments).toBe('first_frame,first_sample,frames\r\n0,1000,5000\r\n5000,10000,3000\r\n');
  });

  it('has the samples of all stretches, and the geometry', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'samples');
    await exportPhy(fixture.contents, path, exportOptions({ blockFrames: 333 }));
    const raw = readFileSync(join(path, 'recording.dat'));
    expect(raw.equals(Buffer.concat(fixture.samples.map((part) => Buffer.from(part.buffer))))).toBe(true);
    expect(readNpy(join(path, 'channel_map.npy')).values).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const positions = readNpy(join(path, 'channel_positions.npy'));
    expect(positions.shape).toBe('8, 2');
    expect(positions.values).toEqual([0, 0, 200, 0, 400, 0, 600, 0, 0, 200, 200, 200, 400, 200, 600, 200]);
    expect(readFileSync(join(path, 'params.py'), 'utf8')).toBe(
      "dat_path = 'recording.dat'\nn_channels_dat = 8\ndtype = 'int16'\noffset = 0\nsample_rate = 20000.0\nhp_filtered = False\n",
    );
  });

  it('leaves out spikes that lie outside the samples, and says how many', async () => {
    const { contents, spikes } = makeRecording();
    const first = contents.signals.slice(0, 1);
    const inside = spikes.map(({ sample }) => sample).filter((sample) => sample < 6000);
    const path = join(folder, 'outside');
    const summary = await exportPhy({ ...contents, signals: first }, path, exportOptions());
    expect(inside.length).toBeGreaterThan(100);
    expect(summary.spikes).toBe(inside.length);
    expect(summary.notes).toContain(`spikes outside the raw samples were left out: ${400 - inside.length}`);
    expect(readNpy(join(path, 'spike_times.npy')).values).toEqual(inside.map((sample) => sample - 1000));
  });

  it('has times on the recorder’s clock where there are no samples', async () => {
    const fixture = makeRecording({ stretches: [] });
    const path = join(folder, 'none');
    await exportPhy(fixture.contents, path, exportOptions());
    expect(readNpy(join(path, 'spike_times.npy')).values).toEqual(fixture.spikes.map(({ sample }) => sample));
    expect(existsSync(join(path, 'recording.dat'))).toBe(false);
  });
});
