import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleDeviceMessages, exampleHostMessages } from '../../tests/helpers/mea-link-messages.js';
import { createMutator, MUTATIONS, xorshift, type MutationCounts } from '../../tests/helpers/mutate-bytes.js';
import { decodeDeviceMessage, decodeHostMessage, encodeDeviceMessage, encodeHostMessage } from './codec.js';
import { decodeZmqFrame, encodeZmqFrame } from './framing.js';

const FRAMES = 1_000_000;
const SEED = 0x5eed_2028;

const corpus: readonly Uint8Array[] = [
  ...exampleHostMessages.map(encodeHostMessage),
  ...exampleDeviceMessages.map(encodeDeviceMessage),
];

// A stack for each of two million errors would be most of the time.
const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

function expectAllWays(counts: MutationCounts, total: number): void {
  for (const way of MUTATIONS) expect(counts[way]).toBeGreaterThan(total / 6);
  expect(MUTATIONS.reduce((sum, way) => sum + counts[way], 0)).toBe(total);
}

describe('the codec under a million damaged messages', () => {
  it('never throws, and calls most of them bad', () => {
    const mutator = createMutator(corpus, xorshift(SEED));
    const out = new Uint8Array(10_000);
    const tally = { host: 0, device: 0, sentences: 0 };
    for (let count = 0; count < FRAMES; count++) {
      const bytes = out.subarray(0, mutator.next(out));
      const results = [decodeHostMessage(bytes), decodeDeviceMessage(bytes)] as const;
      if (results[0].type === 'message') tally.host++;
      if (results[1].type === 'message') tally.device++;
      for (const result of results)
        if (result.type === 'bad' && result.message.startsWith('Bad message: ')) tally.sentences++;
    }
    expectAllWays(mutator.counts, FRAMES);
    expect(tally.host + tally.device + tally.sentences).toBe(2 * FRAMES);
    expect(tally.sentences).toBeGreaterThan(FRAMES);
    // Damage that leaves a message, such as another letter in a text, must be there too, or nothing deep was reached.
    expect(Math.min(tally.host, tally.device)).toBeGreaterThan(FRAMES / 100);
  });

  it('is behind a CRC in ZeroMQ frames, which lets no damaged frame through', () => {
    const frames = corpus.map(encodeZmqFrame);
    const whole = new Set(corpus.map((message) => message.join()));
    const mutator = createMutator(frames, xorshift(SEED + 1));
    const out = new Uint8Array(10_000);
    let strangers = 0;
    for (let count = 0; count < FRAMES / 5; count++) {
      const decoded = decodeZmqFrame(out.subarray(0, mutator.next(out)));
      if (decoded.type === 'message' && !whole.has(decoded.message.join())) strangers++;
    }
    expectAllWays(mutator.counts, FRAMES / 5);
    expect(strangers).toBe(0);
  });
});
