import type { SampleBlock } from '../sample-block.js';
import { MAX_ELECTRODE, badField, checkInteger, checkSample, type IntegerRange } from './codec-values.js';
import type { mealink } from './generated/mea_link.js';
import { MAX_MESSAGE_BYTES, type BlockMessage } from './messages.js';

/** Tags of the fields, wire type in the low three bits; the golden bytes of the test hold them against the .proto. */
const TAG = { sequence: 0x0d, block: 0x12, firstSample: 0x08, channels: 0x10, frames: 0x18, samples: 0x22 } as const;
const BYTES_PER_SAMPLE = 2;

const CHANNELS: IntegerRange = { field: 'channels of a block', min: 1, max: MAX_ELECTRODE + 1 };
const FRAMES: IntegerRange = { field: 'frames of a block', min: 1 };

/** Gives so many bytes to write into, whatever is in them. */
export type AllocateBytes = (length: number) => Uint8Array;

/** Samples of a decoded block: in an array of their own, or where they came, when the bytes are given away. */
export type SampleOwnership = 'copied' | 'taken';

/**
 * Encodes a block as the general encoder would, without an object between: this is what a device does 1,000 times a
 * second. The samples are copied.
 *
 * @param allocate gives the bytes to write into; new ones where it is left out
 * @throws MeaError `bad-input` when the samples are not `channels x frames`, or too many for one message
 */
export function encodeBlock(
  { sequence, firstSample, channels, frames, samples }: Omit<BlockMessage, 'type'>,
  allocate: AllocateBytes = allocateNew,
): Uint8Array {
  checkInteger(sequence, { field: 'sequence' });
  checkSample(firstSample, 'first sample');
  checkSize({ channels, frames, bytes: samples.byteLength });
  const sampleBytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const headLength =
    (firstSample === 0 ? 0 : 1 + varintLength(firstSample)) +
    (1 + varintLength(channels)) +
    (1 + varintLength(frames)) +
    (1 + varintLength(sampleBytes.length));
  const blockLength = headLength + sampleBytes.length;
  const sequenceLength = sequence === 0 ? 0 : 5;
  const length = sequenceLength + 1 + varintLength(blockLength) + blockLength;
  if (length > MAX_MESSAGE_BYTES) {
    throw badField('block', `${length} bytes encoded`, `at most ${MAX_MESSAGE_BYTES}`);
  }
  const out = allocate(length);
  let at = 0;
  if (sequence !== 0) {
    out[0] = TAG.sequence;
    for (let i = 0; i < 4; i++) out[1 + i] = sequence >>> (8 * i);
    at = 5;
  }
  at = putField(out, at, [TAG.block, blockLength]);
  if (firstSample !== 0) at = putField(out, at, [TAG.firstSample, firstSample]);
  at = putField(out, at, [TAG.channels, channels]);
  at = putField(out, at, [TAG.frames, frames]);
  at = putField(out, at, [TAG.samples, sampleBytes.length]);
  out.set(sampleBytes, at);
  return out;
}

/**
 * The block of a decoded message. Samples that lie at an odd byte are copied in any case.
 *
 * @throws MeaError `bad-input` when the samples are not `channels x frames`
 */
export function fromWireBlock(raw: mealink.v1.Block.$Properties, ownership: SampleOwnership): SampleBlock {
  const { samples, firstSample } = raw;
  const channels = raw.channels ?? 0;
  const frames = raw.frames ?? 0;
  checkSize({ channels, frames, bytes: samples?.length ?? 0 });
  return {
    firstSample: checkSample(firstSample, 'first sample'),
    frames,
    channels,
    samples: toSamples(samples ?? new Uint8Array(0), ownership),
  };
}

function toSamples(bytes: Uint8Array, ownership: SampleOwnership): Int16Array {
  const inPlace = ownership === 'taken' && bytes.byteOffset % BYTES_PER_SAMPLE === 0;
  const { buffer, byteOffset, byteLength } = inPlace ? bytes : bytes.slice();
  return new Int16Array(buffer, byteOffset, byteLength / BYTES_PER_SAMPLE);
}

function allocateNew(length: number): Uint8Array {
  return new Uint8Array(length);
}

function checkSize({ channels, frames, bytes }: { channels: number; frames: number; bytes: number }): void {
  checkInteger(channels, CHANNELS);
  checkInteger(frames, FRAMES);
  if (bytes !== channels * frames * BYTES_PER_SAMPLE) {
    throw badField(
      'samples of a block',
      `${bytes} bytes`,
      `${channels * frames * BYTES_PER_SAMPLE} for ${channels} channels x ${frames} frames`,
    );
  }
}

function putField(out: Uint8Array, at: number, [tag, value]: readonly [number, number]): number {
  out[at] = tag;
  let rest = value;
  let next = at + 1;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out[next++] = (rest % 128) | 128;
  out[next++] = rest;
  return next;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}
