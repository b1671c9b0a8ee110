import type { CancelTimer } from '../../protocols/timers.js';
import type { SampleIndex } from '../../protocols/units.js';
import { LeadTime } from './lead-time.js';

/** A stimulus on its way. */
export interface PlannedStimulus {
  readonly stimulusId: number;
  readonly slot: number;
  /** Rising; none for an empty pattern, of which nothing is fired. */
  readonly electrodes: readonly number[];
  readonly groups: readonly number[];
  /** The sample at which it is due. */
  readonly dueSample: SampleIndex;
}

interface Planned {
  readonly stimulus: PlannedStimulus;
  cancel: CancelTimer;
  /** The newest sample at hand when its trigger was given, and with which lead that was; undefined while it waits. */
  fired?: { readonly atSample: number; readonly leadSamples: number };
}

/** What has become certain with the samples up to one. */
export interface Settled {
  /** Empty patterns whose sample has come. */
  readonly empty: readonly PlannedStimulus[];
  /** Fired, and not seen for so long that nothing left. */
  readonly unseen: readonly PlannedStimulus[];
}

/**
 * The stimuli that wait for their time or for being seen, in the order in which they were planned. It decides by samples
 * alone, and fires nothing itself.
 */
export class PlannedStimuli {
  readonly lead = new LeadTime();
  readonly #unseenAfterSamples: number;
  readonly #seenBeforeSamples: number;
  readonly #planned: Planned[] = [];

  /**
   * @param unseenAfterSamples a pulse that is not seen so long after its trigger was given did not leave
   * @param seenBeforeSamples a pulse is seen at most so long before the newest sample that was at hand when it was fired
   */
  constructor({
    unseenAfterSamples,
    seenBeforeSamples,
  }: {
    readonly unseenAfterSamples: number;
    readonly seenBeforeSamples: number;
  }) {
    this.#unseenAfterSamples = unseenAfterSamples;
    this.#seenBeforeSamples = seenBeforeSamples;
  }

  get length(): number {
    return this.#planned.length;
  }

  /** Electrodes of the stimulus that is fired and not seen yet; none where none is. */
  get awaitedElectrodes(): readonly number[] {
    return this.#planned.find(({ fired }) => fired !== undefined)?.stimulus.electrodes ?? [];
  }

  /** @param begin starts the timer of its trigger, and returns what ends it */
  add(stimulus: PlannedStimulus, begin: () => CancelTimer): void {
    const entry: Planned = { stimulus, cancel: () => undefined };
    this.#planned.push(entry);
    entry.cancel = begin();
  }

  /** Its trigger is given now. */
  noteFired(stimulus: PlannedStimulus, fired: { readonly atSample: number; readonly leadSamples: number }): void {
    const entry = this.#planned.find((planned) => planned.stimulus === stimulus);
    if (entry !== undefined) entry.fired = fired;
  }

  /**
   * A pulse was seen: it is that of the stimulus that was fired first and has not been seen yet.
   *
   * @returns undefined for one that nobody asked for
   */
  takeSeen(sample: SampleIndex): PlannedStimulus | undefined {
    const entry = this.#planned.find(({ fired }) => fired !== undefined);
    // What was at hand had been sampled before.
    if (entry?.fired === undefined || sample < entry.fired.atSample - this.#seenBeforeSamples) return undefined;
    this.#remove(entry);
    this.lead.note(sample - entry.stimulus.dueSample, entry.fired.leadSamples);
    return entry.stimulus;
  }

  /** Takes out what is decided with the samples before `endSample`. */
  settle(endSample: number): Settled {
    const empty = this.#planned.filter(
      ({ stimulus: { groups, dueSample } }) => groups.length === 0 && dueSample < endSample,
    );
    const unseen = this.#planned.filter(
      ({ fired }) => fired !== undefined && endSample - fired.atSample > this.#unseenAfterSamples,
    );
    for (const entry of [...empty, ...unseen]) this.#remove(entry);
    return { empty: empty.map(({ stimulus }) => stimulus), unseen: unseen.map(({ stimulus }) => stimulus) };
  }

  /** Takes out one that waits for its time; undefined where it does not. */
  withdraw(stimulusId: number): PlannedStimulus | undefined {
    const entry = this.#planned.find(({ stimulus, fired }) => stimulus.stimulusId === stimulusId && !fired);
    if (entry !== undefined) this.#remove(entry);
    return entry?.stimulus;
  }

  /** Takes out all that wait for their time; what was fired may still be seen. */
  withdrawAll(): readonly PlannedStimulus[] {
    const waiting = this.#planned.filter(({ fired }) => fired === undefined);
    for (const entry of waiting) this.#remove(entry);
    return waiting.map(({ stimulus }) => stimulus);
  }

  #remove(entry: Planned): void {
    entry.cancel();
    this.#planned.splice(this.#planned.indexOf(entry), 1);
  }
}
