import { expect, it } from 'vitest';
import { createLineSplitter, toAsciiBytes } from './text-lines.js';

it.each([1, 2, 7, 13, 100])('gives the same lines in pieces of %d bytes', (size) => {
  const bytes = toAsciiBytes('one\r\ntwo\n\nthree\r\r\nrest');
  const splitter = createLineSplitter(100);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
  expect(lines).toEqual(['one', 'two', '', 'three\r']);
  expect(splitter.push(toAsciiBytes('\n'))).toEqual(['rest']);
});

it('gives garbage without an end in pieces', () => {
  const splitter = createLineSplitter(4);
  expect(splitter.push(toAsciiBytes('abcdefghi'))).toEqual(['abcd', 'efgh']);
  expect(splitter.push(Uint8Array.of(0xff, 10))).toEqual(['i\u00ff']);
});
