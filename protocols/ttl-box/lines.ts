import { MeaError } from '../errors.js';

/** The version of the protocol, docs/devices/ttl-box.md. */
export const TTL_BOX_VERSION = 1;
export const MAX_LINES = 32;
/** Shortest and longest pulse. */
const MIN_PULSE_US = 10;
const MAX_PULSE_US = 10_000;
/** Longest line in either direction, without its end. */
export const MAX_TTL_BOX_LINE = 100;

export type TtlBoxCommand =
  | { readonly type: 'greet' }
  /** Raises lines, numbered from 1, together. */
  | { readonly type: 'pulse'; readonly lines: readonly number[]; readonly widthUs: number }
  | { readonly type: 'all-low' };

/** Why a box refuses; each is named on the line. */
export const TTL_BOX_REFUSALS = ['no-line', 'too-long', 'too-short', 'busy', 'watchdog', 'syntax'] as const;
export type TtlBoxRefusal = (typeof TTL_BOX_REFUSALS)[number];

export type TtlBoxReply =
  | {
      readonly type: 'greeting';
      readonly version: number;
      readonly lines: number;
      readonly serialNumber: string;
      readonly firmware: string;
    }
  /** The lines of the mask (bit 0 is line 1) are high, and will be low by themselves. */
  | { readonly type: 'raised'; readonly mask: number }
  | { readonly type: 'refused'; readonly mask: number; readonly reason: TtlBoxRefusal }
  | { readonly type: 'all-low' }
  /** Its watchdog has dropped all lines; it refuses pulses until it was told `Z`. */
  | { readonly type: 'watchdog' }
  /** It did not understand a line. */
  | { readonly type: 'not-understood' }
  | { readonly type: 'other'; readonly text: string };

/**
 * One line, with its end.
 *
 * @throws MeaError `bad-input` for lines or widths that no box has
 */
export function encodeTtlBox(command: TtlBoxCommand): string {
  switch (command.type) {
    case 'greet':
      return '?\n';
    case 'pulse':
      return `P ${toMask(command.lines).toString(16)} ${widthOf(command.widthUs)}\n`;
    case 'all-low':
      return 'Z\n';
  }
}

/** Reads what a box says: a line without its end. */
export function readTtlBoxReply(line: string): TtlBoxReply {
  const raised = /^P ([0-9a-f]{1,8}) ok$/u.exec(line);
  if (raised !== null) return { type: 'raised', mask: parseInt(raised[1] ?? '', 16) };
  const refused = /^P ([0-9a-f]{1,8}) error ([a-z-]+)$/u.exec(line);
  const reason = TTL_BOX_REFUSALS.find((name) => name === refused?.[2]);
  if (refused !== null && reason !== undefined) {
    return { type: 'refused', mask: parseInt(refused[1] ?? '', 16), reason };
  }
  if (line === 'Z ok') return { type: 'all-low' };
  if (line === '! watchdog') return { type: 'watchdog' };
  if (line === 'error unknown' || line === 'error length') return { type: 'not-understood' };
  return readGreeting(line) ?? { type: 'other', text: line };
}

/**
 * The bits of lines; bit 0 is line 1.
 *
 * @throws MeaError `bad-input` for none, for one twice, and for a number that is not 1 to 32
 */
export function toMask(lines: readonly number[]): number {
  const isValid = lines.every((line) => Number.isInteger(line) && line >= 1 && line <= MAX_LINES);
  if (!isValid || lines.length === 0 || new Set(lines).size !== lines.length) {
    const wanted = `numbers from 1 to ${MAX_LINES}, each once`;
    throw new MeaError('bad-input', { what: 'No such lines to raise', got: `[${lines.join(', ')}]`, wanted });
  }
  return lines.reduce((mask, line) => (mask | (1 << (line - 1))) >>> 0, 0);
}

/** The lines of a mask, rising. */
export function toLines(mask: number): number[] {
  return Array.from({ length: MAX_LINES }, (_, i) => i + 1).filter((line) => ((mask >>> (line - 1)) & 1) === 1);
}

/**
 * Holds a width against what every box can do.
 *
 * @throws MeaError `bad-input` unless it is whole microseconds from 10 us to 10 ms
 */
export function widthOf(widthUs: number): number {
  if (Number.isInteger(widthUs) && widthUs >= MIN_PULSE_US && widthUs <= MAX_PULSE_US) return widthUs;
  throw new MeaError('bad-input', {
    what: 'A TTL box makes no such pulse',
    got: `${widthUs} us`,
    wanted: `whole microseconds from ${MIN_PULSE_US} to ${MAX_PULSE_US}`,
  });
}

function readGreeting(line: string): TtlBoxReply | undefined {
  const match = /^meactl-ttl-box (\d{1,4}) lines=(\d{1,2}) serial=(\S{1,40}) firmware=(\S{1,40})$/u.exec(line);
  if (match === null) return undefined;
  const [, version, lines, serialNumber = '', firmware = ''] = match;
  return { type: 'greeting', version: Number(version), lines: Number(lines), serialNumber, firmware };
}
