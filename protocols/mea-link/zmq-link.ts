import { decodeZmqFrame, encodeZmqFrame } from './framing.js';
import type { Link, LinkHandler } from './link.js';
import {
  assertMessageSize,
  DEFAULT_BUFFER_BYTES,
  DEFAULT_FLUSH_MS,
  waitAtMost,
  type LinkOptions,
} from './link-options.js';
import { MAX_MESSAGE_BYTES, type Lane } from './messages.js';
import { MeaError } from '../errors.js';
import { SendQueue } from './send-queue.js';

/**
 * Two frames without checksum belong to the link itself. An empty one from the client asks for the link, again and
 * again until one has come back on each socket: then the subscription is in force. One byte says goodbye.
 */
export const ZMQ_READY = new Uint8Array(0);
export const ZMQ_GOODBYE = new Uint8Array(1);

/** Options of a ZeroMQ socket that sends: a send is tried, never left waiting. */
export const ZMQ_SENDS = {
  sendTimeout: 0,
  // few, so that what waits is in our own queue, which is bounded in bytes and counted
  sendHighWaterMark: 64,
  linger: DEFAULT_FLUSH_MS,
} as const;

/** Options of a ZeroMQ socket that receives: a frame longer than message and CRC-32C cuts its sender off. */
export const ZMQ_RECEIVES = { receiveHighWaterMark: 64, maxMessageSize: MAX_MESSAGE_BYTES + 4 } as const;

/** Gives a frame to a socket; see `SendQueueOptions.give`. */
export type GiveFrame = (frame: Uint8Array) => Promise<boolean>;

export interface ZmqLinkOptions extends LinkOptions {
  readonly address: string;
  readonly control: GiveFrame;
  /** Null on the client's side, which has no data lane: its data socket subscribes. */
  readonly data: GiveFrame | null;
  /** The link is closed or gone: its sockets may go. Called once; resolves when they have gone. */
  readonly release: () => Promise<void>;
}

/** A link over ZeroMQ sockets that somebody else owns, the same at both ends. */
export class ZmqLink implements Link {
  readonly address: string;
  readonly #options: ZmqLinkOptions;
  readonly #bufferBytes: number;
  readonly #control: SendQueue;
  readonly #data: SendQueue | null;
  #handler: LinkHandler | null = null;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #closing: Promise<void> | null = null;
  #released: Promise<void> = Promise.resolve();

  constructor(options: ZmqLinkOptions) {
    this.address = options.address;
    this.#options = options;
    this.#bufferBytes = options.bufferBytes ?? DEFAULT_BUFFER_BYTES;
    this.#control = this.#createQueue(options.control);
    this.#data = options.data === null ? null : this.#createQueue(options.data);
  }

  get pendingBytes(): number {
    return this.#control.pendingBytes + (this.#data?.pendingBytes ?? 0);
  }

  /** Names who hears the link; before any frame arrives. */
  hear(handler: LinkHandler): void {
    this.#handler = handler;
  }

  send(lane: Lane, message: Uint8Array): boolean {
    assertMessageSize(message, this.address);
    const queue = lane === 'control' ? this.#control : this.#data;
    if (queue === null) {
      throw new MeaError('bad-input', {
        what: 'The client has no data lane over ZeroMQ',
        where: this.address,
        remedy: 'send commands on the control lane',
      });
    }
    if (this.#state !== 'open' || queue.refuses(message.length)) return false;
    const frame = encodeZmqFrame(message);
    for (const sent of this.#options.filterFrame?.(frame) ?? [frame]) queue.push(sent);
    return true;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** A frame arrived that is neither `ZMQ_READY` nor `ZMQ_GOODBYE`. */
  handleFrame(lane: Lane, frame: Uint8Array): void {
    if (this.#state !== 'open') return;
    const decoded = decodeZmqFrame(frame);
    if (decoded.type === 'message') this.#handler?.onMessage(lane, decoded.message);
    else this.#handler?.onBadFrame({ lane, message: decoded.reason, bytes: frame.length });
  }

  /** The other side is gone; of several calls the first counts. */
  handleGone(reason: string): void {
    const wasOpen = this.#state === 'open';
    this.#finish();
    if (wasOpen) this.#handler?.onClosed(reason);
  }

  async #end(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      const { timers, flushMs = DEFAULT_FLUSH_MS } = this.#options;
      await waitAtMost(timers, flushMs, this.#flush());
      this.#finish();
    }
    await this.#released;
  }

  /** Data first: the other side stops reading them soon after it has heard goodbye. */
  async #flush(): Promise<void> {
    await this.#data?.idle();
    this.#data?.push(ZMQ_GOODBYE);
    await this.#data?.idle();
    this.#control.push(ZMQ_GOODBYE);
    await this.#control.idle();
  }

  #finish(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#control.stop();
    this.#data?.stop();
    this.#released = this.#options.release();
  }

  #createQueue(give: GiveFrame): SendQueue {
    return new SendQueue({
      timers: this.#options.timers,
      bufferBytes: this.#bufferBytes,
      give,
      onDrain: () => {
        if (this.#state === 'open') this.#handler?.onDrain();
      },
      onFailure: (error) => {
        this.handleGone(`the socket refused a frame: ${error instanceof Error ? error.message : String(error)}`);
      },
    });
  }
}

/** Awaits one send of a socket: true when it was taken, false when the socket is full. */
export async function trySend(send: () => Promise<void>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if (hasCode(error, 'EAGAIN')) return false;
    throw error;
  }
}

/** True for the errors of the system with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
