import { describe, expect, it } from 'vitest';
import { categoryOf } from './response-categories.js';

describe('categoryOf', () => {
  it('gives every state of two sources a kind of its own', () => {
    expect([0b00, 0b01, 0b10, 0b11].map((state) => categoryOf(state, 0, 2))).toEqual([
      'none',
      'other',
      'own',
      'ownAndOthers',
    ]);
    expect([0b00, 0b01, 0b10, 0b11].map((state) => categoryOf(state, 1, 2))).toEqual([
      'none',
      'own',
      'other',
      'ownAndOthers',
    ]);
  });

  it('tells one other source from several', () => {
    const kinds = Array.from({ length: 8 }, (_, state) => categoryOf(state, 1, 3));
    expect(kinds).toEqual(['none', 'other', 'own', 'ownAndOthers', 'other', 'others', 'ownAndOthers', 'ownAndOthers']);
  });
});
