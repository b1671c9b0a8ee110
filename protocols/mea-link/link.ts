import type { Lane } from './messages.js';

/**
 * A connection that carries whole encoded messages both ways; framing, checksums and buffers are its own affair. The
 * client's transports (drivers/transports) and the emulator's mounts (sim-device/mounts) both give one of these.
 */
export interface Link {
  /** For people: `tcp://127.0.0.1:9100`, `serial:/dev/ttyACM0`. */
  readonly address: string;
  /**
   * Takes a message for sending, or returns false when its buffer is full: then nothing was taken, and `onDrain` will
   * say when to go on. After the link has closed it returns false and there is no `onDrain`. The bytes are copied or
   * sent before it returns; the caller may use them again.
   */
  send(lane: Lane, message: Uint8Array): boolean;
  /** Bytes taken and not yet given to the system. */
  readonly pendingBytes: number;
  /** Resolves when the link is closed, after what was taken has been given to the system or `flushMs` has passed. */
  close(): Promise<void>;
}

/** Why a stretch of received bytes was no message. */
export interface BadFrame {
  readonly lane: Lane;
  /** `Bad frame at byte 18432: CRC 0x9f21..., expected 0x11ab...`. */
  readonly message: string;
  /** Bytes thrown away. */
  readonly bytes: number;
}

/** What a link tells its owner. No call comes before the function that made the link has returned or resolved. */
export interface LinkHandler {
  /** A message arrived. The bytes belong to the receiver. */
  onMessage(lane: Lane, message: Uint8Array): void;
  onBadFrame(frame: BadFrame): void;
  /** `send` may be tried again. */
  onDrain(): void;
  /** The link is gone, by the other side or a failure; called once, never after `close` was called. */
  onClosed(reason: string): void;
}

/** How a client reaches a device. */
export interface Transport {
  readonly address: string;
  /**
   * Opens one link.
   *
   * @throws MeaError `link` when the device cannot be reached; the signal's reason when it is aborted
   */
  connect(handler: LinkHandler, signal: AbortSignal): Promise<Link>;
}

/** The device's side: waits for links. */
export interface Mount {
  /** Where it listens, with the real port where 0 was asked for. */
  readonly address: string;
  /** Stops listening and closes every link. */
  close(): Promise<void>;
}

/** Called by a mount for each link that is made; what it returns hears that link. */
export type AcceptLink = (link: Link) => LinkHandler;
