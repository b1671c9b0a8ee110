import { describe, expect, it } from 'vitest';
import {
  countElectrodes,
  describeArray,
  electrodeNames,
  electrodePlaces,
  electrodePositionsUm,
  leastDistance,
  withRoomFor,
} from './array-geometry.js';

describe('a grid', () => {
  const grid = { rows: 2, columns: 3 };

  it('has its electrodes row by row, and positions once its pitch is known', () => {
    expect(countElectrodes(grid)).toBe(6);
    expect(electrodePlaces(grid)[4]).toEqual({ x: 1, y: 1 });
    expect(electrodePositionsUm(grid)).toBeUndefined();
    expect(electrodePositionsUm({ ...grid, pitchUm: 150 })?.at(-1)).toEqual({ x: 300, y: 150 });
    expect(electrodeNames(grid)).toBeUndefined();
    expect(describeArray(grid)).toBe('2 x 3 electrodes');
  });

  it('goes on row by row where a recording has more channels', () => {
    expect(withRoomFor(grid, 6)).toEqual(grid);
    expect(withRoomFor(grid, 7)).toEqual({ rows: 3, columns: 3 });
  });
});

describe('an array of placed electrodes', () => {
  const placed = {
    positionsUm: [
      [0, 0],
      [35, 0],
      [17.5, 52.5],
    ] as const,
    pitchUm: 17.5,
    names: ['a', 'b', 'c'],
  };

  it('has places in distances between neighbours, and its own names', () => {
    expect(countElectrodes(placed)).toBe(3);
    expect(electrodePlaces(placed)).toEqual([
      { x: 0, y: 0 },
      { x: 2, y: 0 },
      { x: 1, y: 3 },
    ]);
    expect(electrodePositionsUm(placed)?.[2]).toEqual({ x: 17.5, y: 52.5 });
    expect(electrodeNames(placed)).toEqual(['a', 'b', 'c']);
    expect(withRoomFor(placed, 9)).toBe(placed);
  });
});

describe('the least distance', () => {
  it('is that of the nearest two, 0 for two at one place, Infinity for one alone', () => {
    const at = (x: number, y: number): { x: number; y: number } => ({ x, y });
    expect(leastDistance([at(0, 0), at(10, 0), at(3, 4)])).toBe(5);
    expect(leastDistance([at(1, 2), at(1, 2)])).toBe(0);
    expect(leastDistance([at(1, 2)])).toBe(Infinity);
  });
});
