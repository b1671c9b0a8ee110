import { openSynthesisKernels } from './synthesis-kernels.js';

/** Goes on from `crc` (0 at the start) over `bytes`; the result is the checksum so far, an unsigned 32-bit integer. */
export type UpdateCrc32c = (crc: number, bytes: Uint8Array) => number;

/**
 * Opens CRC-32C (Castagnoli, as in iSCSI, RFC 3720) for bytes outside the kernels' memory, which are copied into it.
 * The checksum of the ASCII string `123456789` is 0xE3069283.
 */
export function openCrc32c(): UpdateCrc32c {
  const kernels = openSynthesisKernels({ channels: 8, lineWaveLength: 1, maxFrames: 4096 });
  const space = new Uint8Array(kernels.samples.buffer, kernels.samples.byteOffset, kernels.samples.byteLength);
  return (crc, bytes) => {
    let sum = crc;
    for (let at = 0; at < bytes.length; at += space.length) {
      const part = bytes.subarray(at, at + space.length);
      space.set(part);
      sum = kernels.updateCrc32c(sum, part.length);
    }
    return sum;
  };
}
