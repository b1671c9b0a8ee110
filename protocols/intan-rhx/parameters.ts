/** Values that a parameter takes. */
export type RhxKind =
  | { readonly type: 'choice'; readonly values: readonly string[] }
  | { readonly type: 'number'; readonly least: number; readonly most: number; readonly whole: boolean }
  | { readonly type: 'boolean' }
  /** May hold spaces, and keeps its case. */
  | { readonly type: 'text' }
  | { readonly type: 'read-only' };

/** One parameter of RHX. */
export interface RhxParameter {
  /** As RHX writes it in its replies. */
  readonly name: string;
  readonly kind: RhxKind;
}

/** A parameter, and what it is of. */
export interface RhxItem {
  readonly scope: 'global' | 'port' | 'channel';
  /** `A-010`, `DIGITAL-IN-01`, `A`; empty where global. */
  readonly owner: string;
  readonly parameter: RhxParameter;
}

const BOOLEAN: RhxKind = { type: 'boolean' };
const TEXT: RhxKind = { type: 'text' };
const READ_ONLY: RhxKind = { type: 'read-only' };

function choice(...values: readonly string[]): RhxKind {
  return { type: 'choice', values };
}

function number(least: number, most: number): RhxKind {
  return { type: 'number', least, most, whole: false };
}

function whole(least: number, most: number): RhxKind {
  return { type: 'number', least, most, whole: true };
}

/** `DigitalIn01` to `DigitalIn16`, `AnalogIn01` to `AnalogIn08`, `KeyPressF1` to `KeyPressF8`. */
const STIM_SOURCES: readonly string[] = [
  ...Array.from({ length: 16 }, (_, i) => `DigitalIn${String(i + 1).padStart(2, '0')}`),
  ...Array.from({ length: 8 }, (_, i) => `AnalogIn0${i + 1}`),
  ...Array.from({ length: 8 }, (_, i) => `KeyPressF${i + 1}`),
];

/** What is set and read without a channel. */
const GLOBALS: Readonly<Record<string, RhxKind>> = {
  Version: READ_ONLY,
  Type: READ_ONLY,
  SampleRateHertz: READ_ONLY,
  StimStepSizeMicroAmps: READ_ONLY,
  HeadstagePresent: READ_ONLY,
  UploadInProgress: READ_ONLY,
  CurrentTimestamp: READ_ONLY,
  CurrentTimeSeconds: READ_ONLY,
  RunMode: choice('Run', 'Record', 'Trigger', 'Stop'),
  FileFormat: choice('Traditional', 'OneFilePerSignalType', 'OneFilePerChannel'),
  'Filename.path': TEXT,
  'Filename.basefilename': TEXT,
  Note1: TEXT,
  Note2: TEXT,
  Note3: TEXT,
  TCPNumberDataBlocksPerWrite: whole(1, 100),
  TCPWaveformDataOutputPort: whole(0, 9999),
  TCPSpikeDataOutputPort: whole(0, 9999),
  TCPWaveformDataOutputConnectionStatus: READ_ONLY,
  TCPSpikeDataOutputConnectionStatus: READ_ONLY,
};

const PORT_ITEMS: Readonly<Record<string, RhxKind>> = { NumberAmplifierChannels: READ_ONLY };

/** What an amplifier's stimulator is programmed with, in the order in which it is sent. */
const STIM_ITEMS: Readonly<Record<string, RhxKind>> = {
  StimEnabled: BOOLEAN,
  Shape: choice('Biphasic', 'BiphasicWithInterphaseDelay', 'Triphasic'),
  Polarity: choice('NegativeFirst', 'PositiveFirst'),
  Source: choice(...STIM_SOURCES),
  TriggerEdgeOrLevel: choice('Edge', 'Level'),
  TriggerHighOrLow: choice('High', 'Low'),
  PulseOrTrain: choice('SinglePulse', 'PulseTrain'),
  NumberOfStimPulses: whole(0, 256),
  FirstPhaseDurationMicroseconds: number(0, 5000),
  SecondPhaseDurationMicroseconds: number(0, 5000),
  InterphaseDelayMicroseconds: number(0, 5000),
  FirstPhaseAmplitudeMicroAmps: number(0, 2550),
  SecondPhaseAmplitudeMicroAmps: number(0, 2550),
  PostTriggerDelayMicroseconds: number(0, 500_000),
  PulseTrainPeriodMicroseconds: number(0, 1_000_000),
  RefractoryPeriodMicroseconds: number(0, 1_000_000),
  MaintainAmpSettle: BOOLEAN,
  EnableAmpSettle: BOOLEAN,
  PreStimAmpSettleMicroseconds: number(0, 500_000),
  PostStimAmpSettleMicroseconds: number(0, 500_000),
  EnableChargeRecovery: BOOLEAN,
  PostStimChargeRecovOnMicroseconds: number(0, 1_000_000),
  PostStimChargeRecovOffMicroseconds: number(0, 1_000_000),
};

const AMPLIFIER_ITEMS: Readonly<Record<string, RhxKind>> = {
  NativeChannelName: READ_ONLY,
  TCPDataOutputEnabled: BOOLEAN,
  TCPDataOutputEnabledLow: BOOLEAN,
  TCPDataOutputEnabledHigh: BOOLEAN,
  TCPDataOutputEnabledSpike: BOOLEAN,
  TCPDataOutputEnabledDC: BOOLEAN,
  TCPDataOutputEnabledStim: BOOLEAN,
  SpikeThresholdMicroVolts: number(-5000, 5000),
  ...STIM_ITEMS,
};

const BOARD_ITEMS: Readonly<Record<string, RhxKind>> = {
  NativeChannelName: READ_ONLY,
  TCPDataOutputEnabled: BOOLEAN,
};

/** Actions, and what they take: nothing, an amplifier channel or nothing, a function key. */
const ACTIONS: Readonly<Record<string, 'nothing' | 'channel' | 'key'>> = {
  ClearAllDataOutputs: 'nothing',
  ConnectTCPWaveformDataOutput: 'nothing',
  ConnectTCPSpikeDataOutput: 'nothing',
  DisconnectTCPWaveformDataOutput: 'nothing',
  DisconnectTCPSpikeDataOutput: 'nothing',
  UploadStimParameters: 'channel',
  ManualStimTriggerOn: 'key',
  ManualStimTriggerOff: 'key',
  ManualStimTriggerPulse: 'key',
};

/** What an action takes, by the action's name as RHX writes it. */
export type RhxActionArgument = 'nothing' | 'channel' | 'key';

const globals = indexByName(GLOBALS);
const portItems = indexByName(PORT_ITEMS);
const amplifierItems = indexByName(AMPLIFIER_ITEMS);
const boardItems = indexByName(BOARD_ITEMS);
const actions = new Map(
  Object.entries(ACTIONS).map(([name, argument]) => [name.toLowerCase(), { name, argument }] as const),
);

/** Names that may begin an error without a quotation mark around them. */
export const RHX_NAMES: readonly string[] = [
  ...new Set([GLOBALS, PORT_ITEMS, AMPLIFIER_ITEMS, ACTIONS].flatMap((table) => Object.keys(table))),
];

/** `A-000` to `H-127`. */
export const AMPLIFIER_NAME = /^[a-h]-(?:0\d\d|1[01]\d|12[0-7])$/i;
const BOARD_NAME = /^(?:digital-(?:in|out)-(?:0[1-9]|1[0-6])|analog-(?:in|out)-[1-8])$/i;
const PORT_NAME = /^[a-h]$/i;

/** What `text` names, whatever its case; undefined where it is nothing that this program knows. */
export function findRhxItem(text: string): RhxItem | undefined {
  const wanted = text.toLowerCase();
  const global = globals.get(wanted);
  if (global !== undefined) return { scope: 'global', owner: '', parameter: global };
  const dot = wanted.indexOf('.');
  if (dot < 0) return undefined;
  const owner = wanted.slice(0, dot);
  const scope = PORT_NAME.test(owner) ? 'port' : 'channel';
  const parameter = itemsOf(owner)?.get(wanted.slice(dot + 1));
  return parameter === undefined ? undefined : { scope, owner: owner.toUpperCase(), parameter };
}

/** An action by its name, whatever its case. */
export function findRhxAction(
  text: string,
): { readonly name: string; readonly argument: RhxActionArgument } | undefined {
  return actions.get(text.toLowerCase());
}

/** A value as RHX writes it, or why it is none: what is acceptable, in RHX's own words. */
export function readRhxValue(
  kind: RhxKind,
  text: string,
): { readonly type: 'value'; readonly value: string } | { readonly type: 'refused'; readonly acceptable: string } {
  switch (kind.type) {
    case 'text':
      return { type: 'value', value: text };
    case 'boolean':
      return readChoice(['True', 'False'], text);
    case 'choice':
      return readChoice(kind.values, text);
    case 'number': {
      const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
      const isFit = value >= kind.least && value <= kind.most && (!kind.whole || Number.isInteger(value));
      if (!isFit) return { type: 'refused', acceptable: `[ ${kind.least} , ${kind.most} ]` };
      return { type: 'value', value: formatRhxNumber(value) };
    }
    case 'read-only':
      return { type: 'refused', acceptable: '' };
  }
}

/** A number with six significant digits, as RHX writes it. */
function formatRhxNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function readChoice(
  values: readonly string[],
  text: string,
): { readonly type: 'value'; readonly value: string } | { readonly type: 'refused'; readonly acceptable: string } {
  const value = values.find((known) => known.toLowerCase() === text.toLowerCase());
  if (value !== undefined) return { type: 'value', value };
  return { type: 'refused', acceptable: values.map((known) => `${known};`).join('') };
}

function itemsOf(owner: string): ReadonlyMap<string, RhxParameter> | undefined {
  if (PORT_NAME.test(owner)) return portItems;
  if (AMPLIFIER_NAME.test(owner)) return amplifierItems;
  return BOARD_NAME.test(owner) ? boardItems : undefined;
}

function indexByName(table: Readonly<Record<string, RhxKind>>): ReadonlyMap<string, RhxParameter> {
  return new Map(Object.entries(table).map(([name, kind]) => [name.toLowerCase(), { name, kind }]));
}
