import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../../protocols/random.js';
import { toBlindSpans } from './blind-spans.js';

/** Rows of 0 and 1, as text. */
function maskOf(rows: readonly string[], paddedChannels: number): Uint8Array {
  return Uint8Array.from(rows.flatMap((row) => Array.from(row.padEnd(paddedChannels, '1'), Number)));
}

describe('blind spans', () => {
  it('are by rising electrode and sample, and end with the mask', () => {
    const mask = maskOf(['10000', '11001', '00001', '10000', '10001'], 8);
    expect(toBlindSpans({ mask, from: 1000, channels: 5, paddedChannels: 8 })).toEqual({
      electrodes: Uint16Array.of(0, 0, 1, 4, 4),
      from: Float64Array.of(1000, 1003, 1001, 1001, 1004),
      to: Float64Array.of(1002, 1005, 1002, 1003, 1005),
    });
  });

  it('are none where nothing is blind', () => {
    const spans = toBlindSpans({ mask: new Uint8Array(16 * 10), from: 5, channels: 16, paddedChannels: 16 });
    expect([spans.electrodes.length, spans.from.length, spans.to.length]).toEqual([0, 0, 0]);
  });

  it('hold just the samples of the mask that are 1', () => {
    const random = openRandomStream(2, 'mask');
    const mask = Uint8Array.from({ length: 16 * 300 }, () => (random.integer(3) === 0 ? 1 : 0));
    const spans = toBlindSpans({ mask, from: 0, channels: 13, paddedChannels: 16 });
    const again = new Uint8Array(mask.length);
    spans.electrodes.forEach((electrode, k) => {
      for (let n = spans.from[k]!; n < spans.to[k]!; n++) again[n * 16 + electrode]! += 1;
    });
    expect(again).toEqual(mask.map((value, i) => (i % 16 < 13 ? value : 0)));
  });
});
