import { decodeText, parseFields, toCount, toFields, toText, type JsonFields } from './json-fields.js';
import {
  DATA_ENVELOPE,
  EVENT_ENVELOPE,
  LINE_EVENT_BYTES,
  LINE_EVENT_TYPE,
  MAX_NUM_SAMPLES,
  type BadMessage,
  type ZmqMessage,
} from './zmq-messages.js';

const MESSAGE_NUM = /"message_num"\s*:\s*(\d{1,15})\s*[,}\r\n]/u;

/** A header, whole or with an end that could be spared. */
interface Header {
  readonly fields: JsonFields;
  readonly messageNum: number;
  readonly isCut: boolean;
}

/**
 * Reads the parts of one message of the ZMQ Interface. Total: parts that are no message give `bad`, with the reason.
 *
 * The program counts letters where it should count bytes, so a name with a letter outside ASCII costs the header its last
 * bytes. What comes after the content is not needed: the content is read without it, and the message says `isCut`.
 *
 * @param parts envelope, header and payload, as they came; the payload is not copied
 */
export function decodeZmqMessage(parts: readonly Uint8Array[]): ZmqMessage | BadMessage {
  const [envelope, headerBytes, payload] = parts;
  if (envelope === undefined || headerBytes === undefined || parts.length > 3) {
    return bad(null, `a message of ${parts.length} parts instead of 2 or 3`);
  }
  const kind = decodeText(envelope);
  const text = decodeText(headerBytes);
  const header = parseHeader(text);
  const numberAlone = header?.messageNum ?? findMessageNum(text);
  if (kind !== DATA_ENVELOPE && kind !== EVENT_ENVELOPE) {
    return bad(numberAlone, `an envelope ${JSON.stringify(kind.slice(0, 16))} that is neither DATA nor EVENT`);
  }
  if (header === null) return bad(numberAlone, 'a header that is no JSON, or has no message_num');
  const type = toText(header.fields.type);
  if (kind === DATA_ENVELOPE && type === 'data') return decodeData(header, payload);
  if (kind === EVENT_ENVELOPE && type === 'spike') return decodeSpike(header, payload);
  if (kind === EVENT_ENVELOPE && type === 'event') return decodeEvent(header, payload);
  return bad(header.messageNum, `a message of type ${JSON.stringify(type)} under ${kind.slice(0, -1)}`);
}

function parseHeader(text: string): Header | null {
  const whole = parseFields(text);
  const fields = whole ?? parseFields(`${text.slice(0, text.lastIndexOf('}') + 1)}}`);
  const messageNum = toCount(fields?.message_num);
  return fields === null || messageNum === null || messageNum < 1
    ? null
    : { fields, messageNum, isCut: whole === null };
}

/** The number of a message whose header cannot be read: it then does not count as missing as well. */
function findMessageNum(text: string): number | null {
  const digits = MESSAGE_NUM.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}

function decodeData({ fields, messageNum, isCut }: Header, payload: Uint8Array | undefined): ZmqMessage | BadMessage {
  const content = toFields(fields.content);
  const stream = toText(content?.stream);
  const channelNum = toCount(content?.channel_num);
  const channelName = toText(content?.channel_name);
  const numSamples = toCount(content?.num_samples);
  const sampleNum = toCount(content?.sample_num);
  const rate = content?.sample_rate;
  if (stream === null || channelNum === null || channelName === null || numSamples === null || sampleNum === null) {
    return bad(messageNum, 'data without stream, channel_num, channel_name, num_samples or sample_num');
  }
  if (typeof rate !== 'number' || !(rate > 0)) return bad(messageNum, 'data without a sample_rate');
  if (numSamples > MAX_NUM_SAMPLES) return bad(messageNum, `data of ${numSamples} samples, above ${MAX_NUM_SAMPLES}`);
  const samples = payload ?? new Uint8Array(0);
  if (samples.length !== 4 * numSamples) {
    return bad(messageNum, `data of ${samples.length} bytes for ${numSamples} samples of 4`);
  }
  return {
    type: 'data',
    messageNum,
    stream,
    channelNum,
    channelName,
    numSamples,
    sampleNum,
    sampleRateHz: rate,
    samples,
    isCut,
  };
}

function decodeEvent({ fields, messageNum, isCut }: Header, payload: Uint8Array | undefined): ZmqMessage | BadMessage {
  const content = toFields(fields.content);
  if (content === null) return bad(messageNum, 'an event without content');
  if (content.type !== LINE_EVENT_TYPE) return { type: 'other', messageNum, isCut };
  const stream = toText(content.stream);
  const sourceNode = toCount(content.source_node);
  const sampleNum = toCount(content.sample_num);
  if (stream === null || sourceNode === null || sampleNum === null) {
    return bad(messageNum, 'an event without stream, source_node or sample_num');
  }
  if (payload?.length !== LINE_EVENT_BYTES) {
    return bad(messageNum, `an event of ${payload?.length ?? 0} bytes instead of ${LINE_EVENT_BYTES}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return {
    type: 'line',
    messageNum,
    stream,
    sourceNode,
    sampleNum,
    line: view.getUint8(0) + 1,
    isHigh: view.getUint8(1) !== 0,
    word: view.getBigUint64(2, true),
    isCut,
  };
}

function decodeSpike({ fields, messageNum, isCut }: Header, payload: Uint8Array | undefined): ZmqMessage | BadMessage {
  const spike = toFields(fields.spike);
  const stream = toText(spike?.stream);
  const electrode = toText(spike?.electrode);
  const sampleNum = toCount(spike?.sample_num);
  const numChannels = toCount(spike?.num_channels);
  const numSamples = toCount(spike?.num_samples);
  const samples = payload ?? new Uint8Array(0);
  if (stream === null || electrode === null || sampleNum === null || numChannels === null || numSamples === null) {
    return bad(messageNum, 'a spike without stream, electrode, sample_num, num_channels or num_samples');
  }
  if (samples.length !== 4 * numChannels * numSamples) {
    return bad(messageNum, `a spike of ${samples.length} bytes for ${numChannels} x ${numSamples} samples of 4`);
  }
  const thresholds: readonly unknown[] = Array.isArray(spike?.threshold) ? spike.threshold : [];
  return {
    type: 'spike',
    messageNum,
    stream,
    sourceNode: toCount(spike?.source_node) ?? 0,
    electrode,
    sampleNum,
    numChannels,
    numSamples,
    sortedId: toCount(spike?.sorted_id) ?? 0,
    thresholds: thresholds.map(Number),
    samples,
    isCut,
  };
}

function bad(messageNum: number | null, reason: string): BadMessage {
  return { type: 'bad', messageNum, reason };
}
