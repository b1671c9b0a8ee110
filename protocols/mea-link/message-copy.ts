/**
 * A copy of a message that ends at an even byte of its memory. Samples end the message of a block, so they can be read
 * where they lie.
 */
export function copyMessage(message: Uint8Array): Uint8Array {
  const odd = message.length % 2;
  const copy = new Uint8Array(new ArrayBuffer(message.length + odd), odd);
  copy.set(message);
  return copy;
}
