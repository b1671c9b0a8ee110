import { Subscriber } from 'zeromq';

import { MeaError } from '../../protocols/errors.js';
import { bracketHost } from '../../protocols/mea-link/link-address.js';
import type { Timers } from '../../protocols/timers.js';
import { waitWithin } from '../mea-link/bounded-wait.js';
import { WatchedSocket, type ConnectionNews } from './watched-socket.js';

/**
 * Messages that wait for this thread, about nine seconds of 64 channels at 30 kHz and 75 MB. What is more waits at the
 * publisher, which drops it: its numbers tell.
 */
const RECEIVE_HIGH_WATER_MARK = 16_384;
/** A longer part is none of Open Ephys: the connection is cut. */
const MAX_PART_BYTES = 512 * 1024;
/** The system's own buffer under it. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** The first attempt to come back, and the longest pause between two. */
const RECONNECT_MS = { reconnectInterval: 100, reconnectMaxInterval: 1000 } as const;
/** Messages that have come are given without a pause for so long; then everything else has its turn. */
const TURN_MS = 5;

export interface DataSubscriberOptions {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
  readonly connectMs: number;
  readonly deadPeerMs: number;
  readonly onMessage: (parts: readonly Uint8Array[]) => void;
  /** The connection is gone; it comes back by itself where it can. */
  readonly onLost: (reason: string) => void;
  /** It is back; `isNewProgram` when nobody listened meanwhile. */
  readonly onRestored: (isNewProgram: boolean) => void;
}

/** Hears a publisher, and comes back to it when it was lost. */
export class DataSubscriber {
  readonly #options: DataSubscriberOptions;
  readonly #watched: WatchedSocket<Subscriber>;
  readonly #ready: Promise<void>;
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  #isConnected = false;
  #wasRefused = false;

  constructor(options: DataSubscriberOptions) {
    this.#options = options;
    const socket = new Subscriber({
      ...RECONNECT_MS,
      receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
      receiveBufferSize: RECEIVE_BUFFER_BYTES,
      maxMessageSize: MAX_PART_BYTES,
      heartbeatInterval: Math.ceil(options.deadPeerMs / 3),
      heartbeatTimeout: Math.ceil(options.deadPeerMs),
      linger: 0,
      // with IPv6 a name may lead to ::1, where a program at 127.0.0.1 does not listen
      ipv6: options.host.includes(':'),
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#watched = new WatchedSocket(socket, (news) => {
      this.#handle(news);
    });
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /**
   * Connects, and resolves when a publisher has greeted us.
   *
   * @throws MeaError `link` when nobody listens, or something that publishes nothing; `deadline` when it is silent
   */
  async open(signal: AbortSignal): Promise<void> {
    const { timers, connectMs } = this.#options;
    const { socket } = this.#watched;
    socket.subscribe();
    socket.connect(this.#address);
    // What a handler throws becomes an unhandled rejection and ends the program, as it should.
    void this.#listen();
    const bounds = { timers, delayMs: connectMs, what: 'The greeting of a ZeroMQ publisher', where: this.#address };
    try {
      await waitWithin(this.#ready, { ...bounds, signal });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Resolves when the socket has ended. */
  close(): Promise<void> {
    this.#isConnected = false;
    return this.#watched.close();
  }

  get #address(): string {
    return `tcp://${bracketHost(this.#options.host)}:${this.#options.port}`;
  }

  #handle(news: ConnectionNews): void {
    if (news === 'ready') {
      this.#isConnected = true;
      if (this.#settle === null) this.#options.onRestored(this.#wasRefused);
      this.#settle?.resolve();
      this.#settle = null;
    } else if (this.#settle !== null) {
      this.#settle.reject(this.#cannotReach(news));
      this.#settle = null;
    } else if (this.#isConnected) {
      this.#isConnected = false;
      this.#wasRefused = false;
      this.#options.onLost('the publisher has gone, or the network between');
    } else if (news === 'refused') {
      this.#wasRefused = true;
    }
  }

  async #listen(): Promise<void> {
    const { timers, onMessage } = this.#options;
    let turnMs = timers.nowMs();
    for await (const parts of this.#watched.socket) {
      onMessage(parts);
      if (timers.nowMs() - turnMs < TURN_MS) continue;
      await nextTurn();
      turnMs = timers.nowMs();
    }
  }

  #cannotReach(news: Exclude<ConnectionNews, 'ready'>): MeaError {
    const isRefused = news === 'refused';
    return new MeaError('link', {
      what: 'The data of Open Ephys cannot be reached',
      got: isRefused ? 'connection refused' : 'something that is no ZeroMQ publisher',
      where: this.#address,
      remedy: isRefused
        ? 'put the ZMQ Interface plugin into the signal chain, and give its port'
        : 'give the data port of the ZMQ Interface, not the one after it (heartbeats) or another program’s',
    });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
