import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';

/** A stimulus that was accepted and has not left. */
export interface ScheduledStimulus {
  readonly stimulusId: number;
  readonly slot: number;
  readonly sample: number;
  /** As the outputs will make them. */
  readonly pulses: readonly Pulse[];
}

/** Accepted stimuli in the order in which they will leave. At most one can leave at a sample. */
export class StimQueue {
  #entries: ScheduledStimulus[] = [];

  get length(): number {
    return this.#entries.length;
  }

  /** The stimulus that leaves next. */
  get first(): ScheduledStimulus | undefined {
    return this.#entries[0];
  }

  holdsSample(sample: number): boolean {
    return this.#entries.some((entry) => entry.sample === sample);
  }

  add(stimulus: ScheduledStimulus): void {
    const at = this.#entries.findIndex(({ sample }) => sample > stimulus.sample);
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, stimulus);
  }

  /** Takes out the first stimulus when it is due before `sample`. */
  takeDueBefore(sample: number): ScheduledStimulus | undefined {
    const first = this.#entries[0];
    return first !== undefined && first.sample < sample ? this.#entries.shift() : undefined;
  }

  /** Takes out the stimulus of that id, if it is waiting. */
  take(stimulusId: number): ScheduledStimulus | undefined {
    const at = this.#entries.findIndex((entry) => entry.stimulusId === stimulusId);
    return at < 0 ? undefined : this.#entries.splice(at, 1)[0];
  }

  /** Empties the queue and gives what was in it. */
  purge(): readonly ScheduledStimulus[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }
}
