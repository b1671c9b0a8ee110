/** Longest run of bytes that one code byte announces. */
const MAX_RUN = 254;

/** Most bytes that `length` bytes become. */
export function maxCobsLength(length: number): number {
  return length + 1 + Math.floor(length / MAX_RUN);
}

/**
 * Consistent Overhead Byte Stuffing (Cheshire & Baker 1999): the same bytes without a single 0.
 *
 * @param out has room for `maxCobsLength(bytes.length)` bytes
 * @returns how many bytes were written
 */
export function encodeCobs(bytes: Uint8Array, out: Uint8Array): number {
  let codeAt = 0;
  let at = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte !== 0) out[at++] = byte;
    if (byte === 0 || (at - codeAt > MAX_RUN && i + 1 < bytes.length)) {
      out[codeAt] = at - codeAt;
      codeAt = at++;
    }
  }
  out[codeAt] = at - codeAt;
  return at;
}

/**
 * Undoes `encodeCobs`.
 *
 * @param encoded without its delimiter
 * @returns a new array, or undefined when a code byte is 0 or points past the end
 */
export function decodeCobs(encoded: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(Math.max(0, encoded.length - 1));
  let length = 0;
  for (let at = 0; at < encoded.length;) {
    const code = encoded[at++]!;
    const end = at + code - 1;
    if (code === 0 || end > encoded.length) return undefined;
    while (at < end) out[length++] = encoded[at++]!;
    if (code <= MAX_RUN && at < encoded.length) out[length++] = 0;
  }
  return out.subarray(0, length);
}
