import { connect, type Socket } from 'node:net';
import { MeaError } from '../../protocols/errors.js';
import { createLengthFraming } from '../../protocols/mea-link/framing.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import { abortReason, type LinkOptions } from '../../protocols/mea-link/link-options.js';
import { createSocketLink } from '../../protocols/mea-link/socket-link.js';
import type { Timers } from '../../protocols/timers.js';

/** Bytes that have come are read without a pause for so long; then heartbeats and commands have their turn. */
const TURN_MS = 5;

/** A device at the other end of a TCP connection; one socket for each link. */
export function createTcpTransport(place: { host: string; port: number }, options: LinkOptions): Transport {
  const address = formatLinkAddress({ type: 'tcp', ...place });
  return {
    address,
    connect: async (handler, signal) => {
      const socket = await openSocket(place, { address, signal });
      const turn = new ReadTurn(socket, options.timers);
      socket.on('data', () => {
        turn.begin();
      });
      const link = createSocketLink(socket, { ...options, address, framing: createLengthFraming() });
      socket.on('data', () => {
        turn.endWhenLong();
      });
      link.hear(handler);
      return link;
    },
  };
}

/** The system gives up to 32 chunks in a row: to a slow reader that is seconds in which no heartbeat is sent. */
class ReadTurn {
  readonly #socket: Socket;
  readonly #timers: Timers;
  #beganMs: number | null = null;

  constructor(socket: Socket, timers: Timers) {
    this.#socket = socket;
    this.#timers = timers;
  }

  /** A chunk has come. */
  begin(): void {
    if (this.#beganMs !== null) return;
    this.#beganMs = this.#timers.nowMs();
    setImmediate(() => {
      this.#beganMs = null;
      this.#socket.resume();
    });
  }

  /** It has been read. */
  endWhenLong(): void {
    if (this.#beganMs !== null && this.#timers.nowMs() - this.#beganMs >= TURN_MS) this.#socket.pause();
  }
}

function openSocket(
  { host, port }: { host: string; port: number },
  { address, signal }: { address: string; signal: AbortSignal },
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ host, port, noDelay: true });
  return new Promise((resolve, reject) => {
    const settle = (settlement: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      socket.off('error', onError);
      settlement();
    };
    const onConnect = (): void => {
      settle(() => {
        resolve(socket);
      });
    };
    const onError = (error: Error): void => {
      settle(() => {
        reject(cannotReach(error, address));
      });
    };
    const onAbort = (): void => {
      settle(() => {
        // a refusal that comes after all has no reader
        socket.on('error', () => undefined);
        socket.destroy();
        reject(abortReason(signal));
      });
    };
    socket.on('connect', onConnect);
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort);
  });
}

function cannotReach(error: Error, address: string): MeaError {
  return new MeaError(
    'link',
    {
      what: 'The device cannot be reached',
      // a host with several addresses fails with an error whose message is empty
      got: 'code' in error && typeof error.code === 'string' ? error.code : error.message,
      where: address,
      remedy: 'is it switched on, is its program running, are host and port right?',
    },
    { cause: error },
  );
}
