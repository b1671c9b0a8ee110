import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/** A file that a recording is written into. Every call throws what the system says. */
export interface DiskFile {
  readonly path: string;
  /** Writes bytes at a position, or a part of them. @returns how many */
  write(bytes: Uint8Array, position: number): number;
  truncate(bytes: number): void;
  /** Forces what was written to the medium. */
  sync(): void;
  close(): void;
}

/** What a recording needs of a file system: so little that a test can stand in for it and fail at any call. */
export interface Disk {
  /** One folder, which must not be there. */
  makeFolder(path: string): void;
  /** A new file, which must not be there. */
  create(path: string): DiskFile;
  /** Replaces a file, or makes it. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Makes names in a folder durable. */
  syncFolder(path: string): void;
  /** Bytes that may still be written below a path. */
  freeBytes(path: string): number;
}

/** The system's file system. */
export function systemDisk(): Disk {
  return {
    makeFolder: (path) => {
      mkdirSync(path);
    },
    create: (path) => toDiskFile(path, openSync(path, 'wx+')),
    rename: renameSync,
    remove: unlinkSync,
    syncFolder: (path) => {
      const fd = openSync(path, 'r');
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    },
    freeBytes: (path) => {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    },
  };
}

function toDiskFile(path: string, fd: number): DiskFile {
  return {
    path,
    write: (bytes, position) => writeSync(fd, bytes, 0, bytes.length, position),
    truncate: (bytes) => {
      ftruncateSync(fd, bytes);
    },
    sync: () => {
      fdatasyncSync(fd);
    },
    close: () => {
      closeSync(fd);
    },
  };
}
