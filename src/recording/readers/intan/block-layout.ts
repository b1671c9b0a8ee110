import type { IntanHeader } from './header.js';

/** Samples of each channel in one block of a traditional file. */
export const BLOCK_FRAMES = 128;
/** Bytes of one row of 128 samples. */
const ROW_BYTES = BLOCK_FRAMES * 2;

/** Where the parts of a block lie, in bytes from its beginning. */
export interface IntanBlockLayout {
  readonly bytes: number;
  /** (128) int32 counters stand before. */
  readonly amplifier: number;
  /** A row of stimulus words for each amplifier channel. */
  readonly stim: number;
  /** One row of words, a bit for each line; undefined without such lines. */
  readonly digitalIn: number | undefined;
  readonly amplifierChannels: number;
}

/** Block: counters, amplifier, DC where it was saved, stimuli, analog in, analog out, digital in, digital out. */
export function layoutBlock({ channels, isDcSaved }: IntanHeader): IntanBlockLayout {
  const count = (type: string): number => channels.filter((channel) => channel.type === type).length;
  const amplifierChannels = count('amplifier');
  const amplifier = BLOCK_FRAMES * 4;
  const stim = amplifier + amplifierChannels * ROW_BYTES * (isDcSaved ? 2 : 1);
  const digitalIn = stim + (amplifierChannels + count('analog-in') + count('analog-out')) * ROW_BYTES;
  const hasDigitalIn = count('digital-in') > 0;
  const digitalOut = digitalIn + (hasDigitalIn ? ROW_BYTES : 0);
  const bytes = digitalOut + (count('digital-out') > 0 ? ROW_BYTES : 0);
  return { bytes, amplifier, stim, digitalIn: hasDigitalIn ? digitalIn : undefined, amplifierChannels };
}
