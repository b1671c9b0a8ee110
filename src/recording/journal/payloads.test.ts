import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isMeaError } from '../../../protocols/errors.js';
import { sampleIndex } from '../../../protocols/units.js';
import { decodeJson, decodeSpikes, encodeJson, encodeSpikes, type SpikesPayload } from './payloads.js';
import { decodeSnippets, encodeSnippets, type SnippetsPayload } from './snippets.js';

const SPIKES: SpikesPayload = {
  from: sampleIndex(2 ** 52),
  to: sampleIndex(2 ** 52 + 400),
  samples: Float64Array.of(2 ** 52 + 1, 2 ** 52 + 7, 2 ** 52 + 7),
  electrodes: Uint16Array.of(65_535, 0, 3),
  amplitudesUv: Float32Array.of(-31.3, 0.1, Number.NaN),
  blind: {
    electrodes: Uint16Array.of(9, 65_535),
    from: Float64Array.of(2 ** 52, 2 ** 52 + 3),
    to: Float64Array.of(2 ** 52 + 60, 2 ** 53 - 1),
  },
};

const NO_SPIKES: SpikesPayload = {
  from: sampleIndex(0),
  to: sampleIndex(400),
  samples: new Float64Array(),
  electrodes: new Uint16Array(),
  amplitudesUv: new Float32Array(),
  blind: { electrodes: new Uint16Array(), from: new Float64Array(), to: new Float64Array() },
};

const SNIPPETS: SnippetsPayload = {
  samples: Float64Array.of(7, 2 ** 52),
  electrodes: Uint16Array.of(65_535, 3),
  waveformsUv: Float32Array.of(0.1, Number.NaN, -3, 4, 5, 6),
  length: 3,
  peakAt: 1,
  dropped: 2,
};

const NO_SNIPPETS: SnippetsPayload = {
  samples: new Float64Array(),
  electrodes: new Uint16Array(),
  waveformsUv: new Float32Array(),
  length: 60,
  peakAt: 20,
  dropped: 5,
};

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The same bytes in the middle of others, where no number is aligned. */
function amid(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 8).fill(0xa5);
  larger.set(bytes, 3);
  return larger.subarray(3, 3 + bytes.length);
}

const KINDS = [
  {
    name: 'spikes',
    values: [SPIKES, NO_SPIKES].map((value) => ({ value, bytes: encodeSpikes(value) })),
    decode: (bytes: Uint8Array): unknown => decodeSpikes(bytes, 'here'),
    counts: [16, 20],
  },
  {
    name: 'snippets',
    values: [SNIPPETS, NO_SNIPPETS].map((value) => ({ value, bytes: encodeSnippets(value) })),
    decode: (bytes: Uint8Array): unknown => decodeSnippets(bytes, 'here'),
    counts: [0],
  },
];

describe.each(KINDS)('a record of $name', ({ name, values, decode, counts }) => {
  it('comes back as it was, from the middle of other bytes too', () => {
    for (const { value, bytes } of values) {
      expect(decode(bytes)).toEqual(value);
      expect(decode(amid(bytes))).toEqual(value);
    }
  });

  it('is refused at any other length', () => {
    for (const { bytes } of values) {
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      const others = [...bytes.keys()].map((length) => bytes.subarray(0, length));
      for (const other of [...others, longer]) {
        const error = errorOf(() => decode(other));
        expect(isMeaError(error, 'bad-format'), `${other.length} bytes`).toBe(true);
        expect(String(error)).toBe(`MeaError: A record of ${name} has a wrong length: got ${other.length} (here)`);
      }
    }
  });

  it('is refused when it counts more than it holds, before memory is taken for them', () => {
    for (const at of counts) {
      for (const count of [1, 3, 2 ** 32 - 1]) {
        const bytes = Uint8Array.from(values[1]!.bytes);
        new DataView(bytes.buffer).setUint32(at, count, true);
        expect(
          isMeaError(
            errorOf(() => decode(bytes)),
            'bad-format',
          ),
          `${count} at byte ${at}`,
        ).toBe(true);
      }
    }
  });
});

describe('spikes in bytes', () => {
  it('stand where the layout says', () => {
    const bytes = encodeSpikes({
      ...NO_SPIKES,
      samples: Float64Array.of(2),
      electrodes: Uint16Array.of(0x0102),
      amplitudesUv: Float32Array.of(-1),
      blind: { electrodes: Uint16Array.of(5), from: Float64Array.of(1), to: Float64Array.of(2) },
    });
    expect([...bytes]).toEqual([
      ...[0, 0, 0, 0, 0, 0, 0, 0], // from: 0
      ...[0, 0, 0, 0, 0, 0, 0x79, 0x40], // to: 400
      ...[1, 0, 0, 0], // spikes
      ...[1, 0, 0, 0], // spans
      ...[0, 0, 0, 0, 0, 0, 0, 0x40], // sample: 2
      ...[0, 0, 0x80, 0xbf], // amplitude: -1
      ...[0x02, 0x01], // electrode
      ...[0, 0],
      ...[0, 0, 0, 0, 0, 0, 0xf0, 0x3f], // span from: 1
      ...[0, 0, 0, 0, 0, 0, 0, 0x40], // to: 2
      ...[5, 0, 0, 0], // electrode
    ]);
  });
});

describe('a record of JSON', () => {
  const schema = z.object({ count: z.int() });

  it('comes back as it was', () => {
    expect(decodeJson(amid(encodeJson({ count: 3 })), schema, 'here')).toEqual({ count: 3 });
  });

  it.each([
    ['what is no text', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), /not JSON \(here\)/],
    ['what is no JSON', Buffer.from('{"count":'), /not JSON \(here\)/],
    ['nothing', new Uint8Array(), /not JSON \(here\)/],
    ['another shape', encodeJson({ count: 0.5 }), /not what it should be: got count: .* \(here\)/],
    ['another value', encodeJson([]), /not what it should be/],
  ])('is refused for %s', (_, bytes, message) => {
    const error = errorOf(() => decodeJson(bytes, schema, 'here'));
    expect(isMeaError(error, 'bad-format')).toBe(true);
    expect(String(error)).toMatch(message);
  });
});
