import { MeaError } from '../errors.js';
import { KERNEL_BASE64 } from './generated/crc32c_kernel.js';

const kernel = openKernel();

/** As `advanceRegister`, by WebAssembly: for many bytes. */
export function advanceOverMany(register: number, bytes: Uint8Array): number {
  const { space, advance } = kernel;
  let r = register;
  for (let at = 0; at < bytes.length; at += space.length) {
    const part = bytes.length <= space.length ? bytes : bytes.subarray(at, at + space.length);
    space.set(part);
    r = advance(r, part.length);
  }
  return r;
}

function openKernel(): {
  readonly space: Uint8Array;
  readonly advance: (register: number, length: number) => number;
} {
  const code = Uint8Array.from(atob(KERNEL_BASE64), (character) => character.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) throw missingExport('memory');
  const address = kernelOf(exports, 'bytesAddress')();
  const space = new Uint8Array(memory.buffer, address, kernelOf(exports, 'maxBytes')());
  return { space, advance: kernelOf(exports, 'advanceRegister') };
}

type Kernel = (...args: readonly number[]) => number;

function kernelOf(exports: WebAssembly.Exports, name: string): Kernel {
  const value: unknown = exports[name];
  if (!isKernel(value)) throw missingExport(name);
  return value;
}

function isKernel(value: unknown): value is Kernel {
  return typeof value === 'function';
}

function missingExport(name: string): MeaError {
  return new MeaError('internal', {
    what: 'The compiled kernel of CRC-32C lacks an export',
    wanted: name,
    remedy: 'build again: npm run build',
  });
}
