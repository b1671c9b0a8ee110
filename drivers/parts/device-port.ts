import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { SerialPortLike } from '../../protocols/mea-link/serial-link.js';
import type { Timers } from '../../protocols/timers.js';
import { waitWithin } from '../mea-link/bounded-wait.js';
import { abandonSerialPort, openSerialPort } from '../transports/serial.js';

/** How long the line may take no bytes. */
const WRITE_MS = 1000;
/** The same for a trigger: what leaves later would leave too near to the next. */
const TRIGGER_MS = 250;
/** How long a port may take to close. */
const CLOSE_MS = 1000;

/** How a driver comes to its port; a test gives one that leads to a facade in this process. */
export type OpenPort = (path: string, signal: AbortSignal) => Promise<SerialPortLike>;

export interface DevicePortOptions {
  /** As the rig names it. No other port is ever opened. */
  readonly path: string;
  readonly baud: number;
  readonly timers: Timers;
  readonly openPort?: OpenPort | undefined;
}

export interface DevicePortHandler {
  onBytes(bytes: Uint8Array): void;
  /** The port is gone: unplugged, failed. Once; not after `close`. */
  onLost(error: MeaError): void;
}

/**
 * Opens the port that the rig names, for a device that has no link protocol of its own.
 *
 * @throws MeaError `link` when it is absent or taken, with what to do
 */
export async function openDevicePort(
  options: DevicePortOptions,
  handler: DevicePortHandler,
  signal: AbortSignal,
): Promise<DevicePort> {
  const { path, baud, timers, openPort } = options;
  const port = await (openPort ?? ((name, stop) => openSerialPort({ path: name, baud }, { timers, signal: stop })))(
    path,
    signal,
  );
  return new DevicePort(port, options, handler);
}

/**
 * An open port to a device. Each message is one write, as some firmware gives up on a message that stands still. A line that
 * takes nothing for a second is lost at once, with all that it still holds: a trigger that leaves whenever the line moves again
 * would be worse than none.
 */
export class DevicePort {
  readonly where: string;
  readonly #port: SerialPortLike;
  readonly #timers: Timers;
  readonly #handler: DevicePortHandler;
  #lost: MeaError | null = null;
  #isClosing = false;
  #isTriggering = false;
  /** Who waits for a write. */
  readonly #waiting = new Set<(error: MeaError) => void>();

  constructor(port: SerialPortLike, { path, timers }: DevicePortOptions, handler: DevicePortHandler) {
    this.where = path;
    this.#port = port;
    this.#timers = timers;
    this.#handler = handler;
    port.on('data', (bytes) => {
      handler.onBytes(bytes);
    });
    port.on('error', (error) => {
      this.#lose(`the port failed: ${error.message}`);
    });
    port.on('end', () => {
      this.#lose('the port hung up');
    });
    port.on('close', (error) => {
      this.#lose(`the port was closed${error ? `: ${error.message}` : ''}`);
    });
  }

  get isOpen(): boolean {
    return this.#lost === null && !this.#isClosing && this.#port.isOpen;
  }

  /**
   * Gives one message to the line; resolves when the system has taken it.
   *
   * @throws MeaError `link` when the port is gone, `deadline` when the line takes nothing, after which it is gone
   */
  write(bytes: Uint8Array, what: string): Promise<void> {
    return this.#write(bytes, { what, withinMs: WRITE_MS });
  }

  async #write(
    bytes: Uint8Array,
    { what, withinMs }: { readonly what: string; readonly withinMs: number },
  ): Promise<void> {
    if (this.#lost !== null) throw this.#lost;
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.add(reject);
      this.#port.write(bytes, (error) => {
        this.#waiting.delete(reject);
        if (error === null || error === undefined) resolve();
        else reject(this.#lose(`a write failed: ${error.message}`));
      });
    });
    const bounds = { timers: this.#timers, delayMs: withinMs, what: `Sending ${what}`, where: this.where };
    try {
      await waitWithin(written, bounds);
    } catch (error) {
      if (isMeaError(error, 'deadline')) this.giveUp(`the line took no bytes for ${withinMs} ms`);
      throw error;
    }
  }

  /**
   * The same for a message that lets something leave; one at a time, so that triggers never queue up.
   *
   * @throws MeaError as `write`; `refused` while the line has not taken the one before
   */
  async trigger(bytes: Uint8Array, what: string): Promise<void> {
    if (this.#isTriggering) {
      throw new MeaError('refused', {
        what: 'The line is busy: it has not taken the last trigger yet',
        where: this.where,
        remedy: 'leave more time between two stimuli; is the line sound?',
      });
    }
    this.#isTriggering = true;
    try {
      await this.#write(bytes, { what, withinMs: TRIGGER_MS });
    } finally {
      this.#isTriggering = false;
    }
  }

  /** What is at the other end can no longer be trusted: the port counts as lost, and is let go of. @returns the loss */
  giveUp(reason: string): MeaError {
    const lost = this.#lose(reason);
    abandonSerialPort(this.#port);
    return lost;
  }

  /** Closes the port, in bounded time; never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (!this.#port.isOpen) return;
    const closed = new Promise<void>((resolve) => {
      this.#port.close(() => {
        resolve();
      });
    });
    const bounds = { timers: this.#timers, delayMs: CLOSE_MS, what: 'Closing the port', where: this.where };
    await waitWithin(closed, bounds).catch(() => undefined);
  }

  #lose(reason: string): MeaError {
    if (this.#lost !== null) return this.#lost;
    this.#lost = new MeaError('link', {
      what: 'The device is gone',
      got: reason,
      where: this.where,
      remedy: 'is its cable in, is it switched on? then connect again',
    });
    for (const reject of this.#waiting) reject(this.#lost);
    this.#waiting.clear();
    if (!this.#isClosing) this.#handler.onLost(this.#lost);
    return this.#lost;
  }
}
