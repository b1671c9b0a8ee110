import { readResponseFile } from '../../src/recording/response-file.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { dataPath, readReference, referenceArray, referencePaths, type ReferenceArray } from './real-data.js';

/** The published conditions whose raw counts are public, with their mixing. */
const REAL_CONDITIONS = [
  { condition: 'bic', cultures: 6, mixing: 0.25 },
  { condition: 'mix0', cultures: 4, mixing: 0 },
] as const;

/** Every published culture: condition, number within it (from 0), mixing. */
export const REAL_CULTURES = REAL_CONDITIONS.flatMap(({ condition, cultures, mixing }) =>
  Array.from({ length: cultures }, (_, index) => ({ condition, index, mixing })),
);

export type RealCulture = (typeof REAL_CULTURES)[number];

/** Files that `readRealCultures` reads, for `describeWithRealData`. */
export const REAL_CULTURE_PATHS: readonly string[] = REAL_CONDITIONS.flatMap(({ condition }) => [
  `isomura2023/response_data_${condition}.mat`,
  ...referencePaths(condition),
]);

/** Responses and reference results of the published cultures. */
export interface RealCultures {
  tableOf(culture: RealCulture): ResponseTable;
  /** The reference array of one field, e.g. `x` or `causal_L`. */
  referenceOf(culture: RealCulture, field: string): ReferenceArray;
  /** Names of all fields of a culture's reference. */
  fieldsOf(culture: RealCulture): readonly string[];
}

export async function readRealCultures(): Promise<RealCultures> {
  const conditions = await Promise.all(
    REAL_CONDITIONS.map(async ({ condition }) => {
      const { tables } = await readResponseFile(dataPath(`isomura2023/response_data_${condition}.mat`));
      return [condition, { tables, reference: readReference(condition) }] as const;
    }),
  );
  const byCondition = new Map(conditions);
  return {
    tableOf: ({ condition, index }) => byCondition.get(condition)!.tables[index]!,
    referenceOf: ({ condition, index }, field) =>
      referenceArray(byCondition.get(condition)!.reference, `c${index}_${field}`),
    fieldsOf: ({ condition, index }) =>
      Array.from(byCondition.get(condition)!.reference.keys())
        .filter((name) => name.startsWith(`c${index}_`))
        .map((name) => name.slice(`c${index}_`.length)),
  };
}
