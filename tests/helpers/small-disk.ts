import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { describeSkipped } from './real-data.js';

/** A disk of its own, so small that it fills up. */
export interface SmallDisk {
  readonly path: string;
  /** Gives it another size, its files kept. */
  resize(kibibytes: number): void;
}

/**
 * A suite that needs a disk that can be full. Mounting one takes the rights of root; without them it becomes one skipped
 * test whose title and a line on stderr say why.
 */
export function describeWithSmallDisk(name: string, kibibytes: number, define: (disk: SmallDisk) => void): void {
  const path = mkdtempSync(join(tmpdir(), 'meactl-disk-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', path], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    rmdirSync(path);
    describeSkipped(name, `no small disk can be mounted: ${status ?? 'no such command'} ${stderr}`);
    return;
  }
  describe(name, () => {
    afterAll(() => {
      mustRun('umount', path);
      rmdirSync(path);
    });
    define({
      path,
      resize: (size) => {
        mustRun('mount', '-o', `remount,size=${size}k`, path);
      },
    });
  });
}

function mustRun(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
