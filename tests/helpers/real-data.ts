import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, it } from 'vitest';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';

/** Where the published data are: `MEACTL_DATA`, or `../shared/data` beside the project. They are never part of the project. */
function dataFolder(): string {
  return process.env.MEACTL_DATA ?? join(projectRoot(), '..', 'shared', 'data');
}

/** The path of one file of the published data, e.g. `isomura2023/response_data_bic.mat`. */
export function dataPath(relative: string): string {
  return resolve(dataFolder(), relative);
}

/**
 * A suite that needs published data. Where a file is absent it becomes one skipped test whose title and a line on
 * stderr say why.
 *
 * @param relativePaths files under the data folder that must be there
 * @param define defines the tests; called only when all files are there
 */
export function describeWithRealData(name: string, relativePaths: readonly string[], define: () => void): void {
  const absent = relativePaths.filter((path) => !existsSync(dataPath(path)));
  if (absent.length === 0) {
    describe(name, define);
    return;
  }
  describeSkipped(name, `${absent.join(', ')} not found under ${dataFolder()}; set MEACTL_DATA`);
}

/** A suite of one skipped test, so that what did not run is counted and its reason seen. */
export function describeSkipped(name: string, reason: string): void {
  process.stderr.write(`skipped: ${name}: ${reason}\n`);
  describe(name, () => {
    // The data may not be committed (their licence), and Debian's tools need not be there: an absent one is counted
    // as skipped, with its reason, instead of passing unseen. CI has them all; what is in no package of Debian is skipped there too.
    it.skip(`skipped: ${reason}`, () => undefined);
  });
}

/** The sets of reference arrays. */
export type ReferenceSet = 'bic' | 'mix0' | 'ctrl18' | 'pomdp';

/** One reference array, in C order. */
export interface ReferenceArray {
  readonly shape: readonly number[];
  readonly data: Float64Array | Float32Array | Int32Array | Uint8Array;
}

/** The two files of a reference set, for `describeWithRealData`. */
export function referencePaths(set: ReferenceSet): string[] {
  return [`isomura2023/reference_${set}.json`, `isomura2023/reference_${set}.bin.gz`];
}

const arrayIndex = z.record(
  z.string(),
  z.object({
    dtype: z.enum(['<f8', '<f4', '<i4', '|u1']),
    shape: z.array(z.number()),
    offset: z.number(),
    bytes: z.number(),
  }),
);
type ArrayEntry = z.infer<typeof arrayIndex>[string];

/**
 * Reads a set of results of the published analysis: names such as `c0_x`, see the data's README.
 *
 * @returns all arrays of the set, owned by the receiver
 */
export function readReference(set: ReferenceSet): ReadonlyMap<string, ReferenceArray> {
  const [indexPath, binaryPath] = [`isomura2023/reference_${set}.json`, `isomura2023/reference_${set}.bin.gz`] as const;
  const index = arrayIndex.parse(JSON.parse(readFileSync(dataPath(indexPath), 'utf8')));
  const bytes = gunzipSync(readFileSync(dataPath(binaryPath)));
  return new Map(Object.entries(index).map(([name, entry]) => [name, toArray(bytes, entry)]));
}

/** One array of a set; unlike `get`, an unknown name is an error. */
export function referenceArray(set: ReadonlyMap<string, ReferenceArray>, name: string): ReferenceArray {
  const array = set.get(name);
  if (array !== undefined) return array;
  throw new MeaError('missing', {
    what: 'No such reference array',
    got: name,
    wanted: Array.from(set.keys()).join(', '),
  });
}

function toArray(bytes: Uint8Array, { dtype, shape, offset, bytes: length }: ArrayEntry): ReferenceArray {
  // a copy: offsets need not be multiples of the item size
  const { buffer } = new Uint8Array(bytes.subarray(offset, offset + length));
  switch (dtype) {
    case '<f8':
      return { shape, data: new Float64Array(buffer) };
    case '<f4':
      return { shape, data: new Float32Array(buffer) };
    case '<i4':
      return { shape, data: new Int32Array(buffer) };
    case '|u1':
      return { shape, data: new Uint8Array(buffer) };
  }
}

function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
