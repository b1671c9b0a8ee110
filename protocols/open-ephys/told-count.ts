/** A count of something that a person should hear of: the first time, and again whenever it has doubled. */
export class ToldCount {
  #total = 0;
  #tellAt = 1;

  get total(): number {
    return this.#total;
  }

  /** Counts on; true when it is time to tell. */
  add(count = 1): boolean {
    this.#total += count;
    if (this.#total < this.#tellAt) return false;
    this.#tellAt = 2 * this.#total;
    return true;
  }
}
