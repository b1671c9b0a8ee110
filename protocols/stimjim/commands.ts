import { MeaError } from '../errors.js';

/** What an output does: gives a voltage (mV), gives a current (uA), is open, is grounded. Its number is its place. */
export const STIMJIM_MODES = ['voltage', 'current', 'high-z', 'grounded'] as const;
export type StimJimMode = (typeof STIMJIM_MODES)[number];

/** A stretch of constant output, of both outputs at once: mV or uA as the mode of each says. */
export interface StimJimStage {
  readonly amplitudes: readonly [number, number];
  readonly durationUs: number;
}

/** What a start plays: the stages, again and again every `periodUs` as long as `durationUs` have not passed. */
export interface StimJimTrain {
  /** Place among the device's hundred, 0 to 99. */
  readonly n: number;
  readonly modes: readonly [StimJimMode, StimJimMode];
  readonly periodUs: number;
  readonly durationUs: number;
  readonly stages: readonly StimJimStage[];
}

/** It plays two trains at once, on a timer each. */
export type StimJimTimer = 'T' | 'U';

/**
 * All that a StimJim may be told. There is no word for what gives an output a raw value or a voltage without an end (`A`,
 * `V`, `M` with mode 0 or 1), moves outputs to calibrate itself (`B`, `C`), or what its makers' documents and its firmware
 * do not agree about (`R`): such lines cannot be made here.
 */
export type StimJimCommand =
  | { readonly type: 'train'; readonly train: StimJimTrain }
  | { readonly type: 'print-train'; readonly n: number }
  | { readonly type: 'start'; readonly timer: StimJimTimer; readonly n: number }
  | { readonly type: 'stop'; readonly timer: StimJimTimer }
  | { readonly type: 'turn-off'; readonly output: 0 | 1; readonly mode: 'high-z' | 'grounded' }
  | { readonly type: 'read-adc'; readonly output: 0 | 1; readonly line: 'voltage' | 'current' }
  | { readonly type: 'print-offsets' };

export const TRAINS = 100;
/** The firmware does not check. */
export const MAX_STAGES = 10;
export const MIN_STAGE_US = 20;
const MAX_CURRENT_UA = 3330;
const MAX_VOLTAGE_MV = 14_900;
/** Longest period that its timer counts. */
const MAX_PERIOD_US = 60_000_000;
/** The firmware writes beyond its buffer of 1000. */
const MAX_LINE_BYTES = 998;

/** Every line that may leave, whoever made it. */
const MAY_BE_SENT =
  /^(?:S\d{1,2}(?:,[0-3],[0-3],\d{1,9},\d{1,9};(?:-?\d{1,5},-?\d{1,5},\d{1,8};){1,10})?|[TU](?:-1|\d{1,2})|M[01],[23]|E[01],[01]|D)\n$/u;

/**
 * One line, with its end.
 *
 * @throws MeaError `bad-input` for what the device does not have: it checks nothing itself; `refused` for what is no command
 */
export function encodeStimJim(command: StimJimCommand): string {
  const line = `${toText(command)}\n`;
  assertMayBeSent(line);
  return line;
}

/**
 * Holds a line against all that a StimJim may be told.
 *
 * @throws MeaError `refused`
 */
export function assertMayBeSent(line: string): void {
  if (MAY_BE_SENT.test(line) && line.length <= MAX_LINE_BYTES) return;
  throw new MeaError('refused', {
    what: 'No such line is ever sent to a StimJim',
    got: JSON.stringify(line.slice(0, 60)),
    wanted: 'S, T, U, M to turn off, E or D',
    remedy: 'calibrate the device with its own program, with nothing connected',
  });
}

function toText(command: StimJimCommand): string {
  switch (command.type) {
    case 'train':
      return trainText(command.train);
    case 'print-train':
      return `S${indexOf(command.n)}`;
    case 'start':
      return `${command.timer}${indexOf(command.n)}`;
    case 'stop':
      return `${command.timer}-1`;
    case 'turn-off':
      return `M${command.output},${STIMJIM_MODES.indexOf(command.mode)}`;
    case 'read-adc':
      return `E${command.output},${command.line === 'voltage' ? 0 : 1}`;
    case 'print-offsets':
      return 'D';
    default:
      // from a program that the types did not hold back
      return String(command);
  }
}

function trainText({ n, modes, periodUs, durationUs, stages }: StimJimTrain): string {
  const where = `train ${n}`;
  inRange('number of stages', stages.length, { least: 1, most: MAX_STAGES, where });
  inRange('period in us', periodUs, { least: MIN_STAGE_US, most: MAX_PERIOD_US, where });
  inRange('duration in us', durationUs, { least: 1, most: MAX_PERIOD_US, where });
  const parts = stages.map(({ amplitudes, durationUs: stageUs }, i) => {
    const place = `stage ${i} of ${where}`;
    inRange('duration of a stage in us', stageUs, { least: MIN_STAGE_US, most: MAX_PERIOD_US, where: place });
    for (const output of [0, 1] as const) {
      const most = mostOf(modes[output]);
      inRange(`amplitude of output ${output}`, amplitudes[output], { least: -most, most, where: place });
    }
    return `${amplitudes[0]},${amplitudes[1]},${stageUs};`;
  });
  const pulseUs = stages.reduce((sum, stage) => sum + stage.durationUs, 0);
  inRange('length of all stages in us', pulseUs, { least: MIN_STAGE_US, most: periodUs, where });
  const [mode0, mode1] = modes.map((mode) => STIMJIM_MODES.indexOf(mode));
  return `S${indexOf(n)},${mode0 ?? 3},${mode1 ?? 3},${periodUs},${durationUs};${parts.join('')}`;
}

function mostOf(mode: StimJimMode): number {
  if (mode === 'current') return MAX_CURRENT_UA;
  return mode === 'voltage' ? MAX_VOLTAGE_MV : 0;
}

function indexOf(n: number): number {
  inRange('number of a train', n, { least: 0, most: TRAINS - 1, where: 'StimJim' });
  return n;
}

function inRange(
  what: string,
  value: number,
  { least, most, where }: { readonly least: number; readonly most: number; readonly where: string },
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new MeaError('bad-input', {
    what: `The StimJim has no such ${what}`,
    got: String(value),
    wanted: `an integer from ${least} to ${most}`,
    where,
  });
}
