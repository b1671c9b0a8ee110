import { MeaError } from '../../protocols/errors.js';
import type { BadFrame, Link, LinkHandler, Transport } from '../../protocols/mea-link/link.js';
import type { Lane } from '../../protocols/mea-link/messages.js';
import type { Timers } from '../../protocols/timers.js';
import { pause, waitWithin } from './bounded-wait.js';
import { toError } from './command-channel.js';
import type { DriverOptions } from './driver-options.js';
import { SilenceWatch } from './silence-watch.js';

/** What a greeting came to: the device is ours, or it is one that we must not go on with. */
export type Greeting = { readonly type: 'welcome' } | { readonly type: 'unusable'; readonly message: string };

/** What a supervisor tells its owner. */
export interface SupervisorHooks {
  /** A link was opened: say hello on it. Rejects when the attempt failed. */
  readonly greet: () => Promise<Greeting>;
  /** Returns true when the message was a good one. */
  readonly onMessage: (lane: Lane, message: Uint8Array) => boolean;
  readonly onBadFrame: (frame: BadFrame) => void;
  readonly onDrain: () => void;
  /** The link is gone; `wasUp` tells whether it had been greeted. */
  readonly onDown: (reason: string, wasUp: boolean) => void;
  readonly onGaveUp: (message: string) => void;
}

export interface SupervisorOptions {
  readonly transport: Transport;
  readonly timers: Timers;
  readonly driver: DriverOptions;
  readonly hooks: SupervisorHooks;
}

/** Longest wait for an old link to close before a new one is opened. */
const OLD_LINK_MS = 250;

/**
 * Keeps one link to the device: opens it, notices when it is dead, opens the next, gives up in the end. There is never
 * more than one, and nothing of an old link is heard.
 */
export class LinkSupervisor {
  readonly #options: SupervisorOptions;
  readonly #watch: SilenceWatch;
  readonly #closing = new AbortController();
  #link: Link | undefined;
  #isUp = false;
  /** Rises with each link: tells the callbacks of the present one from those of the last. */
  #generation = 0;
  #closed: Promise<unknown> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#watch = new SilenceWatch({
      timers: options.timers,
      silenceMs: options.driver.silenceMs,
      onSilence: (silentMs) => {
        this.drop(`nothing was received for ${silentMs.toFixed(0)} ms`);
      },
    });
  }

  /** True while a link stands and the device has welcomed us on it. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /**
   * Opens the first link; there is no second attempt.
   *
   * @throws MeaError `link`, `deadline`, `refused`; the signal's reason
   */
  async connect(signal: AbortSignal): Promise<void> {
    const greeting = await this.#attempt(signal);
    if (greeting.type === 'welcome') return;
    await this.close(OLD_LINK_MS);
    throw new MeaError('link', { what: greeting.message, where: this.#options.transport.address });
  }

  /** Gives a message to the link; false when there is none or it is full. */
  send(lane: Lane, message: Uint8Array): boolean {
    return this.#link?.send(lane, message) ?? false;
  }

  /** Treats the link as lost. */
  drop(reason: string): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#closed = this.#closeLink(link);
    this.#lose(reason);
  }

  /** Closes the link and opens no other; resolves within the bound, whatever the link does. */
  async close(boundMs: number): Promise<void> {
    this.#closing.abort(new MeaError('link', { what: 'The driver was closed' }));
    this.#isUp = false;
    this.#watch.stop();
    this.#generation += 1;
    const link = this.#link;
    this.#link = undefined;
    if (link !== undefined) this.#closed = this.#closeLink(link, boundMs);
    await this.#closed;
  }

  #lose(reason: string): void {
    const wasUp = this.#isUp;
    this.#link = undefined;
    this.#isUp = false;
    this.#generation += 1;
    this.#watch.stop();
    this.#options.hooks.onDown(reason, wasUp);
    // An attempt that is under way fails by itself; only a link that stood has to be replaced.
    if (wasUp && !this.#closing.signal.aborted) void this.#reconnect(reason);
  }

  /** Never rejects. */
  async #reconnect(reason: string): Promise<void> {
    const { timers, driver, hooks } = this.#options;
    const { signal } = this.#closing;
    const untilMs = timers.nowMs() + driver.giveUpMs;
    let backoffMs = driver.backoffMs;
    let last = reason;
    while (!signal.aborted && timers.nowMs() < untilMs) {
      try {
        await this.#closed;
        const greeting = await this.#attempt(signal);
        if (greeting.type === 'welcome') return;
        await this.close(OLD_LINK_MS);
        hooks.onGaveUp(greeting.message);
        return;
      } catch (error) {
        last = toError(error).message;
      }
      try {
        await pause(timers, backoffMs, signal);
      } catch {
        return;
      }
      backoffMs = Math.min(driver.maxBackoffMs, backoffMs * 2);
    }
    if (!signal.aborted) hooks.onGaveUp(`The link was not restored within ${driver.giveUpMs} ms: ${last}`);
  }

  async #attempt(signal: AbortSignal): Promise<Greeting> {
    const { hooks } = this.#options;
    this.#generation += 1;
    const generation = this.#generation;
    const link = await this.#open(this.#createHandler(generation), signal);
    if (generation !== this.#generation) {
      await this.#closeLink(link);
      throw new MeaError('link', { what: 'The link was closed while it was opened', where: link.address });
    }
    this.#link = link;
    hooks.onDrain();
    try {
      const greeting = await this.#greet(signal);
      if (generation !== this.#generation)
        throw new MeaError('link', { what: 'The link was lost during the greeting' });
      this.#isUp = greeting.type === 'welcome';
      if (this.#isUp) this.#watch.start();
      return greeting;
    } catch (error) {
      if (generation === this.#generation) this.drop(toError(error).message);
      throw error;
    }
  }

  #greet(signal: AbortSignal): Promise<Greeting> {
    const { timers, driver, hooks, transport } = this.#options;
    const what = 'The greeting of the device';
    return waitWithin(hooks.greet(), { timers, delayMs: driver.connectMs, what, where: transport.address, signal });
  }

  /** Opens a link within the time for it; one that comes too late is closed. */
  async #open(handler: LinkHandler, signal: AbortSignal): Promise<Link> {
    const { transport, timers, driver } = this.#options;
    const attempt = new AbortController();
    const opening = transport.connect(handler, AbortSignal.any([signal, attempt.signal]));
    try {
      return await waitWithin(opening, {
        timers,
        delayMs: driver.connectMs,
        what: 'Opening the link',
        where: transport.address,
        signal,
      });
    } catch (error) {
      attempt.abort(error);
      opening.then(
        (late) => this.#closeLink(late),
        () => undefined,
      );
      throw error;
    }
  }

  #createHandler(generation: number): LinkHandler {
    const { hooks } = this.#options;
    const isCurrent = (): boolean => generation === this.#generation;
    return {
      onMessage: (lane, message) => {
        if (isCurrent() && hooks.onMessage(lane, message)) this.#watch.heard();
      },
      onBadFrame: (frame) => {
        if (isCurrent()) hooks.onBadFrame(frame);
      },
      onDrain: () => {
        if (isCurrent()) hooks.onDrain();
      },
      onClosed: (reason) => {
        if (isCurrent()) this.#lose(reason);
      },
    };
  }

  /** Never rejects, never waits for ever. */
  async #closeLink(link: Link, boundMs = OLD_LINK_MS): Promise<void> {
    const { timers } = this.#options;
    try {
      await waitWithin(link.close(), { timers, delayMs: boundMs, what: 'Closing the link', where: link.address });
    } catch {
      // A link that does not close in time, or fails at it, is of no more use to anyone.
    }
  }
}
