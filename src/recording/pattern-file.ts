import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MeaError } from '../../protocols/errors.js';
import type { StimulusPattern } from '../../protocols/mixed-sources.js';

/** Patterns as a file holds them. */
export interface StoredPatterns {
  readonly pattern: StimulusPattern;
  /** SHA-256 of the content, in hexadecimal digits. */
  readonly sha256: string;
}

/** Largest pattern file that is read, in bytes: a million trials of 64 inputs have a tenth of it. */
const MAX_PATTERN_BYTES = 1_000_000_000;

/**
 * Reads a file of patterns, one trial after the other: `.csv` with the header `sources,inputs` and a line such as
 * `10,0110` for each trial, or `.json` with a list of objects such as `{"sources":"10","inputs":"0110"}`. One digit for
 * each source and input.
 *
 * @throws MeaError `missing` for a file that cannot be read; `bad-input` with the line for one that holds no patterns
 */
export function readPatternFile(path: string): StoredPatterns {
  const bytes = readBytes(path);
  const text = bytes.toString('utf8');
  const rows = path.endsWith('.json') ? parseJson(text, path) : parseCsv(text, path);
  return { pattern: toPattern(rows, path), sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** One trial, and the line on which it stands, from 1. */
export interface PatternRow {
  readonly line: number;
  readonly sources: string;
  readonly inputs: string;
}

/**
 * Rows of digits as a pattern.
 *
 * @throws MeaError `bad-input` with the line of the first row that is not binary or of another size than the first
 */
export function toPattern(rows: readonly PatternRow[], path: string): StimulusPattern {
  const [first] = rows;
  if (first === undefined) {
    throw new MeaError('bad-input', { what: 'No patterns', got: 'no trial', wanted: 'at least one', where: path });
  }
  const [sourceCount, inputCount] = [first.sources.length, first.inputs.length];
  const sources = new Uint8Array(rows.length * sourceCount);
  const inputs = new Uint8Array(rows.length * inputCount);
  rows.forEach((row, i) => {
    sources.set(
      toBits('sources', row.sources, { count: sourceCount, where: `${path}, line ${row.line}` }),
      i * sourceCount,
    );
    inputs.set(toBits('inputs', row.inputs, { count: inputCount, where: `${path}, line ${row.line}` }), i * inputCount);
  });
  return { trials: rows.length, sources, inputs };
}

function toBits(field: string, digits: string, { count, where }: { readonly count: number; readonly where: string }) {
  if (digits.length === count && /^[01]+$/.test(digits)) return Uint8Array.from(digits, Number);
  const wanted = count === 0 ? 'digits 0 and 1' : `${count} digits 0 and 1`;
  const got = digits === '' ? 'nothing' : JSON.stringify(digits);
  throw new MeaError('bad-input', { what: `Bad ${field} of a trial`, got, wanted, where });
}

const HEADER = 'sources,inputs';

function parseCsv(text: string, path: string): readonly PatternRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines[0]?.trim() !== HEADER) {
    const got = JSON.stringify(lines[0] ?? '');
    throw new MeaError('bad-input', { what: 'Not a file of patterns', got, wanted: HEADER, where: `${path}, line 1` });
  }
  return lines.flatMap((text, i) => {
    if (i === 0 || text.trim() === '') return [];
    const cells = text.split(',').map((cell) => cell.trim());
    const [sources, inputs] = cells;
    if (cells.length === 2 && sources !== undefined && inputs !== undefined) return [{ line: i + 1, sources, inputs }];
    const where = `${path}, line ${i + 1}`;
    const got = `${cells.length} cells`;
    throw new MeaError('bad-input', { what: 'A line that is no trial', got, wanted: '2, such as 10,0110', where });
  });
}

function parseJson(text: string, path: string): readonly PatternRow[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new MeaError('bad-input', { what: 'Not valid JSON', got, where: path }, { cause });
  }
  if (!Array.isArray(list)) {
    throw new MeaError('bad-input', { what: 'Not a file of patterns', wanted: 'a list of trials', where: path });
  }
  const lines = linesOfObjects(text);
  return list.map((entry: unknown, i) => {
    const line = lines[i] ?? 1;
    if (isRow(entry)) return { line, sources: entry.sources, inputs: entry.inputs };
    const got = JSON.stringify(entry).slice(0, 80);
    const wanted = '{"sources":"10","inputs":"0110"}';
    throw new MeaError('bad-input', { what: `Trial ${i} is no trial`, got, wanted, where: `${path}, line ${line}` });
  });
}

function isRow(entry: unknown): entry is { readonly sources: string; readonly inputs: string } {
  if (typeof entry !== 'object' || entry === null || !('sources' in entry && 'inputs' in entry)) return false;
  return typeof entry.sources === 'string' && typeof entry.inputs === 'string';
}

/** Line, from 1, on which each entry of a list of flat objects begins; exact up to the first entry that is none. */
function linesOfObjects(text: string): readonly number[] {
  const lines: number[] = [];
  let line = 1;
  for (const character of text) {
    if (character === '\n') line++;
    else if (character === '{') lines.push(line);
  }
  return lines;
}

function readBytes(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const got = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new MeaError('missing', { what: 'Cannot read the patterns', got, where: path }, { cause });
  }
  if (bytes.length <= MAX_PATTERN_BYTES) return bytes;
  throw new MeaError('bad-input', {
    what: 'The file of patterns is too large',
    got: `${bytes.length} bytes`,
    wanted: `at most ${MAX_PATTERN_BYTES}`,
    where: path,
  });
}
