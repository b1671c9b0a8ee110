import type { Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import { UNLINKED_TRIGGER, type PulsePalSettings } from '../../protocols/pulse-pal/settings.js';
import { CYCLE_US } from '../../protocols/pulse-pal/values.js';
import type { Timers } from '../../protocols/timers.js';
import { notProgrammed } from '../parts/group-pulse.js';
import type { StimulatorEvent, TriggerBox } from '../parts/stimulator.js';
import { PULSE_PAL_CAPABILITIES } from './capabilities.js';
import type { PulsePalAddress } from './pulse-pal-link.js';
import { openPulsePal, type PulsePalPort } from './pulse-pal-port.js';
import { toLineChannel } from './pulse-settings.js';

/** A Pulse Pal whose outputs trigger another stimulator. */
export interface PulsePalBoxOptions extends PulsePalAddress {
  /** How long a line is raised; default 1 ms, a multiple of 50 us up to 10 ms. */
  readonly widthUs?: number;
}

const DEFAULT_WIDTH_US = 1000;
const MAX_WIDTH_US = 10_000;
/** A line is raised at most so long after it was asked for. */
const LATE_MS = 20;

/**
 * Connects a Pulse Pal as a box of four lines, 5 V high. They are low when this resolves.
 *
 * @throws MeaError `bad-input` for a width that it does not have; `link`, `refused`, `deadline` as `openPulsePal`
 */
export async function connectPulsePalBox(options: PulsePalBoxOptions, signal: AbortSignal): Promise<TriggerBox> {
  const { widthUs = DEFAULT_WIDTH_US } = options;
  if (!Number.isInteger(widthUs / CYCLE_US) || widthUs < CYCLE_US || widthUs > MAX_WIDTH_US) {
    throw new MeaError('bad-input', {
      what: 'A Pulse Pal makes no such pulse on a line',
      got: `${widthUs} us`,
      wanted: `a multiple of ${CYCLE_US} us up to ${MAX_WIDTH_US} us`,
    });
  }
  const port = await openPulsePal(options, signal);
  const box = new PulsePalBox(port, { widthUs, timers: options.timers });
  try {
    await box.program(signal);
  } catch (error) {
    await box.close();
    throw error;
  }
  return box;
}

class PulsePalBox implements TriggerBox {
  readonly description: TriggerBox['description'];
  readonly lines = PULSE_PAL_CAPABILITIES.outputs;
  readonly #port: PulsePalPort;
  readonly #timers: Timers;
  readonly #settings: PulsePalSettings;

  constructor(port: PulsePalPort, { widthUs, timers }: { readonly widthUs: number; readonly timers: Timers }) {
    this.#port = port;
    this.#timers = timers;
    const line = toLineChannel(widthUs);
    this.#settings = { channels: [line, line, line, line], triggers: [UNLINKED_TRIGGER, UNLINKED_TRIGGER] };
    this.description = {
      device: PULSE_PAL_CAPABILITIES.device,
      serialNumber: port.where,
      firmware: String(port.firmware),
    };
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#port.events$;
  }

  /** Gives the lines their pulses; after `connectPulsePalBox`, and again after `allOff`. */
  async program(signal?: AbortSignal): Promise<void> {
    await this.#port.program(this.#settings, signal);
  }

  async pulse(lines: readonly number[]): Promise<void> {
    // what was switched off is a box again with the next pulse; that fails when it is switched off once more meanwhile
    const askedMs = this.#timers.nowMs();
    if (!this.#port.isProgrammed) await this.program();
    if (!this.#port.isProgrammed) throw notProgrammed(this.#port.where);
    const lateMs = this.#timers.nowMs() - askedMs;
    if (lateMs > LATE_MS) {
      throw new MeaError('refused', {
        what: 'The Pulse Pal raises no line so late',
        got: `${lateMs.toFixed(0)} ms, for it had to be programmed first`,
        wanted: `at most ${LATE_MS} ms`,
        where: this.#port.where,
      });
    }
    await this.#port.trigger(lines);
  }

  async allOff(): Promise<void> {
    await this.#port.makeHarmless();
  }

  async close(): Promise<void> {
    await this.#port.close();
  }
}
