import type { SafetyRefusal } from './safety-rule.js';

/** A phase as it was read: numbers, not yet held against anything. */
export interface PhaseInput {
  readonly currentUa: number;
  readonly durationUs: number;
}

/** A pulse as it was read. */
export interface PulseInput {
  readonly electrode: number;
  readonly phases: readonly PhaseInput[];
}

/** A pattern as it was read, copied number by number: nothing in it belongs to the caller. */
export interface PatternInput {
  readonly slot: number;
  readonly pulses: readonly PulseInput[];
}

/** A command as it was read; its pattern is read apart, because it may have been checked already. */
export interface CommandInput {
  readonly stimulusId: number;
  readonly pattern: unknown;
  /** The sample that was asked for; absent for as soon as possible. */
  readonly atSample?: number;
}

/** Phases that one pulse may list, gaps included, whatever the profile says. */
const MAX_LISTED_PHASES = 32;
/** Electrodes that there are names for: 0 to 65,535. */
const ELECTRODES = 65_536;
const MAX_STIMULUS_ID = 2 ** 32 - 1;
/** A magnitude below this, and not 0, is no current and no duration that anybody meant (uA, us). */
const SMALLEST_MAGNITUDE = 1e-9;

/**
 * Reads a command of unknown origin: plain objects with exactly the known keys, each property read once.
 *
 * @returns the copy, or why it is none, for the rule `schema`
 */
export function readCommand(value: unknown): CommandInput | string {
  try {
    if (!hasExactKeys(value, ['stimulusId', 'pattern', 'at'])) {
      return describeShape('command', value, ['stimulusId', 'pattern', 'at']);
    }
    const { stimulusId, pattern, at } = value;
    if (!isIntegerBetween(stimulusId, 1, MAX_STIMULUS_ID)) {
      return `stimulusId ${describe(stimulusId)}, expected an integer from 1 to ${MAX_STIMULUS_ID}`;
    }
    const atSample = readTime(at);
    if (typeof atSample === 'string') return atSample;
    return atSample === undefined ? { stimulusId, pattern } : { stimulusId, pattern, atSample };
  } catch {
    return 'the command cannot be read: one of its properties throws';
  }
}

/**
 * Reads a pattern of unknown origin, as `readCommand` does.
 *
 * @param slots pattern slots of the device
 * @returns the copy, or why it is none, for the rule `schema`
 */
export function readPattern(value: unknown, slots: number): PatternInput | string {
  try {
    if (!hasExactKeys(value, ['slot', 'pulses'])) return describeShape('pattern', value, ['slot', 'pulses']);
    const { slot, pulses } = value;
    if (!isIntegerBetween(slot, 0, slots - 1))
      return `slot ${describe(slot)}, expected an integer from 0 to ${slots - 1}`;
    const read = readPulses(pulses);
    return typeof read === 'string' ? read : { slot, pulses: read };
  } catch {
    return 'the pattern cannot be read: one of its properties throws';
  }
}

/** Holds every current and duration against the rule `finite`: NaN, Infinity and denormal nonsense are refused. */
export function checkFinite(pulses: readonly PulseInput[]): SafetyRefusal | undefined {
  for (const { electrode, phases } of pulses) {
    for (const { currentUa, durationUs } of phases) {
      if (isMeant(currentUa) && isMeant(durationUs)) continue;
      const message = `${durationUs} us x ${currentUa} uA are not both 0 or finite and at least ${SMALLEST_MAGNITUDE} (electrode ${electrode})`;
      return { rule: 'finite', message };
    }
  }
  return undefined;
}

function isMeant(value: number): boolean {
  return value === 0 || (Number.isFinite(value) && Math.abs(value) >= SMALLEST_MAGNITUDE);
}

function readTime(value: unknown): number | undefined | string {
  if (!isPlainObject(value)) return `at is ${describe(value)}, expected {type: 'now'} or {type: 'sample', sample}`;
  const { type } = value;
  if (type === 'now' && hasExactKeys(value, ['type'])) return undefined;
  if (type !== 'sample' || !hasExactKeys(value, ['type', 'sample'])) {
    return `at has type ${describe(type)} and keys ${listKeys(value)}, expected {type: 'now'} or {type: 'sample', sample}`;
  }
  const { sample } = value;
  if (isIntegerBetween(sample, 0, Number.MAX_SAFE_INTEGER)) return sample;
  return `sample ${describe(sample)}, expected an integer from 0 to 2^53 - 1`;
}

function readPulses(value: unknown): readonly PulseInput[] | string {
  const length = readLength(value, ELECTRODES);
  if (!isArray(value) || length === undefined) return `pulses are ${describe(value)}, expected an array`;
  const pulses: PulseInput[] = [];
  for (let i = 0; i < length; i++) {
    const pulse = readPulse(value[i]);
    if (typeof pulse === 'string') return `${pulse} (pulse ${i})`;
    pulses.push(pulse);
  }
  const twice = findDuplicate(pulses);
  return twice === undefined ? pulses : `electrode ${twice} has more than one pulse in the pattern`;
}

function readPulse(value: unknown): PulseInput | string {
  if (!hasExactKeys(value, ['electrode', 'phases'])) return describeShape('pulse', value, ['electrode', 'phases']);
  const { electrode, phases } = value;
  if (!isIntegerBetween(electrode, 0, ELECTRODES - 1)) {
    return `electrode ${describe(electrode)}, expected an integer from 0 to ${ELECTRODES - 1}`;
  }
  const length = readLength(phases, MAX_LISTED_PHASES);
  if (!isArray(phases) || length === undefined) {
    return `phases are ${describe(phases)}, expected an array of at most ${MAX_LISTED_PHASES}`;
  }
  const read: PhaseInput[] = [];
  for (let i = 0; i < length; i++) {
    const phase = phases[i];
    if (!hasExactKeys(phase, ['currentUa', 'durationUs'])) {
      return describeShape(`phase ${i}`, phase, ['currentUa', 'durationUs']);
    }
    const { currentUa, durationUs } = phase;
    if (typeof currentUa !== 'number' || typeof durationUs !== 'number') {
      return `phase ${i} is ${describe(durationUs)} us x ${describe(currentUa)} uA, expected numbers`;
    }
    // Adding 0 turns -0 into 0.
    read.push({ currentUa: currentUa + 0, durationUs: durationUs + 0 });
  }
  return { electrode, phases: read };
}

function findDuplicate(pulses: readonly PulseInput[]): number | undefined {
  let rising = true;
  for (let i = 1; i < pulses.length && rising; i++) rising = pulses[i]!.electrode > pulses[i - 1]!.electrode;
  if (rising) return undefined;
  const seen = new Set<number>();
  for (const { electrode } of pulses) {
    if (seen.has(electrode)) return electrode;
    seen.add(electrode);
  }
  return undefined;
}

/** Holds the enumerable keys; others are never read, so that they cannot matter. */
function hasExactKeys<Key extends string>(
  value: unknown,
  keys: readonly Key[],
): value is Readonly<Record<Key, unknown>> {
  if (!isPlainObject(value)) return false;
  // Keys from a prototype count too, so that a polluted one lets nothing pass.
  let count = 0;
  for (const key in value) if (count++ >= keys.length || !Object.hasOwn(value, key)) return false;
  for (const key of keys) if (!Object.hasOwn(value, key)) return false;
  return count === keys.length;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function readLength(value: unknown, most: number): number | undefined {
  const length = isArray(value) ? value.length : -1;
  return length >= 0 && length <= most ? length : undefined;
}

function isIntegerBetween(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function describeShape(name: string, value: unknown, keys: readonly string[]): string {
  const got = isPlainObject(value) ? `keys ${listKeys(value)}` : describe(value);
  return `${name} has ${got}, expected a plain object with keys ${keys.join(', ')} of its own`;
}

function listKeys(value: object): string {
  const keys = Object.keys(value).slice(0, 8).join(', ').slice(0, 80);
  return keys === '' ? 'none' : keys;
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, 40));
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return 'a BigInt';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
  }
}
