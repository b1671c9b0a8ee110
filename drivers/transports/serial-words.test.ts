import { expect, test } from 'vitest';
import { createMessageSplitter, frameMessage } from './serial-words.js';

test('a message has its length before it, in four bytes, the lowest first', () => {
  expect([...frameMessage(Uint8Array.of(7, 8, 9))]).toEqual([3, 0, 0, 0, 7, 8, 9]);
});

test.each([1, 2, 3, 5, 1000])('messages come out whole and in order, in pieces of %i bytes', (piece) => {
  const messages = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(300).fill(7), Uint8Array.of(9)];
  const line = Uint8Array.from(messages.flatMap((message) => [...frameMessage(message)]));
  const got: Uint8Array[] = [];
  const splitter = createMessageSplitter((message) => got.push(message));
  for (let at = 0; at < line.length; at += piece) splitter.push(line.slice(at, at + piece));
  expect(got).toEqual(messages);
});
