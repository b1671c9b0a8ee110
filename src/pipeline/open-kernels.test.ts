import { describe, expect, it } from 'vitest';

import { openKernels } from './open-kernels.js';

describe('the kernels of the pipeline', () => {
  it('give out memory that is aligned, zero and apart, and grow it', () => {
    const kernels = openKernels();
    const first = kernels.allocate(100);
    const second = kernels.allocate(5_000_000);
    const third = kernels.allocate(8);
    expect([first % 64, second % 64, third % 64]).toEqual([0, 0, 0]);
    expect(second).toBeGreaterThanOrEqual(first + 100);
    expect(third).toBeGreaterThanOrEqual(second + 5_000_000);
    expect(kernels.memory.buffer.byteLength).toBeGreaterThan(third + 8);
    expect(new Uint8Array(kernels.memory.buffer, second, 5_000_000).every((byte) => byte === 0)).toBe(true);
  });

  it('are instances with memories of their own', () => {
    const one = openKernels();
    const other = openKernels();
    const offset = one.allocate(4);
    expect(other.allocate(4)).toBe(offset);
    new Int32Array(one.memory.buffer, offset, 1)[0] = 7;
    expect(new Int32Array(other.memory.buffer, offset, 1)[0]).toBe(0);
  });

  it('are asked for by name, and a name that is none is an error', () => {
    expect(() => openKernels().find('no-such-kernel')).toThrow('no-such-kernel');
  });

  it('say so when they do not fit', () => {
    expect(() => openKernels().allocate(2 ** 32 - 100)).toThrow('does not fit');
  });
});
