import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { readPatternFile } from './pattern-file.js';

const root = temporaryFolder('patterns');

function write(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

const PATTERN = { trials: 2, sources: Uint8Array.of(1, 0, 0, 1), inputs: Uint8Array.of(0, 1, 1, 0, 1, 1, 1, 0) };

describe('a file of patterns', () => {
  it('is read from CSV, with the hash of its bytes', () => {
    const text = 'sources,inputs\r\n10, 0110\r\n01,1110\n\n';
    const { pattern, sha256 } = readPatternFile(write('p.csv', text));
    expect(pattern).toEqual(PATTERN);
    expect(sha256).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('is read from JSON', () => {
    const text = '[{"sources":"10","inputs":"0110"},\n {"sources":"01","inputs":"1110"}]';
    expect(readPatternFile(write('p.json', text)).pattern).toEqual(PATTERN);
  });

  it.each([
    [
      'a.csv',
      'sources,inputs\n10,0110\n01,111\n',
      /Bad inputs of a trial: got "111", expected 4 digits 0 and 1 \(.*a\.csv, line 3\)/,
    ],
    ['b.csv', 'sources,inputs\n10,0110\n\n02,1110\n', /Bad sources of a trial: got "02".*line 4\)/],
    ['c.csv', '10,0110\n', /got "10,0110", expected sources,inputs \(.*line 1\)/],
    ['d.csv', 'sources,inputs\n10,0110,1\n', /got 3 cells.*line 2\)/],
    ['e.csv', 'sources,inputs\n', /got no trial, expected at least one/],
    ['f.csv', 'sources,inputs\n,0110\n', /Bad sources of a trial: got nothing, expected digits 0 and 1.*line 2\)/],
    [
      'a.json',
      '[{"sources":"10","inputs":"0110"},\n\n{"sources":"10","inputs":6}]',
      /Trial 1 is no trial.*a\.json, line 3\)/,
    ],
    [
      'b.json',
      '[\n{"sources":"10","inputs":"0110"},\n{"sources":"1x","inputs":"0110"}]',
      /Bad sources.*"1x".*line 3\)/,
    ],
    ['c.json', '{"sources":"10","inputs":"0110"}', /expected a list of trials/],
    ['d.json', '[{"sources"', /Not valid JSON/],
  ])('says where %s is wrong', (name, text, message) => {
    const path = write(name, text);
    expect(() => readPatternFile(path)).toThrow(message);
    expect(() => readPatternFile(path)).toThrow(expect.toSatisfy((error) => isMeaError(error, 'bad-input')));
  });

  it('that is not there is missing', () => {
    expect(() => readPatternFile(join(root, 'none.csv'))).toThrow(/Cannot read the patterns: got ENOENT/);
  });
});
