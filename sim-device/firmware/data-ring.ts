/** What the device has sent on the data lane in the last seconds, encoded, so that it can send it again. */
export class DataRing {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #keepTicks: number;
  /** Message n of the boot lies at index n % capacity. */
  readonly #messages: (Uint8Array | undefined)[];
  readonly #ticks: Float64Array;
  #bytes = 0;
  #oldest = 0;
  #next = 0;

  /**
   * @param limits messages, bytes and age in ticks up to which messages are kept; whichever is reached first
   */
  constructor(limits: { readonly messages: number; readonly bytes: number; readonly keepTicks: number }) {
    this.#capacity = limits.messages;
    this.#maxBytes = limits.bytes;
    this.#keepTicks = limits.keepTicks;
    this.#messages = new Array<Uint8Array | undefined>(limits.messages);
    this.#ticks = new Float64Array(limits.messages);
  }

  /** Index of the oldest message that is kept; equal to `next` when none is. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Index that the next message will have; counts all messages since boot. */
  get next(): number {
    return this.#next;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(message: Uint8Array, tick: number): void {
    if (this.#next - this.#oldest === this.#capacity) this.#forgetOldest();
    this.#messages[this.#next % this.#capacity] = message;
    this.#ticks[this.#next % this.#capacity] = tick;
    this.#bytes += message.length;
    this.#next += 1;
    while (this.#oldest < this.#next - 1 && (this.#bytes > this.#maxBytes || this.#isOld(tick))) this.#forgetOldest();
  }

  /** The message of that index, while it is kept. */
  borrow(index: number): Uint8Array | undefined {
    return index >= this.#oldest && index < this.#next ? this.#messages[index % this.#capacity] : undefined;
  }

  #isOld(tick: number): boolean {
    return tick - this.#ticks[this.#oldest % this.#capacity]! > this.#keepTicks;
  }

  #forgetOldest(): void {
    const at = this.#oldest % this.#capacity;
    this.#bytes -= this.#messages[at]?.length ?? 0;
    this.#messages[at] = undefined;
    this.#oldest += 1;
  }
}
