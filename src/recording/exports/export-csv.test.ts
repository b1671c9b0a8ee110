import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { makeRecording } from '../../../tests/helpers/recording-fixture.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { exportCsv } from './export-csv.js';

const folder = temporaryFolder('csv');
const RATE = 20_000;

/** Records of a file: the names of the columns, and the fields of each row by name. */
function read(path: string): { names: string[]; rows: Record<string, string>[] } {
  const text = readFileSync(path, 'utf8');
  expect(text.endsWith('\r\n')).toBe(true);
  const [head = '', ...lines] = text.slice(0, -2).split('\r\n');
  const names = head.split(',');
  const rows = lines.map((line) => {
    const fields = line.split(',');
    expect(fields.length).toBe(names.length);
    return Object.fromEntries(names.map((name, i) => [name, fields[i]!]));
  });
  return { names, rows };
}

describe('CSV tables', () => {
  it('have every spike', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'spikes');
    const summary = await exportCsv(fixture.contents, path, exportOptions());
    expect(summary).toEqual({
      format: 'csv',
      path,
      trials: 25,
      spikes: 400,
      stimuli: 5,
      frames: 0,
      notes: ['not part of this format: raw samples, the model'],
    });
    const { names, rows } = read(join(path, 'spikes.csv'));
    expect(names).toEqual(['sample', 'time_s', 'electrode', 'amplitude_uv']);
    const found = rows.map((row) => [row.sample, row.time_s, row.electrode, row.amplitude_uv].map(Number));
    expect(found).toEqual(
      fixture.spikes.map(({ sample, electrode, amplitudeUv }) => [sample, sample / RATE, electrode, amplitudeUv]),
    );
  });

  it('have every trial with its digits and counts in columns of their own', async () => {
    const fixture = makeRecording({ sources: 3 });
    const path = join(folder, 'trials');
    await exportCsv(fixture.contents, path, exportOptions());
    const { rows } = read(join(path, 'trials.csv'));
    const records = fixture.records.filter((record) => record.type === 'trial' || record.type === 'trial-uncounted');
    const take = (row: Record<string, string>, name: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => row[`${name}_${i}`]!);
    expect(rows.length).toBe(records.length);
    for (const [i, record] of records.entries()) {
      const row = rows[i]!;
      expect([row.session, row.trial].map(Number)).toEqual([record.session, record.trial]);
      expect(take(row, 'source', 3).join('')).toBe(record.sources);
      expect(take(row, 'input', 4).join('')).toBe(record.inputs);
      const counts = record.type === 'trial' ? record.counts.map(String) : new Array<string>(8).fill('');
      expect(take(row, 'count', 8)).toEqual(counts);
      expect([row.at_sample, row.delivered_sample, row.window_from, row.window_to].map(Number)).toEqual([
        record.atSample,
        record.deliveredSample,
        ...record.window,
      ]);
      expect(row.delivery).toBe(record.delivery);
    }
    const counted = rows.filter((row) => row.counted === '1');
    expect(counted.length).toBe(16 + 3);
    expect(new Set(rows.filter((row) => row.counted === '0').map((row) => row.reason))).toEqual(
      new Set(['late', 'session-restarted']),
    );
  });

  it('have every stimulus', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'stimuli');
    await exportCsv(fixture.contents, path, exportOptions());
    const { rows } = read(join(path, 'stimuli.csv'));
    const found = rows.map((row) => ({
      stimulusId: Number(row.stimulus_id),
      atSample: Number(row.at_sample),
      outcome: row.outcome,
      electrodes: row.electrodes === '' ? [] : row.electrodes!.split(' ').map(Number),
      ...(row.amplitude_ua !== '' && { amplitudeUa: Number(row.amplitude_ua) }),
      ...(row.phase_width_us !== '' && { phaseWidthUs: Number(row.phase_width_us) }),
    }));
    expect(found).toEqual(fixture.stimuli);
  });
});
