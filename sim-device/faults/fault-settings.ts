import { MeaError } from '../../protocols/errors.js';

/**
 * The switches, by name, with what their numbers mean.
 *
 * - share: probability that one message, frame, reply or stimulus is hit
 * - every: hit at random times, so many milliseconds apart on average, each time for so long (or by so many samples)
 * - once: a number that holds from the start
 */
export const FAULTS = {
  drop: { kind: 'share', what: 'a frame is not sent' },
  duplicate: { kind: 'share', what: 'a frame is sent twice' },
  reorder: { kind: 'share', what: 'a frame is held back until up to three more have gone' },
  corrupt: { kind: 'share', what: 'one to three bits of a frame are flipped' },
  truncate: { kind: 'share', what: 'the end of a frame is missing' },
  'refuse-stimulus': { kind: 'share', what: 'the stimulator refuses a trigger' },
  'slow-ack': { kind: 'share', what: 'a reply is held back', amount: 'ms' },
  stall: { kind: 'every', what: 'the data lane stands still', amount: 'ms' },
  'half-open': { kind: 'every', what: 'nothing gets through either way, and no side is told', amount: 'ms' },
  disconnect: { kind: 'every', what: 'links are cut, and no new one is taken for a while', amount: 'ms' },
  'brown-out': { kind: 'every', what: 'the device is without power, then boots again', amount: 'ms' },
  'clock-step': { kind: 'every', what: 'the sample counter jumps', amount: 'samples' },
  'clock-drift': { kind: 'once', what: 'the sample clock is fast by so many parts per million' },
  'counter-wrap': { kind: 'once', what: 'sequence numbers and the sample counter begin so many before 2^32' },
  'stuck-channel': { kind: 'once', what: 'this channel keeps its last value' },
  'saturated-channel': { kind: 'once', what: 'this channel shows the rail' },
} as const;

export type FaultName = keyof typeof FAULTS;

/** One switch that is on. */
export interface FaultSetting {
  readonly name: FaultName;
  /** A share in [0, 1], a mean interval in ms, or the number itself. */
  readonly value: number;
  /** Duration in ms or number of samples, for the kinds that have one; 0 elsewhere. */
  readonly amount: number;
}

const NAMES = Object.keys(FAULTS).filter((name): name is FaultName => name in FAULTS);

/**
 * Reads switches as they are written on the command line: `drop=0.001`, `slow-ack=0.1:20`, `stall=5000:200`,
 * `counter-wrap=1000`.
 *
 * @throws MeaError `usage` naming the switch and how it is to be written
 */
export function parseFaults(texts: readonly string[]): readonly FaultSetting[] {
  return texts.map((text) => {
    const [name = '', numbers = ''] = text.split('=', 2);
    const known = NAMES.find((candidate) => candidate === name);
    if (known === undefined) {
      throw new MeaError('usage', { what: 'Unknown fault', got: name, wanted: `one of ${NAMES.join(', ')}` });
    }
    return parseFault(known, numbers);
  });
}

/** The switches with what they do, for a help text. */
export function describeFaults(): string {
  return NAMES.map((name) => `  ${writeForm(name).padEnd(28)} ${FAULTS[name].what}`).join('\n');
}

function parseFault(name: FaultName, numbers: string): FaultSetting {
  const parts = numbers.split(':');
  const [value = Number.NaN, amount = 0] = parts.map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const { kind } = FAULTS[name];
  const hasAmount = 'amount' in FAULTS[name];
  const goodValue = kind === 'share' ? value >= 0 && value <= 1 : kind === 'every' ? value > 0 : Number.isFinite(value);
  const goodAmount = hasAmount ? parts.length === 2 && amount > 0 && Number.isFinite(amount) : parts.length === 1;
  if (!goodValue || !Number.isFinite(value) || !goodAmount) {
    throw new MeaError('usage', {
      what: `Bad value of the fault ${name}`,
      got: numbers === '' ? 'nothing' : numbers,
      wanted: writeForm(name),
    });
  }
  return { name, value, amount };
}

function writeForm(name: FaultName): string {
  const fault = FAULTS[name];
  const value = fault.kind === 'share' ? '<share 0-1>' : fault.kind === 'every' ? '<mean ms between>' : '<number>';
  return `${name}=${value}${'amount' in fault ? `:<${fault.amount}>` : ''}`;
}
