import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { describeWithSmallDisk } from '../../tests/helpers/small-disk.js';
import { openStateSlots, readNewestState } from './source-state.js';

const root = temporaryFolder('state');
let counter = 0;
function newPath(): string {
  counter++;
  return join(root, `state-${counter}`);
}

const OLDER = Uint8Array.from({ length: 40 }, (_, i) => i);
const NEWER = Uint8Array.from({ length: 44 }, (_, i) => 255 - i);

/** Two states saved: the older in slot 0, the newer in slot 1. */
function savedTwice(): string {
  const path = newPath();
  const slots = openStateSlots(path);
  slots.save(OLDER, { trials: 7, rests: 1 });
  slots.save(NEWER, { trials: 8, rests: 1 });
  slots.close();
  return path;
}

const plain = (saved: ReturnType<typeof readNewestState>): unknown =>
  saved && { ...saved, state: Array.from(saved.state) };
const AS_OLDER = { trials: 7, rests: 1, state: Array.from(OLDER) };
const AS_NEWER = { trials: 8, rests: 1, state: Array.from(NEWER) };

describe('the slots of a saved state', () => {
  it('lie in the documented bytes', () => {
    const bytes = readFileSync(`${savedTwice()}.0`);
    // magic 'MAST', length 40, trials 7, rests 1, CRC-32 of all but itself (from Python's zlib), the state
    expect(bytes.subarray(0, 4).toString()).toBe('MAST');
    expect([4, 8, 12].map((offset) => bytes.readUInt32LE(offset))).toEqual([40, 7, 1]);
    expect(bytes.readUInt32LE(16)).toBe(0xfcd98720);
    expect(bytes.subarray(20).equals(OLDER)).toBe(true);
  });

  it('take turns, and the newest is read, counted by trials and then by rests', () => {
    const path = newPath();
    const slots = openStateSlots(path);
    expect(readNewestState(path)).toBeUndefined();
    const positions = [
      [2, 0],
      [2, 1],
      [3, 1],
      [3, 2],
    ] as const;
    for (const [trials, rests] of positions) {
      slots.save(Uint8Array.of(trials, rests), { trials, rests });
      expect(plain(readNewestState(path))).toEqual({ trials, rests, state: [trials, rests] });
    }
    slots.close();
    expect([0, 1].map((slot) => readFileSync(`${path}.${slot}`).readUInt32LE(8))).toEqual([3, 3]);
  });

  it('hold a state that is shorter than the one before it', () => {
    const path = savedTwice();
    const slots = openStateSlots(path);
    slots.save(Uint8Array.of(1, 2), { trials: 9, rests: 1 });
    slots.close();
    expect(plain(readNewestState(path))).toEqual({ trials: 9, rests: 1, state: [1, 2] });
  });

  it('are not emptied when they are opened again', () => {
    const path = savedTwice();
    openStateSlots(path).close();
    expect(plain(readNewestState(path))).toEqual(AS_NEWER);
  });

  it.each([0, 1])('of which slot %i has any byte changed leave the other', (slot) => {
    const path = savedTwice();
    const file = `${path}.${slot}`;
    const bytes = readFileSync(file);
    for (let byte = 0; byte < bytes.length; byte++) {
      const damaged = Buffer.from(bytes);
      damaged[byte]! ^= 1 << (byte % 8);
      writeFileSync(file, damaged);
      expect(plain(readNewestState(path)), `byte ${byte}`).toEqual(slot === 0 ? AS_NEWER : AS_OLDER);
    }
  });

  it.each([0, 1])('of which slot %i is cut short anywhere, or gone, leave the other', (slot) => {
    const path = savedTwice();
    const file = `${path}.${slot}`;
    const other = slot === 0 ? AS_NEWER : AS_OLDER;
    for (let length = readFileSync(file).length - 1; length >= 0; length--) {
      truncateSync(file, length);
      expect(plain(readNewestState(path)), `cut to ${length}`).toEqual(other);
    }
    rmSync(file);
    expect(plain(readNewestState(path))).toEqual(other);
  });

  it('that are both damaged are no state', () => {
    const path = savedTwice();
    for (const slot of [0, 1]) truncateSync(`${path}.${slot}`, 30);
    expect(readNewestState(path)).toBeUndefined();
  });

  it('are no state where a folder has their name', () => {
    const path = newPath();
    mkdirSync(`${path}.0`);
    expect(readNewestState(path)).toBeUndefined();
    expect(() => openStateSlots(path)).toThrow(/Cannot open the state file/);
  });
});

describeWithSmallDisk('a state on a disk that is full', 16, (disk) => {
  it('is refused with the name of the file, and the one before it is still there', () => {
    const path = join(disk.path, 'state');
    const slots = openStateSlots(path);
    slots.save(new Uint8Array(4000).fill(1), { trials: 1, rests: 0 });
    let error: unknown;
    try {
      slots.save(new Uint8Array(20_000).fill(2), { trials: 2, rests: 0 });
    } catch (thrown) {
      error = thrown;
    }
    slots.close();
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/no space left on the disk \(.*state\.1\)/);
    const saved = readNewestState(path);
    expect([saved?.trials, saved?.state.length]).toEqual([1, 4000]);
  });
});
