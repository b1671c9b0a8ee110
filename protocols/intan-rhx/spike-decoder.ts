import type { SkippedBytes } from './waveform-decoder.js';

/** First four bytes of a record of the spike stream, little-endian. */
export const SPIKE_MAGIC = 0x3ae2710f;
/** Bytes of a record: magic word, native name of the channel, time stamp, id. */
export const SPIKE_BYTES = 14;

/** A spike that RHX found. */
export interface RhxSpike {
  readonly type: 'spike';
  /** `A-000` */
  readonly channel: string;
  /** Sample counter, modulo 2^32. */
  readonly timestamp: number;
  /** 1, 2, 4, 8: units 1 to 4; 64: of no unit; 128: likely an artefact. */
  readonly id: number;
}

const MAGIC_BYTES = [0, 8, 16, 24].map((shift) => (SPIKE_MAGIC >>> shift) & 0xff);
const NAME = /^[A-H]-\d{3}$/;
const IDS: readonly number[] = [1, 2, 4, 8, 64, 128];

/** Takes the spike stream apart, cut into chunks in any way; what is no record is skipped and counted. */
export class SpikeDecoder {
  readonly #bytes = new Uint8Array(SPIKE_BYTES);
  #filled = 0;
  #at = 0;
  #skippedAt = 0;
  #skipped = 0;

  push(chunk: Uint8Array): readonly (RhxSpike | SkippedBytes)[] {
    const out: (RhxSpike | SkippedBytes)[] = [];
    for (const byte of chunk) {
      this.#bytes[this.#filled++] = byte;
      while (this.#filled > 0 && !this.#mayBegin()) this.#skip();
      if (this.#filled < SPIKE_BYTES) continue;
      const spike = this.#read();
      if (spike === undefined) {
        this.#skip();
        while (this.#filled > 0 && !this.#mayBegin()) this.#skip();
        continue;
      }
      this.#giveSkipped(out);
      out.push(spike);
      this.#at += SPIKE_BYTES;
      this.#filled = 0;
    }
    return out;
  }

  /** The stream is over: what is left over is skipped. */
  end(): readonly SkippedBytes[] {
    while (this.#filled > 0) this.#skip();
    const out: SkippedBytes[] = [];
    this.#giveSkipped(out);
    return out;
  }

  #mayBegin(): boolean {
    for (let i = 0; i < Math.min(4, this.#filled); i++) if (this.#bytes[i] !== MAGIC_BYTES[i]) return false;
    return true;
  }

  #read(): RhxSpike | undefined {
    const view = new DataView(this.#bytes.buffer);
    const channel = String.fromCharCode(...this.#bytes.subarray(4, 9));
    const id = view.getUint8(13);
    if (!NAME.test(channel) || !IDS.includes(id)) return undefined;
    return { type: 'spike', channel, timestamp: view.getUint32(9, true), id };
  }

  #skip(): void {
    if (this.#skipped === 0) this.#skippedAt = this.#at;
    this.#skipped += 1;
    this.#at += 1;
    this.#bytes.copyWithin(0, 1, this.#filled);
    this.#filled -= 1;
  }

  #giveSkipped(out: (RhxSpike | SkippedBytes)[] | SkippedBytes[]): void {
    if (this.#skipped > 0) out.push({ type: 'skipped', atByte: this.#skippedAt, bytes: this.#skipped });
    this.#skipped = 0;
  }
}
