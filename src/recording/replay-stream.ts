import type { RecordedSignal, SampleSpan } from '../../protocols/recording/block-reader.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex } from '../../protocols/units.js';
import type { OpenedRecording } from './open-recording.js';
import type { StretchReader } from './raw/stretch-reader.js';

/** What comes of a recording when it is played again: samples, and what was told between them. */
export type ReplayItem =
  ({ readonly type: 'block' } & SampleBlock) | { readonly type: 'event'; readonly event: { readonly type: string } };

/** Frames of a block that is played; what is found does not depend on it. */
const BLOCK_FRAMES = 2000;

/**
 * Plays a recording with all raw samples: blocks and events in the order in which they were recorded. Samples that were
 * filled in, or that are damaged, are left out, as they were when it was made.
 *
 * @throws MeaError `bad-format` for samples that are not what was recorded
 */
export async function* playRecording(recording: OpenedRecording): AsyncGenerator<ReplayItem, void, undefined> {
  const players = new Map(recording.signals.map((reader) => [reader.signal.name, new Player(reader)]));
  const order = [...recording.index.stretches.keys()].sort((a, b) => a - b);
  const playUpTo = async function* (recordingNumber: number, frame: number): AsyncGenerator<ReplayItem> {
    const player = players.get(`recording${recordingNumber}`);
    if (player === undefined) return;
    for (let piece = await player.next(frame); piece !== undefined; piece = await player.next(frame)) yield* cut(piece);
  };
  for await (const { recording: at, atFrame, event } of recording.events()) {
    for (const number of order) {
      if (number > at) break;
      yield* playUpTo(number, number < at ? Infinity : atFrame);
    }
    yield { type: 'event', event };
  }
  for (const number of order) yield* playUpTo(number, Infinity);
}

/** Consecutive frames of a stretch. */
interface Piece {
  readonly signal: RecordedSignal;
  readonly firstFrame: number;
  readonly frames: number;
  readonly samples: Int16Array;
}

/** The frames of a stretch, once each. What comes next is read while the last ones are looked at. */
class Player {
  readonly #reader: StretchReader;
  #frame = 0;
  #held: Piece | undefined;
  #ahead: Promise<Piece> | undefined;

  constructor(reader: StretchReader) {
    this.#reader = reader;
  }

  /** The next frames that are at hand, none of them from `end` on; undefined when there are none before it. */
  async next(end: number): Promise<Piece | undefined> {
    const { signal } = this.#reader;
    const until = Math.min(end, signal.frames);
    const firstFrame = this.#frame;
    if (firstFrame >= until) return undefined;
    if (this.#held === undefined || firstFrame >= endOf(this.#held)) {
      this.#held = await (this.#ahead ?? this.#read(firstFrame));
      this.#ahead = endOf(this.#held) < signal.frames ? this.#read(endOf(this.#held)) : undefined;
    }
    const { samples, firstFrame: from } = this.#held;
    this.#frame = Math.min(endOf(this.#held), until);
    const channels = signal.channels.length;
    return {
      signal,
      firstFrame,
      frames: this.#frame - firstFrame,
      samples: samples.subarray((firstFrame - from) * channels, (this.#frame - from) * channels),
    };
  }

  #read(firstFrame: number): Promise<Piece> {
    const { signal } = this.#reader;
    const piece = this.#reader.readRun(firstFrame).then((block) => ({ ...block, signal }));
    // Nobody may come for it; who does hears of its error.
    piece.catch(() => undefined);
    return piece;
  }
}

function endOf({ firstFrame, frames }: Piece): number {
  return firstFrame + frames;
}

function* cut({ signal, firstFrame, frames: count, samples }: Piece): Generator<ReplayItem> {
  const { firstSample, blind } = signal;
  const channels = signal.channels.length;
  let span = findSpan(blind, firstSample + firstFrame);
  for (let at = 0; at < count;) {
    const sample = firstSample + firstFrame + at;
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
      samples: samples.subarray(at * channels, (at + frames) * channels),
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
