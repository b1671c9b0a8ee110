import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import type { FaultSetting } from './fault-settings.js';

/** A fault that strikes at random times, exponentially distributed around a mean interval. */
export class TimedFault {
  readonly setting: FaultSetting;
  readonly #random: RandomStream;
  readonly #meanTicks: number;
  #next: number;

  constructor(setting: FaultSetting, seed: number, ticksPerMs: number) {
    this.setting = setting;
    this.#random = openRandomStream(seed, `fault-${setting.name}`);
    this.#meanTicks = setting.value * ticksPerMs;
    this.#next = this.#draw(0);
  }

  /** The tick at which it strikes next. */
  get next(): number {
    return this.#next;
  }

  /** True when it strikes now; the next time is drawn. */
  strikes(tick: number): boolean {
    if (tick < this.#next) return false;
    this.#next = this.#draw(tick);
    return true;
  }

  #draw(tick: number): number {
    return tick + Math.max(1, Math.round(-Math.log(1 - this.#random.uniform()) * this.#meanTicks));
  }
}
