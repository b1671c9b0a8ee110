import type { ArmingCause } from '../../protocols/mea-link/messages.js';

/**
 * Whether the device may stimulate, and until when: armed with a token, kept armed by heartbeats that carry it.
 * Time is in ticks of the device's clock, which never stands still.
 */
export class Arming {
  readonly #watchdogTicks: number;
  #token: Uint8Array | undefined;
  #heardAt = 0;
  #armedUntil = Infinity;

  constructor(watchdogTicks: number) {
    this.#watchdogTicks = watchdogTicks;
  }

  get armed(): boolean {
    return this.#token !== undefined;
  }

  arm(token: Uint8Array, now: number): void {
    this.#token = token.slice();
    this.#heardAt = now;
    this.#armedUntil = Infinity;
  }

  disarm(): void {
    this.#token?.fill(0);
    this.#token = undefined;
  }

  holdsToken(token: Uint8Array): boolean {
    return this.#token !== undefined && equalBytes(this.#token, token);
  }

  /** A heartbeat: keeps the device armed when its token is right. */
  hear(token: Uint8Array, now: number, armedForTicks: number): void {
    if (!this.holdsToken(token)) return;
    this.#heardAt = now;
    this.#armedUntil = now + armedForTicks;
  }

  /** The tick at which the device disarms by itself, and why; undefined when it is not armed. */
  get expiry(): { readonly tick: number; readonly cause: ArmingCause } | undefined {
    if (this.#token === undefined) return undefined;
    const watchdog = this.#heardAt + this.#watchdogTicks;
    return this.#armedUntil < watchdog
      ? { tick: this.#armedUntil, cause: 'armed-time' }
      : { tick: watchdog, cause: 'watchdog' };
  }
}

/** Whether two byte strings are the same, in a time that depends on their length only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
