import { describe, expect, it } from 'vitest';
import { sessionTicks } from './session-chart.js';

describe('sessionTicks', () => {
  it('labels every session of few, and round ones of many', () => {
    expect(sessionTicks(3)).toEqual([1, 2, 3]);
    expect(sessionTicks(12)).toEqual([1, 2, 4, 6, 8, 10, 12]);
    expect(sessionTicks(100)).toEqual([1, 20, 40, 60, 80, 100]);
    expect(sessionTicks(200)).toEqual([1, 50, 100, 150, 200]);
  });
});
