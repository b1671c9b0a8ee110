import { EventEmitter } from 'node:events';
import { SerialPort } from 'serialport';
import { abortReason } from '../../protocols/mea-link/link-options.js';
import { isPortLocked, toSerialError, type SerialPortLike } from '../../protocols/mea-link/serial-link.js';
import type { Timers } from '../../protocols/timers.js';
import { pause } from '../mea-link/bounded-wait.js';

/**
 * How long a port may still be locked after it was closed, in this program or by the end of another: a read that was under
 * way on another thread holds the lock until it has ended.
 */
const LOCKED_MS = 800;
/** Pause before a locked port is tried again. */
const TRY_AGAIN_MS = 20;
/** How often a port is asked whether it still has a line. */
const LINE_CHECK_MS = 100;
/** What the system says of a line that is gone for good; a port that lacks the question itself says something else. */
const LINE_GONE = /input\/output error|no such device|EIO|ENODEV|ENXIO/iu;

/**
 * Opens a port in this process; one that is still locked from before is waited for a moment. For main threads alone: see
 * `openPortInProcess`.
 *
 * @throws MeaError `link` with a remedy: absent, taken, not allowed; the signal's reason
 */
export async function openPortHere(
  { path, baud }: { readonly path: string; readonly baud: number },
  { timers, signal }: { readonly timers: Timers; readonly signal: AbortSignal },
): Promise<SerialPort> {
  signal.throwIfAborted();
  const port = new SerialPort({ path, baudRate: baud, autoOpen: false });
  await openUnlocked(port, { timers, signal });
  askForAll(port);
  watchLine(port, timers);
  return port;
}

/** Closes a port, and has the system throw away what it has not sent. */
export function abandonPortHere(port: SerialPortLike): void {
  if (!port.isOpen) return;
  const close = (): void => {
    if (port.isOpen) port.close(() => undefined);
  };
  if (port instanceof SerialPort) port.flush(close);
  else close();
}

/**
 * Closes a port whose line was hung up: an adapter that was unplugged. The library hears of it only where it happens to be
 * waiting for bytes; in the midst of a read it takes the end for an empty read, and reads on for ever.
 */
function watchLine(port: SerialPort, timers: Timers): void {
  let cancel = timers.after(LINE_CHECK_MS, check);
  port.once('close', () => {
    cancel();
  });

  function check(): void {
    port.get((error) => {
      if (!port.isOpen) return;
      if (error !== null && LINE_GONE.test(error.message)) {
        port.emit('error', new Error(`its line was hung up (${error.message})`));
        port.close();
      } else {
        cancel = timers.after(LINE_CHECK_MS, check);
      }
    });
  }
}

async function openUnlocked(
  port: SerialPort,
  { timers, signal }: { readonly timers: Timers; readonly signal: AbortSignal },
): Promise<void> {
  const untilMs = timers.nowMs() + LOCKED_MS;
  for (;;) {
    try {
      await openPort(port, signal);
      return;
    } catch (error) {
      if (!isPortLocked(error) || timers.nowMs() >= untilMs) throw error;
    }
    await pause(timers, TRY_AGAIN_MS, signal);
  }
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

/** Where the library asks the system about a port; what is waited for is told by bits. */
interface Poller {
  poll(events?: number): void;
  listenerCount(event: string): number;
}

/** (event) its bit. */
const POLLED = { readable: 1, writable: 2, disconnect: 4 } as const;

/**
 * Asks for all that is waited for. The library asks the system for bytes to read and for room to write at one place, where the
 * newer question replaces the older: with a full line in both directions, both sides could wait for ever.
 */
function askForAll(port: SerialPort): void {
  const poller = pollerOf(port);
  if (poller === undefined) return;
  const poll = poller.poll.bind(poller);
  poller.poll = (events = 0) => {
    let all = events;
    for (const [event, bit] of Object.entries(POLLED)) if (poller.listenerCount(event) > 0) all |= bit;
    poll(all);
  };
}

/** Undefined on a system where the library has none. */
export function pollerOf(port: SerialPort): Poller | undefined {
  const binding: unknown = port.port;
  if (typeof binding !== 'object' || binding === null || !('poller' in binding)) return undefined;
  return isPoller(binding.poller) ? binding.poller : undefined;
}

function isPoller(poller: unknown): poller is Poller {
  return poller instanceof EventEmitter && 'poll' in poller && typeof poller.poll === 'function';
}
