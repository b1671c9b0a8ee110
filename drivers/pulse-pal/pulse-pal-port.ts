import type { Observable } from 'rxjs';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { readHandshake } from '../../protocols/pulse-pal/replies.js';
import { HARMLESS_SETTINGS, type PulsePalSettings } from '../../protocols/pulse-pal/settings.js';
import type { Timers } from '../../protocols/timers.js';
import { pause } from '../mea-link/bounded-wait.js';
import { toError } from '../mea-link/command-channel.js';
import type { StimulatorEvent } from '../parts/stimulator.js';
import { PulsePalLink, REPLY_MS, type PulsePalAddress } from './pulse-pal-link.js';

/** What an earlier program has not read comes at once when the port is opened. */
const SETTLE_MS = 50;
const CLIENT_NAME = 'MEACTL';
const OUTPUTS = [1, 2, 3, 4] as const;
/**
 * How much later a trigger may begin than its message was given to the system, beside another that may not: a turn of USB and
 * two of its timer, with room.
 */
const LATENCY_MS = 5;

/** A Pulse Pal that answered, is a model 2, and stands at 0 V with nothing that could trigger it. */
export class PulsePalPort {
  /** Of its firmware: 20 or 21. */
  readonly firmware: number;
  readonly #link: PulsePalLink;
  readonly #timers: Timers;
  /** `unknown` while it is programmed or switched off, and after one of these has failed. */
  #state: 'harmless' | 'programmed' | 'unknown' = 'harmless';
  /** How often it was switched off: what began before the last time does not count any more. */
  #offs = 0;
  /** Switching off that is under way. */
  #pendingOffs = 0;
  #isProgramming = false;
  #settings = HARMLESS_SETTINGS;
  /** (output) until when what was triggered last may be played; infinite while the line has not taken that trigger. */
  readonly #busyUntilMs: number[] = OUTPUTS.map(() => -Infinity);

  constructor(link: PulsePalLink, { firmware, timers }: { readonly firmware: number; readonly timers: Timers }) {
    this.#link = link;
    this.#timers = timers;
    this.firmware = firmware;
  }

  get where(): string {
    return this.#link.where;
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#link.events$;
  }

  /** What it was last programmed with is there. */
  get isProgrammed(): boolean {
    return this.#state === 'programmed';
  }

  /** It stands at 0 V whatever triggers it. */
  get isHarmless(): boolean {
    return this.#state === 'harmless';
  }

  /**
   * Sets everything at once, which alone leaves burst and custom modes reliably.
   *
   * @throws MeaError `refused` while it is programmed or switched off, and when it was switched off meanwhile; `deadline`, `link`
   */
  async program(settings: PulsePalSettings, signal?: AbortSignal): Promise<void> {
    if (this.#pendingOffs > 0) throw this.#notNow('it is being switched off');
    if (this.#isProgramming) throw this.#notNow('it is being programmed');
    const offs = this.#offs;
    const assertWanted = (): void => {
      if (this.#offs !== offs) throw this.#notNow('it was switched off meanwhile');
    };
    this.#isProgramming = true;
    this.#state = 'unknown';
    this.#settings = settings;
    try {
      await this.#link.command({ type: 'program', settings }, { signal, assertWanted });
      assertWanted();
      this.#state = 'programmed';
    } finally {
      this.#isProgramming = false;
    }
  }

  /**
   * Starts outputs, together; there is no answer.
   *
   * @throws MeaError `refused` while one of them may still play what was triggered before: it would play that once more
   */
  async trigger(outputs: readonly number[]): Promise<void> {
    const nowMs = this.#timers.nowMs();
    const busy = outputs.filter((output) => nowMs < (this.#busyUntilMs[output - 1] ?? -Infinity));
    if (busy.length > 0) throw this.#busyError(busy);
    const offs = this.#offs;
    for (const output of outputs) this.#busyUntilMs[output - 1] = Infinity;
    try {
      await this.#link.trigger(outputs);
    } catch (error) {
      // a refused one was not sent; of any other nobody knows
      if (isMeaError(error, 'refused') && this.#offs === offs) {
        for (const output of outputs) this.#busyUntilMs[output - 1] = -Infinity;
      }
      throw error;
    }
    // an abort has ended what was played
    if (this.#offs !== offs) return;
    for (const output of outputs) this.#busyUntilMs[output - 1] = this.#timers.nowMs() + this.#lastsMs(output);
  }

  /**
   * Ends what is played at once, ahead of what waits, and then lets nothing more play. Programming that began before
   * counts for nothing: what was sent of it comes before this, and what was not is not sent.
   *
   * @throws MeaError `deadline`, `refused`, `link`: whether it is at 0 V is not known
   */
  async makeHarmless(): Promise<void> {
    this.#offs += 1;
    this.#pendingOffs += 1;
    this.#state = 'unknown';
    try {
      await this.#link.tell({ type: 'abort' });
      this.#busyUntilMs.fill(-Infinity);
      await makeHarmless(this.#link);
      this.#settings = HARMLESS_SETTINGS;
      if (this.#pendingOffs === 1) this.#state = 'harmless';
    } finally {
      this.#pendingOffs -= 1;
    }
  }

  async close(): Promise<void> {
    if (this.#link.isOpen) {
      await this.makeHarmless().catch((error: unknown) => {
        this.#link.warn(`That the Pulse Pal at ${this.where} stands at 0 V is not known: ${toError(error).message}`);
      });
      await this.#link.tell({ type: 'disconnect' }).catch(() => undefined);
    }
    await this.#link.close();
  }

  #lastsMs(output: number): number {
    const { trainUs, trainDelayUs } = this.#settings.channels[output - 1] ?? { trainUs: 0, trainDelayUs: 0 };
    return (trainUs + trainDelayUs) / 1000 + LATENCY_MS;
  }

  #notNow(got: string): MeaError {
    return new MeaError('refused', {
      what: 'The Pulse Pal was not programmed',
      got,
      where: this.where,
      remedy: 'wait for the end of that',
    });
  }

  #busyError(outputs: readonly number[]): MeaError {
    const leastMs = Math.max(...outputs.map((output) => this.#lastsMs(output)));
    return new MeaError('refused', {
      what: 'The Pulse Pal is still busy with the last pulse',
      got: `output ${outputs.join(', ')}`,
      where: this.where,
      remedy: `leave at least ${leastMs} ms between two stimuli`,
    });
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
  const { timers } = address;
  const link = new PulsePalLink(timers);
  await link.open(address, signal);
  try {
    await pause(timers, SETTLE_MS, signal);
    const firmware = await greet(link, signal);
    await link.tell({ type: 'abort' });
    await makeHarmless(link, signal);
    await link.tell({ type: 'client-name', name: CLIENT_NAME });
    return new PulsePalPort(link, { firmware, timers });
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function greet(link: PulsePalLink, signal: AbortSignal): Promise<number> {
  try {
    return readHandshake(await link.greet(signal), link.where);
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
  await link.command({ type: 'program', settings: HARMLESS_SETTINGS }, { signal });
  for (const channel of OUTPUTS) await link.command({ type: 'loop', channel, isOn: false }, { signal });
  for (const channel of OUTPUTS) await link.command({ type: 'fixed-voltage', channel, volts: 0 }, { signal });
  await link.tell({ type: 'abort' });
}
