import { MeaError } from '../errors.js';

/** Frames in a block of the waveform stream. */
export const BLOCK_FRAMES = 128;
/** First four bytes of a block, little-endian. */
export const WAVEFORM_MAGIC = 0x2ef07a08;
/** Microvolts per unit of an amplifier word, which stands for 0 uV at 32768. */
export const AMPLIFIER_UV_PER_BIT = 0.195;
/** The word of 0 uV, and of 0 V on the DC amplifier. */
export const AMPLIFIER_ZERO = 32_768;
export const DC_ZERO = 512;

/** What of an amplifier channel can be sent, in the order in which the words stand in a frame. Spikes have no word. */
export const AMPLIFIER_BANDS = ['wide', 'low', 'high', 'dc', 'stim'] as const;
export type AmplifierBand = (typeof AMPLIFIER_BANDS)[number];

/** What was enabled. The stream does not say: whoever reads it has to know. */
export interface EnabledOutputs {
  /** Amplifier channels by native name, in any order. */
  readonly amplifiers: ReadonlyMap<string, ReadonlySet<AmplifierBand>>;
  /** Board analog inputs, from 1. */
  readonly analogIn?: readonly number[];
  /** Any digital input or output: there is one word for all of them. */
  readonly digitalIn?: boolean;
  readonly digitalOut?: boolean;
}

/** One word of a frame. */
export type WaveformWord =
  | { readonly type: 'amplifier'; readonly channel: string; readonly band: AmplifierBand }
  | { readonly type: 'analog-in'; readonly input: number }
  | { readonly type: 'digital-in' }
  | { readonly type: 'digital-out' };

/** Where everything stands in a block. */
export interface WaveformLayout {
  readonly words: readonly WaveformWord[];
  /** A time stamp of 4 bytes, then 2 for each word. */
  readonly frameBytes: number;
  readonly blockBytes: number;
}

/**
 * The layout of blocks that follows from what was enabled: channels in native order, port by port, the bands of each, then
 * the inputs of the board.
 *
 * @throws MeaError `bad-input` where nothing is enabled, because then RHX sends nothing
 */
export function layOutWaveform(enabled: EnabledOutputs): WaveformLayout {
  const words: WaveformWord[] = [];
  for (const channel of [...enabled.amplifiers.keys()].sort()) {
    const bands = enabled.amplifiers.get(channel)!;
    for (const band of AMPLIFIER_BANDS) if (bands.has(band)) words.push({ type: 'amplifier', channel, band });
  }
  for (const input of [...(enabled.analogIn ?? [])].sort((a, b) => a - b)) words.push({ type: 'analog-in', input });
  if (enabled.digitalIn === true) words.push({ type: 'digital-in' });
  if (enabled.digitalOut === true) words.push({ type: 'digital-out' });
  if (words.length === 0) {
    throw new MeaError('bad-input', { what: 'No output of RHX is enabled', remedy: 'enable one channel at least' });
  }
  const frameBytes = 4 + 2 * words.length;
  return { words, frameBytes, blockBytes: 4 + BLOCK_FRAMES * frameBytes };
}

/** The place of a word in each frame; -1 where the layout has it not. */
export function findWord(layout: WaveformLayout, channel: string, band: AmplifierBand): number {
  return layout.words.findIndex((word) => word.type === 'amplifier' && word.channel === channel && word.band === band);
}
