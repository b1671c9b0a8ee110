import type { BlockReader, SampleSpan } from '../../protocols/recording/block-reader.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex } from '../../protocols/units.js';
import type { OpenedRecording } from './open-recording.js';

/** What comes of a recording when it is played again: samples, and what was told between them. */
export type ReplayItem =
  ({ readonly type: 'block' } & SampleBlock) | { readonly type: 'event'; readonly event: { readonly type: string } };

/** Frames of a block that is played; what is found does not depend on it. */
const BLOCK_FRAMES = 200;
/** Frames that are read at once. */
const READ_FRAMES = 20_000;

/**
 * Plays a recording with all raw samples: blocks and events in the order in which they were recorded. Samples that were
 * filled in, or that are damaged, are left out, as they were when it was made.
 *
 * @throws MeaError `bad-format` for samples that are not what was recorded
 */
export async function* playRecording(recording: OpenedRecording): AsyncGenerator<ReplayItem, void, undefined> {
  const players = new Map(
    [...recording.index.stretches.values()].map(({ started }) => [
      started.recording,
      { frame: 0, reader: recording.signals.find(({ signal }) => signal.name === `recording${started.recording}`) },
    ]),
  );
  const order = [...players.keys()].sort((a, b) => a - b);
  for await (const { recording: at, atFrame, event } of recording.events()) {
    for (const number of order) {
      if (number > at) break;
      yield* playUpTo(players.get(number)!, number < at ? Infinity : atFrame);
    }
    yield { type: 'event', event };
  }
  for (const number of order) yield* playUpTo(players.get(number)!, Infinity);
}

interface Player {
  frame: number;
  readonly reader: BlockReader | undefined;
}

async function* playUpTo(player: Player, frame: number): AsyncGenerator<ReplayItem, void, undefined> {
  const { reader } = player;
  if (reader === undefined) return;
  const { signal } = reader;
  const end = Math.min(frame, signal.frames);
  while (player.frame < end) {
    const first = player.frame;
    const count = Math.min(READ_FRAMES, end - first);
    const block = await reader.readBlock(first, count);
    player.frame = first + count;
    yield* cut(block.samples, { first, count, channels: block.channels, reader });
  }
}

interface Piece {
  readonly first: number;
  readonly count: number;
  readonly channels: number;
  readonly reader: BlockReader;
}

function* cut(samples: Int16Array | Int32Array, { first, count, channels, reader }: Piece): Generator<ReplayItem> {
  const { firstSample, blind } = reader.signal;
  let span = findSpan(blind, firstSample + first);
  for (let at = 0; at < count;) {
    const sample = firstSample + first + at;
    // Of the spans, which rise, those before it are over.
    while (span < blind.length && blind[span]!.to <= sample) span += 1;
    const next = blind[span];
    if (next !== undefined && next.from <= sample) {
      at += Math.min(next.to - sample, count - at);
      continue;
    }
    const frames = Math.min(BLOCK_FRAMES, count - at, (next?.from ?? Infinity) - sample);
    yield {
      type: 'block',
      firstSample: sampleIndex(sample),
      frames,
      channels,
      samples: Int16Array.from(samples.subarray(at * channels, (at + frames) * channels)),
    };
    at += frames;
  }
}

/** Index of the first span that ends after a sample. */
function findSpan(spans: readonly SampleSpan[], sample: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.to > sample) high = middle;
    else low = middle + 1;
  }
  return low;
}
