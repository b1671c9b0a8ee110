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
  /** Samples before that at which its trigger is given, by the clock of arriving samples; 0 for one that goes at once. */
  readonly leadSamples: number;
}

/** Pulses that began together. */
export interface SeenPulses {
  readonly sample: SampleIndex;
  /** Electrodes, rising, where the recorder tells them; undefined where it sees a line alone. */
  readonly electrodes: readonly number[] | undefined;
}

interface Planned {
  readonly stimulus: PlannedStimulus;
  cancel: CancelTimer;
  /** The newest sample at hand when its trigger was given, and where it was expected to be seen; undefined while it waits. */
  fired?: { readonly atSample: number; readonly expectedSample: number };
}

/** What has become certain with the samples up to one. */
export interface Settled {
  /** Empty patterns whose sample has come. */
  readonly empty: readonly PlannedStimulus[];
  /** Fired, and not seen for so long that nothing left. */
  readonly unseen: readonly PlannedStimulus[];
}

export interface PlannedStimuliOptions {
  readonly sampleRateHz: number;
  /** A pulse that is not seen so long after its trigger was given did not leave. */
  readonly unseenAfterMs: number;
}

/** A pulse is seen at most so long before the newest sample that was at hand when it was fired. */
const SEEN_BEFORE_MS = 5;
/** Once it is known how late a device is, a pulse that lies further from where it is expected is not the one. */
const SEEN_WITHIN_MS = 100;
/** No recorder and trigger together are believed to be later, nor earlier. */
const MOST_LEAD_MS = 300;
const LEAST_LEAD_MS = -10;
/** Leads of one device agree within this. */
const LEADS_AGREE_MS = 15;

/**
 * The stimuli that wait for their time or for being seen, in the order in which they were planned. It decides by samples
 * and electrodes alone, and fires nothing itself.
 */
export class PlannedStimuli {
  readonly lead: LeadTime;
  readonly #unseenAfter: number;
  readonly #seenBefore: number;
  readonly #seenWithin: number;
  readonly #planned: Planned[] = [];

  constructor({ sampleRateHz, unseenAfterMs }: PlannedStimuliOptions) {
    const samplesOf = (ms: number): number => Math.round((ms * sampleRateHz) / 1000);
    this.#unseenAfter = samplesOf(unseenAfterMs);
    this.#seenBefore = samplesOf(SEEN_BEFORE_MS);
    this.#seenWithin = samplesOf(SEEN_WITHIN_MS);
    this.lead = new LeadTime({
      leastSamples: samplesOf(LEAST_LEAD_MS),
      mostSamples: samplesOf(MOST_LEAD_MS),
      agreeWithinSamples: samplesOf(LEADS_AGREE_MS),
    });
  }

  get length(): number {
    return this.#planned.length;
  }

  /** @param begin starts the timer of its trigger, and returns what ends it */
  add(stimulus: PlannedStimulus, begin: () => CancelTimer): void {
    const entry: Planned = { stimulus, cancel: () => undefined };
    this.#planned.push(entry);
    entry.cancel = begin();
  }

  /** Its trigger is given now; `atSample` is the newest sample at hand. */
  noteFired(stimulus: PlannedStimulus, atSample: number): void {
    const entry = this.#planned.find((planned) => planned.stimulus === stimulus);
    if (entry === undefined) return;
    const { dueSample, leadSamples } = stimulus;
    // One that went at once is as late as the device is; the others were given earlier by that.
    entry.fired = { atSample, expectedSample: leadSamples === 0 ? dueSample + this.lead.samples : dueSample };
  }

  /** True when pulses on other electrodes may belong to the same stimulus as these. */
  mayHaveMore(electrodes: readonly number[]): boolean {
    return this.#planned.some(({ fired, stimulus }) => {
      const isOf = fired !== undefined && stimulus.electrodes.some((electrode) => electrodes.includes(electrode));
      return isOf && stimulus.electrodes.some((electrode) => !electrodes.includes(electrode));
    });
  }

  /**
   * Pulses were seen: they are those of the stimulus on these electrodes that was fired and is expected nearest to them.
   *
   * @returns undefined for pulses that nobody asked for
   */
  takeSeen(seen: SeenPulses): PlannedStimulus | undefined {
    let nearest: Planned | undefined;
    let nearestBy = Infinity;
    for (const entry of this.#planned) {
      const by = this.#distance(entry, seen);
      if (by < nearestBy) [nearest, nearestBy] = [entry, by];
    }
    if (nearest?.fired === undefined) return undefined;
    this.#remove(nearest);
    const { dueSample, leadSamples } = nearest.stimulus;
    this.lead.note(seen.sample - nearest.fired.expectedSample, seen.sample - dueSample + leadSamples);
    return nearest.stimulus;
  }

  /** Samples between pulses and where a stimulus was expected; Infinity when they are not its own. */
  #distance({ stimulus, fired }: Planned, { sample, electrodes }: SeenPulses): number {
    if (fired === undefined) return Infinity;
    if (electrodes?.some((electrode) => stimulus.electrodes.includes(electrode)) === false) return Infinity;
    // What was at hand had been sampled before.
    if (sample < fired.atSample - this.#seenBefore) return Infinity;
    const by = Math.abs(sample - fired.expectedSample);
    return this.lead.isSettled && by > this.#seenWithin ? Infinity : by;
  }

  /** Takes out what is decided with the samples before `endSample`. */
  settle(endSample: number): Settled {
    const empty = this.#planned.filter(
      ({ stimulus: { groups, dueSample } }) => groups.length === 0 && dueSample < endSample,
    );
    const unseen = this.#planned.filter(
      ({ fired }) => fired !== undefined && endSample - fired.atSample > this.#unseenAfter,
    );
    for (const entry of [...empty, ...unseen]) this.#remove(entry);
    return { empty: empty.map(({ stimulus }) => stimulus), unseen: unseen.map(({ stimulus }) => stimulus) };
  }

  /** Takes out one whose trigger is certain not to have left, or that waits for its time; false when it is not there. */
  remove(stimulus: PlannedStimulus): boolean {
    const entry = this.#planned.find((planned) => planned.stimulus === stimulus);
    if (entry !== undefined) this.#remove(entry);
    return entry !== undefined;
  }

  /** Takes out one that waits for its time; undefined where it does not. */
  withdraw(stimulusId: number): PlannedStimulus | undefined {
    const entry = this.#planned.find(({ stimulus, fired }) => stimulus.stimulusId === stimulusId && !fired);
    if (entry !== undefined) this.#remove(entry);
    return entry?.stimulus;
  }

  /** Takes out all that wait for their time; what was fired may still be seen. */
  withdrawAll(): readonly PlannedStimulus[] {
    return this.#takeAll(({ fired }) => fired === undefined);
  }

  /** Takes out all that were fired and not seen: no samples come in which they could be. */
  takeFired(): readonly PlannedStimulus[] {
    return this.#takeAll(({ fired }) => fired !== undefined);
  }

  #takeAll(which: (entry: Planned) => boolean): readonly PlannedStimulus[] {
    const taken = this.#planned.filter(which);
    for (const entry of taken) this.#remove(entry);
    return taken.map(({ stimulus }) => stimulus);
  }

  #remove(entry: Planned): void {
    entry.cancel();
    this.#planned.splice(this.#planned.indexOf(entry), 1);
  }
}
