/** Appends little-endian values to a buffer that grows. */
export class ByteWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u32(value: number): this {
    this.#view.setUint32(this.#reserve(4), value, true);
    return this;
  }

  f64(value: number): this {
    this.#view.setFloat64(this.#reserve(8), value, true);
    return this;
  }

  bytes(values: Uint8Array): this {
    this.#bytes.set(values, this.#reserve(values.length));
    return this;
  }

  /** The bytes so far; the receiver owns them. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}
