import { z } from 'zod';
import type { WireError } from '../../protocols/wire-error.js';

const wireError: z.ZodType<WireError> = z.custom<WireError>(
  (value) => typeof value === 'object' && value !== null && 'tag' in value && 'details' in value,
);

/** What the process that owns a serial port says beside the bytes of the line; one JSON value a line. */
export const serialWord = z.discriminatedUnion('type', [
  z.object({ type: z.literal('open') }),
  z.object({ type: z.literal('failed'), error: wireError }),
  // The oldest message that was not answered was given to the system, or failed.
  z.object({ type: z.literal('wrote'), message: z.string().nullable() }),
  z.object({ type: z.literal('error'), message: z.string() }),
  z.object({ type: z.literal('closed'), message: z.string().nullable() }),
]);
export type SerialWord = z.infer<typeof serialWord>;

const HEAD_BYTES = 4;

/** A message for the line with its length before it (uint32, little-endian): it stays one write. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(HEAD_BYTES + message.length);
  new DataView(framed.buffer).setUint32(0, message.length, true);
  framed.set(message, HEAD_BYTES);
  return framed;
}

/** Takes framed messages in any pieces, and hands on each that is whole. */
export function createMessageSplitter(onMessage: (message: Uint8Array) => void): { push(bytes: Uint8Array): void } {
  let held = new Uint8Array(0);
  return {
    push(bytes) {
      const all = new Uint8Array(held.length + bytes.length);
      all.set(held);
      all.set(bytes, held.length);
      let at = 0;
      const view = new DataView(all.buffer);
      while (all.length - at >= HEAD_BYTES) {
        const end = at + HEAD_BYTES + view.getUint32(at, true);
        if (end > all.length) break;
        onMessage(all.slice(at + HEAD_BYTES, end));
        at = end;
      }
      held = all.slice(at);
    },
  };
}
