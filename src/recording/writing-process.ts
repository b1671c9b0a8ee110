import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { sep } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import type { RunFolder } from './run-folder.js';
import { writerOf } from './run-lock.js';

/**
 * The process that writes a recording at present: it holds the lock of the folder, and has a file of the folder open. A number in
 * a lock that a crash left may be that of another process by now, which nobody may signal.
 *
 * @returns undefined where no process holds the lock
 * @throws MeaError `refused` for a holder that has no file of the folder open, or where this system or that process does not say
 */
export function findWritingProcess({ path, lock }: RunFolder): number | undefined {
  const pid = writerOf(lock);
  if (pid === undefined) return undefined;
  const why = whyNotWriting(pid, realpathSync(path));
  if (why === undefined) return pid;
  throw new MeaError('refused', {
    what: 'The process that holds the lock of the recording is not known to write it, and is left alone',
    got: `process ${pid}: ${why}`,
    wanted: 'a process with a file of the recording open',
    where: lock,
    remedy: 'see which process that is; if it is the run, end it by its terminal or by kill -INT',
  });
}

function whyNotWriting(pid: number, folder: string): string | undefined {
  const open = `/proc/${pid}/fd`;
  if (!existsSync('/proc/self/fd')) return 'this system does not say what it has open';
  try {
    const links = readdirSync(open).map((name) => linkOf(`${open}/${name}`));
    return links.some((target) => target?.startsWith(folder + sep)) ? undefined : 'none of its open files is there';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Undefined for a file that was closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
