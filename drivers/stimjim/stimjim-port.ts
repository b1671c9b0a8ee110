import { isDeepStrictEqual } from 'node:util';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { encodeStimJim, TRAINS, type StimJimCommand, type StimJimTrain } from '../../protocols/stimjim/commands.js';
import { createStimJimReader, type StimJimReply } from '../../protocols/stimjim/replies.js';
import { toAsciiBytes } from '../../protocols/text-lines.js';
import type { Timers } from '../../protocols/timers.js';
import { pause } from '../mea-link/bounded-wait.js';
import { AwaitedReplies } from '../parts/awaited-replies.js';
import { openDevicePort, type DevicePort, type OpenPort } from '../parts/device-port.js';
import { Turns } from '../parts/turns.js';
import { toHarmlessTrain } from './pulse-train.js';

/** Where a StimJim is. */
export interface StimJimAddress {
  /** Its serial port, as the rig names it: all Teensy boards have its USB id. */
  readonly port: string;
  readonly timers: Timers;
  /** How the port is opened; a test gives one that leads to a facade. */
  readonly openPort?: OpenPort;
  /** What an output is while it gives nothing; default `grounded`. */
  readonly whenOff?: 'high-z' | 'grounded';
}

/** What a StimJim says by itself, and that it is gone. */
export interface StimJimHandler {
  onReply(reply: StimJimReply): void;
  onLost(error: MeaError): void;
}

/** Its USB port does not care. */
const BAUD = 115_200;
/** How long a banner is waited for: a board that was just plugged in says nothing for a second. */
const LISTEN_MS = 300;
const BOOT_MS = 10_000;
/** The first answer: what a booting board was sent waits for it to be up. */
const FIRST_MS = 5000;
const REPLY_MS = 1000;
const TIMERS = ['T', 'U'] as const;

/** A StimJim that answered, whose timers are stopped, and none of whose hundred trains gives anything. */
export class StimJimPort {
  readonly #address: StimJimAddress;
  readonly #replies: AwaitedReplies<StimJimReply>;
  readonly #turns = new Turns();
  readonly #handler: StimJimHandler;
  #port: DevicePort | null = null;
  /** How often it has booted since the port was opened. */
  #boots = 0;

  constructor(address: StimJimAddress, handler: StimJimHandler) {
    this.#address = address;
    this.#handler = handler;
    this.#replies = new AwaitedReplies(address.timers);
  }

  get where(): string {
    return this.#address.port;
  }

  get whenOff(): 'high-z' | 'grounded' {
    return this.#address.whenOff ?? 'grounded';
  }

  get isOpen(): boolean {
    return this.#port?.isOpen ?? false;
  }

  /**
   * Opens the port and takes away all that the last user has left.
   *
   * @throws MeaError `link` (absent, taken), `deadline` (nobody answers as a StimJim does), `refused` (it holds other trains
   *   than it was sent, or firmware that cannot be stopped)
   */
  async open(signal: AbortSignal): Promise<void> {
    const { port, timers, openPort } = this.#address;
    const reader = createStimJimReader();
    const handler = {
      onBytes: (bytes: Uint8Array) => {
        for (const reply of reader.push(bytes)) {
          if (reply.type === 'booting') this.#boots += 1;
          if (!this.#replies.give(reply)) this.#handler.onReply(reply);
        }
      },
      onLost: (error: MeaError) => {
        this.#replies.fail(error);
        this.#handler.onLost(error);
      },
    };
    this.#port = await openDevicePort({ path: port, baud: BAUD, timers, openPort }, handler, signal);
    try {
      await this.#waitForBoot(signal);
      await this.#greet(signal);
      await this.#stopTimers(signal);
      await this.turnOff();
      await this.overwriteTrains(signal);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Sets a train and compares what the device says it holds.
   *
   * @throws MeaError `refused` when that is another, `deadline`
   */
  async upload(train: StimJimTrain, signal?: AbortSignal): Promise<void> {
    const held = await this.#ask({ type: 'train', train }, REPLY_MS, signal);
    if (isDeepStrictEqual(held, train)) return;
    throw new MeaError('refused', {
      what: 'The StimJim holds another train than it was sent',
      got: JSON.stringify(held),
      wanted: JSON.stringify(train),
      where: this.where,
      remedy: 'switch it off and on, then connect again',
    });
  }

  /**
   * Overwrites all its trains: a trigger input that the last user has tied to one cannot be untied, so none may give anything.
   *
   * @throws MeaError as `upload`; `refused` when it boots meanwhile, by which its trains are those of its makers again
   */
  async overwriteTrains(signal?: AbortSignal): Promise<void> {
    const boots = this.#boots;
    for (let n = 0; n < TRAINS; n++) await this.upload(toHarmlessTrain(n, this.whenOff), signal);
    if (this.#boots !== boots) throw bootedMeanwhile(this.where);
  }

  /** Starts a train; what the device says about it comes to the handler. */
  async start(n: number): Promise<void> {
    await this.#port?.trigger(toAsciiBytes(encodeStimJim({ type: 'start', timer: 'T', n })), 'start');
  }

  /** Stops both timers and turns both outputs off; at once, ahead of what waits. */
  async stop(): Promise<void> {
    for (const timer of TIMERS) await this.#tell({ type: 'stop', timer });
    await this.turnOff();
  }

  async turnOff(): Promise<void> {
    for (const output of [0, 1] as const) await this.#tell({ type: 'turn-off', output, mode: this.whenOff });
  }

  async close(): Promise<void> {
    await this.#port?.close();
  }

  /** A board that boots says so; one that is up says nothing. */
  async #waitForBoot(signal: AbortSignal): Promise<void> {
    const seen: { isBooting: boolean } = { isBooting: false };
    const enough = new AbortController();
    const isReady = this.#replies.next({
      match: (reply) => {
        if (reply.type === 'booting') seen.isBooting = true;
        return reply.type === 'ready' ? true : undefined;
      },
      withinMs: BOOT_MS,
      what: 'Booting the StimJim',
      where: this.where,
      signal: AbortSignal.any([signal, enough.signal]),
    });
    isReady.catch(() => undefined);
    try {
      await Promise.race([isReady, pause(this.#address.timers, LISTEN_MS, signal)]);
      if (seen.isBooting) await isReady;
    } finally {
      enough.abort();
    }
  }

  async #greet(signal: AbortSignal): Promise<void> {
    try {
      await this.#ask({ type: 'print-train', n: 0 }, FIRST_MS, signal);
    } catch (error) {
      if (!isMeaError(error, 'deadline')) throw error;
      throw new MeaError(
        'deadline',
        {
          what: 'Nothing answers as a StimJim does',
          got: `no train in ${FIRST_MS} ms`,
          where: this.where,
          remedy: 'is this the right port? every Teensy has the same USB id: see `meactl devices`',
        },
        { cause: error },
      );
    }
  }

  async #stopTimers(signal: AbortSignal): Promise<void> {
    for (const timer of TIMERS) {
      const answer = this.#replies.next({
        match: (reply) =>
          (reply.type === 'stopped' && reply.timer === timer) || reply.type === 'invalid-train'
            ? reply.type
            : undefined,
        withinMs: REPLY_MS,
        what: `Stopping timer ${timer} of the StimJim`,
        where: this.where,
        signal,
      });
      answer.catch(() => undefined);
      await this.#tell({ type: 'stop', timer });
      if ((await answer) !== 'invalid-train') continue;
      throw new MeaError('refused', {
        what: 'This firmware of the StimJim cannot be stopped by a command',
        got: `invalid train, in answer to ${timer}-1`,
        where: this.where,
        remedy: 'load the present firmware of its makers',
      });
    }
  }

  /** A line that is answered by a train. */
  #ask(
    command: Extract<StimJimCommand, { type: 'train' | 'print-train' }>,
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<StimJimTrain> {
    const n = command.type === 'train' ? command.train.n : command.n;
    return this.#turns.take(async () => {
      signal?.throwIfAborted();
      const answer = this.#replies.next({
        match: (reply) => (reply.type === 'train' && reply.train.n === n ? reply.train : undefined),
        withinMs,
        what: `The StimJim's echo of train ${n}`,
        where: this.where,
        signal,
      });
      // when the write fails, nobody waits for the answer any more
      answer.catch(() => undefined);
      await this.#tell(command);
      return answer;
    });
  }

  async #tell(command: StimJimCommand): Promise<void> {
    await this.#port?.write(toAsciiBytes(encodeStimJim(command)), command.type);
  }
}

/** What is said when it has booted in the midst of something. */
export function bootedMeanwhile(where: string): MeaError {
  return new MeaError('refused', {
    what: 'The StimJim has booted while it was switched off: its trains are those of its makers',
    where,
    remedy: 'is its supply sound? then switch it off once more',
  });
}
