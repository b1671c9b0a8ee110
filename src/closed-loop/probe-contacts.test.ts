import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { describeProbe } from '../recording/probe-file.js';
import { parseProbe, toRecorderChannels, type ProbeContacts } from './probe-contacts.js';

const PROBE = {
  ndim: 2,
  si_units: 'um',
  contact_positions: [
    [0, 0],
    [30, 0],
    [0, 40],
  ],
  contact_ids: ['a', 'b', 'c'],
  device_channel_indices: [2, 0, 1],
};

function parseWith(change: Readonly<Record<string, unknown>>): ProbeContacts {
  const file = { specification: 'probeinterface', version: '0.3.0', probes: [{ ...PROBE, ...change }] };
  return parseProbe(JSON.stringify(file), 'dir/p.json');
}

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isMeaError(error, 'bad-input')) return error.message;
    throw error;
  }
  throw new Error('no mistake found');
}

describe('a probe file', () => {
  it('says where contacts are, how they are called, and their channels', () => {
    expect(parseWith({})).toEqual({
      positionsUm: [
        [0, 0],
        [30, 0],
        [0, 40],
      ],
      pitchUm: 30,
      names: ['a', 'b', 'c'],
      channels: [2, 0, 1],
    });
  });

  it.each([
    ['mm', [0.2, 0.0014], [200, 1.4]],
    ['m', [0.0002, 0.0000014], [200, 1.4]],
  ])('in %s is converted to micrometres', (unit, contact, wanted) => {
    const { positionsUm } = parseWith({ si_units: unit, contact_positions: [[0, 0], contact, [1, 1]] });
    expect(positionsUm[1]).toEqual(wanted);
  });

  it('needs neither names nor channels, and takes no name that stands for several', () => {
    expect(parseWith({ contact_ids: undefined, device_channel_indices: null })).not.toHaveProperty('names');
    expect(parseWith({ device_channel_indices: undefined })).not.toHaveProperty('channels');
    expect(parseWith({ contact_ids: ['', '', ''] })).not.toHaveProperty('names');
  });

  it('of a recording of this program is one', () => {
    const written = JSON.stringify(describeProbe({ rows: 2, columns: 2, pitchUm: 200 }));
    expect(parseProbe(written, 'probe.json')).toEqual({
      positionsUm: [
        [0, 0],
        [200, 0],
        [0, 200],
        [200, 200],
      ],
      pitchUm: 200,
      names: ['E0', 'E1', 'E2', 'E3'],
      channels: [0, 1, 2, 3],
    });
  });

  it.each([
    ['no positions', { contact_positions: undefined }, /does not say where.*got 0 contact_positions.*dir\/p\.json/],
    ['one position', { contact_positions: [[0, 0]] }, /got 1 contact_positions, expected at least 2/],
    ['three dimensions', { ndim: 3 }, /not in a plane: got ndim 3, expected 2/],
    ['a position of one number', { contact_positions: [[0, 0], [1], [2, 2]] }, /got 1 numbers for contact 1/],
    ['units that nobody knows', { si_units: 'inch' }, /got si_units inch, expected um, mm, m/],
    ['no units', { si_units: undefined }, /Not a probe file.*si_units.*probes\.0/],
    [
      'two contacts at one place',
      {
        contact_positions: [
          [0, 0],
          [1, 0],
          [0, 0],
        ],
      },
      /got 0, 0 for contacts 0 and 2/,
    ],
    ['too few names', { contact_ids: ['a', 'b'] }, /got 2 contact_ids, expected 3, one for each/],
    ['too many channels', { device_channel_indices: [0, 1, 2, 3] }, /got 4 device_channel_indices, expected 3/],
    ['a channel twice', { device_channel_indices: [4, 1, 4] }, /device_channel_indices 4 for contacts 0 and 2/],
  ])('with %s is refused', (_, change, message) => {
    expect(errorOf(() => parseWith(change))).toMatch(message);
  });

  it.each([
    ['no JSON', '{', /not valid JSON.*dir\/p\.json/],
    ['something else', '{"probes": []}', /Not a probe file of probeinterface: got specification/],
    [
      'two probes',
      JSON.stringify({ specification: 'probeinterface', probes: [PROBE, PROBE] }),
      /got 2 probes, expected 1/,
    ],
    ['no probe', JSON.stringify({ specification: 'probeinterface', probes: [] }), /got 0 probes/],
  ])('that is %s is refused', (_, text, message) => {
    expect(errorOf(() => parseProbe(text, 'dir/p.json'))).toMatch(message);
  });
});

describe('the channels of a recorder', () => {
  const channelsOf = (type: string, change: Readonly<Record<string, unknown>>): readonly unknown[] =>
    toRecorderChannels(parseWith(change), { type, where: 'dir/p.json' });

  it('are the numbers of the file for Open Ephys', () => {
    expect(channelsOf('open-ephys', {})).toEqual([2, 0, 1]);
  });

  it('are for Intan the names of contacts that are native channels, else by their number', () => {
    expect(channelsOf('intan-rhx', { contact_ids: ['B-007', 'A-010', 'A-011'] })).toEqual(['B-007', 'A-010', 'A-011']);
    expect(channelsOf('intan-rhx', { device_channel_indices: [0, 31, 32] })).toEqual(['A-000', 'A-031', 'B-000']);
  });

  it.each([
    ['open-ephys', { device_channel_indices: null }, /got no device_channel_indices.*list `channels`/],
    ['open-ephys', { device_channel_indices: [0, -1, 2] }, /got none for contact 1/],
    ['intan-rhx', { device_channel_indices: [0, 1, 256] }, /got channel 256, expected contact_ids like A-010/],
  ])('of %s are refused where the file does not have them', (type, change, message) => {
    expect(errorOf(() => channelsOf(type, change))).toMatch(message);
  });
});
