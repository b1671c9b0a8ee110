import type { FrameDecoder, FrameEncoder } from './framing.js';
import type { Link, LinkHandler } from './link.js';
import {
  assertMessageSize,
  DEFAULT_BUFFER_BYTES,
  DEFAULT_FLUSH_MS,
  isBufferFull,
  waitAtMost,
  type LinkOptions,
} from './link-options.js';
import type { Lane } from './messages.js';

/** The bytes under a link: a socket or a serial port. Its owner tells the link what happens to it: the `handle` calls. */
export interface ByteStream {
  /** Takes all of the bytes, which do not change afterwards; `handleWritten` is called when they have gone. */
  write(bytes: Uint8Array): void;
  /** Bytes taken and not yet given to the system. */
  readonly writableLength: number;
  /** Gives the rest to the system and closes; resolves when the stream is gone, also after `destroy`. */
  end(): Promise<void>;
  /** Closes at once; what was not given is lost. */
  destroy(): void;
}

export interface FramedLinkOptions extends LinkOptions {
  readonly address: string;
  readonly framing: { readonly encoder: FrameEncoder; readonly decoder: FrameDecoder };
  readonly stream: ByteStream;
}

/** A link over a stream of bytes, the same for TCP and serial lines and at both ends. */
export class FramedLink implements Link {
  readonly address: string;
  readonly #options: FramedLinkOptions;
  readonly #bufferBytes: number;
  readonly #sink = {
    onMessage: (lane: Lane, message: Uint8Array): void => {
      if (this.#state === 'open') this.#handler?.onMessage(lane, message);
    },
    onBadFrame: (frame: Parameters<LinkHandler['onBadFrame']>[0]): void => {
      if (this.#state === 'open') this.#handler?.onBadFrame(frame);
    },
  };
  #handler: LinkHandler | null = null;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #isBlocked = false;
  #closing: Promise<void> | null = null;

  constructor(options: FramedLinkOptions) {
    this.address = options.address;
    this.#options = options;
    this.#bufferBytes = options.bufferBytes ?? DEFAULT_BUFFER_BYTES;
  }

  get pendingBytes(): number {
    return this.#state === 'closed' ? 0 : this.#options.stream.writableLength;
  }

  /** Names who hears the link; before any byte arrives. */
  hear(handler: LinkHandler): void {
    this.#handler = handler;
  }

  send(lane: Lane, message: Uint8Array): boolean {
    assertMessageSize(message, this.address);
    if (this.#state !== 'open') return false;
    const { stream, framing, filterFrame } = this.#options;
    if (isBufferFull(stream.writableLength, message.length, this.#bufferBytes)) {
      this.#isBlocked = true;
      return false;
    }
    const frame = framing.encoder.encode(lane, message);
    if (filterFrame === undefined) stream.write(frame);
    else for (const sent of filterFrame(frame)) stream.write(sent);
    return true;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** Bytes arrived. */
  handleBytes(chunk: Uint8Array): void {
    if (this.#state === 'open') this.#options.framing.decoder.push(chunk, this.#sink);
  }

  /** Bytes that were written have gone to the system. */
  handleWritten(): void {
    if (!this.#isBlocked || this.#state !== 'open') return;
    if (this.#options.stream.writableLength > this.#bufferBytes / 2) return;
    this.#isBlocked = false;
    this.#handler?.onDrain();
  }

  /** The stream is gone, or the other side will send no more; of several calls the first counts. */
  handleGone(reason: string): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    if (wasOpen) this.#handler?.onClosed(reason);
  }

  async #end(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    const { stream, timers, flushMs = DEFAULT_FLUSH_MS } = this.#options;
    const ended = stream.end();
    if (!(await waitAtMost(timers, flushMs, ended))) {
      stream.destroy();
      await waitAtMost(timers, flushMs, ended);
    }
    this.#state = 'closed';
  }
}
