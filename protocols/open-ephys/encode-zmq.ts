import { encodeText, formatFields } from './json-fields.js';
import {
  DATA_ENVELOPE,
  EVENT_ENVELOPE,
  LINE_EVENT_BYTES,
  LINE_EVENT_TYPE,
  type DataMessage,
  type LineMessage,
  type SpikeMessage,
} from './zmq-messages.js';

/** The parts of a message: envelope, header, payload. */
export type ZmqParts = readonly [envelope: Uint8Array, header: Uint8Array, payload: Uint8Array];

const DATA = encodeText(DATA_ENVELOPE);
const EVENT = encodeText(EVENT_ENVELOPE);

/**
 * Writes a message as the ZMQ Interface does, its fault included: the header has as many bytes as its text has letters.
 *
 * @param timestampMs the program's own milliseconds, which nobody should use
 */
export function encodeZmqMessage(
  message: Omit<DataMessage, 'isCut'> | Omit<LineMessage, 'isCut'> | Omit<SpikeMessage, 'isCut'>,
  timestampMs: number,
): ZmqParts {
  switch (message.type) {
    case 'data':
      return encodeData(message, timestampMs);
    case 'line':
      return encodeLine(message, timestampMs);
    case 'spike':
      return encodeSpike(message, timestampMs);
  }
}

function encodeData(message: Omit<DataMessage, 'isCut'>, timestampMs: number): ZmqParts {
  const header = {
    message_num: message.messageNum,
    type: 'data',
    content: {
      stream: message.stream,
      channel_num: message.channelNum,
      channel_name: message.channelName,
      num_samples: message.numSamples,
      sample_num: message.sampleNum,
      sample_rate: message.sampleRateHz,
    },
    data_size: message.samples.length,
    timestamp: timestampMs,
  };
  return [DATA, encodeHeader(header), message.samples];
}

function encodeLine(message: Omit<LineMessage, 'isCut'>, timestampMs: number): ZmqParts {
  const payload = new Uint8Array(LINE_EVENT_BYTES);
  payload[0] = message.line - 1;
  payload[1] = message.isHigh ? 1 : 0;
  new DataView(payload.buffer).setBigUint64(2, message.word, true);
  const header = {
    message_num: message.messageNum,
    type: 'event',
    content: {
      stream: message.stream,
      source_node: message.sourceNode,
      type: LINE_EVENT_TYPE,
      sample_num: message.sampleNum,
    },
    data_size: payload.length,
    timestamp: timestampMs,
  };
  return [EVENT, encodeHeader(header), payload];
}

function encodeSpike(message: Omit<SpikeMessage, 'isCut'>, timestampMs: number): ZmqParts {
  const header = {
    message_num: message.messageNum,
    type: 'spike',
    spike: {
      stream: message.stream,
      source_node: message.sourceNode,
      electrode: message.electrode,
      sample_num: message.sampleNum,
      num_channels: message.numChannels,
      num_samples: message.numSamples,
      sorted_id: message.sortedId,
      threshold: message.thresholds,
    },
    timestamp: timestampMs,
  };
  return [EVENT, encodeHeader(header), message.samples];
}

function encodeHeader(header: object): Uint8Array {
  const text = formatFields(header);
  return encodeText(text).subarray(0, Array.from(text).length);
}
