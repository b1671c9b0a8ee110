import { SerialPort } from 'serialport';
import { abortReason } from '../../protocols/mea-link/link-options.js';
import { isPortLocked, toSerialError } from '../../protocols/mea-link/serial-link.js';
import type { Timers } from '../../protocols/timers.js';
import { pause } from '../mea-link/bounded-wait.js';

/**
 * How long a port may still be locked after it was closed, in this program or by the end of another: a read that was under
 * way on another thread holds the lock until it has ended.
 */
const LOCKED_MS = 800;
/** Pause before a locked port is tried again. */
const TRY_AGAIN_MS = 20;

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
  return port;
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
