import { SerialPort } from 'serialport';
import { createCobsFraming } from '../../protocols/mea-link/framing.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import { abortReason } from '../../protocols/mea-link/link-options.js';
import { createSerialLink, toSerialError, type SerialLinkOptions } from '../../protocols/mea-link/serial-link.js';

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
      signal.throwIfAborted();
      const port = new SerialPort({ path, baudRate: baud, autoOpen: false });
      await openPort(port, signal);
      const link = createSerialLink(port, { ...options, address, baud, framing: createCobsFraming() });
      link.hear(handler);
      return link;
    },
  };
}

function openPort(port: SerialPort, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort);
    port.open((error) => {
      signal.removeEventListener('abort', onAbort);
      if (error !== null) reject(toSerialError(error, port.path));
      // an open that is under way cannot be called back; nobody waits for this port any more
      else if (signal.aborted) port.close();
      else resolve();
    });
  });
}
