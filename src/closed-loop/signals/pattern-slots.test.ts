import { describe, expect, it } from 'vitest';
import { PatternSlots } from './pattern-slots.js';

describe('the slots of patterns', () => {
  it('give every pattern a slot of its own, and the same one again', () => {
    const slots = new PatternSlots([0, 2, 5]);
    const kept = slots.fitting(['a', 'b', 'a', 'c', 'd']);
    expect([...kept]).toEqual(['a', 'b', 'c']);
    expect(['a', 'b', 'a', 'c', 'b'].map((pattern) => slots.use(pattern, kept))).toEqual([0, 2, 0, 5, 2]);
  });

  it('give away the one unused for longest, but none that is kept', () => {
    const slots = new PatternSlots([0, 1, 2]);
    for (const pattern of ['a', 'b', 'c', 'a']) slots.use(pattern, slots.fitting([pattern]));
    // `b` has waited longest; it is kept, so `c` has to go.
    expect(slots.use('d', slots.fitting(['b', 'd']))).toBe(2);
    expect(slots.use('e', slots.fitting(['e']))).toBe(1);
    expect(slots.use('a', slots.fitting(['a']))).toBe(0);
  });

  it('know a pattern as held from the answer on, until its slot is given away', () => {
    const slots = new PatternSlots([7]);
    slots.use('a', slots.fitting(['a']));
    expect(slots.isLoaded('a')).toBe(false);
    slots.noteLoaded('a');
    expect(slots.isLoaded('a')).toBe(true);
    slots.use('b', slots.fitting(['b']));
    expect([slots.isLoaded('a'), slots.isLoaded('b')]).toEqual([false, false]);
    // Its slot is another's by now.
    slots.noteLoaded('a');
    expect(slots.isLoaded('a')).toBe(false);
  });
});
