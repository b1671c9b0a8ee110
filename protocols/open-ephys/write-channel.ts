const LEAST = -32_768;
const MOST = 32_767;

/** Where the samples of a channel go. */
export interface ChannelTarget {
  /** (frames, channels) frame-major */
  readonly block: Int16Array;
  readonly channels: number;
  readonly channel: number;
  readonly gainUvPerBit: number;
}

/**
 * Rounds float32 samples to a channel of a block; those beyond int16 are clipped, and NaN becomes 0.
 *
 * @param samples (frames) float32, little-endian
 * @returns how many were clipped, or no numbers
 */
export function writeChannel(samples: Uint8Array, { block, channels, channel, gainUvPerBit }: ChannelTarget): number {
  const values = borrowFloats(samples);
  const bitsPerUv = 1 / gainUvPerBit;
  let clipped = 0;
  let at = channel;
  for (const value of values) {
    const bits = Math.round(value * bitsPerUv);
    if (bits >= LEAST && bits <= MOST) {
      block[at] = bits;
    } else {
      clipped += 1;
      block[at] = bits > 0 ? MOST : bits < 0 ? LEAST : 0;
    }
    at += channels;
  }
  return clipped;
}

/** A view of bytes where they lie right for one, else a copy. The machines that this runs on are little-endian. */
function borrowFloats(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
