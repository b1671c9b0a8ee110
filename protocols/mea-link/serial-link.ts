import { isMeaError, MeaError } from '../errors.js';
import type { CancelTimer } from '../timers.js';
import { FramedLink, type FramedLinkOptions } from './framed-link.js';

/** What a link needs of a serial port; `SerialPort` of the package `serialport` has it. */
export interface SerialPortLike {
  readonly isOpen: boolean;
  write(bytes: Uint8Array, done: (error: Error | null | undefined) => void): boolean;
  close(done: (error: Error | null) => void): void;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface SerialLinkOptions extends Omit<FramedLinkOptions, 'stream'> {
  readonly baud: number;
  /** The link closes when the line has taken nothing for so long: a write to a line that nobody reads pends for ever. */
  readonly writeTimeoutMs?: number;
}

/** How long a serial line may stand still before its link closes. */
const DEFAULT_WRITE_TIMEOUT_MS = 2000;

/** Bytes that are given to the port at once; small, so that the line's progress can be seen. */
const WRITE_BYTES = 4096;
/** What the system says of a port that somebody has open. */
const LOCKED = /lock port|EBUSY|busy/iu;
/** A byte on the line: start bit, eight bits, stop bit. */
const BITS_PER_BYTE = 10;

/**
 * Makes a link of an open port and takes the port over. A line has no connection: the other side's end is not seen, and
 * an unplugged adapter only when the system says so. Heartbeats above the link must find that out.
 */
export function createSerialLink(port: SerialPortLike, options: SerialLinkOptions): FramedLink {
  const timeoutMs =
    (options.writeTimeoutMs ?? DEFAULT_WRITE_TIMEOUT_MS) + (WRITE_BYTES * BITS_PER_BYTE * 1000) / options.baud;
  let failure: string | null = null;
  const fail = (reason: string): void => {
    failure ??= reason;
    writer.stop();
    link.handleGone(failure);
    closePort(port);
  };
  const writer = new PortWriter(port, {
    arm: (callback) => options.timers.after(timeoutMs, callback),
    onWritten: () => {
      link.handleWritten();
    },
    onStalled: () => {
      fail(`the line took no bytes for ${Math.round(timeoutMs)} ms`);
    },
  });
  const gone = new Promise<void>((resolve) => {
    port.on('close', (error) => {
      fail(`the port was closed${error ? `: ${error.message}` : ''}`);
      resolve();
    });
  });
  const link = new FramedLink({
    ...options,
    stream: {
      write: (bytes) => {
        writer.write(bytes);
      },
      get writableLength() {
        return writer.pendingBytes;
      },
      // No tcdrain: on a line that nobody reads it would hold a thread for ever.
      end: async () => {
        await writer.idle();
        closePort(port);
        await gone;
      },
      destroy: () => {
        writer.stop();
        closePort(port);
      },
    },
  });
  port.on('data', (chunk) => {
    link.handleBytes(chunk);
  });
  port.on('error', (error) => {
    fail(`the port failed: ${error.message}`);
  });
  port.on('end', () => {
    fail('the port hung up');
  });
  return link;
}

/** Says what to do when a port could not be opened. */
export function toSerialError(error: unknown, path: string): MeaError {
  const message = error instanceof Error ? error.message : String(error);
  return new MeaError(
    'link',
    { what: 'The serial port cannot be opened', got: message, where: path, remedy: serialRemedy(message) },
    { cause: error },
  );
}

/** True for the error of `toSerialError` when somebody has the port open. */
export function isPortLocked(error: unknown): boolean {
  return isMeaError(error, 'link') && error.cause instanceof Error && LOCKED.test(error.cause.message);
}

function serialRemedy(message: string): string {
  if (/ENOENT|no such file/iu.test(message)) return 'is the device plugged in and switched on? see /dev/serial/by-id';
  if (LOCKED.test(message)) return 'another program has it open: end that program';
  if (/EACCES|permission/iu.test(message)) return 'add yourself to the group dialout and log in again';
  return 'check the path and the baud rate';
}

function closePort(port: SerialPortLike): void {
  if (!port.isOpen) return;
  port.close(() => {
    // whether well or not, the port's 'close' or 'error' event has told
  });
}

interface PortWriterHooks {
  /** Starts the deadline of one write. */
  readonly arm: (callback: () => void) => CancelTimer;
  readonly onWritten: () => void;
  readonly onStalled: () => void;
}

/** Gives bytes to a port in small writes, one at a time, each with a deadline. */
class PortWriter {
  readonly #port: SerialPortLike;
  readonly #hooks: PortWriterHooks;
  readonly #buffer = new Uint8Array(WRITE_BYTES);
  readonly #onIdle: (() => void)[] = [];
  #frames: Uint8Array[] = [];
  /** Bytes of the first frame that have been given. */
  #offset = 0;
  #pendingBytes = 0;
  #isWriting = false;
  #isStopped = false;

  constructor(port: SerialPortLike, hooks: PortWriterHooks) {
    this.#port = port;
    this.#hooks = hooks;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#isStopped) return;
    this.#frames.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#pump();
  }

  /** Resolves when nothing is left to write. */
  idle(): Promise<void> {
    if (this.#pendingBytes === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Forgets what was not written. */
  stop(): void {
    this.#isStopped = true;
    this.#frames = [];
    this.#pendingBytes = 0;
    this.#tellIdle();
  }

  #pump(): void {
    if (this.#isWriting || this.#isStopped || this.#pendingBytes === 0) return;
    const length = this.#fill();
    this.#isWriting = true;
    const cancel = this.#hooks.arm(this.#hooks.onStalled);
    this.#port.write(this.#buffer.subarray(0, length), (error) => {
      cancel();
      this.#isWriting = false;
      // the port's 'error' event follows and ends the link
      if (error !== null && error !== undefined) return;
      if (this.#isStopped) return;
      this.#pendingBytes -= length;
      if (this.#pendingBytes === 0) this.#tellIdle();
      this.#pump();
      this.#hooks.onWritten();
    });
  }

  /** Copies as much as fits, from as many frames as it takes; returns how much. */
  #fill(): number {
    let length = 0;
    let taken = 0;
    while (taken < this.#frames.length && length < WRITE_BYTES) {
      const frame = this.#frames[taken]!;
      const part = frame.subarray(this.#offset, this.#offset + WRITE_BYTES - length);
      this.#buffer.set(part, length);
      length += part.length;
      this.#offset += part.length;
      if (this.#offset < frame.length) break;
      this.#offset = 0;
      taken += 1;
    }
    this.#frames.splice(0, taken);
    return length;
  }

  #tellIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
