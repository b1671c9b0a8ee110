import { MeaError } from '../errors.js';
import type { AcceptLink, Link, LinkHandler, Mount } from './link.js';
import { assertMessageSize, DEFAULT_BUFFER_BYTES, isBufferFull } from './link-options.js';
import { copyMessage } from './message-copy.js';
import type { Lane } from './messages.js';

/** Calls back later, never before it has returned; a microtask, or a turn of virtual time. */
export type Defer = (callback: () => void) => void;

export interface MemoryHubOptions {
  readonly defer?: Defer;
  readonly bufferBytes?: number;
}

/**
 * Where the two sides of `memory:` meet: one device listens, clients connect, all in this process. Asynchronous like a
 * socket, and bounded like one. `cut` and `pause` are the faults that a test needs.
 */
export class MemoryHub {
  readonly #defer: Defer;
  readonly #bufferBytes: number;
  readonly #pairs = new Set<readonly [MemoryEnd, MemoryEnd]>();
  #accept: AcceptLink | null = null;
  #isPaused = false;

  constructor(options: MemoryHubOptions = {}) {
    this.#defer = options.defer ?? queueMicrotask;
    this.#bufferBytes = options.bufferBytes ?? DEFAULT_BUFFER_BYTES;
  }

  /**
   * The device listens.
   *
   * @throws MeaError `exists` when one does already
   */
  listen(accept: AcceptLink): Mount {
    if (this.#accept !== null) throw new MeaError('exists', { what: 'A device listens already', where: 'memory:' });
    this.#accept = accept;
    return {
      address: 'memory:',
      close: async () => {
        if (this.#accept === accept) this.#accept = null;
        await Promise.all(Array.from(this.#pairs, ([, device]) => device.close()));
      },
    };
  }

  /** A client connects; see `Transport.connect`. */
  async connect(handler: LinkHandler, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    await new Promise<void>((resolve) => {
      this.#defer(resolve);
    });
    signal.throwIfAborted();
    if (this.#accept === null) {
      throw new MeaError('link', {
        what: 'The device cannot be reached: nobody listens',
        where: 'memory:',
        remedy: 'open the mount of the emulator first, on the same hub',
      });
    }
    const client = this.#createEnd();
    const device = this.#createEnd();
    const pair = [client, device] as const;
    this.#pairs.add(pair);
    client.join(device, () => this.#pairs.delete(pair));
    device.join(client, () => this.#pairs.delete(pair));
    client.hear(handler);
    device.hear(this.#accept(device));
    // from here one turn later, so that whoever awaits the link has it before it speaks
    this.#defer(() => {
      client.start();
      device.start();
    });
    return client;
  }

  /** Breaks every link: what was under way is lost, and both sides are told. */
  cut(reason = 'the link was cut'): void {
    for (const pair of Array.from(this.#pairs)) for (const end of pair) end.cut(reason);
  }

  /** From now on nothing arrives, and nobody is told: a cable that is out, a receiver that stands still. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Ends `pause`; what was under way arrives. */
  resume(): void {
    this.#isPaused = false;
    for (const pair of Array.from(this.#pairs)) for (const end of pair) end.wake();
  }

  #createEnd(): MemoryEnd {
    return new MemoryEnd({ defer: this.#defer, bufferBytes: this.#bufferBytes, isPaused: () => this.#isPaused });
  }
}

interface MemoryEndOptions {
  readonly defer: Defer;
  readonly bufferBytes: number;
  readonly isPaused: () => boolean;
}

interface Parcel {
  readonly lane: Lane;
  readonly message: Uint8Array;
}

/** One end of a pair; what it sends lies in its outbox until its turn comes. */
class MemoryEnd implements Link {
  readonly address = 'memory:';
  readonly #options: MemoryEndOptions;
  #outbox: Parcel[] = [];
  #pendingBytes = 0;
  #peer: MemoryEnd | null = null;
  #forget: () => void = () => undefined;
  #handler: LinkHandler | null = null;
  #isStarted = false;
  #isOpen = true;
  #isBlocked = false;
  #isScheduled = false;

  constructor(options: MemoryEndOptions) {
    this.#options = options;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  join(peer: MemoryEnd, forget: () => void): void {
    this.#peer = peer;
    this.#forget = forget;
  }

  hear(handler: LinkHandler): void {
    this.#handler = handler;
  }

  /** Deliveries begin. */
  start(): void {
    this.#isStarted = true;
    this.#schedule();
  }

  /** Deliveries go on. */
  wake(): void {
    this.#schedule();
  }

  send(lane: Lane, message: Uint8Array): boolean {
    assertMessageSize(message, this.address);
    if (!this.#isOpen) return false;
    if (isBufferFull(this.#pendingBytes, message.length, this.#options.bufferBytes)) {
      this.#isBlocked = true;
      return false;
    }
    this.#outbox.push({ lane, message: copyMessage(message) });
    this.#pendingBytes += message.length;
    this.#schedule();
    return true;
  }

  /** What was taken arrives yet, as out of the buffers of a system; then the other side is told. */
  close(): Promise<void> {
    this.#isOpen = false;
    this.#schedule();
    return new Promise((resolve) => {
      this.#options.defer(resolve);
    });
  }

  /** The link breaks; this side is told in a later turn. */
  cut(reason: string): void {
    this.#outbox = [];
    this.#pendingBytes = 0;
    this.#forget();
    this.#options.defer(() => {
      this.#tellGone(reason);
    });
  }

  #schedule(): void {
    if (!this.#isStarted || this.#isScheduled || this.#options.isPaused()) return;
    if (this.#peer === null || (this.#outbox.length === 0 && this.#isOpen)) return;
    this.#isScheduled = true;
    this.#options.defer(() => {
      this.#isScheduled = false;
      if (this.#options.isPaused()) return;
      try {
        this.#deliver();
      } finally {
        this.#schedule();
      }
    });
  }

  /** One turn: what lies in the outbox now, and then the news that follow from it. */
  #deliver(): void {
    const parcels = this.#outbox;
    this.#outbox = [];
    for (const { lane, message } of parcels) {
      this.#pendingBytes -= message.length;
      this.#peer?.receive(lane, message);
    }
    if (!this.#isOpen) {
      this.#forget();
      const peer = this.#peer;
      this.#peer = null;
      if (peer !== null) peer.#tellGone('the other side closed the connection');
      return;
    }
    if (this.#isBlocked && this.#pendingBytes <= this.#options.bufferBytes / 2) {
      this.#isBlocked = false;
      this.#handler?.onDrain();
    }
  }

  receive(lane: Lane, message: Uint8Array): void {
    if (this.#isOpen) this.#handler?.onMessage(lane, message);
  }

  #tellGone(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#outbox = [];
    this.#pendingBytes = 0;
    this.#peer = null;
    this.#handler?.onClosed(reason);
  }
}
