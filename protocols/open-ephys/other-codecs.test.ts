import { describe, expect, it } from 'vitest';

import { decodeBroadcast, encodeBroadcast, type BroadcastEvent } from './event-broadcaster.js';
import { decodeRequest, encodeRequest, replyTo } from './heartbeat.js';
import { HTTP_REQUESTS, parseMode, parseProcessors, parseRecording } from './http-api.js';
import { encodeText } from './json-fields.js';

describe('a request to the port beside the data port', () => {
  const who = { application: 'meactl', uuid: '1234' };
  const event = { eventChannel: 2, eventId: 1, sampleNum: 999, type: 3 };

  it('is a heartbeat with the words of the program', () => {
    const text = encodeRequest({ type: 'heartbeat', ...who });
    expect(text).toBe('{\r\n  "application": "meactl",\r\n  "uuid": "1234",\r\n  "type": "heartbeat"\r\n}');
    expect(replyTo(decodeRequest(text))).toBe('heartbeat received');
  });

  it('is an event that is read and answered', () => {
    const text = encodeRequest({ type: 'event', ...who, event });
    expect(JSON.parse(text)).toEqual({
      ...who,
      type: 'event',
      event: { event_channel: 2, event_id: 1, sample_num: 999, type: 3 },
    });
    expect(decodeRequest(text)).toEqual({ type: 'event', ...who, event });
    expect(replyTo(decodeRequest(text))).toBe('message correctly parsed');
  });

  it('is answered when it is no JSON, at any cut', () => {
    const text = encodeRequest({ type: 'heartbeat', ...who });
    for (let length = 0; length < text.length; length++) {
      expect(replyTo(decodeRequest(text.slice(0, length)))).toBe('JSON message could not be read');
    }
  });

  it('is a heartbeat where it is any other JSON', () => {
    expect(decodeRequest('{"type": 5}')).toEqual({ type: 'heartbeat', application: '', uuid: '' });
  });
});

describe('a message of the Event Broadcaster', () => {
  const line: BroadcastEvent = {
    type: 'line',
    stream: 'Rhythm',
    sourceNode: 100,
    sampleRateHz: 30_000,
    channelName: 'TTL Input',
    sampleNumber: 77,
    line: 1,
    isHigh: true,
  };
  const spike: BroadcastEvent = {
    type: 'spike',
    stream: 'Rhythm',
    sourceNode: 101,
    sampleRateHz: 30_000,
    electrode: 'E1',
    sampleNumber: 78,
    sortedId: 0,
    amplitudes: [51.25, 60],
  };

  it('is read from hand-made bytes', () => {
    const text =
      '{"event_type": "ttl", "stream": "Rhythm", "source_node": 100, "sample_rate": 30000.0, ' +
      '"channel_name": "TTL Input", "sample_number": 77, "line": 0, "state": true}';
    expect(decodeBroadcast([Uint8Array.of(0, 0), encodeText(text)])).toEqual(line);
    expect(decodeBroadcast([Uint8Array.of(0, 0), encodeText(text.replace('true', '1'))])).toEqual(line);
  });

  it.each([line, spike])('is read as it was written, and bad when cut anywhere: $type', (event) => {
    const [kind, text] = encodeBroadcast(event);
    expect(decodeBroadcast([kind, text])).toEqual(event);
    for (let length = 0; length < text.length; length++) {
      expect(decodeBroadcast([kind, text.subarray(0, length)])).toMatchObject({ type: 'bad' });
    }
  });

  it('is bad with another number of parts, an unknown kind, or raw binary', () => {
    const [kind, text] = encodeBroadcast(spike);
    for (const parts of [[], [kind], [kind, text, text], [Uint8Array.of(9, 0), text], [kind, Uint8Array.of(4, 1, 0)]]) {
      expect(decodeBroadcast(parts)).toMatchObject({ type: 'bad' });
    }
  });
});

describe('the remote control', () => {
  it('is asked with the paths and bodies of the program', () => {
    expect(HTTP_REQUESTS.status()).toEqual({ method: 'GET', path: '/api/status', body: null });
    expect(HTTP_REQUESTS.setMode('ACQUIRE')).toEqual({
      method: 'PUT',
      path: '/api/status',
      body: '{"mode":"ACQUIRE"}',
    });
    expect(HTTP_REQUESTS.message('ACQBOARD TRIGGER 1')).toEqual({
      method: 'PUT',
      path: '/api/message',
      body: '{"text":"ACQBOARD TRIGGER 1"}',
    });
    expect(HTTP_REQUESTS.recording().path).toBe('/api/recording');
    expect(HTTP_REQUESTS.processors().path).toBe('/api/processors');
  });

  it('is told of recording only what was asked for, the truth value as a text', () => {
    expect(HTTP_REQUESTS.setRecording({ parentDirectory: '/data', baseText: 'a', startNewDirectory: true }).body).toBe(
      '{"parent_directory":"/data","base_text":"a","start_new_directory":"true"}',
    );
    expect(HTTP_REQUESTS.setRecording({ startNewDirectory: false, prependText: 'x', appendText: 'y' }).body).toBe(
      '{"prepend_text":"x","append_text":"y"}',
    );
    expect(HTTP_REQUESTS.setRecording({ recordEngine: 'BINARY' }).body).toBe('{"default_record_engine":"BINARY"}');
  });

  it('answers a mode, or nothing that is one', () => {
    expect(parseMode('{"mode":"RECORD"}')).toBe('RECORD');
    for (const body of ['', '{"mode":"ARMED"}', '{"mode":1}', '[]', '{"mode":"IDLE"', 'null']) {
      expect(parseMode(body)).toBeNull();
    }
  });

  it('answers how it records', () => {
    const node = {
      node_id: 103,
      parent_directory: '/data',
      record_engine: 'BINARY',
      experiment_number: 1,
      recording_number: 2,
      is_synchronized: true,
    };
    const fields = {
      parent_directory: '/data',
      base_text: 'b',
      prepend_text: '',
      append_text: 'c',
      default_record_engine: 'BINARY',
      record_nodes: [node],
    };
    expect(parseRecording(JSON.stringify(fields))).toEqual({
      parentDirectory: '/data',
      baseText: 'b',
      prependText: '',
      appendText: 'c',
      recordEngine: 'BINARY',
      recordNodes: [
        {
          nodeId: 103,
          parentDirectory: '/data',
          recordEngine: 'BINARY',
          experimentNumber: 1,
          recordingNumber: 2,
          isSynchronized: true,
        },
      ],
    });
    for (const wrong of [{ ...fields, record_nodes: [5] }, { ...fields, record_nodes: 1 }, {}, []]) {
      expect(parseRecording(JSON.stringify(wrong))).toBeNull();
    }
  });

  it('answers the signal chain', () => {
    const stream = { name: 'Rhythm', source_id: 100, sample_rate: 30000.0, channel_count: 64, parameters: [] };
    const processor = { id: 101, name: 'ZMQ Interface', parameters: [], predecessor: 100, streams: [stream] };
    const expected = [
      { id: 101, name: 'ZMQ Interface', streams: [{ name: 'Rhythm', sampleRateHz: 30_000, channelCount: 64 }] },
    ];
    expect(parseProcessors(JSON.stringify({ processors: [processor] }))).toEqual(expected);
    expect(parseProcessors('{"processors":[]}')).toEqual([]);
    for (const wrong of [{}, { processors: [1] }, { processors: [{ ...processor, streams: [{}] }] }]) {
      expect(parseProcessors(JSON.stringify(wrong))).toBeNull();
    }
  });
});
