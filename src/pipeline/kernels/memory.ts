/** Bytes that every stretch of memory begins at a multiple of: whole SIMD registers, whole cache lines. */
const ALIGNMENT: usize = 64;

let top: usize = 0;

/** Reserves memory for the life of the instance, all zero, and grows the memory where it must. 0 when there is none. */
export function allocate(bytes: usize): usize {
  if (top == 0) top = (__heap_base + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  const at = top;
  // Past the end of 32-bit addresses it would begin anew.
  if (bytes > <usize>0xffff0000 - at) return 0;
  const end = (at + bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  const pages = <i32>((end + 0xffff) >>> 16);
  if (pages > memory.size() && memory.grow(pages - memory.size()) < 0) return 0;
  top = end;
  return at;
}
