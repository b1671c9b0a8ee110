import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Disk, DiskFile } from '../../src/recording/disk/disk.js';

/** One call that reached a disk. Files are known by numbers, because a name may come to mean another one. */
export type DiskOperation =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'create'; readonly path: string; readonly file: number }
  | { readonly type: 'write'; readonly file: number; readonly bytes: Uint8Array; readonly position: number }
  | { readonly type: 'truncate'; readonly file: number; readonly length: number }
  | { readonly type: 'sync'; readonly file: number }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'remove'; readonly path: string }
  | { readonly type: 'sync-folder'; readonly path: string };

/** What a disk does in place of a call; undefined where it does as it should. */
export type DiskFault = (index: number, operation: DiskOperation) => Error | { readonly taken: number } | undefined;

/** A disk in memory that keeps every call, and may refuse any. */
export interface LoggedDisk extends Disk {
  readonly operations: readonly DiskOperation[];
}

/** @param root paths are told below it */
export function createLoggedDisk(fault: DiskFault = () => undefined): LoggedDisk {
  const operations: DiskOperation[] = [];
  let files = 0;
  const tell = (operation: DiskOperation): number | undefined => {
    const outcome = fault(operations.length, operation);
    if (outcome instanceof Error) throw outcome;
    operations.push(operation);
    return outcome?.taken;
  };
  return {
    operations,
    makeFolder: (path) => {
      tell({ type: 'folder', path });
    },
    create: (path): DiskFile => {
      const file = files;
      tell({ type: 'create', path, file });
      files += 1;
      return {
        path,
        write: (bytes, position) => {
          const copy = Uint8Array.from(bytes);
          const at = operations.length;
          const taken = tell({ type: 'write', file, bytes: copy, position });
          if (taken === undefined) return bytes.length;
          operations[at] = { type: 'write', file, bytes: copy.slice(0, taken), position };
          return taken;
        },
        truncate: (length) => {
          tell({ type: 'truncate', file, length });
        },
        sync: () => {
          tell({ type: 'sync', file });
        },
        close: () => undefined,
      };
    },
    rename: (from, to) => {
      tell({ type: 'rename', from, to });
    },
    remove: (path) => {
      tell({ type: 'remove', path });
    },
    syncFolder: (path) => {
      tell({ type: 'sync-folder', path });
    },
    freeBytes: () => 2 ** 40,
  };
}

/** Makes what a disk holds after some calls, below a folder that is not there yet. */
export function materialise(operations: readonly DiskOperation[], root: string, target: string): void {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const open = new Map<number, number>();
  const place = (path: string): string => join(target, path.slice(root.length));
  try {
    for (const operation of operations) {
      switch (operation.type) {
        case 'folder':
          mkdirSync(place(operation.path), { recursive: true });
          break;
        case 'create':
          mkdirSync(dirname(place(operation.path)), { recursive: true });
          open.set(operation.file, openSync(place(operation.path), 'w'));
          break;
        case 'write': {
          const fd = open.get(operation.file);
          if (fd !== undefined) writeSync(fd, operation.bytes, 0, operation.bytes.length, operation.position);
          break;
        }
        case 'truncate': {
          const fd = open.get(operation.file);
          if (fd !== undefined) ftruncateSync(fd, operation.length);
          break;
        }
        case 'rename':
          if (existsSync(place(operation.from))) renameSync(place(operation.from), place(operation.to));
          break;
        case 'remove':
          rmSync(place(operation.path), { force: true });
          break;
        case 'sync':
        case 'sync-folder':
          break;
      }
    }
  } finally {
    for (const fd of open.values()) closeSync(fd);
  }
}

/**
 * What is left of some calls when the power fails after the last of them: all that was forced to the medium, and of the rest
 * some, in any order, or a part of one write. Names that were not forced may be missing.
 *
 * @param random in [0, 1)
 */
export function losePower(operations: readonly DiskOperation[], random: () => number): readonly DiskOperation[] {
  const syncedUpTo = new Map<number, number>();
  const folderSynced = new Map<string, number>();
  operations.forEach((operation, i) => {
    if (operation.type === 'sync') syncedUpTo.set(operation.file, i);
    if (operation.type === 'sync-folder') folderSynced.set(operation.path, i);
  });
  const isNamed = (path: string, i: number): boolean => (folderSynced.get(dirname(path)) ?? -1) > i;
  const kept: DiskOperation[] = [];
  const loose: { readonly at: number; readonly operation: DiskOperation }[] = [];
  operations.forEach((operation, i) => {
    switch (operation.type) {
      case 'create':
        // A file whose data were forced has its name: on common file systems the one takes the other along.
        if (isNamed(operation.path, i) || syncedUpTo.has(operation.file) || random() < 0.5) kept.push(operation);
        break;
      case 'rename':
        if (isNamed(operation.to, i) || random() < 0.5) kept.push(operation);
        break;
      case 'write':
      case 'truncate':
        if ((syncedUpTo.get(operation.file) ?? -1) > i) kept.push(operation);
        else if (random() < 0.5) loose.push({ at: random(), operation: tear(operation, random) });
        break;
      case 'folder':
      case 'remove':
      case 'sync':
      case 'sync-folder':
        kept.push(operation);
    }
  });
  const reordered = loose.toSorted((a, b) => a.at - b.at).map(({ operation }) => operation);
  // What was not forced comes to the medium whenever it likes: here after all that was, in any order. Renames last, so that
  // files are known by the names that they were written under.
  const renames = kept.filter(({ type }) => type === 'rename');
  const removes = kept.filter(({ type }) => type === 'remove');
  const others = kept.filter(({ type }) => type !== 'rename' && type !== 'remove');
  return [...others, ...reordered, ...renames, ...removes];
}

function tear(operation: DiskOperation, random: () => number): DiskOperation {
  if (operation.type !== 'write' || random() < 0.7) return operation;
  return { ...operation, bytes: operation.bytes.slice(0, Math.floor(random() * operation.bytes.length)) };
}
