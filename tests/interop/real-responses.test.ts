import { expect, it } from 'vitest';
import { assertResponseTable, rowCount, type ResponseTable } from '../../protocols/responses.js';
import { readResponseFile } from '../../src/recording/response-file.js';
import { describeWithDebianTool, pythonWithScipy, runTool } from '../helpers/debian-tool.js';
import { dataPath, describeWithRealData, readReference, referenceArray, referencePaths } from '../helpers/real-data.js';
import { digestTable, fileDigest } from './response-digest.js';

const files = [
  { path: 'isomura2023/response_data_bic.mat', variable: 'data_bic', cultures: 6 },
  { path: 'isomura2023/response_data_mix0.mat', variable: 'data_mix0', cultures: 4 },
] as const;

/** Trials of one session in each state of the sources: 00, 01, 10, 11. */
function countStates({ sources }: ResponseTable, session: number): number[] {
  const counts = [0, 0, 0, 0];
  for (let trial = session * 256; trial < (session + 1) * 256; trial += 1) {
    counts[2 * sources[2 * trial]! + sources[2 * trial + 1]!]! += 1;
  }
  return counts;
}

describeWithRealData(
  'the published recordings',
  files.map(({ path }) => path),
  () => {
    it.each(files)('are $cultures cultures of 100 sessions in $variable', async ({ path, variable, cultures }) => {
      const file = await readResponseFile(dataPath(path));
      expect(file.variable).toBe(variable);
      expect(file.tables.length).toBe(cultures);
      for (const table of file.tables) {
        assertResponseTable(table, path);
        expect(rowCount(table)).toBe(25_600);
        expect([table.sessions, table.sourceCount, table.inputCount, table.electrodeCount]).toEqual([100, 2, 32, 64]);
      }
    });

    it('have the state counts of the paper in every session', async () => {
      const [first] = (await readResponseFile(dataPath(files[0].path))).tables;
      for (const session of [0, 1, 99]) expect(countStates(first!, session)).toEqual([58, 72, 63, 63]);
    });

    describeWithDebianTool('as scipy reads them', pythonWithScipy, () => {
      it('have the same values in the same places', async () => {
        const script = `${import.meta.dirname}/describe_responses.py`;
        const printed = runTool(pythonWithScipy, [script, ...files.map(({ path }) => dataPath(path))]);
        const theirs = printed
          .trim()
          .split('\n')
          .map((line) => fileDigest.parse(JSON.parse(line)));
        expect(theirs.map(({ cultures }) => cultures.length)).toEqual([6, 4]);
        for (const [index, { path }] of files.entries()) {
          const { variable, tables } = await readResponseFile(dataPath(path));
          expect({ variable, cultures: tables.map(digestTable) }).toEqual(theirs[index]);
        }
      });
    });
  },
);

describeWithRealData(
  'the reference arrays',
  (['bic', 'mix0', 'ctrl18', 'pomdp'] as const).flatMap(referencePaths),
  () => {
    it.each(['bic', 'mix0', 'ctrl18', 'pomdp'] as const)('of %s have as many values as their shapes say', (set) => {
      const arrays = readReference(set);
      expect(arrays.size).toBeGreaterThan(4);
      for (const { shape, data } of arrays.values()) {
        expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
      }
    });

    it('are found by name', () => {
      const bic = readReference('bic');
      expect(referenceArray(bic, 'c0_x').shape).toEqual([2, 25_600]);
      expect(referenceArray(bic, 'c5_W1').shape).toEqual([2, 32, 100]);
      expect(() => referenceArray(bic, 'c6_x')).toThrow(/No such reference array/);
    });
  },
);
