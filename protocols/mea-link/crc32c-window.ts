import { CRC32C_POLYNOMIAL, advanceByByte } from './crc32c.js';

/** x^1, where the highest bit stands for x^0. */
const X = 1 << 30;
/** Lengths up to 2^20 bytes. */
const POWERS = powersOfX(20);

/**
 * CRC-32C of many overlapping stretches of one buffer, at a cost that does not grow with their lengths: the shift
 * register before every byte is kept, and the CRC of a stretch follows from the registers at its two ends, because the
 * register is linear. A decoder that looks for a frame among bytes made to look like many long frames needs this: to
 * read each of them whole would take a time that grows with the square of the bytes.
 */
export class CrcWindow {
  /** Register before byte i, from the chain's first byte on, at [#from, #to]. */
  #registers = new Int32Array(0);
  #from = 0;
  #to = 0;

  /**
   * CRC-32C of [from, to). Between two calls `from` may not go down but by `move`, and bytes that were read once may not
   * change.
   */
  crc(buffer: Uint8Array, from: number, to: number): number {
    if (this.#registers.length <= buffer.length) this.#grow(buffer.length + 1);
    const registers = this.#registers;
    if (from > this.#to || from < this.#from) {
      this.#from = this.#to = from;
      registers[from] = 0;
    }
    for (; this.#to < to; this.#to++) {
      registers[this.#to + 1] = advanceByByte(registers[this.#to]!, buffer[this.#to]!);
    }
    return ~(registers[to]! ^ shiftRegister(~registers[from]!, to - from)) >>> 0;
  }

  /** The bytes of the buffer moved down by so many places. */
  move(places: number): void {
    if (places > this.#to) {
      this.#from = this.#to = 0;
      if (this.#registers.length > 0) this.#registers[0] = 0;
      return;
    }
    this.#registers.copyWithin(0, places, this.#to + 1);
    this.#from = Math.max(0, this.#from - places);
    this.#to -= places;
  }

  #grow(length: number): void {
    const grown = new Int32Array(length);
    grown.set(this.#registers);
    this.#registers = grown;
  }
}

/** The shift register after `bytes` bytes of 0, bytes < 2^20: a multiplication by x^(8 bytes). */
function shiftRegister(register: number, bytes: number): number {
  let r = register;
  for (let k = 0; bytes >>> k !== 0; k++) if (((bytes >>> k) & 1) === 1) r = multiply(POWERS[k]!, r);
  return r;
}

/** Product of two polynomials over GF(2) modulo that of the CRC. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 31; bit >= 0; bit--) {
    if (((a >>> bit) & 1) === 1) product ^= factor;
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ CRC32C_POLYNOMIAL;
  }
  return product;
}

/** x^(8 2^k) for k from 0 on. */
function powersOfX(count: number): Int32Array {
  const powers = new Int32Array(count);
  let power = X;
  for (let squarings = 0; squarings < 3; squarings++) power = multiply(power, power);
  for (let k = 0; k < count; k++) {
    powers[k] = power;
    power = multiply(power, power);
  }
  return powers;
}
