import { Dealer, Subscriber, type Event, type Observer } from 'zeromq';
import { MeaError } from '../../protocols/errors.js';
import type { Link, LinkHandler, Transport } from '../../protocols/mea-link/link.js';
import { bracketHost, formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import { abortReason, type LinkOptions } from '../../protocols/mea-link/link-options.js';
import type { Lane } from '../../protocols/mea-link/messages.js';
import { trySend, ZMQ_READY, ZMQ_RECEIVES, ZMQ_SENDS, ZmqLink } from '../../protocols/mea-link/zmq-link.js';
import { closeAtExit, type ZmqSockets } from './zmq-at-exit.js';

/** How long the device may take to answer on both sockets. */
const DEFAULT_READY_MS = 2000;
/** How often the client asks; what the device publishes before the subscription is in force is not sent to us. */
const ASK_AGAIN_MS = 20;
/** Frames that have come are given without a pause for so long; then heartbeats and commands have their turn. */
const TURN_MS = 5;
/** How long the rest of the data lane may take after the device has said goodbye. */
const LAST_DATA_MS = 100;

// Without reconnecting: a socket that came back by itself would hide that messages were lost.
const CLIENT_OPTIONS = { ...ZMQ_RECEIVES, reconnectInterval: -1 } as const;

export interface ZmqTransportOptions extends LinkOptions {
  readonly readyMs?: number;
}

/** A device that serves commands on `port` and publishes data on `port + 1`. */
export function createZmqTransport(place: { host: string; port: number }, options: ZmqTransportOptions): Transport {
  const address = formatLinkAddress({ type: 'zmq', ...place });
  return {
    address,
    connect: async (handler, signal) => {
      signal.throwIfAborted();
      const client = new ZmqClient({ ...place, ...options, address });
      return client.open(handler, signal);
    },
  };
}

interface ZmqClientOptions extends ZmqTransportOptions {
  readonly host: string;
  readonly port: number;
  readonly address: string;
}

/** The two sockets of one link; they end with it. */
class ZmqClient implements ZmqSockets {
  readonly #options: ZmqClientOptions;
  readonly #dealer: Dealer;
  readonly #subscriber: Subscriber;
  /** Tell what becomes of the connections; they outlive the sockets. */
  readonly #observers: readonly Observer[];
  readonly #link: ZmqLink;
  /** Control frames that came before the link was ready. */
  readonly #early: Uint8Array[] = [];
  #ended: Promise<void> = Promise.resolve();
  #hasSaidGoodbye = false;
  #hasEndedData = false;

  constructor(options: ZmqClientOptions) {
    this.#options = options;
    // with IPv6 a name may lead to ::1, where a device at 127.0.0.1 does not listen
    const ipv6 = options.host.includes(':');
    this.#dealer = new Dealer({ ...CLIENT_OPTIONS, ...ZMQ_SENDS, ipv6 });
    this.#subscriber = new Subscriber({ ...CLIENT_OPTIONS, linger: 0, ipv6 });
    this.#observers = [this.#dealer.events, this.#subscriber.events];
    this.#link = new ZmqLink({
      ...options,
      control: (frame) => trySend(() => this.#dealer.send(toBuffer(frame))),
      data: null,
      release: () => this.#closeSockets(),
    });
  }

  /** Connects both sockets and waits until each has carried a frame from the device. */
  async open(handler: LinkHandler, signal: AbortSignal): Promise<Link> {
    const { host, port } = this.#options;
    try {
      await this.#connected(`tcp://${bracketHost(host)}`, port, signal);
    } catch (error) {
      // what was asked in vain need not be delivered
      this.#dealer.linger = 0;
      await this.#closeSockets();
      throw error;
    }
    this.#link.hear(handler);
    // a turn later, so that whoever awaits the link has it before it speaks
    setImmediate(() => {
      for (const frame of this.#early) this.#handleFrame('control', frame);
      // What a handler throws becomes an unhandled rejection and ends the program, as it should.
      void this.#listen('control', this.#dealer);
      void this.#listen('data', this.#subscriber);
    });
    return this.#link;
  }

  #connected(host: string, port: number, signal: AbortSignal): Promise<void> {
    const { timers, readyMs = DEFAULT_READY_MS } = this.#options;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        settle(() => {
          reject(abortReason(signal));
        });
      };
      const fail = (got: string): void => {
        settle(() => {
          reject(this.#cannotReach(got));
        });
      };
      const cancelDeadline = timers.after(readyMs, () => {
        fail(`no answer in ${readyMs} ms`);
      });
      const stopAsking = this.#askAgainAndAgain();
      const settle = (settlement: () => void): void => {
        cancelDeadline();
        stopAsking();
        signal.removeEventListener('abort', onAbort);
        settlement();
      };
      signal.addEventListener('abort', onAbort);
      this.#watch(fail);
      this.#connectSockets(host, port).then(
        () => {
          settle(resolve);
        },
        (error: unknown) => {
          fail(error instanceof Error ? error.message : String(error));
        },
      );
    });
  }

  /** Before the link is ready, `fail` hears of a lost connection; afterwards the link does. */
  #watch(fail: (got: string) => void): void {
    const haveEnded = closeAtExit(this);
    const ends = this.#observers.map((observer) => this.#observe(observer, fail));
    this.#ended = Promise.all(ends).then(haveEnded);
  }

  /** Until the socket has ended, some time after it was closed. */
  async #observe(observer: Observer, fail: (got: string) => void): Promise<void> {
    for (;;) {
      const type = typeOf(await observer.receive());
      if (type === 'end') return;
      if (type === 'close') fail('connection refused');
      if (type !== 'disconnect') continue;
      fail('the device cut the connection');
      this.#link.handleGone('the connection was lost, or the device refused a frame as too long');
    }
  }

  /** Closes the sockets when nobody can wait for what was not sent. */
  closeNow(): void {
    if (!this.#dealer.closed) this.#dealer.linger = 0;
    void this.#closeSockets();
  }

  /** For sockets that have ended. */
  stopObserving(): void {
    for (const observer of this.#observers) observer.close();
  }

  #askAgainAndAgain(): () => void {
    const { timers } = this.#options;
    let cancel = (): void => undefined;
    const ask = (): void => {
      cancel = timers.after(ASK_AGAIN_MS, ask);
      // a socket that is full or closed is asked in vain; the deadline tells
      trySend(() => this.#dealer.send(toBuffer(ZMQ_READY))).catch(() => undefined);
    };
    cancel = timers.after(0, ask);
    return () => {
      cancel();
    };
  }

  /** Connects both sockets, and resolves when an empty frame has come on each. */
  async #connectSockets(host: string, port: number): Promise<void> {
    this.#subscriber.subscribe();
    this.#dealer.connect(`${host}:${port}`);
    this.#subscriber.connect(`${host}:${port + 1}`);
    for (;;) {
      const [frame] = await this.#dealer.receive();
      if (frame?.length === 0) break;
      if (frame !== undefined) this.#early.push(frame);
    }
    // data that come before the answer belong to the time before this link
    for (;;) {
      const [frame] = await this.#subscriber.receive();
      if (frame?.length === 0) return;
    }
  }

  async #listen(lane: Lane, socket: Dealer | Subscriber): Promise<void> {
    const { timers } = this.#options;
    let turnMs = timers.nowMs();
    for await (const parts of socket) {
      if (parts.length === 1) this.#handleFrame(lane, parts[0]!);
      if (timers.nowMs() - turnMs < TURN_MS) continue;
      await nextTurn();
      turnMs = timers.nowMs();
    }
  }

  #handleFrame(lane: Lane, frame: Uint8Array): void {
    if (frame.length > 1) this.#link.handleFrame(lane, frame);
    else if (frame.length === 1) this.#handleGoodbye(lane);
  }

  /** The device ends its data lane first, but the two sockets keep no order between them. */
  #handleGoodbye(lane: Lane): void {
    const end = (): void => {
      this.#link.handleGone('the other side closed the connection');
    };
    if (lane === 'data') this.#hasEndedData = true;
    else this.#hasSaidGoodbye = true;
    if (this.#hasSaidGoodbye && this.#hasEndedData) end();
    else if (this.#hasSaidGoodbye) this.#options.timers.after(LAST_DATA_MS, end);
  }

  /** Resolves when the sockets have ended, which is when what they were given was delivered or had its time. */
  async #closeSockets(): Promise<void> {
    this.#dealer.close();
    this.#subscriber.close();
    await this.#ended;
  }

  #cannotReach(got: string): MeaError {
    return new MeaError('link', {
      what: 'The device cannot be reached',
      got,
      where: this.#options.address,
      remedy: 'is it switched on, is its program running, are host and port right?',
    });
  }
}

/** An observer that was closed gives no event, though its type says so. */
function typeOf(event: Event | undefined): Event['type'] {
  return event?.type ?? 'end';
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The same bytes: zeromq sends a plain Uint8Array as text. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
