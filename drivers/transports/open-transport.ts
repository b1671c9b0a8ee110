import { MeaError } from '../../protocols/errors.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { parseLinkAddress } from '../../protocols/mea-link/link-address.js';
import type { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { createMemoryTransport } from './memory.js';
import { createSerialTransport, type SerialTransportOptions } from './serial.js';
import { createTcpTransport } from './tcp.js';
import { createZmqTransport, type ZmqTransportOptions } from './zmq.js';

export interface OpenTransportOptions extends ZmqTransportOptions, SerialTransportOptions {
  /** Where the device of `memory:` listens. */
  readonly memoryHub?: MemoryHub;
}

/**
 * Chooses how to reach a device by its address; nothing is opened yet.
 *
 * @throws MeaError `usage` when the address is none
 */
export function openTransport(address: string, options: OpenTransportOptions): Transport {
  const place = parseLinkAddress(address);
  if ('port' in place && place.port === 0) {
    throw new MeaError('usage', { what: 'No port to connect to', got: address, wanted: 'the port that it listens on' });
  }
  switch (place.type) {
    case 'tcp':
      return createTcpTransport(place, options);
    case 'zmq':
      return createZmqTransport(place, options);
    case 'serial':
      return createSerialTransport(place, options);
    case 'memory':
      return createMemoryTransport(requireHub(options.memoryHub));
  }
}

function requireHub(hub: MemoryHub | undefined): MemoryHub {
  if (hub !== undefined) return hub;
  throw new MeaError('usage', {
    what: 'memory: reaches only a device in this process',
    remedy: 'give both sides one MemoryHub (memoryHub), or use tcp://',
  });
}
