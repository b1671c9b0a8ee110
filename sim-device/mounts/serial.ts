import { SerialPort } from 'serialport';
import { createCobsFraming } from '../../protocols/mea-link/framing.js';
import type { AcceptLink, Mount } from '../../protocols/mea-link/link.js';
import { formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import { waitAtMost } from '../../protocols/mea-link/link-options.js';
import { createSerialLink, toSerialError, type SerialLinkOptions } from '../../protocols/mea-link/serial-link.js';
import type { CancelTimer } from '../../protocols/timers.js';

type SerialLink = ReturnType<typeof createSerialLink>;

/** How long the system may take to open the port. */
const OPEN_MS = 5000;

export type SerialMountOptions = Pick<
  SerialLinkOptions,
  'timers' | 'bufferBytes' | 'flushMs' | 'writeTimeoutMs' | 'filterFrame'
>;

/** Pause before a port that was lost is opened again. */
const REOPEN_MS = 200;

/**
 * Sits at one end of a serial line. A line has no connections: its one link is made at once and stays the same whoever
 * opens the other end. When it ends (unplugged, a reader that stands still, closed by the device), the port is opened
 * again, and there is a new link.
 *
 * @throws MeaError `link` when the port cannot be opened the first time
 */
export async function openSerialMount(
  place: { readonly path: string; readonly baud: number },
  accept: AcceptLink,
  options: SerialMountOptions,
): Promise<Mount> {
  const address = formatLinkAddress({ type: 'serial', ...place });
  let port = await openPort(place, options);
  let link: SerialLink;
  let isClosed = false;
  let cancelReopen: CancelTimer = () => undefined;

  function listen(): void {
    link = createSerialLink(port, { ...options, address, baud: place.baud, framing: createCobsFraming() });
    link.hear(accept(link));
    port.once('close', reopenLater);
  }
  function reopenLater(): void {
    if (!isClosed) cancelReopen = options.timers.after(REOPEN_MS, () => void reopen());
  }
  async function reopen(): Promise<void> {
    try {
      port = await openPort(place, options);
    } catch {
      // Still unplugged, or somebody else has it: the next attempt tells.
      reopenLater();
      return;
    }
    listen();
    if (isClosed) await link.close();
  }

  listen();
  return {
    address,
    close: async () => {
      isClosed = true;
      cancelReopen();
      await link.close();
    },
  };
}

async function openPort(
  { path, baud }: { readonly path: string; readonly baud: number },
  { timers }: SerialMountOptions,
): Promise<SerialPort> {
  const port = new SerialPort({ path, baudRate: baud, autoOpen: false });
  const isOpen = new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error === null) resolve();
      else reject(toSerialError(error, path));
    });
  });
  if (await waitAtMost(timers, OPEN_MS, isOpen)) return port;
  throw toSerialError(`no answer from the port in ${OPEN_MS} ms`, path);
}
