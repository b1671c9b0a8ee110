import { Subject, type Observable } from 'rxjs';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { encodePulsePal, replyBytes, type PulsePalCommand } from '../../protocols/pulse-pal/commands.js';
import { assertConfirmed, readHandshake } from '../../protocols/pulse-pal/replies.js';
import { HARMLESS_SETTINGS, type PulsePalSettings } from '../../protocols/pulse-pal/settings.js';
import type { Timers } from '../../protocols/timers.js';
import { pause } from '../mea-link/bounded-wait.js';
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

/** Its native USB port does not care. 1200 would erase it. */
const BAUD = 115_200;
const REPLY_MS = 1000;
/** What an earlier program has not read comes at once when the port is opened. */
const SETTLE_MS = 50;
const CLIENT_NAME = 'MEACTL';
const OUTPUTS = [1, 2, 3, 4] as const;

/** A Pulse Pal that answered, is a model 2, and stands at 0 V with nothing that could trigger it. */
export class PulsePalPort {
  /** Of its firmware: 20 or 21. */
  readonly firmware: number;
  readonly #link: PulsePalLink;

  constructor(link: PulsePalLink, firmware: number) {
    this.#link = link;
    this.firmware = firmware;
  }

  get where(): string {
    return this.#link.where;
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#link.events$;
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  /** Sets everything at once, which alone leaves burst and custom modes reliably. */
  async program(settings: PulsePalSettings, signal?: AbortSignal): Promise<void> {
    await this.#link.command({ type: 'program', settings }, signal);
  }

  /** Starts outputs, together; there is no answer. */
  trigger(outputs: readonly number[]): Promise<void> {
    return this.#link.tell({ type: 'trigger', outputs });
  }

  /** Ends what is played at once, ahead of what waits, and then lets nothing more play. */
  async makeHarmless(): Promise<void> {
    await this.#link.tell({ type: 'abort' });
    await makeHarmless(this.#link);
  }

  async close(): Promise<void> {
    if (this.#link.isOpen) {
      await this.makeHarmless().catch(() => undefined);
      await this.#link.tell({ type: 'disconnect' }).catch(() => undefined);
    }
    await this.#link.close();
  }
}

/**
 * Opens the port, asks who is there, and takes away all that the last user has left: trains that play, endless loops, links
 * to trigger inputs, voltages.
 *
 * @throws MeaError `link` (absent, taken, another device), `refused` (model 1, firmware that is not known, no
 *   confirmation), `deadline`
 */
export async function openPulsePal(address: PulsePalAddress, signal: AbortSignal): Promise<PulsePalPort> {
  const link = new PulsePalLink(address.timers);
  await link.open(address, signal);
  try {
    await pause(address.timers, SETTLE_MS, signal);
    const firmware = await greet(link, signal);
    await link.tell({ type: 'abort' });
    await makeHarmless(link, signal);
    await link.tell({ type: 'client-name', name: CLIENT_NAME });
    return new PulsePalPort(link, firmware);
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function greet(link: PulsePalLink, signal: AbortSignal): Promise<number> {
  try {
    return readHandshake(await link.command({ type: 'handshake' }, signal), link.where);
  } catch (error) {
    if (!isMeaError(error, 'deadline')) throw error;
    throw new MeaError(
      'deadline',
      {
        what: 'Nothing answers as a Pulse Pal does',
        got: `silence for ${REPLY_MS} ms`,
        where: link.where,
        remedy: 'is this the right port? does its display say COMM. FAILURE? then click its joystick',
      },
      { cause: error },
    );
  }
}

/**
 * 0 V whatever triggers it, first: should a firmware understand what follows differently, it plays 0 V.
 * Then endless loops off, which settings do not end; then 0 V on what stands still.
 */
async function makeHarmless(link: PulsePalLink, signal?: AbortSignal): Promise<void> {
  await link.command({ type: 'program', settings: HARMLESS_SETTINGS }, signal);
  for (const channel of OUTPUTS) await link.command({ type: 'loop', channel, isOn: false }, signal);
  for (const channel of OUTPUTS) await link.command({ type: 'fixed-voltage', channel, volts: 0 }, signal);
  await link.tell({ type: 'abort' });
}

/** Messages and their answers, one at a time. */
class PulsePalLink {
  readonly #timers: Timers;
  readonly #replies = new ReplyBytes();
  readonly #turns = new Turns();
  readonly #events = new Subject<StimulatorEvent>();
  readonly events$: Observable<StimulatorEvent> = this.#events.asObservable();
  #port: DevicePort | null = null;

  constructor(timers: Timers) {
    this.#timers = timers;
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
          this.#events.next({ type: 'failed', message: error.message });
        },
      },
      signal,
    );
  }

  get where(): string {
    return this.#port?.where ?? '';
  }

  get isOpen(): boolean {
    return this.#port?.isOpen ?? false;
  }

  /** A message without an answer; it does not wait for its turn. */
  async tell(command: PulsePalCommand): Promise<void> {
    await this.#port?.write(encodePulsePal(command), command.type);
  }

  /** A message and its answer, checked where it is a confirmation. */
  command(command: PulsePalCommand, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#turns.take(async () => {
      signal?.throwIfAborted();
      const stray = this.#replies.drop();
      if (stray > 0) this.#warn(`${stray} bytes that belong to no answer came from ${this.where} and were dropped`);
      const what = `The Pulse Pal's answer to ${command.type}`;
      const bounds = { timers: this.#timers, delayMs: REPLY_MS, what, where: this.where, signal };
      const answer = this.#replies.take(replyBytes(command), bounds);
      // when the write fails, nobody waits for the answer any more
      answer.catch(() => undefined);
      await this.tell(command);
      const bytes = await answer;
      if (command.type !== 'handshake') assertConfirmed(bytes, command.type, this.where);
      return bytes;
    });
  }

  async close(): Promise<void> {
    await this.#port?.close();
    this.#events.complete();
  }

  #warn(message: string): void {
    this.#events.next({ type: 'warning', message });
  }
}
