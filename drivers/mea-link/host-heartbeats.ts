import type { CancelTimer, Timers } from '../../protocols/timers.js';

/** What a heartbeat says, but for its sequence number. */
export interface HeartbeatContent {
  readonly token: Uint8Array;
  readonly progress: number;
  readonly armedForMs: number;
}

/** How heartbeats are sent. */
export interface HostHeartbeatOptions {
  readonly timers: Timers;
  readonly armedHeartbeatMs: number;
  readonly idleHeartbeatMs: number;
  readonly armedForMs: number;
  readonly mainStallMs: number;
  /** Gives a heartbeat to the link. One that the link does not take is not kept: the next one says the same. */
  readonly send: (heartbeat: HeartbeatContent) => void;
  /** The main loop stood still for so long; the token has been dropped. */
  readonly onStall: (stalledMs: number) => void;
}

const NO_TOKEN = new Uint8Array(0);
/** Heartbeats are counted modulo 2^32, and so is progress. */
const PROGRESS_MODULUS = 2 ** 32;

/**
 * The controller's sign of life. While it holds a token it keeps the device armed, and only as long as the main loop
 * reports progress: when that stands still, the token is dropped for good and the device's watchdog does the rest.
 */
export class HostHeartbeats {
  readonly #options: HostHeartbeatOptions;
  #token: Uint8Array | undefined;
  #progress = 0;
  #progressAtMs = 0;
  #cancel: CancelTimer = () => undefined;
  #isRunning = false;

  constructor(options: HostHeartbeatOptions) {
    this.#options = options;
  }

  /** True while heartbeats carry a token. */
  get isArmed(): boolean {
    return this.#token !== undefined;
  }

  /** The main loop has made a turn. One that comes too late is a stall, although no heartbeat was due before it. */
  reportProgress(): void {
    this.#checkStall();
    this.#progress = (this.#progress + 1) % PROGRESS_MODULUS;
    this.#progressAtMs = this.#options.timers.nowMs();
  }

  /** Heartbeats begin: a link stands. */
  start(): void {
    this.#isRunning = true;
    this.#beat();
  }

  /** No link: no heartbeats, and no token on the next one. */
  stop(): void {
    this.#checkStall();
    this.#isRunning = false;
    this.#token = undefined;
    this.#cancel();
  }

  /** From now on heartbeats carry this token; the first goes at once. The main loop has a stall's time to report. */
  arm(token: Uint8Array): void {
    this.#token = token;
    this.#progressAtMs = this.#options.timers.nowMs();
    if (this.#isRunning) this.#beat();
  }

  /** From now on heartbeats carry no token. A stall that nobody saw is told: it may be why the device disarmed. */
  disarm(): void {
    this.#checkStall();
    this.#token = undefined;
  }

  #beat(): void {
    const { timers, armedHeartbeatMs, idleHeartbeatMs, armedForMs } = this.#options;
    this.#cancel();
    this.#checkStall();
    // Whoever hears of the stall may have stopped us.
    if (!this.#isRunning) return;
    const isArmed = this.#token !== undefined;
    this.#cancel = timers.after(isArmed ? armedHeartbeatMs : idleHeartbeatMs, () => {
      this.#beat();
    });
    this.#options.send({
      token: this.#token ?? NO_TOKEN,
      progress: this.#progress,
      armedForMs: isArmed ? armedForMs : 0,
    });
  }

  /** A stall ends the arming for good, whoever sees it first: the next heartbeat, the loop that goes on, or the device. */
  #checkStall(): void {
    const { timers, mainStallMs, onStall } = this.#options;
    const stalledMs = timers.nowMs() - this.#progressAtMs;
    if (this.#token === undefined || stalledMs < mainStallMs) return;
    this.#token = undefined;
    onStall(stalledMs);
  }
}
