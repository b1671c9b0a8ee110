import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { DEVICE_LIMITS, LIMITS_BUT_IMPEDANCES } from '../../tests/helpers/device-limits.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { rigSchema } from '../closed-loop/rig.js';
import { readRigFile } from './rig-file.js';

type Keys = Readonly<Record<string, unknown>>;

const root = temporaryFolder('rig-file');
mkdirSync(join(root, 'named'));

const PROBE = {
  ndim: 2,
  si_units: 'um',
  contact_positions: [
    [0, 0],
    [30, 0],
    [0, 40],
  ],
  contact_ids: ['A-002', 'A-000', 'A-001'],
  device_channel_indices: [5, 4, 3],
};
writeFileSync(join(root, 'named/p.json'), JSON.stringify({ specification: 'probeinterface', probes: [PROBE] }));
const unwired = { ...PROBE, device_channel_indices: undefined };
writeFileSync(join(root, 'named/unwired.json'), JSON.stringify({ specification: 'probeinterface', probes: [unwired] }));
writeFileSync(
  join(root, 'named/z.csv'),
  'electrode,ohm,measured_at\n0,100000,2026-11-20T10:00:00Z\n2,90000,2026-11-21T10:00:00Z\n',
);
writeFileSync(join(root, 'named/far.csv'), 'electrode,ohm,measured_at\n3,100000,2026-11-20T10:00:00Z\n');

const RIG = {
  version: 1,
  name: 'r',
  device: 'emulator',
  array: { probe: 'named/p.json' },
  stimulated: { electrodes: [0, 2], status: 'confirmed' },
  pulse: { amplitudeUa: 10, phaseWidthUs: 200, status: 'confirmed' },
};

let counter = 0;
function rigFile(change: Keys): string {
  counter++;
  const path = join(root, `rig-${counter}.yaml`);
  writeFileSync(path, JSON.stringify({ ...RIG, ...change }));
  return path;
}

async function errorOf(change: Keys): Promise<string> {
  try {
    await readRigFile(rigFile(change));
  } catch (error) {
    if (isMeaError(error)) return `${error.tag}: ${error.message}`;
    throw error;
  }
  throw new Error('no mistake found');
}

const openEphys = (recorder: Keys): Keys => ({
  device: 'combined',
  safety: DEVICE_LIMITS,
  combined: { recorder: { type: 'open-ephys', stream: 'probe', ...recorder } },
});

describe('a rig file with a probe file', () => {
  it('has its contacts, and what comes of it is a rig without other files', async () => {
    const rig = await readRigFile(rigFile({}));
    expect(rig.array).toEqual({
      probe: 'named/p.json',
      contacts: { pitchUm: 30, positionsUm: PROBE.contact_positions, names: PROBE.contact_ids },
    });
    expect(rigSchema.parse(JSON.parse(JSON.stringify(rig)))).toEqual(rig);
  });

  it('takes the channels of a combined recorder from it, unless it lists its own', async () => {
    expect((await readRigFile(rigFile(openEphys({})))).combined?.recorder.channels).toEqual([5, 4, 3]);
    const own = await readRigFile(rigFile(openEphys({ channels: [7, 8, 9] })));
    expect(own.combined?.recorder.channels).toEqual([7, 8, 9]);
    const intan = await readRigFile(
      rigFile({ device: 'combined', safety: DEVICE_LIMITS, combined: { recorder: { type: 'intan-rhx' } } }),
    );
    expect(intan.combined?.recorder.channels).toEqual(['A-002', 'A-000', 'A-001']);
  });

  it.each<readonly [string, Keys, RegExp]>([
    [
      'a path that is not there',
      { array: { probe: 'none.json' } },
      /missing: Cannot read the file that array\.probe of the rig file names: got no such file \(.*none\.json\); paths are taken from/,
    ],
    ['a folder', { array: { probe: 'named' } }, /missing: .*got a folder/],
    ['something else', { array: { probe: 'named/z.csv' } }, /bad-input: .*not valid JSON.*named\/z\.csv/],
    [
      'other electrodes than it has',
      { stimulated: { electrodes: [0, 3], status: 'confirmed' } },
      /stimulated\.electrodes\.1": got 3, expected electrodes from 0 to 2 \(.*rig-\d+\.yaml, line 1\)/,
    ],
    ['a path that is no text', { array: { probe: 5 } }, /"array\.probe": got 5, expected string/],
    [
      'another number of channels',
      openEphys({ channels: [1, 2] }),
      /"combined\.recorder\.channels": got 2, expected a channel for each of the 3/,
    ],
    [
      'no channels anywhere',
      { ...openEphys({}), array: { probe: 'named/unwired.json' } },
      /which channel each contact is: got no device_channel/,
    ],
    [
      'no channels and no probe file',
      { ...openEphys({}), array: { rows: 1, columns: 3 } },
      /channels": got nothing, expected a channel for each electrode, or a probe file/,
    ],
  ])('and %s is refused', async (_, change, message) => {
    expect(await errorOf(change)).toMatch(message);
  });
});

describe('a rig file with a table of impedances', () => {
  const safety = (impedances: Keys): Keys => ({ safety: { ...LIMITS_BUT_IMPEDANCES, impedances } });

  it('has its rows, and what comes of it is a rig without other files', async () => {
    const rig = await readRigFile(rigFile(safety({ file: 'named/z.csv', maxAgeDays: 30 })));
    expect(rig.safety?.impedances?.measured).toEqual([
      { electrode: 0, ohm: 100_000, measuredAt: '2026-11-20T10:00:00Z' },
      { electrode: 2, ohm: 90_000, measuredAt: '2026-11-21T10:00:00Z' },
    ]);
    expect(rigSchema.parse(JSON.parse(JSON.stringify(rig)))).toEqual(rig);
  });

  it.each<readonly [string, Keys, RegExp]>([
    [
      'a path that is not there',
      { file: 'none.csv', maxAgeDays: 1 },
      /missing: .*safety\.impedances\.file of the rig file/,
    ],
    ['something else', { file: 'named/p.json', maxAgeDays: 1 }, /lacks its header.*named\/p\.json, line 1/],
    [
      'an electrode beyond the array',
      { file: 'named/far.csv', maxAgeDays: 1 },
      /"safety\.impedances\.measured\.0\.electrode": got 3, expected electrodes from 0 to 2/,
    ],
  ])('and %s is refused', async (_, impedances, message) => {
    expect(await errorOf(safety(impedances))).toMatch(message);
  });
});
