import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { describeWithSmallDisk } from '../../../tests/helpers/small-disk.js';
import { systemDisk } from './disk.js';
import { Reserve } from './reserve.js';

const root = temporaryFolder('reserve');

describe('room that is held', () => {
  it('is taken in full, and given back once', () => {
    const path = join(root, 'held.bin');
    const reserve = new Reserve(systemDisk(), path, 2 ** 20 + 12_345);
    expect([reserve.isHeld, statSync(path).size]).toEqual([true, 2 ** 20 + 12_345]);
    // Written, not promised: a length alone takes no room.
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(2 ** 20 + 12_345);
    reserve.release();
    expect([reserve.isHeld, existsSync(path)]).toEqual([false, false]);
    writeFileSync(path, 'of another');
    reserve.release();
    expect(existsSync(path)).toBe(true);
  });

  it('is taken where a recorder that was killed left some', () => {
    const path = join(root, 'left.bin');
    writeFileSync(path, 'left');
    const reserve = new Reserve(systemDisk(), path, 4096);
    expect([reserve.isHeld, statSync(path).size]).toEqual([true, 4096]);
    reserve.release();
    expect(existsSync(path)).toBe(false);
  });

  it('of no bytes makes no file', () => {
    const path = join(root, 'none.bin');
    const reserve = new Reserve(systemDisk(), path, 0);
    expect([reserve.isHeld, existsSync(path)]).toEqual([false, false]);
  });
});

describeWithSmallDisk('room on a disk that has too little', 64, (disk) => {
  it('is refused, and nothing is left of it', () => {
    const path = join(disk.path, 'reserve.bin');
    expect(() => new Reserve(systemDisk(), path, 2 ** 17)).toThrow(
      /There is no room for a recording: got no space left on the disk \(.*reserve\.bin\)/,
    );
    expect(existsSync(path)).toBe(false);
  });
});
