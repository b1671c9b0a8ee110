import { SerialPort } from 'serialport';
import { toSerialError } from '../../protocols/mea-link/serial-link.js';
import { paceDevice } from '../pace.js';
import type { SerialFacade } from './serial-facade.js';

/** A facade that sits at the end of a serial line. */
export interface ServedFacade {
  close(): Promise<void>;
}

/**
 * Lets a facade speak over a serial port, one end of a pair of pseudo-terminals, its time going with the wall's.
 *
 * @throws MeaError `link` when the port cannot be opened
 */
export async function serveFacade(facade: SerialFacade, path: string): Promise<ServedFacade> {
  const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error === null) resolve();
      else reject(toSerialError(error, path));
    });
  });
  port.on('data', (bytes: Uint8Array) => {
    facade.receive(bytes);
  });
  // a cable that was pulled; whoever serves closes
  port.on('error', () => undefined);
  facade.onBytes((bytes) => {
    port.write(bytes);
  });
  const ended = new AbortController();
  const paced = paceDevice(facade, { driftPpm: 0, signal: ended.signal });
  return {
    close: async () => {
      ended.abort();
      await paced;
      if (!port.isOpen) return;
      await new Promise<void>((resolve) => {
        port.close(() => {
          resolve();
        });
      });
    },
  };
}
