import { describe, expect, it } from 'vitest';
import { sampleIndex } from '../../../protocols/units.js';
import { DoubtBook } from './doubt-book.js';

const delivered = (stimulusId: number, limitedElectrodes?: readonly number[]) =>
  ({ type: 'stimulus-delivered', stimulusId, ...(limitedElectrodes && { limitedElectrodes }) }) as const;
const doubted = (stimulusId: number) =>
  ({ type: 'delivery-doubted', stimulusId, sample: sampleIndex(0), missing: [3], unexpected: [9] }) as const;

describe('doubts about deliveries', () => {
  it('are none where the device tells of no limit and the electrodes show what it told', () => {
    const book = new DoubtBook();
    book.note(delivered(1));
    book.note(delivered(2, []));
    expect([book.of(1), book.of(2), book.of(3)]).toEqual([undefined, undefined, undefined]);
  });

  it('join what the device says and what the electrodes show', () => {
    const book = new DoubtBook();
    book.note(delivered(1, [2, 5]));
    expect(book.of(1)).toEqual({ missing: [], unexpected: [], limited: [2, 5] });
    book.note(doubted(1));
    expect(book.of(1)).toEqual({ missing: [3], unexpected: [9], limited: [2, 5] });
    book.note(doubted(2));
    expect(book.of(2)).toEqual({ missing: [3], unexpected: [9] });
    book.clear();
    expect(book.of(1)).toBeUndefined();
  });

  it('of the newest are remembered', () => {
    const book = new DoubtBook(2);
    for (const id of [1, 2, 3]) book.note(doubted(id));
    expect([1, 2, 3].map((id) => book.of(id) === undefined)).toEqual([true, false, false]);
  });
});
