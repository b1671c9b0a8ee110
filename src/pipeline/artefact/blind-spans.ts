import type { BlindSpans } from '../spike-batch.js';

/** A mask over consecutive samples. */
export interface BlindMask {
  /** (frames, paddedChannels) row by row, 0 or 1; begins at a multiple of 4 bytes in its buffer. */
  readonly mask: Uint8Array;
  /** Sample of the first row. */
  readonly from: number;
  readonly channels: number;
  /** A multiple of 4. */
  readonly paddedChannels: number;
}

/** The mask as stretches, by rising electrode and sample; a stretch ends with the mask, also where it goes on after it. */
export function toBlindSpans({ mask, from, channels, paddedChannels }: BlindMask): BlindSpans {
  const [electrodes, starts, ends]: [number[], number[], number[]] = [[], [], []];
  const frames = mask.length / paddedChannels;
  for (const word of findBlindWords(mask, paddedChannels)) {
    for (let channel = 4 * word; channel < Math.min(4 * word + 4, channels); channel++) {
      let isBlind = 0;
      for (let frame = 0; frame <= frames; frame++) {
        const now = frame === frames ? 0 : mask[frame * paddedChannels + channel]!;
        if (now === isBlind) continue;
        isBlind = now;
        if (now === 0) ends.push(from + frame);
        else {
          electrodes.push(channel);
          starts.push(from + frame);
        }
      }
    }
  }
  return { electrodes: Uint16Array.from(electrodes), from: Float64Array.from(starts), to: Float64Array.from(ends) };
}

/** Which fours of channels are blind anywhere: most of the time, none. */
function findBlindWords(mask: Uint8Array, paddedChannels: number): number[] {
  const words = new Uint32Array(mask.buffer, mask.byteOffset, mask.length / 4);
  const perRow = paddedChannels / 4;
  const seen = new Uint32Array(perRow);
  for (let row = 0; row < words.length; row += perRow) {
    for (let word = 0; word < perRow; word++) seen[word]! |= words[row + word]!;
  }
  return Array.from(seen.keys()).filter((word) => seen[word] !== 0);
}
