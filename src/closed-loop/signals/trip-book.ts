import type { Rearming, RearmingCause } from '../../../protocols/trial.js';
import type { RigEvent } from '../../pipeline/events/rig-event.js';

/** The host stood still, and the device will disarm; or it has. */
export interface Trip {
  readonly cause: RearmingCause;
  readonly atSample: number;
  readonly isOff: boolean;
}

/** After which trips of the host a device may be armed again, as a person has allowed, and how often that was done. */
export class TripBook {
  readonly #allowed: number;
  #trip: Trip | undefined;
  #rearmings = 0;
  readonly #untold: Rearming[] = [];

  /** @param allowed times that a person allows the device to be armed again */
  constructor(allowed: number) {
    this.#allowed = allowed;
  }

  /** The one that the device was not armed again after yet. */
  get trip(): Trip | undefined {
    return this.#trip;
  }

  /**
   * Notes an event of a device that a person has armed.
   *
   * @returns true for a trip of the host after which the device may be armed again
   */
  forgives(event: RigEvent, now: number): boolean {
    if (this.#rearmings >= this.#allowed) return false;
    if (event.type === 'main-stalled') {
      this.#trip ??= { cause: 'main-stalled', isOff: false, atSample: now };
      return true;
    }
    if (event.type !== 'armed-changed' || event.armed) return false;
    if (event.cause === 'armed-time') this.#trip ??= { cause: 'armed-time', isOff: false, atSample: event.atSample };
    // Without heartbeats it disarms by its watchdog; by anything else it had another reason.
    else if (event.cause !== 'watchdog' || this.#trip === undefined || this.#trip.isOff) return false;
    this.#trip = { ...this.#trip, isOff: true };
    return true;
  }

  /** The device is going to be armed again. @returns tells that it was; not to be called when it failed */
  close({ cause, atSample }: Trip): () => void {
    this.#trip = undefined;
    this.#rearmings += 1;
    const number = this.#rearmings;
    return () => this.#untold.push({ cause, atSample, number, allowed: this.#allowed });
  }

  /** What was not told yet. */
  take(): readonly Rearming[] {
    return this.#untold.splice(0);
  }
}
