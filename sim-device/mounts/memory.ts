import type { AcceptLink, Mount } from '../../protocols/mea-link/link.js';
import type { MemoryHub } from '../../protocols/mea-link/memory-link.js';

/** A device that clients in this process reach, on the same hub. */
export function openMemoryMount(hub: MemoryHub, accept: AcceptLink): Mount {
  return hub.listen(accept);
}
