import type { Event, Observer, Request, Subscriber } from 'zeromq';
import { closeAtExit, type ZmqSockets } from '../transports/zmq-at-exit.js';

/** What becomes of a socket's connection. */
export type ConnectionNews = 'ready' | 'refused' | 'lost' | 'stranger';

/**
 * A connecting socket of ZeroMQ of this thread, with news of its connection, which the library restores by itself. Closed
 * it ends some time later: `close` resolves then. See `closeAtExit` for what a thread that ends must do.
 */
export class WatchedSocket<S extends Subscriber | Request> implements ZmqSockets {
  readonly socket: S;
  readonly #observer: Observer;
  readonly #ended: Promise<void>;
  #isClosed = false;

  /** @param onNews heard until the socket is closed */
  constructor(socket: S, onNews: (news: ConnectionNews) => void) {
    this.socket = socket;
    this.#observer = socket.events;
    this.#ended = this.#observe(onNews).then(closeAtExit(this));
  }

  /** Resolves when the socket has ended. */
  close(): Promise<void> {
    this.closeNow();
    return this.#ended;
  }

  closeNow(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.close();
  }

  stopObserving(): void {
    this.#observer.close();
  }

  async #observe(onNews: (news: ConnectionNews) => void): Promise<void> {
    for (;;) {
      const type = typeOf(await this.#observer.receive());
      if (type === 'end') return;
      const news = NEWS[type];
      if (news !== undefined && !this.#isClosed) onNews(news);
    }
  }
}

const NEWS: Partial<Record<Event['type'], ConnectionNews>> = {
  handshake: 'ready',
  close: 'refused',
  disconnect: 'lost',
  'handshake:error:protocol': 'stranger',
  'handshake:error:auth': 'stranger',
  'handshake:error:other': 'stranger',
};

/** An observer that was closed gives no event, though its type says so. */
function typeOf(event: Event | undefined): Event['type'] {
  return event?.type ?? 'end';
}
