import { isMainThread } from 'node:worker_threads';
import { createCobsFraming } from '../../protocols/mea-link/framing.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import { createSerialLink, type SerialLinkOptions, type SerialPortLike } from '../../protocols/mea-link/serial-link.js';
import type { Timers } from '../../protocols/timers.js';
import { openPortInProcess, PortInProcess } from './serial-in-process.js';
import { abandonPortHere, openPortHere } from './serial-port-here.js';

export type SerialTransportOptions = Pick<SerialLinkOptions, 'timers' | 'bufferBytes' | 'flushMs' | 'writeTimeoutMs'>;

/** A device at the other end of a serial line, which this program alone may open. */
export function createSerialTransport(
  { path, baud }: { path: string; baud: number },
  options: SerialTransportOptions,
): Transport {
  const address = formatLinkAddress({ type: 'serial', path, baud });
  return {
    address,
    connect: async (handler, signal) => {
      const port = await openSerialPort({ path, baud }, { timers: options.timers, signal });
      const link = createSerialLink(port, { ...options, address, baud, framing: createCobsFraming() });
      link.hear(handler);
      return link;
    },
  };
}

/**
 * Opens a port for this program alone; one that is still locked from before is waited for a moment. In a thread beside the main
 * one it is kept by a process of its own.
 *
 * @throws MeaError `link` with a remedy: absent, taken, not allowed; the signal's reason
 */
export function openSerialPort(
  place: { readonly path: string; readonly baud: number },
  options: { readonly timers: Timers; readonly signal: AbortSignal },
): Promise<SerialPortLike> {
  return isMainThread ? openPortHere(place, options) : openPortInProcess(place, options);
}

/** Lets go of a port at once, and of all that was given to it and has not left yet, as far as the system can be told so. */
export function abandonSerialPort(port: SerialPortLike): void {
  if (port instanceof PortInProcess) port.abandon();
  else abandonPortHere(port);
}
