import { createLineSplitter, toAsciiBytes } from '../../../protocols/text-lines.js';
import type { SerialFacade } from '../serial-facade.js';

/** Lines that were raised together. */
export interface TtlBoxPulse {
  /** From 1, rising. */
  readonly lines: readonly number[];
  readonly atUs: number;
  readonly widthUs: number;
}

export interface TtlBoxFacadeOptions {
  /** Default 24. */
  readonly lines?: number;
  readonly serialNumber?: string;
  /** What the wires at its lines carry. */
  readonly onPulse?: (pulse: TtlBoxPulse) => void;
}

/** A line that is high for longer is dropped, with all others, by a timer that knows no program. */
const WATCHDOG_US = 20_000;
const MIN_WIDTH_US = 10;
const MAX_WIDTH_US = 10_000;
const MAX_LINE = 100;

/** A box of TTL lines as docs/devices/ttl-box.md wants it. */
export class TtlBoxFacade implements SerialFacade {
  readonly sampleRateHz = 1_000_000;
  readonly #options: Required<TtlBoxFacadeOptions>;
  readonly #splitter = createLineSplitter(10 * MAX_LINE);
  #listener: (bytes: Uint8Array) => void = () => undefined;
  #nowUs = 0;
  /** (line) when it rose and when it falls; null while it is low. */
  readonly #high: ({ readonly sinceUs: number; readonly untilUs: number } | null)[];
  /** Its program hangs: nothing falls any more but by the watchdog. */
  #isHanging = false;
  #hasBarked = false;

  constructor({ lines = 24, serialNumber = 'mea-sim', onPulse = () => undefined }: TtlBoxFacadeOptions = {}) {
    this.#options = { lines, serialNumber, onPulse };
    this.#high = Array.from({ length: lines }, () => null);
  }

  onBytes(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
  }

  receive(bytes: Uint8Array): void {
    for (const line of this.#splitter.push(bytes)) this.#answer(line);
  }

  advance(durationUs: number): void {
    this.#nowUs += durationUs;
    this.#high.forEach((state, i) => {
      if (!this.#isHanging && state !== null && state.untilUs <= this.#nowUs) this.#high[i] = null;
    });
    if (!this.#high.some((state) => state !== null && this.#nowUs - state.sinceUs >= WATCHDOG_US)) return;
    this.#high.fill(null);
    this.#isHanging = false;
    this.#hasBarked = true;
    this.#say('! watchdog');
  }

  /** Lets its program hang with the next pulse, as a bug would. */
  hang(): void {
    this.#isHanging = true;
  }

  isHigh(line: number): boolean {
    return this.#high[line - 1] !== null;
  }

  #answer(line: string): void {
    if (line.length > MAX_LINE) this.#say('error length');
    else if (line === '?') {
      this.#say(`meactl-ttl-box 1 lines=${this.#options.lines} serial=${this.#options.serialNumber} firmware=mea-sim`);
    } else if (line === 'Z') {
      this.#high.fill(null);
      this.#hasBarked = false;
      this.#say('Z ok');
    } else if (line.startsWith('P')) this.#pulse(line);
    else this.#say('error unknown');
  }

  #pulse(line: string): void {
    const match = /^P ([0-9a-f]{1,8}) (\d{1,6})$/u.exec(line);
    const mask = parseInt(match?.[1] ?? '0', 16);
    const widthUs = Number(match?.[2]);
    const lines = this.#high.flatMap((_, i) => (((mask >>> i) & 1) === 1 ? [i + 1] : []));
    const refusal = this.#refusalOf({ mask, widthUs, lines });
    if (refusal !== null) {
      this.#say(`P ${mask.toString(16)} error ${refusal}`);
      return;
    }
    for (const each of lines) this.#high[each - 1] = { sinceUs: this.#nowUs, untilUs: this.#nowUs + widthUs };
    this.#options.onPulse({ lines, atUs: this.#nowUs, widthUs });
    this.#say(`P ${mask.toString(16)} ok`);
  }

  #refusalOf({
    mask,
    widthUs,
    lines,
  }: {
    readonly mask: number;
    readonly widthUs: number;
    readonly lines: readonly number[];
  }): string | null {
    if (mask === 0 || Number.isNaN(widthUs)) return 'syntax';
    if (this.#hasBarked) return 'watchdog';
    if (this.#options.lines < 32 && mask >= 2 ** this.#options.lines) return 'no-line';
    if (widthUs > MAX_WIDTH_US) return 'too-long';
    if (widthUs < MIN_WIDTH_US) return 'too-short';
    return lines.some((line) => this.isHigh(line)) ? 'busy' : null;
  }

  #say(line: string): void {
    this.#listener(toAsciiBytes(`${line}\n`));
  }
}
