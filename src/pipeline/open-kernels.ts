import { readFileSync } from 'node:fs';

import { MeaError } from '../../protocols/errors.js';

/** A compiled function: integers and byte offsets in, one out. */
export type Kernel = (...values: readonly number[]) => number;

/** One instance of the pipeline's kernels with a memory of its own. */
export interface KernelInstance {
  readonly memory: WebAssembly.Memory;
  /** Reserves memory, zeroed, for the life of the instance; returns its byte offset. Views made before may be stale. */
  allocate(bytes: number): number;
  /**
   * A kernel by its name; those without a result give undefined.
   *
   * @throws MeaError `internal` when the module has none of that name
   */
  find(name: string): Kernel;
}

/** (module (func (result v128) i32.const 0 i8x16.splat)): valid only where SIMD is. */
const SIMD_PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11],
);

let compiled: WebAssembly.Module | undefined;

/**
 * Makes an instance of the kernels; state lives in its memory, so each pipeline has its own.
 *
 * @throws MeaError `missing` where the engine has no WebAssembly SIMD: there is no slower way round
 */
export function openKernels(): KernelInstance {
  if (!WebAssembly.validate(SIMD_PROBE)) {
    throw new MeaError('missing', {
      what: 'This JavaScript engine has no WebAssembly SIMD, which the signal pipeline needs',
      remedy: 'run it with Node 20.19 or newer on x86-64 or ARM64',
    });
  }
  compiled ??= new WebAssembly.Module(readFileSync(new URL('kernels/build/pipeline.wasm', import.meta.url)));
  const { exports } = new WebAssembly.Instance(compiled, {});
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) throw noExport('memory');
  const find = (name: string): Kernel => {
    const kernel: unknown = exports[name];
    if (!isKernel(kernel)) throw noExport(name);
    return kernel;
  };
  const reserve = find('allocate');
  return {
    memory,
    allocate(bytes) {
      const offset = reserve(bytes);
      if (offset !== 0) return offset;
      throw new MeaError('bad-input', {
        what: 'The signal pipeline does not fit into memory',
        got: `${bytes} bytes more`,
        wanted: 'less than 4 GiB in all',
        remedy: 'use fewer channels or shorter blocks',
      });
    },
    find,
  };
}

function isKernel(value: unknown): value is Kernel {
  return typeof value === 'function';
}

function noExport(name: string): MeaError {
  return new MeaError('internal', { what: 'The compiled kernels lack an export', got: name, remedy: 'build again' });
}
