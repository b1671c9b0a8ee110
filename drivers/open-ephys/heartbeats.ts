import { Request } from 'zeromq';

import { bracketHost } from '../../protocols/mea-link/link-address.js';
import { encodeRequest, HEARTBEAT_REPLY, type ZmqApplication } from '../../protocols/open-ephys/heartbeat.js';
import type { Timers } from '../../protocols/timers.js';
import { waitWithin } from '../mea-link/bounded-wait.js';
import { WatchedSocket } from './watched-socket.js';

export interface HeartbeatOptions {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
  readonly replyMs: number;
  readonly application: ZmqApplication;
  /** Heard when answers stop coming, or are none. */
  readonly onWarning: (message: string) => void;
}

/** What became of the heartbeats. */
export interface HeartbeatCounters {
  readonly sent: number;
  readonly answered: number;
  /** Sockets that were opened anew for want of an answer. */
  readonly reopened: number;
}

/**
 * Tells the ZMQ Interface that we are there. Data come without it as well: an answer that does not come is a warning. A
 * socket that was not answered would take no other request: it is closed, and a new one opened.
 */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #counters = { sent: 0, answered: 0, reopened: 0 };
  readonly #address: string;
  #watched: WatchedSocket<Request>;
  #isWaiting = false;
  #isClosed = false;
  #hasWarned = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#address = `tcp://${bracketHost(options.host)}:${options.port}`;
    this.#watched = this.#openSocket();
  }

  get counters(): HeartbeatCounters {
    return { ...this.#counters };
  }

  /** Sends a heartbeat, unless one is waiting for its answer; never rejects. */
  async beat(): Promise<void> {
    if (this.#isWaiting || this.#isClosed) return;
    this.#isWaiting = true;
    try {
      const reply = await this.#ask();
      if (reply === HEARTBEAT_REPLY) this.#handleAnswer();
      else await this.#reopen(`the answer was ${JSON.stringify(reply.slice(0, 60))}`);
    } catch (error) {
      await this.#reopen(error instanceof Error ? error.message : String(error));
    } finally {
      this.#isWaiting = false;
    }
  }

  /** Resolves when the socket has ended. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#watched.close();
  }

  async #ask(): Promise<string> {
    const { timers, replyMs, application } = this.#options;
    const { socket } = this.#watched;
    this.#counters.sent += 1;
    await socket.send(encodeRequest({ type: 'heartbeat', ...application }));
    const bounds = { timers, delayMs: replyMs, what: 'The answer to a heartbeat', where: this.#address };
    const [reply] = await waitWithin(socket.receive(), bounds);
    return reply?.toString() ?? '';
  }

  #handleAnswer(): void {
    this.#counters.answered += 1;
    this.#hasWarned = false;
  }

  async #reopen(reason: string): Promise<void> {
    if (this.#isClosed) return;
    this.#counters.reopened += 1;
    const old = this.#watched;
    this.#watched = this.#openSocket();
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      this.#options.onWarning(
        `heartbeats are not answered at ${this.#address} (${reason}); Open Ephys will show us as gone, data are not ` +
          'affected. Is it the port after the data port of the ZMQ Interface?',
      );
    }
    await old.close();
  }

  #openSocket(): WatchedSocket<Request> {
    const { host } = this.#options;
    const socket = new Request({ sendTimeout: 0, linger: 0, reconnectInterval: 500, ipv6: host.includes(':') });
    const watched = new WatchedSocket(socket, () => undefined);
    socket.connect(this.#address);
    return watched;
  }
}
