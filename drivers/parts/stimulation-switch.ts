import { MeaError } from '../../protocols/errors.js';
import type { CheckedPattern } from '../../protocols/stimulation/gate.js';
import { toError } from '../mea-link/command-channel.js';
import type { Stimulator } from './stimulator.js';

/** How often a switching off that fails is tried. */
const TRIES = 3;

export interface StimulationSwitchOptions {
  /** Connecting it has switched all off. */
  readonly stimulator: Stimulator;
  /** A switching off failed, and what is done about it. */
  readonly onWarning: (message: string) => void;
}

/**
 * The one way in which a stimulator is programmed and switched off, and what is known of its being off. Switching off is
 * sent at once in any state, ends a programming that is under way, and is sent again after that; it is tried again when it
 * fails. Until one has succeeded, stimulation is not known to be off, and nobody goes on as if it were.
 */
export class StimulationSwitch {
  readonly #stimulator: Stimulator;
  readonly #onWarning: (message: string) => void;
  #off: Promise<void> | undefined;
  #isKnownOff = true;
  /** Times that it was switched off. */
  #offs = 0;
  #programming: { readonly stop: AbortController; readonly settled: Promise<void> } | undefined;

  constructor({ stimulator, onWarning }: StimulationSwitchOptions) {
    this.#stimulator = stimulator;
    this.#onWarning = onWarning;
  }

  /** False from the moment of switching off until that has succeeded. */
  get isKnownOff(): boolean {
    return this.#isKnownOff;
  }

  /**
   * Programs all groups, after what is under way has ended in all being off.
   *
   * @throws MeaError of the stimulator; `refused` when it was switched off meanwhile, by which programs may be lost
   */
  async program(patterns: readonly CheckedPattern[], signal?: AbortSignal): Promise<void> {
    await this.ensureOff();
    const offs = this.#offs;
    const stop = new AbortController();
    const turn = this.#stimulator.program(
      patterns,
      signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    );
    const programming = {
      stop,
      settled: turn.then(
        () => undefined,
        () => undefined,
      ),
    };
    this.#programming = programming;
    try {
      await turn;
    } catch (error) {
      // half of it may be there
      await this.off().catch((offError: unknown) => {
        this.#onWarning(toError(offError).message);
      });
      throw offs === this.#offs - 1 ? error : switchedOffMeanwhile();
    } finally {
      if (this.#programming === programming) this.#programming = undefined;
    }
    if (offs !== this.#offs) throw switchedOffMeanwhile();
  }

  /** Switches off at once; while that is under way it is the same one. @throws MeaError when it is not known to be off */
  off(): Promise<void> {
    this.#offs += 1;
    this.#isKnownOff = false;
    this.#programming?.stop.abort(switchedOffMeanwhile());
    this.#off ??= this.#switchOff().finally(() => {
      this.#off = undefined;
    });
    return this.#off;
  }

  /**
   * Lets nothing more be triggered from here, at once, where the device has to go on acquiring for a moment. It is not off by
   * that: `ensureOff` has to follow.
   */
  async hold(): Promise<void> {
    this.#offs += 1;
    this.#isKnownOff = false;
    this.#programming?.stop.abort(switchedOffMeanwhile());
    await (this.#off ?? this.#stimulator.allOff({ how: 'hold' }));
  }

  /** Waits for a switching off that is under way, and tries once more where none has succeeded. */
  async ensureOff(): Promise<void> {
    if (this.#off !== undefined) await this.#off.catch(() => undefined);
    if (!this.#isKnownOff) await this.off();
  }

  async #switchOff(): Promise<void> {
    for (let left = TRIES; ;) {
      left -= 1;
      const programming = this.#programming;
      try {
        await this.#stimulator.allOff();
        if (programming !== undefined) {
          // what it had on its way may have come after
          await programming.settled;
          await this.#stimulator.allOff();
        }
        this.#isKnownOff = true;
        return;
      } catch (error) {
        const { message } = toError(error);
        const what = 'Stimulation is not known to be off';
        if (left === 0) {
          const { device } = this.#stimulator.description;
          const remedy = 'switch the stimulator off by hand, then connect anew';
          throw new MeaError('link', { what, got: message, where: device, remedy }, { cause: error });
        }
        this.#onWarning(`${what}, it is tried again: ${message}`);
      }
    }
  }
}

function switchedOffMeanwhile(): MeaError {
  return new MeaError('refused', { what: 'Stimulation was switched off while it was programmed' });
}
