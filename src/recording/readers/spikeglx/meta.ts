import { MeaError } from '../../../../protocols/errors.js';
import { readSmallText } from '../read-json.js';

/** A `.meta` file. */
export interface SpikeGlxMeta {
  readonly path: string;
  /** Its lines `key=value`; keys of tables without their `~`. */
  readonly values: ReadonlyMap<string, string>;
}

const MAX_LINES = 100_000;

/**
 * Reads a SpikeGLX `.meta` file.
 *
 * @throws MeaError `missing` without such a file; `bad-format` when it is no such file
 */
export async function readMeta(path: string): Promise<SpikeGlxMeta> {
  const lines = (await readSmallText(path)).split(/\r?\n/);
  if (lines.length > MAX_LINES)
    throw new MeaError('bad-format', { what: 'Too many lines', got: String(lines.length), where: path });
  const values = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf('=');
    if (at > 0) values.set(line.slice(0, at).replace(/^~/, ''), line.slice(at + 1).trim());
  }
  return { path, values };
}

/**
 * A number of the file.
 *
 * @throws MeaError `bad-format` when it is missing without a default, or no number
 */
export function metaNumber({ path, values }: SpikeGlxMeta, key: string, otherwise?: number): number {
  const text = values.get(key);
  if (text === undefined && otherwise !== undefined) return otherwise;
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new MeaError('bad-format', { what: `Bad ${key}`, got: text ?? 'nothing', wanted: 'a number', where: path });
}

/** Counts that are written with commas, as `384,0,1`; errors as `metaNumber`. */
export function metaCounts({ path, values }: SpikeGlxMeta, key: string): number[] {
  const counts = (values.get(key) ?? '').split(',').map((text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN));
  if (counts.every((count) => Number.isSafeInteger(count) && count <= 100_000)) return counts;
  throw new MeaError('bad-format', {
    what: `Bad ${key}`,
    got: values.get(key) ?? 'nothing',
    wanted: 'counts',
    where: path,
  });
}

/** Groups in brackets of a table: `(a b)(c d)` gives `['a b', 'c d']`. */
export function metaTable({ values }: SpikeGlxMeta, key: string): string[] {
  return Array.from((values.get(key) ?? '').matchAll(/\(([^()]*)\)/g), ([, entry]) => entry ?? '');
}
