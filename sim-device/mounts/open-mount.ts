import { MeaError } from '../../protocols/errors.js';
import type { AcceptLink, Mount } from '../../protocols/mea-link/link.js';
import { parseLinkAddress } from '../../protocols/mea-link/link-address.js';
import type { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { openMemoryMount } from './memory.js';
import { openSerialMount, type SerialMountOptions } from './serial.js';
import { openTcpMount, type NetworkMountOptions } from './tcp.js';
import { openZmqMount } from './zmq.js';

export interface OpenMountOptions extends NetworkMountOptions, SerialMountOptions {
  /** Where the clients of `memory:` look for the device. */
  readonly memoryHub?: MemoryHub;
}

/**
 * Makes the emulated device reachable at an address; `accept` is called for each link.
 *
 * @throws MeaError `usage` when the address is none, `refused` when other computers could reach it (unless
 *   `allowRemote`), `link` when the port is taken or absent
 */
export async function openMount(address: string, accept: AcceptLink, options: OpenMountOptions): Promise<Mount> {
  const place = parseLinkAddress(address);
  switch (place.type) {
    case 'tcp':
      return openTcpMount(place, accept, options);
    case 'zmq':
      return openZmqMount(place, accept, options);
    case 'serial':
      return openSerialMount(place, accept, options);
    case 'memory':
      return openMemoryMount(requireHub(options.memoryHub), accept);
  }
}

function requireHub(hub: MemoryHub | undefined): MemoryHub {
  if (hub !== undefined) return hub;
  throw new MeaError('usage', {
    what: 'memory: serves only clients in this process',
    remedy: 'give both sides one MemoryHub (memoryHub), or use tcp://',
  });
}
