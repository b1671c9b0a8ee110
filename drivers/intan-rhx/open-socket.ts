import { connect, type Socket } from 'node:net';
import { MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import { toError } from '../mea-link/command-channel.js';

/** A port of RHX to connect to. */
export interface PortPlace {
  readonly host: string;
  readonly port: number;
  /** What to do when nobody listens there. */
  readonly remedy: string;
}

/**
 * Connects to a port of RHX.
 *
 * @throws MeaError `link` where nobody listens or the host cannot be reached, `deadline` where it took too long; the signal's reason
 */
export function openSocket(
  place: PortPlace,
  bounds: { readonly timers: Timers; readonly connectMs: number; readonly signal: AbortSignal },
): Promise<Socket> {
  const { host, port, remedy } = place;
  const { timers, connectMs, signal } = bounds;
  const where = `${host}:${port}`;
  const socket = connect({ host, port, noDelay: true });
  return new Promise((resolve, reject) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      socket.off('error', onError);
    };
    const giveUp = (error: Error): void => {
      end();
      // What comes after all has no reader.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => {
      end();
      resolve(socket);
    };
    const onError = (error: Error): void => {
      const got = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
      giveUp(new MeaError('link', { what: 'RHX cannot be reached', got, where, remedy }, { cause: error }));
    };
    const onAbort = (): void => {
      giveUp(toError(signal.reason));
    };
    const cancel = timers.after(connectMs, () => {
      giveUp(
        new MeaError('deadline', { what: `RHX did not take the connection within ${connectMs} ms`, where, remedy }),
      );
    });
    socket.on('connect', onConnect);
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
