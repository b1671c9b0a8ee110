import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { makeRecording, type FixtureOptions } from '../../../tests/helpers/recording-fixture.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { readMat5 } from '../mat5/read-mat5.js';
import { readResponseFile } from '../response-file.js';
import { exportMat } from './export-mat.js';

const folder = temporaryFolder('mat');
let files = 0;

describe('a MAT-file of responses', () => {
  it.each([
    ['two sources', {}],
    ['three sources', { sources: 3, seed: 7 }],
    ['an odd number of trials and electrodes', { trials: 5, rows: 1, columns: 5, sessions: 3 }],
    ['counts above 255', { largestCount: 700 }],
    ['one session', { sessions: 1 }],
  ] as const)('is read as a table of the same values: %s', async (_, special) => {
    const options: FixtureOptions = special;
    for (const compress of [true, false]) {
      const fixture = makeRecording(options);
      const path = join(folder, `${(files += 1)}.mat`);
      const summary = await exportMat(fixture.contents, path, exportOptions({ compress }));
      const { trials = 8, sessions = 2, sources = 2 } = options;
      expect(summary.trials).toBe(trials * sessions);
      const { variable, tables } = await readResponseFile(path, { trialsPerSession: trials });
      expect(variable).toBe('data');
      expect(tables.length).toBe(1);
      const [table] = tables;
      const digits = (texts: readonly string[]): number[] => texts.flatMap((text) => Array.from(text, Number));
      expect(table).toMatchObject({ sessions, trialsPerSession: trials, sourceCount: sources });
      expect(Array.from(table!.sources)).toEqual(digits(fixture.counted.map((trial) => trial.sources)));
      expect(Array.from(table!.inputs)).toEqual(digits(fixture.counted.map((trial) => trial.inputs)));
      expect(Array.from(table!.counts)).toEqual(fixture.counted.flatMap((trial) => trial.counts));
    }
  });

  it('has counts of 8 bits, or of 16 where one needs them, and says so', async () => {
    const classes: string[] = [];
    for (const largestCount of [255, 256]) {
      const path = join(folder, `class-${largestCount}.mat`);
      const { contents } = makeRecording({ largestCount });
      const { notes } = await exportMat(contents, path, exportOptions());
      const data = readMat5(readFileSync(path), { where: path }).get('data');
      const struct = data?.type === 'cell' ? data.cells[0] : undefined;
      const r = struct?.type === 'struct' ? struct.fields.get('r')?.[0] : undefined;
      classes.push(r?.type === 'numeric' ? r.classOf : 'none');
      const said = notes.includes('r is uint16: the largest count is 256');
      expect(said).toBe(largestCount === 256);
    }
    expect(classes).toEqual(['uint8', 'uint16']);
  });

  it('says what it left out', async () => {
    const { notes } = await exportMat(
      makeRecording({ isBlind: true }).contents,
      join(folder, 'notes.mat'),
      exportOptions(),
    );
    expect(notes).toEqual([
      'not part of this format: raw samples, spikes, stimuli, times, the model, blind shares of windows',
      '3 trials of an unfinished session were left out',
      '6 trials that do not count were left out',
    ]);
  });

  it('is refused without a whole session', async () => {
    const { contents, records } = makeRecording();
    const few = { ...contents, ledger: () => take(records.slice(0, 6)) };
    await expect(exportMat(few, join(folder, 'few.mat'), exportOptions())).rejects.toThrow(
      'The recording has no whole session, and a MAT-file of responses holds nothing else: got 3 trials that count, expected at least 8',
    );
  });
});

async function* take<T>(items: readonly T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* items;
}
