import { describe, expect, it } from 'vitest';
import { DataRing } from './data-ring.js';

const LIMITS = { messages: 8, bytes: 1e9, keepTicks: 1e9 };

/** Adds a message whose bytes are all `value`. */
function add(ring: DataRing, length: number, value: number): void {
  ring.add(ring.takePlace(length).fill(value), value);
}

describe('DataRing', () => {
  it('keeps every message it says it keeps, in places that it uses again', () => {
    const ring = new DataRing(LIMITS);
    const places = new Set<ArrayBufferLike>();
    for (let k = 0; k < 100; k++) {
      // Lengths of blocks differ by a byte or two; short messages come between.
      add(ring, k % 5 === 4 ? 12 : 2000 + (k % 3), k);
      for (let index = ring.oldest; index < ring.next; index++) {
        const message = ring.borrow(index)!;
        expect([...new Set(message)]).toEqual([index]);
        if (message.length > 100) places.add(message.buffer);
      }
    }
    expect(ring.next - ring.oldest).toBe(8);
    expect(places.size).toBeLessThanOrEqual(12);
  });

  it('takes messages of another length after those of one', () => {
    const ring = new DataRing(LIMITS);
    for (let k = 0; k < 20; k++) add(ring, 2000, k);
    for (let k = 20; k < 40; k++) {
      add(ring, 5000, k);
      expect(ring.borrow(k)).toHaveLength(5000);
    }
    expect(ring.borrow(35)![4999]).toBe(35);
  });
});
