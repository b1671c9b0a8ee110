import { AMPLIFIER_NAME } from '../../protocols/intan-rhx/parameters.js';
import type { StimSurroundings } from '../../protocols/intan-rhx/stim-checks.js';
import { IDLE_STIM_SETTINGS } from '../../protocols/intan-rhx/stim-settings.js';
import { MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import type { TriggerBox } from '../parts/stimulator.js';

/** What fires a group: a key that RHX presses itself, or a line that a trigger box raises. */
export type RhxTrigger = string;

/** Electrodes that one trigger fires. */
export interface RhxGroupOptions {
  /** `F1` to `F8`, `digital-in 1` to `16`, `analog-in 1` to `8`. */
  readonly trigger: RhxTrigger;
  /** Indices into `channels`. */
  readonly electrodes: readonly number[];
  /** Line of the box that is wired to the trigger; of `digital-in n` the line n unless said. */
  readonly boxLine?: number;
}

/** How long each thing may take. */
export interface RhxDeadlines {
  /** A port is connected to. */
  readonly connectMs: number;
  /** A command is answered. */
  readonly answerMs: number;
  /** The board starts, stops, uploads. */
  readonly boardMs: number;
  /** Nothing is sent for so long after the board was started, or until its first block: see `RhxSession.start`. */
  readonly startMs: number;
  /** No block for so long while the board runs. */
  readonly silenceMs: number;
  /** No bytes for so long after the board stopped: nothing more comes. */
  readonly drainMs: number;
  /** The waveform port was not reached again for so long. */
  readonly giveUpMs: number;
}

const DEFAULT_RHX_DEADLINES: RhxDeadlines = {
  connectMs: 3000,
  answerMs: 2000,
  boardMs: 10_000,
  startMs: 250,
  silenceMs: 2000,
  drainMs: 300,
  giveUpMs: 30_000,
};

/** How to reach an RHX and what is wired to it. */
export interface IntanRhxOptions {
  /** By default this computer. */
  readonly host?: string;
  /** By default 5000 for commands and 5001 for waveforms. */
  readonly ports?: { readonly command: number; readonly waveform: number };
  /** (electrode) its native channel, `A-010`. */
  readonly channels: readonly string[];
  /** None: the controller only records. All keys, or all lines. */
  readonly groups?: readonly RhxGroupOptions[];
  /** Needed where lines trigger. It belongs to the caller, who closes it. */
  readonly triggerBox?: TriggerBox;
  /** Digital inputs whose changes are told, from 1. */
  readonly lines?: readonly number[];
  /** What the controller must be set to; whatever is not named may be anything. */
  readonly expected?: { readonly sampleRateHz?: number; readonly stimStepUa?: number };
  /** Amplifier settling, charge recovery and refractory period around each pulse; by default RHX's own defaults. */
  readonly around?: Partial<Omit<StimSurroundings, 'source'>>;
  readonly deadlines?: Partial<RhxDeadlines>;
  readonly timers: Timers;
}

/** A group as it is programmed and fired. */
export interface RhxGroup {
  readonly trigger: RhxTrigger;
  /** Name of the trigger among a channel's settings: `KeyPressF1`. */
  readonly source: string;
  /** Rising. */
  readonly electrodes: readonly number[];
  /** `f1` where a key fires it. */
  readonly key: string | null;
  /** Line of the box where a line fires it. */
  readonly boxLine: number | null;
}

/** Options that were checked. */
export interface CheckedRhxOptions {
  readonly host: string;
  readonly ports: { readonly command: number; readonly waveform: number };
  readonly address: string;
  /** Upper case. */
  readonly channels: readonly string[];
  readonly groups: readonly RhxGroup[];
  readonly triggerBox: TriggerBox | null;
  readonly lines: readonly number[];
  readonly expected: { readonly sampleRateHz?: number; readonly stimStepUa?: number };
  readonly around: Omit<StimSurroundings, 'source'>;
  readonly deadlines: RhxDeadlines;
  readonly timers: Timers;
}

/**
 * Completes and checks the options.
 *
 * @throws MeaError `bad-input` for a channel that is none or stands twice, an electrode in two groups, a trigger that is none
 *   or stands twice, keys beside lines, lines without a box, a line that the box does not have
 */
export function checkRhxOptions(options: IntanRhxOptions): CheckedRhxOptions {
  const { host = '127.0.0.1', ports = { command: 5000, waveform: 5001 } } = options;
  const channels = options.channels.map((name) => name.toUpperCase());
  for (const [electrode, name] of channels.entries()) {
    if (!AMPLIFIER_NAME.test(name)) throw badOption(`electrode ${electrode} at '${name}'`, 'a channel such as A-010');
    if (channels.indexOf(name) !== electrode) throw badOption(`${name} twice`, 'one electrode for each channel');
  }
  if (channels.length === 0) throw badOption('no channels', 'one electrode at least');
  const groups = (options.groups ?? []).map(readGroup);
  checkGroups(groups, channels.length);
  const triggerBox = options.triggerBox ?? null;
  checkBox(groups, triggerBox);
  const lines = options.lines ?? [];
  const badLine = lines.find((line) => !(Number.isInteger(line) && line >= 1 && line <= 16));
  if (badLine !== undefined) throw badOption(`digital input ${badLine}`, '1 to 16');
  return {
    host,
    ports,
    address: `${host}:${ports.command}`,
    channels,
    groups,
    triggerBox,
    lines,
    expected: options.expected ?? {},
    around: { ...pickSurroundings(), ...options.around },
    deadlines: { ...DEFAULT_RHX_DEADLINES, ...options.deadlines },
    timers: options.timers,
  };
}

function pickSurroundings(): Omit<StimSurroundings, 'source'> {
  const { refractoryPeriodUs, enableAmpSettle, preStimAmpSettleUs, postStimAmpSettleUs } = IDLE_STIM_SETTINGS;
  const { enableChargeRecovery, postStimChargeRecovOnUs, postStimChargeRecovOffUs } = IDLE_STIM_SETTINGS;
  const recovery = { enableChargeRecovery, postStimChargeRecovOnUs, postStimChargeRecovOffUs };
  return { refractoryPeriodUs, enableAmpSettle, preStimAmpSettleUs, postStimAmpSettleUs, ...recovery };
}

function readGroup({ trigger, electrodes, boxLine }: RhxGroupOptions): RhxGroup {
  const [, kind = '', number = ''] = /^(F|digital-in |analog-in )(\d{1,2})$/.exec(trigger) ?? [];
  const place = Number(number);
  const most = kind === 'digital-in ' ? 16 : 8;
  if (kind === '' || place < 1 || place > most) {
    throw badOption(`the trigger '${trigger}'`, 'F1 to F8, digital-in 1 to 16, or analog-in 1 to 8');
  }
  const sorted = [...electrodes].sort((a, b) => a - b);
  const padded = String(place).padStart(2, '0');
  if (kind === 'F') {
    return { trigger, source: `KeyPressF${place}`, electrodes: sorted, key: `f${place}`, boxLine: null };
  }
  if (kind === 'digital-in ') {
    return { trigger, source: `DigitalIn${padded}`, electrodes: sorted, key: null, boxLine: boxLine ?? place };
  }
  if (boxLine === undefined) throw badOption(`${trigger} without its boxLine`, 'the line that is wired to it');
  return { trigger, source: `AnalogIn${padded}`, electrodes: sorted, key: null, boxLine };
}

function checkGroups(groups: readonly RhxGroup[], channels: number): void {
  const seen = new Map<number, string>();
  for (const { trigger, electrodes } of groups) {
    if (electrodes.length === 0) throw badOption(`${trigger} without electrodes`, 'one at least');
    for (const electrode of electrodes) {
      if (!(Number.isInteger(electrode) && electrode >= 0 && electrode < channels)) {
        throw badOption(`electrode ${electrode} at ${trigger}`, `0 to ${channels - 1}`);
      }
      const other = seen.get(electrode);
      if (other !== undefined) throw badOption(`electrode ${electrode} at ${other} and ${trigger}`, 'one trigger each');
      seen.set(electrode, trigger);
    }
  }
  const twice = groups.find(({ source }, i) => groups.findIndex((group) => group.source === source) !== i);
  if (twice !== undefined) throw badOption(`two groups at ${twice.trigger}`, 'one group for each trigger');
  const keys = groups.filter(({ key }) => key !== null).length;
  if (keys > 0 && keys < groups.length) {
    throw badOption(
      'groups at keys beside groups at lines',
      'all at keys or all at lines: a key is never simultaneous',
    );
  }
}

function checkBox(groups: readonly RhxGroup[], box: TriggerBox | null): void {
  const lines = groups.flatMap(({ boxLine }) => boxLine ?? []);
  if (lines.length === 0) return;
  if (box === null) throw badOption('triggers at lines without a trigger box', 'a box that raises them, or keys');
  for (const [i, line] of lines.entries()) {
    if (!(Number.isInteger(line) && line >= 1 && line <= box.lines)) {
      throw badOption(`line ${line} of the box`, `1 to ${box.lines}, which it has`);
    }
    if (lines.indexOf(line) !== i)
      throw badOption(`line ${line} of the box at two triggers`, 'one trigger for each line');
  }
}

function badOption(got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: 'Bad options for Intan RHX', got, wanted });
}
