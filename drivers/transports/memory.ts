import type { Transport } from '../../protocols/mea-link/link.js';
import type { MemoryHub } from '../../protocols/mea-link/memory-link.js';

/** A device in this process, on the same hub. */
export function createMemoryTransport(hub: MemoryHub): Transport {
  return { address: 'memory:', connect: (handler, signal) => hub.connect(handler, signal) };
}
