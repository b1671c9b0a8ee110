import { expect, it } from 'vitest';
import { createLoggedDisk } from '../../../tests/helpers/disk-log.js';
import { DiskWatch } from './disk-watch.js';

const MB = 2 ** 20;

function watch(freeBytes: () => number): DiskWatch {
  return new DiskWatch({ disk: { ...createLoggedDisk(), freeBytes }, folder: '/' }, 0);
}

it('tells once, five minutes before the disk is full at the rate of writing so far', () => {
  let free = 400 * MB;
  const disk = watch(() => free);
  // 1 MB a second: 400 s are left, then 299.
  expect(disk.look(20_000, 20 * MB)).toBeUndefined();
  free = 299 * MB;
  const low = disk.look(40_000, 40 * MB);
  expect(low?.freeBytes).toBe(free);
  expect(low?.minutesLeft).toBeCloseTo(299 / 60, 9);
  expect(disk.look(60_000, 60 * MB)).toBeUndefined();
});

it('asks no more than every ten seconds, not before there is a rate, and not in vain where nothing is written', () => {
  let asked = 0;
  const disk = watch(() => {
    asked += 1;
    return 1000 * MB;
  });
  for (let second = 0; second <= 60; second++) expect(disk.look(1000 * second, 0)).toBeUndefined();
  expect(asked).toBe(6);
});

it('says nothing where the system does not know', () => {
  const disk = watch(() => {
    throw new Error('no such file system');
  });
  expect(disk.look(30_000, 100 * MB)).toBeUndefined();
});
