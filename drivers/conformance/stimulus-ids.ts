/** Ids for stimuli: they rise over a whole run, because a device may hold each against the last that it accepted. */
export class StimulusIds {
  #newest: number;

  constructor(newest: number) {
    this.#newest = newest;
  }

  next(): number {
    this.#newest += 1;
    return this.#newest;
  }
}
