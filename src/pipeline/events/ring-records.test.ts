import { describe, expect, it } from 'vitest';
import { hertz, sampleIndex } from '../../../protocols/units.js';
import { batchOf, delivered } from '../../../tests/helpers/spike-recording.js';
import { TrialWindows } from '../trials/trial-windows.js';
import type { WindowedResponse } from '../trials/windowed-response.js';
import type { RigEvent } from './rig-event.js';
import { decodeRecord, encodeRecord, RING_KINDS } from './ring-records.js';

const SPIKES = [5, 7, 7].map((sample, electrode) => ({ sample, electrode }));

function respond(blind: readonly (readonly [number, number, number])[]): WindowedResponse {
  const windows = new TrialWindows({ electrodes: 5, sampleRateHz: hertz(1000) });
  windows.deliver(delivered(2 ** 32 - 1, 2 ** 52 + 100, [1, 4]));
  const spikes = [{ sample: 2 ** 52 + 115, electrode: 3 }];
  return windows.push(batchOf([2 ** 52, 2 ** 52 + 200], spikes, blind))[0]!;
}

const RECORDS: Readonly<Record<string, RigEvent>> = {
  'a block': {
    type: 'block',
    firstSample: sampleIndex(2 ** 53 - 10),
    frames: 3,
    channels: 5,
    samples: Int16Array.from({ length: 15 }, (_, k) => k * 4000 - 32_768),
  },
  'a batch of spikes': { type: 'spikes', batch: batchOf([2, 9], SPIKES, [[1, 3, 4]]) },
  'an empty batch': { type: 'spikes', batch: batchOf([2, 9]) },
  'a trial': respond([]),
  'a trial that missed something': respond([[2, 2 ** 52 + 60, 2 ** 52 + 112]]),
  'rates of an interval': rates({}),
  'rates that missed something': rates({ blindFraction: Float32Array.of(0, 0.5, 1) }),
  'a trace': {
    type: 'trace',
    firstSample: sampleIndex(400),
    samplesPerPoint: 20,
    points: 2,
    channels: [0, 2, 5],
    minima: Int16Array.of(-32_768, 1, 2, 3, 4, 5),
    maxima: Int16Array.of(32_767, 6, 7, 8, 9, 10),
  },
  snippets: {
    type: 'snippets',
    batch: {
      samples: Float64Array.of(7, 2 ** 52),
      electrodes: Uint16Array.of(65_535, 3),
      waveformsUv: Float32Array.of(0.1, Number.NaN, -3, 4, 5, 6),
      length: 3,
      peakAt: 1,
      dropped: 2,
    },
  },
};

/** These are text: they end where it does. */
const PLAIN: readonly RigEvent[] = [
  {
    type: 'detector-levels',
    atSample: sampleIndex(2 ** 52),
    noise: 'frozen',
    noiseUv: [Math.fround(5.1), 0.1 + 0.2],
    thresholdsUv: [null, Math.fround(25.3)],
  },
  {
    type: 'latency',
    about: 'stimulus',
    stimulusId: 3,
    receivedMs: 0.1 + 0.2,
    detectedMs: null,
    decidedMs: 1e-3,
    sentMs: 12_345.678901,
    acknowledgedMs: null,
  },
  { type: 'link-lost', reason: 'a cable \u2014 \u00b5V' },
  {
    type: 'stimulus-scheduled',
    stimulusId: 2 ** 32 - 1,
    sample: sampleIndex(2 ** 53 - 1),
    durationSamples: 8,
    electrodes: [4, 65_535],
    amplitudeUa: -0.1 - 0.2,
    phaseWidthUs: 200,
    slot: 3,
    origin: {
      type: 'rule',
      rule: 'r',
      number: 1,
      cause: { firstSample: sampleIndex(1), lastSample: sampleIndex(2), electrodes: [4, 7] },
    },
  },
];

function rates(changes: { readonly blindFraction?: Float32Array }): RigEvent {
  return {
    type: 'spike-rates',
    fromSample: sampleIndex(2 ** 40),
    toSample: sampleIndex(2 ** 40 + 200),
    counts: Uint32Array.of(0, 70_000, 2 ** 32 - 1),
    skippedIntervals: 4,
    ...changes,
  };
}

function toBytes(record: RigEvent): { readonly kind: number; readonly bytes: Uint8Array<ArrayBuffer> } {
  const { kind, parts } = encodeRecord(record);
  return { kind, bytes: Uint8Array.from(parts.flatMap((part) => Array.from(part))) };
}

describe.each(Object.entries(RECORDS))('%s as a record of bytes', (_, record) => {
  it('comes back as it was', () => {
    expect(decodeRecord(toBytes(record))).toEqual(record);
  });

  it('comes back from the middle of a buffer', () => {
    const { kind, bytes } = toBytes(record);
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    expect(decodeRecord({ kind, bytes: moved.subarray(3) })).toEqual(record);
  });

  it('is refused when it is cut anywhere, or too long', () => {
    const { kind, bytes } = toBytes(record);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRecord({ kind, bytes: bytes.slice(0, length) }), `${length} bytes`).toThrow('Bad record');
    }
    const longer = new Uint8Array(bytes.length + 2);
    longer.set(bytes);
    expect(() => decodeRecord({ kind, bytes: longer })).toThrow('2 bytes too many');
  });
});

describe('an event as a record of text', () => {
  it.each(PLAIN.map((event) => [event.type, event] as const))('of type %s comes back as it was', (_type, event) => {
    expect(decodeRecord(toBytes(event))).toEqual(event);
  });

  it('is refused when it is cut, when it is no event, or one that nobody knows', () => {
    const { kind, bytes } = toBytes(PLAIN[0]!);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRecord({ kind, bytes: bytes.slice(0, length) }), `${length} bytes`).toThrow('Bad record');
    }
    for (const text of ['3', 'null', '{}', '{"type":1}', '{"type":"block"}', '{"type":"toString"}']) {
      const strange = { kind, bytes: Uint8Array.from(Buffer.from(text)) };
      expect(() => decodeRecord(strange), text).toThrow('unknown type');
    }
  });
});

describe('records of bytes', () => {
  it('of trials are as many kinds as the test says: with and without what was missed', () => {
    expect(RECORDS['a trial']).not.toHaveProperty('blindFraction');
    expect(RECORDS['a trial that missed something']).toHaveProperty('blindFraction');
    expect(RECORDS['a trial that missed something']).toHaveProperty('baselineBlindFraction');
  });

  it('of an unknown kind are refused, and so is an unknown delivery', () => {
    const { bytes } = toBytes(RECORDS['a trial']!);
    expect(() => decodeRecord({ kind: 9, bytes })).toThrow('kind 9');
    new DataView(bytes.buffer).setFloat64(8, 17, true);
    expect(() => decodeRecord({ kind: RING_KINDS.trial, bytes })).toThrow('delivery 17');
  });
});
