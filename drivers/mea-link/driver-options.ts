import { randomBytes } from 'node:crypto';
import { MeaError } from '../../protocols/errors.js';
import type { RecoveryOptions } from './data-lane-receiver.js';

/** What can be told to a driver; what is not told has the value of `DEFAULT_DRIVER_OPTIONS`. */
export interface DriverOptions {
  /** A command that was not answered for so long is sent again; an abort sooner. */
  readonly retryMs: number;
  readonly abortRetryMs: number;
  /** A command that was not answered for so long has failed. */
  readonly deadlineMs: number;
  /** The same for those that take the device some time: `measure-impedance`, and the tail of the data after `stop`. */
  readonly longDeadlineMs: number;
  /** Commands that may wait for those before them. */
  readonly maxQueued: number;
  /** The link counts as lost when nothing was received for so long. */
  readonly silenceMs: number;
  /** Interval of the checks for what is missing. */
  readonly checkMs: number;
  readonly recovery: RecoveryOptions;
  /** One attempt to open a link and be greeted. */
  readonly connectMs: number;
  /** Pause before the second attempt to connect again; doubles up to `maxBackoffMs`. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** The driver gives up when the link was not restored for so long. */
  readonly giveUpMs: number;
  /** Intervals of the controller's heartbeats. */
  readonly armedHeartbeatMs: number;
  readonly idleHeartbeatMs: number;
  /** The device disarms so long after a heartbeat although others come without renewing it; at most 1000. */
  readonly armedForMs: number;
  /** Heartbeats end when the main loop has not reported progress for so long while armed. */
  readonly mainStallMs: number;
  /** The longest that `close` takes. */
  readonly closeMs: number;
  /** Fresh random bytes: tokens and the client's id. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Longest time for which one heartbeat may keep a device armed: one trial. */
const MAX_ARMED_FOR_MS = 1000;

/** Sized for a link of milliseconds, and for a serial one of tens of them. */
export const DEFAULT_DRIVER_OPTIONS: DriverOptions = {
  retryMs: 100,
  abortRetryMs: 20,
  deadlineMs: 1000,
  longDeadlineMs: 5000,
  maxQueued: 64,
  silenceMs: 150,
  checkMs: 20,
  recovery: {
    reorder: { maxMessages: 4096, maxBytes: 16 * 1024 * 1024 },
    minAskMs: 10,
    tailMs: 40,
    stuckMs: 500,
    maxAsks: 5,
    giveUpMs: 1000,
  },
  connectMs: 1000,
  backoffMs: 20,
  maxBackoffMs: 1000,
  giveUpMs: 30_000,
  armedHeartbeatMs: 20,
  idleHeartbeatMs: 100,
  armedForMs: 500,
  mainStallMs: 250,
  closeMs: 1000,
  randomBytes: (length) => randomBytes(length),
};

/**
 * Completes and checks the options.
 *
 * @throws MeaError `bad-input` for a time that is not positive, or an armed time above one second
 */
export function completeOptions(options: Partial<DriverOptions> = {}): DriverOptions {
  const all = { ...DEFAULT_DRIVER_OPTIONS, ...options };
  for (const [name, value] of Object.entries(all)) {
    if (typeof value === 'number' && !(value > 0 && Number.isFinite(value))) throw badOption(name, value, '> 0');
  }
  if (all.armedForMs > MAX_ARMED_FOR_MS) throw badOption('armedForMs', all.armedForMs, `at most ${MAX_ARMED_FOR_MS}`);
  return all;
}

function badOption(name: string, value: number, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad driver option ${name}`, got: String(value), wanted });
}
