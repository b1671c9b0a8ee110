import { Publisher, Router } from 'zeromq';
import { MeaError } from '../../protocols/errors.js';
import type { AcceptLink, Mount } from '../../protocols/mea-link/link.js';
import { assertMayListen, bracketHost, formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import { waitAtMost } from '../../protocols/mea-link/link-options.js';
import {
  hasCode,
  trySend,
  ZMQ_GOODBYE,
  ZMQ_READY,
  ZMQ_RECEIVES,
  ZMQ_SENDS,
  ZmqLink,
} from '../../protocols/mea-link/zmq-link.js';
import type { NetworkMountOptions } from './tcp.js';

/** When, after a connection was lost, each link is asked whether it was its own: the news and the loss race. */
const PROBE_MS = [0, 2, 5, 10, 20, 50, 100, 200] as const;
/** How long the sockets may take to give their ports back. */
const RELEASE_MS = 500;
/** Pairs of neighbouring ports that are tried when any will do. */
const PORT_ATTEMPTS = 20;

/**
 * Serves commands on a ROUTER at `port` and data on a PUB at `port + 1`; one link for each client that asks for one with
 * an empty frame. All clients hear all data: a device should use the data lane of one link only.
 *
 * @throws MeaError `refused` for a host that is not loopback, unless `allowRemote`; `link` when a port is taken
 */
export function openZmqMount(
  { host, port }: { host: string; port: number },
  accept: AcceptLink,
  options: NetworkMountOptions,
): Mount {
  assertMayListen(host, options.allowRemote ?? false);
  // the library binds to addresses, not to names
  const numeric = host.toLowerCase() === 'localhost' ? '127.0.0.1' : host;
  const sockets = port === 0 ? bindAnywhere(numeric) : bindPair(numeric, port);
  const device = new ZmqDevice(sockets, accept, options);
  return {
    address: formatLinkAddress({ type: 'zmq', host, port: sockets.port }),
    close: () => device.close(),
  };
}

/** The two sockets of a device, bound to `port` and the next one. */
interface BoundSockets {
  readonly router: Router;
  readonly publisher: Publisher;
  readonly port: number;
}

/**
 * Serves clients on two bound sockets.
 *
 * A socket of ZeroMQ belongs to one thread. The `bind` and `unbind` of the library run on another one, and while they do
 * a receive that waits still looks into the socket from this one: both take the same command off its mailbox, and libzmq
 * aborts the process (`_state == term_ack_sent || _state == term_req_sent2`, pipe.cpp) when clients go at that moment. So
 * sockets are bound by `bindSync`, never unbound (`unbindSync` binds in 6.8.0), and give their ports back by closing.
 */
class ZmqDevice {
  readonly #accept: AcceptLink;
  readonly #options: NetworkMountOptions;
  readonly #router: Router;
  readonly #publisher: Publisher;
  readonly #links = new Map<string, ZmqLink>();
  #isClosed = false;
  /** The publisher may lose frames of a subscriber that is full. */
  #mayDrop = false;
  #closing: Promise<void> | null = null;

  constructor({ router, publisher }: BoundSockets, accept: AcceptLink, options: NetworkMountOptions) {
    this.#accept = accept;
    this.#options = options;
    this.#router = router;
    this.#publisher = publisher;
    router.events.on('disconnect', () => {
      for (const delayMs of PROBE_MS) {
        options.timers.after(delayMs, () => {
          this.#probeLinks();
        });
      }
    });
    // the subscriber that had filled up is gone: nothing needs to be dropped any more
    publisher.events.on('disconnect', () => {
      this.#letDrop(false);
    });
    // What a handler throws becomes an unhandled rejection and ends the program, as it should.
    void this.#listen();
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.all(Array.from(this.#links.values(), (link) => link.close()));
    this.#isClosed = true;
    await Promise.all([release(this.#router, this.#options), release(this.#publisher, this.#options)]);
  }

  async #listen(): Promise<void> {
    for (;;) {
      const parts = await this.#receive();
      if (parts === null) return;
      const [identity, frame] = parts;
      if (parts.length !== 2 || identity === undefined || frame === undefined) continue;
      if (frame.length === 0) this.#answer(identity);
      else this.#handleFrame(identity, frame);
    }
  }

  /** Null when the device is closed: then a receive that waits fails, or ends with a frame that nobody may answer. */
  async #receive(): Promise<readonly Buffer[] | null> {
    try {
      const parts = await this.#router.receive();
      return this.#isClosed ? null : parts;
    } catch (error) {
      if (this.#isClosed) return null;
      throw error;
    }
  }

  #handleFrame(identity: Buffer, frame: Buffer): void {
    const link = this.#links.get(identity.toString('latin1'));
    if (frame.length === 1) link?.handleGone('the other side closed the connection');
    else if (link === undefined) {
      // a link that was closed here, or never asked for
      this.#tell(identity, ZMQ_GOODBYE);
    } else link.handleFrame('control', frame);
  }

  /** A client asks for its link, or whether it is subscribed yet: an empty frame goes back on both sockets. */
  #answer(identity: Buffer): void {
    const key = identity.toString('latin1');
    const hadOthers = this.#links.size > (this.#links.has(key) ? 1 : 0);
    if (!this.#links.has(key)) this.#createLink(identity, key);
    this.#tell(identity, ZMQ_READY);
    trySend(() => this.#publisher.send(toBuffer(ZMQ_READY))).then(
      (isTaken) => {
        // Full by a subscriber whose link has gone and whose connection has not: from now on it may lose frames, or
        // nobody would get any.
        if (!isTaken && !hadOthers) this.#letDrop(true);
      },
      () => undefined,
    );
  }

  /** The library warns that this has no effect until the next bind; it has. The option cannot be read back. */
  #letDrop(mayDrop: boolean): void {
    if (this.#isClosed || this.#mayDrop === mayDrop) return;
    this.#mayDrop = mayDrop;
    this.#publisher.noDrop = !mayDrop;
  }

  #createLink(identity: Buffer, key: string): void {
    const link = new ZmqLink({
      ...this.#options,
      address: `zmq client ${identity.toString('hex')}`,
      control: (frame) => trySend(() => this.#router.send([identity, toBuffer(frame)])),
      data: (frame) => trySend(() => this.#publisher.send(toBuffer(frame))),
      release: () => {
        this.#links.delete(key);
        return Promise.resolve();
      },
    });
    this.#links.set(key, link);
    link.hear(this.#accept(link));
  }

  /** The news of a lost connection does not say whose it was: a frame to each client does. */
  #probeLinks(): void {
    if (this.#isClosed) return;
    for (const [key, link] of this.#links) {
      trySend(() => this.#router.send([Buffer.from(key, 'latin1'), toBuffer(ZMQ_READY)])).catch((error: unknown) => {
        if (hasCode(error, 'EHOSTUNREACH')) link.handleGone('the connection was lost, or a frame was too long');
      });
    }
  }

  /** Sends a frame of the link itself, which the client asks for again where it is lost. */
  #tell(identity: Buffer, frame: Uint8Array): void {
    trySend(() => this.#router.send([identity, toBuffer(frame)])).catch(() => undefined);
  }
}

/** @throws MeaError `link` when one of the two is taken; then neither is held */
function bindPair(host: string, port: number): BoundSockets {
  const sockets = createSockets(host);
  try {
    sockets.router.bindSync(endpoint(host, port));
    sockets.publisher.bindSync(endpoint(host, port + 1));
    return { ...sockets, port };
  } catch (error) {
    closeSockets(sockets);
    throw cannotListen(error, `${host}:${port} and ${port + 1}`);
  }
}

/** The system gives one free port; the next one may be taken, so it is tried again. */
function bindAnywhere(host: string): BoundSockets {
  let failure: unknown = null;
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
    const sockets = createSockets(host);
    try {
      sockets.router.bindSync(endpoint(host, '*'));
      const port = Number(/:(\d+)$/u.exec(sockets.router.lastEndpoint ?? '')?.[1]);
      sockets.publisher.bindSync(endpoint(host, port + 1));
      return { ...sockets, port };
    } catch (error) {
      failure = error;
      closeSockets(sockets);
    }
  }
  throw cannotListen(failure, `${host}, any port`);
}

function createSockets(host: string): Omit<BoundSockets, 'port'> {
  const ipv6 = host.includes(':');
  return {
    // `mandatory`: a frame for a client that has gone fails, instead of vanishing
    router: new Router({ ...ZMQ_SENDS, ...ZMQ_RECEIVES, mandatory: true, ipv6 }),
    // `noDrop`: a full PUB says so; by default it throws frames away and says nothing
    publisher: new Publisher({ ...ZMQ_SENDS, noDrop: true, ipv6 }),
  };
}

function closeSockets({ router, publisher }: Omit<BoundSockets, 'port'>): void {
  router.close();
  publisher.close();
}

/** Closes a socket; its port is free when this resolves. */
async function release(socket: Router | Publisher, { timers }: NetworkMountOptions): Promise<void> {
  // The listener reports its end through the monitor, which outlives the socket.
  const freed = new Promise<void>((resolve) => {
    socket.events.on('close', () => {
      resolve();
    });
  });
  socket.close();
  await waitAtMost(timers, RELEASE_MS, freed);
}

function endpoint(host: string, port: number | '*'): string {
  return `tcp://${bracketHost(host)}:${port}`;
}

function cannotListen(error: unknown, where: string): MeaError {
  const got = error instanceof Error ? error.message : String(error);
  const remedy = 'take another port, or 0 for any free pair';
  return new MeaError('link', { what: 'The device cannot listen', got, where, remedy }, { cause: error });
}

/** The same bytes: zeromq sends a plain Uint8Array as text. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
