/** Cuts bytes of ASCII into lines; one for each direction of a link. */
export interface LineSplitter {
  /** The lines that have ended, without `\n` and without a `\r` before it. */
  push(bytes: Uint8Array): string[];
}

const LINE_FEED = 10;

/**
 * Lines as they end, however the bytes are cut. Bytes beyond ASCII stay what they are, as Latin-1. A line that grows longer
 * than `maxLength` is given in pieces, so that garbage without an end fills nothing.
 */
export function createLineSplitter(maxLength: number): LineSplitter {
  let pending = '';
  return {
    push(bytes) {
      const lines: string[] = [];
      for (const byte of bytes) {
        if (byte === LINE_FEED) {
          lines.push(pending.endsWith('\r') ? pending.slice(0, -1) : pending);
          pending = '';
        } else if (pending.length >= maxLength) {
          lines.push(pending);
          pending = String.fromCharCode(byte);
        } else {
          pending += String.fromCharCode(byte);
        }
      }
      return lines;
    },
  };
}

/** (n) The bytes of a line of ASCII, as they are. */
export function toAsciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 255);
}
