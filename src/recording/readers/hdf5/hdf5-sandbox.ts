import { resolve } from 'node:path';
import type { Module } from 'h5wasm/node';

/** Where the C library keeps the texts of its errors. */
const SCRATCH = '/tmp/tmpfile_';
/** EACCES, as WebAssembly numbers it: for the library the other file is one that it may not open. */
const ACCESS_DENIED = 2;

/**
 * Bounds the memory of WebAssembly in this thread: a chunk that inflates to more is then an error of the library. The limits
 * of a thread do not count this memory.
 */
export function limitMemory(bytes: number): void {
  const prototype = WebAssembly.Memory.prototype;
  const grow = Reflect.get(prototype, 'grow');
  prototype.grow = function growWithin(this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength + pages * 65_536 > bytes) throw new RangeError(`more than ${bytes} bytes`);
    return grow.call(this, pages);
  };
}

/**
 * Lets the library open one file and no other: an HDF5 file may name others, by external links, external storage or virtual
 * datasets, wherever they are.
 */
export function allowOnly({ FS: files }: typeof Module, path: string): void {
  const allowed = resolve(path);
  const open = files.open.bind(files);
  files.open = (name, flags, ...rest) => {
    if (!name.startsWith(SCRATCH) && resolve(name) !== allowed) throw accessDenied();
    return open(name, flags, ...rest);
  };
}

/** The shape of error that the library's system calls turn into a number. */
function accessDenied(): Error {
  return Object.assign(new Error('another file'), { name: 'ErrnoError', errno: ACCESS_DENIED });
}
