import type { Observable } from 'rxjs';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { encodePulsePal, replyBytes, type PulsePalCommand } from '../../protocols/pulse-pal/commands.js';
import { assertConfirmed } from '../../protocols/pulse-pal/replies.js';
import type { Timers } from '../../protocols/timers.js';
import type { WaitBounds } from '../mea-link/bounded-wait.js';
import { EventOutlet } from '../mea-link/event-outlet.js';
import { openDevicePort, type DevicePort, type OpenPort } from '../parts/device-port.js';
import type { StimulatorEvent } from '../parts/stimulator.js';
import { Turns } from '../parts/turns.js';
import { ReplyBytes } from './reply-bytes.js';

/** Where a Pulse Pal is. */
export interface PulsePalAddress {
  /** Its serial port, as the rig names it: the USB id of its processor board is that of many other things. */
  readonly port: string;
  readonly timers: Timers;
  /** How the port is opened; a test gives one that leads to a facade. */
  readonly openPort?: OpenPort;
}

/** What may end a command. */
export interface CommandOptions {
  /** Ends the wait for its turn and for its answer. */
  readonly signal?: AbortSignal | undefined;
  /** Called when its turn has come: what it throws keeps the command from being sent. */
  readonly assertWanted?: (() => void) | undefined;
}

/** Its native USB port does not care. 1200 would erase it. */
const BAUD = 115_200;
export const REPLY_MS = 1000;

/**
 * Messages and their answers, one at a time. Answers carry no mark of what they answer. So after one that did not come in
 * time, and after bytes that nobody had asked for, the next command waits for a greeting to be answered: the device answers in
 * order, and what comes before that belongs to nobody. A device that does not answer the greeting either is given up.
 */
export class PulsePalLink {
  readonly #timers: Timers;
  readonly #replies = new ReplyBytes();
  readonly #turns = new Turns();
  readonly #outlet = new EventOutlet<StimulatorEvent>();
  #port: DevicePort | null = null;
  /** Its answer to a greeting, once that is known. */
  #hello: Uint8Array | null = null;
  #isOutOfStep = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#outlet.events$;
  }

  get where(): string {
    return this.#port?.where ?? '';
  }

  get isOpen(): boolean {
    return this.#port?.isOpen ?? false;
  }

  async open({ port, timers, openPort }: PulsePalAddress, signal: AbortSignal): Promise<void> {
    this.#port = await openDevicePort(
      { path: port, baud: BAUD, timers, openPort },
      {
        onBytes: (bytes) => {
          this.#replies.push(bytes);
        },
        onLost: (error) => {
          this.#replies.fail(error);
          this.#outlet.emit({ type: 'failed', message: error.message });
        },
      },
      signal,
    );
  }

  /** Asks who is there. @returns its answer; from now on it is known */
  async greet(signal: AbortSignal): Promise<Uint8Array> {
    this.#hello = await this.command({ type: 'handshake' }, { signal });
    return this.#hello;
  }

  /** A message without an answer; it does not wait for its turn. */
  async tell(command: PulsePalCommand): Promise<void> {
    await this.#port?.write(encodePulsePal(command), command.type);
  }

  /** Starts outputs; there is no answer. @throws MeaError `refused` while the line has not taken the last trigger */
  async trigger(outputs: readonly number[]): Promise<void> {
    await this.#port?.trigger(encodePulsePal({ type: 'trigger', outputs }), 'trigger');
  }

  /**
   * A message and its answer, checked where it is a confirmation.
   *
   * @throws MeaError `deadline` when no answer comes, `refused` for another one, `link`; what `assertWanted` throws
   */
  command(command: PulsePalCommand, { signal, assertWanted }: CommandOptions = {}): Promise<Uint8Array> {
    return this.#turns.take(async () => {
      signal?.throwIfAborted();
      assertWanted?.();
      await this.#getInStep(signal);
      assertWanted?.();
      const answer = this.#replies.take(replyBytes(command), this.#boundsOf(command.type, signal));
      const bytes = await this.#exchange(command, answer);
      if (command.type !== 'handshake') assertConfirmed(bytes, command.type, this.where);
      return bytes;
    });
  }

  warn(message: string): void {
    this.#outlet.emit({ type: 'warning', message });
  }

  async close(): Promise<void> {
    await this.#port?.close();
    this.#outlet.complete();
  }

  async #exchange(command: PulsePalCommand, answer: Promise<Uint8Array>): Promise<Uint8Array> {
    // when the write fails, nobody waits for the answer any more
    answer.catch(() => undefined);
    await this.tell(command);
    try {
      return await answer;
    } catch (error) {
      // its answer may still come
      this.#isOutOfStep = true;
      throw error;
    }
  }

  async #getInStep(signal: AbortSignal | undefined): Promise<void> {
    const stray = this.#replies.drop();
    if (stray > 0) {
      this.#isOutOfStep = true;
      this.warn(`${stray} bytes that belong to no answer came from ${this.where} and were dropped`);
    }
    const hello = this.#hello;
    if (!this.#isOutOfStep || hello === null) return;
    try {
      const through = this.#replies.takeThrough(hello, this.#boundsOf('a greeting', signal));
      await this.#exchange({ type: 'handshake' }, through);
      this.#isOutOfStep = false;
    } catch (error) {
      if (!isMeaError(error, 'deadline')) throw error;
      throw this.#giveUp(error);
    }
  }

  #giveUp(cause: MeaError): MeaError {
    const reason =
      'it answers no greeting after an answer did not come: which command an answer belongs to is not known';
    return this.#port?.giveUp(reason) ?? cause;
  }

  #boundsOf(what: string, signal: AbortSignal | undefined): WaitBounds {
    return {
      timers: this.#timers,
      delayMs: REPLY_MS,
      what: `The Pulse Pal's answer to ${what}`,
      where: this.where,
      signal,
    };
  }
}
