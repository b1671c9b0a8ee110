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
  'clock-drift': {
    kind: 'once',
    range: [-100_000, 100_000],
    what: 'the sample clock is fast by so many parts per million',
  },
  'counter-wrap': {
    kind: 'once',
    range: [1, 2 ** 32],
    what: 'sequence numbers and the sample counter begin so many before 2^32',
  },
  'stuck-channel': { kind: 'once', range: [0, 4095], what: 'this channel keeps its last value' },
  'saturated-channel': { kind: 'once', range: [0, 4095], what: 'this channel shows the rail' },
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

/** Switches that name a channel may be given for several. */
const MAY_REPEAT: ReadonlySet<FaultName> = new Set<FaultName>(['stuck-channel', 'saturated-channel']);

const NAMES = Object.keys(FAULTS).filter((name): name is FaultName => name in FAULTS);

/**
 * Reads switches as they are written on the command line: `drop=0.001`, `slow-ack=0.1:20`, `stall=5000:200`,
 * `counter-wrap=1000`.
 *
 * @throws MeaError `usage` naming the switch and how it is to be written
 */
export function parseFaults(texts: readonly string[]): readonly FaultSetting[] {
  const settings = texts.map((text) => {
    const [name = '', ...rest] = text.split('=');
    const numbers = rest.join('=');
    const known = NAMES.find((candidate) => candidate === name);
    if (known === undefined) {
      throw new MeaError('usage', { what: 'Unknown fault', got: name, wanted: `one of ${NAMES.join(', ')}` });
    }
    return parseFault(known, numbers);
  });
  const twice = settings.find(({ name }, k) => !MAY_REPEAT.has(name) && settings.findIndex((s) => s.name === name) < k);
  if (twice === undefined) return settings;
  throw new MeaError('usage', { what: 'A fault is given twice', got: twice.name, wanted: 'each at most once' });
}

/** The switches with what they do, for a help text. */
export function describeFaults(): string {
  return NAMES.map((name) => `  ${writeForm(name).padEnd(28)} ${FAULTS[name].what}`).join('\n');
}

function parseFault(name: FaultName, numbers: string): FaultSetting {
  const parts = numbers.split(':');
  const [value = Number.NaN, amount = 0] = parts.map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const fault = FAULTS[name];
  const goodValue = isGoodValue(name, value);
  const least = 'amount' in fault && fault.amount === 'samples' ? 1 : Number.MIN_VALUE;
  const goodAmount =
    'amount' in fault ? parts.length === 2 && amount >= least && Number.isFinite(amount) : parts.length === 1;
  if (!goodValue || !Number.isFinite(value) || !goodAmount) {
    throw new MeaError('usage', {
      what: `Bad value of the fault ${name}`,
      got: numbers === '' ? 'nothing' : numbers,
      wanted: writeForm(name),
    });
  }
  return { name, value, amount };
}

function isGoodValue(name: FaultName, value: number): boolean {
  const fault = FAULTS[name];
  switch (fault.kind) {
    case 'share':
      return value >= 0 && value <= 1;
    case 'every':
      return value > 0;
    case 'once':
      return Number.isInteger(value) && value >= fault.range[0] && value <= fault.range[1];
  }
}

function writeForm(name: FaultName): string {
  const fault = FAULTS[name];
  const value =
    fault.kind === 'share'
      ? '<share 0-1>'
      : fault.kind === 'every'
        ? '<mean ms between>'
        : `<integer ${fault.range[0]} to ${fault.range[1]}>`;
  return `${name}=${value}${'amount' in fault ? `:<${fault.amount}>` : ''}`;
}
