import { Subject, type Observable } from 'rxjs';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { createLineSplitter, toAsciiBytes } from '../../protocols/text-lines.js';
import type { Timers } from '../../protocols/timers.js';
import {
  encodeTtlBox,
  MAX_LINES,
  MAX_TTL_BOX_LINE,
  readTtlBoxReply,
  toMask,
  TTL_BOX_VERSION,
  widthOf,
  type TtlBoxCommand,
  type TtlBoxReply,
} from '../../protocols/ttl-box/lines.js';
import { toError } from '../mea-link/command-channel.js';
import { AwaitedReplies } from '../parts/awaited-replies.js';
import { openDevicePort, type DevicePort, type OpenPort } from '../parts/device-port.js';
import type { StimulatorEvent, TriggerBox } from '../parts/stimulator.js';
import { TTL_BOX_CAPABILITIES } from './capabilities.js';

export interface TtlBoxOptions {
  /** Its serial port, as the rig names it. */
  readonly port: string;
  readonly timers: Timers;
  /** How the port is opened; a test gives one that leads to a facade. */
  readonly openPort?: OpenPort;
  /** How long a line is raised; default 1 ms. */
  readonly widthUs?: number;
}

const BAUD = 115_200;
const DEFAULT_WIDTH_US = 1000;
/** A board that resets when its port is opened takes up to two seconds to be up; it is asked again meanwhile. */
const GREETING_MS = 400;
const GREETINGS = 8;
const REPLY_MS = 500;

type Greeting = Extract<TtlBoxReply, { type: 'greeting' }>;

/**
 * Connects a box of TTL lines; all are low when this resolves.
 *
 * @throws MeaError `bad-input` for a width that no box has, `link` (absent, taken), `deadline` (nobody answers as a box
 *   does), `refused` (another version)
 */
export async function connectTtlBox(options: TtlBoxOptions, signal: AbortSignal): Promise<TriggerBox> {
  const widthUs = widthOf(options.widthUs ?? DEFAULT_WIDTH_US);
  const link = new TtlBoxLink(options);
  await link.open(signal);
  try {
    const greeting = await link.greet(signal);
    const box = new TtlBox(link, greeting, widthUs);
    await link.allLow(signal);
    return box;
  } catch (error) {
    await link.close();
    throw error;
  }
}

class TtlBox implements TriggerBox {
  readonly description: TriggerBox['description'];
  readonly lines: number;
  readonly #link: TtlBoxLink;
  readonly #widthUs: number;

  constructor(link: TtlBoxLink, { lines, serialNumber, firmware }: Greeting, widthUs: number) {
    this.#link = link;
    this.#widthUs = widthUs;
    this.lines = lines;
    this.description = { device: TTL_BOX_CAPABILITIES.device, serialNumber, firmware };
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#link.events$;
  }

  async pulse(lines: readonly number[]): Promise<void> {
    const beyond = lines.find((line) => line > this.lines);
    if (beyond !== undefined) {
      const wanted = `1 to ${this.lines}`;
      throw new MeaError('bad-input', { what: 'The box has no such line', got: `line ${beyond}`, wanted });
    }
    await this.#link.pulse(lines, this.#widthUs);
  }

  async allOff(): Promise<void> {
    await this.#link.allLow();
  }

  async close(): Promise<void> {
    if (this.#link.isOpen) {
      await this.#link.allLow().catch((error: unknown) => {
        this.#link.warn(`That the lines of the TTL box are low is not known: ${toError(error).message}`);
      });
    }
    await this.#link.close();
  }
}

/** Lines to the box, and what it says. */
class TtlBoxLink {
  readonly #options: TtlBoxOptions;
  readonly #replies: AwaitedReplies<TtlBoxReply>;
  readonly #events = new Subject<StimulatorEvent>();
  readonly events$: Observable<StimulatorEvent> = this.#events.asObservable();
  #port: DevicePort | null = null;
  /** Its watchdog has acted, and it was not switched off since. */
  #hasBarked = false;
  /** Switching off that is under way. */
  #pendingOffs = 0;

  constructor(options: TtlBoxOptions) {
    this.#options = options;
    this.#replies = new AwaitedReplies(options.timers);
  }

  get isOpen(): boolean {
    return this.#port?.isOpen ?? false;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { port, timers, openPort } = this.#options;
    const splitter = createLineSplitter(MAX_TTL_BOX_LINE);
    const handler = {
      onBytes: (bytes: Uint8Array) => {
        for (const line of splitter.push(bytes)) this.#handle(readTtlBoxReply(line));
      },
      onLost: (error: MeaError) => {
        this.#replies.fail(error);
        this.#events.next({ type: 'failed', message: error.message });
      },
    };
    this.#port = await openDevicePort({ path: port, baud: BAUD, timers, openPort }, handler, signal);
  }

  async greet(signal: AbortSignal): Promise<Greeting> {
    for (let attempt = 1; ; attempt++) {
      try {
        const greeting = await this.#ask(
          { type: 'greet' },
          { match: (reply) => (reply.type === 'greeting' ? reply : undefined), withinMs: GREETING_MS, signal },
        );
        return this.#checkGreeting(greeting);
      } catch (error) {
        if (!isMeaError(error, 'deadline')) throw error;
        if (attempt === GREETINGS) throw this.#silence(error);
      }
    }
  }

  /** Raises lines; resolves when the word was handed over. What the box says to it comes later. */
  async pulse(lines: readonly number[], widthUs: number): Promise<void> {
    const mask = toMask(lines);
    if (this.#hasBarked) throw this.#notNow('its watchdog has dropped all lines', 'switch all off first');
    if (this.#pendingOffs > 0) throw this.#notNow('it is being switched off', 'wait for the end of that');
    // of one that was not sent no answer is waited for
    const unsent = new AbortController();
    const answer = this.#replies.next({
      match: (reply) =>
        (reply.type === 'raised' || reply.type === 'refused') && reply.mask === mask ? reply : undefined,
      withinMs: REPLY_MS,
      what: `The answer of the TTL box to lines ${lines.join(', ')}`,
      where: this.#options.port,
      signal: unsent.signal,
    });
    answer.then(
      (reply) => {
        if (reply.type === 'refused') this.warn(`The TTL box did not raise lines ${lines.join(', ')}: ${reply.reason}`);
      },
      (error: unknown) => {
        // what became of the link is said by itself
        if (isMeaError(error, 'deadline')) this.warn(error.message);
      },
    );
    try {
      await this.#port?.trigger(toAsciiBytes(encodeTtlBox({ type: 'pulse', lines, widthUs })), 'pulse');
    } catch (error) {
      unsent.abort(error);
      throw error;
    }
  }

  async allLow(signal?: AbortSignal): Promise<void> {
    const match = (reply: TtlBoxReply): true | undefined => (reply.type === 'all-low' ? true : undefined);
    this.#pendingOffs += 1;
    try {
      await this.#ask({ type: 'all-low' }, { match, withinMs: REPLY_MS, signal });
      this.#hasBarked = false;
    } catch (error) {
      // its answer would be taken for that to another, which came after lines were raised again
      if (isMeaError(error, 'deadline')) this.#port?.giveUp('it has not answered to all lines low');
      throw error;
    } finally {
      this.#pendingOffs -= 1;
    }
  }

  async close(): Promise<void> {
    await this.#port?.close();
    this.#events.complete();
  }

  #handle(reply: TtlBoxReply): void {
    if (this.#replies.give(reply)) return;
    if (reply.type === 'watchdog') {
      this.#hasBarked = true;
      const message = 'The watchdog of the TTL box has dropped all lines: it raises none before all are switched off';
      this.#events.next({ type: 'failed', message });
    } else if (reply.type === 'not-understood') {
      this.warn('The TTL box did not understand a line: bytes may be lost on the way');
    }
  }

  async #ask<Answer>(
    command: TtlBoxCommand,
    {
      match,
      withinMs,
      signal,
    }: {
      readonly match: (reply: TtlBoxReply) => Answer | undefined;
      readonly withinMs: number;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Answer> {
    const what = `The answer of the TTL box to ${command.type}`;
    const answer = this.#replies.next({ match, withinMs, what, where: this.#options.port, signal });
    // when the write fails, nobody waits for the answer any more
    answer.catch(() => undefined);
    await this.#tell(command);
    return answer;
  }

  async #tell(command: TtlBoxCommand): Promise<void> {
    await this.#port?.write(toAsciiBytes(encodeTtlBox(command)), command.type);
  }

  #checkGreeting(greeting: Greeting): Greeting {
    const { version, lines } = greeting;
    if (version === TTL_BOX_VERSION && lines >= 1 && lines <= MAX_LINES) return greeting;
    throw new MeaError('refused', {
      what: 'The TTL box speaks another version',
      got: `version ${version} with ${lines} lines`,
      wanted: `version ${TTL_BOX_VERSION} with 1 to ${MAX_LINES} lines`,
      where: this.#options.port,
      remedy: 'load firmware of docs/devices/ttl-box.md',
    });
  }

  #silence(cause: MeaError): MeaError {
    return new MeaError(
      'deadline',
      {
        what: 'Nothing answers as a TTL box does',
        got: `no greeting in ${GREETING_MS * GREETINGS} ms`,
        where: this.#options.port,
        remedy: 'is this the right port, and is the firmware of docs/devices/ttl-box.md on it?',
      },
      { cause },
    );
  }

  #notNow(got: string, remedy: string): MeaError {
    return new MeaError('refused', { what: 'The TTL box raises no lines', got, where: this.#options.port, remedy });
  }

  warn(message: string): void {
    this.#events.next({ type: 'warning', message });
  }
}
