import { decodeText, encodeText, formatFields, parseFields, toCount, toText, type JsonFields } from './json-fields.js';

/** What the Event Broadcaster of Open Ephys publishes, each as two parts. It numbers nothing: a loss is not seen. */
export type BroadcastEvent = BroadcastLine | BroadcastSpike;

/** A digital line changed. */
export interface BroadcastLine {
  readonly type: 'line';
  readonly stream: string;
  readonly sourceNode: number;
  readonly sampleRateHz: number;
  readonly channelName: string;
  readonly sampleNumber: number;
  /** From 1; from 0 on the wire. */
  readonly line: number;
  readonly isHigh: boolean;
}

/** A spike that the program found. */
export interface BroadcastSpike {
  readonly type: 'spike';
  readonly stream: string;
  readonly sourceNode: number;
  readonly sampleRateHz: number;
  readonly electrode: string;
  readonly sampleNumber: number;
  readonly sortedId: number;
  /** (channels) microvolts */
  readonly amplitudes: readonly number[];
}

const LINE = 0;
const SPIKE = 1;

/** Reads the two parts; `bad` with the reason where they are no event. The binary format of the plugin is not read. */
export function decodeBroadcast(
  parts: readonly Uint8Array[],
): BroadcastEvent | { readonly type: 'bad'; readonly reason: string } {
  const [kindBytes, text] = parts;
  if (kindBytes?.length !== 2 || text === undefined || parts.length !== 2) {
    return { type: 'bad', reason: 'not two parts, the first of 2 bytes' };
  }
  const fields = parseFields(decodeText(text).replace(/\0$/u, ''));
  if (fields === null) return { type: 'bad', reason: 'no JSON: is the plugin set to raw binary?' };
  const kind = kindBytes[0]! + 256 * kindBytes[1]!;
  const event = kind === LINE ? decodeLine(fields) : kind === SPIKE ? decodeSpike(fields) : null;
  return event ?? { type: 'bad', reason: `an event of kind ${kind} without what it should have` };
}

function decodeLine(fields: JsonFields): BroadcastLine | null {
  const common = decodeCommon(fields);
  const channelName = toText(fields.channel_name);
  const line = toCount(fields.line);
  const { state } = fields;
  if (common === null || channelName === null || line === null) return null;
  if (typeof state !== 'boolean' && typeof state !== 'number') return null;
  return { type: 'line', ...common, channelName, line: line + 1, isHigh: Boolean(state) };
}

function decodeSpike(fields: JsonFields): BroadcastSpike | null {
  const common = decodeCommon(fields);
  const electrode = toText(fields.electrode);
  const channels = toCount(fields.num_channels);
  const sortedId = toCount(fields.sorted_id);
  if (common === null || electrode === null || channels === null || sortedId === null || channels > 64) return null;
  const amplitudes = Array.from({ length: channels }, (_, c) => fields[`amp${c + 1}`]);
  if (!amplitudes.every((amplitude) => typeof amplitude === 'number')) return null;
  return { type: 'spike', ...common, electrode, sortedId, amplitudes };
}

function decodeCommon(
  fields: JsonFields,
): Pick<BroadcastEvent, 'stream' | 'sourceNode' | 'sampleRateHz' | 'sampleNumber'> | null {
  const stream = toText(fields.stream);
  const sourceNode = toCount(fields.source_node);
  const sampleNumber = toCount(fields.sample_number);
  const sampleRateHz = fields.sample_rate;
  if (stream === null || sourceNode === null || sampleNumber === null || typeof sampleRateHz !== 'number') return null;
  return { stream, sourceNode, sampleRateHz, sampleNumber };
}

/** Writes the two parts of an event. */
export function encodeBroadcast(event: BroadcastEvent): readonly [kind: Uint8Array, text: Uint8Array] {
  const { stream, sourceNode, sampleRateHz, sampleNumber } = event;
  const common = { stream, source_node: sourceNode, sample_rate: sampleRateHz };
  if (event.type === 'line') {
    const { channelName, line, isHigh } = event;
    const rest = { channel_name: channelName, sample_number: sampleNumber, line: line - 1, state: isHigh };
    return [Uint8Array.of(LINE, 0), encodeText(formatFields({ event_type: 'ttl', ...common, ...rest }))];
  }
  const { electrode, sortedId, amplitudes } = event;
  const fields = {
    event_type: 'spike',
    ...common,
    electrode,
    num_channels: amplitudes.length,
    sample_number: sampleNumber,
    sorted_id: sortedId,
    ...Object.fromEntries(amplitudes.map((amplitude, c) => [`amp${c + 1}`, amplitude])),
  };
  return [Uint8Array.of(SPIKE, 0), encodeText(formatFields(fields))];
}
