/** Places of forgotten messages that are kept for the next ones, and from which size on they are worth it. */
const MAX_SPARE = 4;
const MIN_SPARE_BYTES = 1024;
/** Messages of one kind differ by a few bytes: each place has room for the next one. */
const ROOM_BYTES = 64;

/** What the device has sent on the data lane in the last seconds, encoded, so that it can send it again. */
export class DataRing {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #keepTicks: number;
  /** Message n of the boot lies at index n % capacity. */
  readonly #messages: (Uint8Array | undefined)[];
  readonly #ticks: Float64Array;
  /** Where messages lay that were forgotten. */
  readonly #spare: ArrayBufferLike[] = [];
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

  /** (length) bytes for a message that is to be added, whatever is in them: a new place, or that of a forgotten one. */
  takePlace(length: number): Uint8Array {
    const room = Math.ceil(length / ROOM_BYTES) * ROOM_BYTES;
    const spare = length < MIN_SPARE_BYTES ? undefined : this.#spare.pop();
    const place = spare?.byteLength === room ? spare : new ArrayBuffer(room);
    return new Uint8Array(place, 0, length);
  }

  /** Keeps a message, whose bytes are the ring's from now on. */
  add(message: Uint8Array, tick: number): void {
    if (this.#next - this.#oldest === this.#capacity) this.#forgetOldest();
    this.#messages[this.#next % this.#capacity] = message;
    this.#ticks[this.#next % this.#capacity] = tick;
    this.#bytes += message.length;
    this.#next += 1;
    while (this.#oldest < this.#next - 1 && (this.#bytes > this.#maxBytes || this.#isOld(tick))) this.#forgetOldest();
  }

  /** The message of that index, while it is kept: good until the next one is added. */
  borrow(index: number): Uint8Array | undefined {
    return index >= this.#oldest && index < this.#next ? this.#messages[index % this.#capacity] : undefined;
  }

  #isOld(tick: number): boolean {
    return tick - this.#ticks[this.#oldest % this.#capacity]! > this.#keepTicks;
  }

  #forgetOldest(): void {
    const at = this.#oldest % this.#capacity;
    const message = this.#messages[at];
    this.#bytes -= message?.length ?? 0;
    this.#messages[at] = undefined;
    if (message !== undefined && message.length >= MIN_SPARE_BYTES && this.#spare.length < MAX_SPARE) {
      this.#spare.push(message.buffer);
    }
    this.#oldest += 1;
  }
}
