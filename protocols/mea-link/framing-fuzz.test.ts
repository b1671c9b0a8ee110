import { describe, expect, it } from 'vitest';
import { exampleDeviceMessages, exampleHostMessages } from '../../tests/helpers/mea-link-messages.js';
import { createMutator, MUTATIONS, xorshift } from '../../tests/helpers/mutate-bytes.js';
import { decodeDeviceMessage, decodeHostMessage, encodeDeviceMessage, encodeHostMessage } from './codec.js';
import { createCobsFraming, createLengthFraming } from './framing.js';
import type { Lane } from './messages.js';

const FRAMES = 1_000_000;
/** Every so many damaged frames three good ones show that the decoder has found its place again. */
const BETWEEN_MARKERS = 40;
const SEED = 0x5eed_2026;
const MAX_FRAME_BYTES = 65_800;

const corpus: readonly Uint8Array[] = [
  ...exampleHostMessages.map(encodeHostMessage),
  ...exampleDeviceMessages.map(encodeDeviceMessage),
];

function decodesToSomething(message: Uint8Array): boolean {
  const host = decodeHostMessage(message);
  const device = decodeDeviceMessage(message);
  return host.type === 'message' || device.type === 'message';
}

/** Bytes after which no frame of the corpus is incomplete. */
const LONGEST = Math.max(...corpus.map(({ length }) => length)) + 16;

describe.each([
  { name: 'COBS', create: createCobsFraming, seed: SEED, flushBytes: 1 },
  { name: 'length', create: createLengthFraming, seed: SEED + 1, flushBytes: LONGEST },
])('$name framing under a million damaged frames', ({ create, seed, flushBytes }) => {
  it('does not crash, keeps its memory bounded, and finds its place again losing at most one good frame', () => {
    const word = xorshift(seed);
    const { encoder, decoder } = create();
    const frames = corpus.map((message, i) => encoder.encode(i % 2 === 0 ? 'control' : 'data', message));
    const mutator = createMutator(frames, word);
    const whole = new Set(corpus.map((message) => message.join()));
    const chunk = new Uint8Array(10_000);
    // Ends a COBS frame, or completes a frame that was cut short and waits for the rest.
    const flush = new Uint8Array(flushBytes);
    const tally = {
      markers: 0,
      lost: 0,
      mostLost: 0,
      delivered: 0,
      strangers: 0,
      buffered: 0,
      bad: 0,
      round: 0,
      got: 0,
    };
    const sink = {
      onMessage(_: Lane, message: Uint8Array): void {
        tally.delivered++;
        if (message.length === 5 && message[0] === 0xff) {
          const round = message[1]! | (message[2]! << 8) | (message[3]! << 16);
          if (round === tally.round) tally.got++;
        } else {
          decodesToSomething(message);
          if (!whole.has(message.join())) tally.strangers++;
        }
      },
      onBadFrame({ bytes }: { readonly bytes: number }): void {
        tally.bad += bytes;
      },
    };
    for (let frame = 1; frame <= FRAMES; frame++) {
      decoder.push(chunk.subarray(0, mutator.next(chunk)), sink);
      tally.buffered = Math.max(tally.buffered, decoder.bufferedBytes);
      if (frame % BETWEEN_MARKERS !== 0) continue;
      tally.round = frame / BETWEEN_MARKERS;
      tally.got = 0;
      for (let i = 0; i < 3; i++) {
        decoder.push(
          encoder.encode('control', Uint8Array.of(0xff, tally.round, tally.round >> 8, tally.round >> 16, i)),
          sink,
        );
        tally.markers++;
      }
      decoder.push(flush, sink);
      tally.lost += 3 - tally.got;
      tally.mostLost = Math.max(tally.mostLost, 3 - tally.got);
    }
    for (const way of MUTATIONS) expect(mutator.counts[way]).toBeGreaterThan(FRAMES / 6);
    expect(tally.markers).toBe((3 * FRAMES) / BETWEEN_MARKERS);
    expect(tally.mostLost).toBeLessThanOrEqual(1);
    expect(tally.buffered).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    // Damage that a 32-bit CRC cannot see: 1 in 4e9.
    expect(tally.strangers).toBe(0);
    expect(tally.bad).toBeGreaterThan(50 * FRAMES);
  });
});
