import { describe, expect, it } from 'vitest';
import { electrodePlaces } from '../../protocols/array-geometry.js';
import { DEVICE_LIMITS } from '../../tests/helpers/device-limits.js';
import { excludedElectrodes, rigSchema, stimulatedElectrodes, toGeometry, toSafetyProfile, type Rig } from './rig.js';
import { toLoopSettings } from './signals/signal-settings.js';

type Keys = Readonly<Record<string, unknown>>;

const RIG: Keys = {
  version: 1,
  name: 'r',
  device: 'emulator',
  stimulated: { electrodes: [0, 1], status: 'confirmed' },
  pulse: { amplitudeUa: 10, phaseWidthUs: 200, status: 'confirmed' },
};

function rigWith(array: Keys, others: Keys = {}): Rig {
  return rigSchema.parse({ ...RIG, array, ...others });
}

/** Paths and messages of what is wrong. */
function mistakesOf(array: Keys, others: Keys = {}): readonly string[] {
  const { error } = rigSchema.safeParse({ ...RIG, array, ...others });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

/** Name, x and y of an electrode. */
function placeOf(rig: Rig, electrode: number): readonly unknown[] {
  const geometry = toGeometry(rig);
  if ('rows' in geometry) throw new Error('a grid');
  return [geometry.names?.[electrode], ...geometry.positionsUm[electrode]!];
}

describe('the layout mcs-60', () => {
  const rig = rigWith({ layout: 'mcs-60' });

  it('is 8 x 8 without corners, 200 um apart, in the order of their names: column, then row', () => {
    const geometry = toGeometry(rig);
    if ('rows' in geometry) throw new Error('a grid');
    expect(geometry.positionsUm).toHaveLength(60);
    expect(new Set(geometry.names).size).toBe(60);
    for (const corner of ['11', '18', '81', '88']) expect(geometry.names).not.toContain(corner);
    expect(placeOf(rig, 0)).toEqual(['12', 0, 200]);
    expect(placeOf(rig, 5)).toEqual(['17', 0, 1200]);
    expect(placeOf(rig, 6)).toEqual(['21', 200, 0]);
    expect(placeOf(rig, 53)).toEqual(['78', 1200, 1400]);
    expect(placeOf(rig, 54)).toEqual(['82', 1400, 200]);
    expect(placeOf(rig, 59)).toEqual(['87', 1400, 1200]);
    expect(geometry.names).toEqual(geometry.names?.toSorted());
  });

  it('has the electrode called 15 as its reference, unless the rig file says otherwise', () => {
    expect(placeOf(rig, 3)).toEqual(['15', 0, 800]);
    expect(excludedElectrodes(rig)).toEqual([3]);
    expect(excludedElectrodes(rigWith({ layout: 'mcs-60', reference: [] }))).toEqual([]);
    expect(excludedElectrodes(rigWith({ layout: 'mcs-60', reference: [2] }))).toEqual([2]);
  });

  it('has 29 black squares: 32, less two corners and the reference', () => {
    const squares = stimulatedElectrodes(
      rigWith({ layout: 'mcs-60' }, { stimulated: { electrodes: 'black-squares', status: 'confirmed' } }),
    );
    expect(squares).toHaveLength(29);
    // Called 13, 17 and 22: 15 is the reference.
    expect(squares.slice(0, 3)).toEqual([1, 5, 7]);
  });
});

describe('the layout maxone', () => {
  it('has its routed sites at 17.5 um, 220 in a row, in the order of the file', () => {
    const rig = rigWith({ layout: 'maxone', electrodes: [0, 1, 220, 26_399] });
    expect(placeOf(rig, 1)).toEqual(['1', 17.5, 0]);
    expect(placeOf(rig, 2)).toEqual(['220', 0, 17.5]);
    expect(placeOf(rig, 3)).toEqual(['26399', 3832.5, 2082.5]);
    expect(electrodePlaces(toGeometry(rig))[3]).toEqual({ x: 219, y: 119 });
  });

  it.each<readonly [string, Keys, RegExp]>([
    ['no sites', { layout: 'maxone' }, /array\.electrodes: the sites that are routed/],
    ['a site twice', { layout: 'maxone', electrodes: [5, 6, 7, 5] }, /array\.electrodes\.3: each site once/],
    ['a site that is none', { layout: 'maxone', electrodes: [5, 26_400] }, /array\.electrodes\.1/],
    [
      'more sites than it routes',
      { layout: 'maxone', electrodes: Array.from({ length: 1025 }, (_, i) => i) },
      /array\.electrodes: .*1024/,
    ],
  ])('with %s is refused', (_, array, message) => {
    expect(mistakesOf(array).join('; ')).toMatch(message);
  });
});

describe('an array', () => {
  it('of the layout 8x8 is the grid of eight rows of eight', () => {
    expect(toGeometry(rigWith({ layout: '8x8' }))).toEqual({ rows: 8, columns: 8 });
    expect(toGeometry(rigWith({ layout: '8x8', pitchUm: 150 }))).toEqual({ rows: 8, columns: 8, pitchUm: 150 });
  });

  it.each<readonly [string, Keys, readonly string[]]>([
    ['is not said', {}, ['array.rows: number of rows, or `layout`, or `probe`']],
    ['has no columns', { rows: 8 }, ['array.columns: number of columns']],
    ['is said twice', { rows: 8, columns: 8, layout: '8x8' }, ['array: one of rows and columns, layout']],
    [
      'has a pitch that is known',
      { layout: 'mcs-60', pitchUm: 100 },
      ['array.pitchUm: no such key: the distances of this array are known'],
    ],
    [
      'has sites without maxone',
      { rows: 8, columns: 8, electrodes: [1, 2] },
      ['array.electrodes: no such key but for maxone'],
    ],
    ['has a probe file that nobody has read', { probe: 'p.json' }, ['array.contacts: the contacts of the probe file']],
    [
      'has a reference beyond it',
      { rows: 2, columns: 2, reference: [4] },
      ['array.reference.0: electrodes from 0 to 3'],
    ],
    ['has a reference twice', { rows: 2, columns: 2, reference: [2, 2] }, ['array.reference.1: each electrode once']],
  ])('that %s is refused', (_, array, mistakes) => {
    expect(mistakesOf(array)).toEqual(mistakes);
  });

  it('without rows and columns has no black squares', () => {
    const contacts = {
      pitchUm: 10,
      positionsUm: [
        [0, 0],
        [10, 0],
        [3, 14],
      ],
    };
    const black = { stimulated: { electrodes: 'black-squares', status: 'confirmed' } };
    expect(mistakesOf({ probe: 'p.json', contacts }, black)).toEqual([
      'stimulated.electrodes: a list of electrodes: this array has no rows and columns',
    ]);
  });
});

describe('the reference of an array', () => {
  const array = { rows: 2, columns: 2, reference: [2] };

  it('is not looked at, beside what is excluded, and may not be pulsed', () => {
    const rig = rigWith(array, { detection: { excluded: [1, 2] }, safety: DEVICE_LIMITS });
    expect(toLoopSettings(rig).detector?.excluded).toEqual([1, 2]);
    const { electrodes } = toSafetyProfile(rig, 0);
    expect(electrodes.map(({ masked }) => masked)).toEqual([false, false, true, false]);
  });

  it('is refused among the stimulated electrodes and in a group', () => {
    expect(mistakesOf(array, { stimulated: { electrodes: [0, 2], status: 'confirmed' } })).toEqual([
      'stimulated.electrodes.1: no reference of the array: it is never pulsed',
    ]);
    const combined = {
      recorder: { type: 'open-ephys', stream: 'probe', channels: [0, 1, 2, 3] },
      stimulator: { type: 'stimjim', port: '/dev/ttyACM0', groups: [{ trigger: 'output 1', electrodes: [0, 2] }] },
      sight: { type: 'line', line: 1 },
    };
    expect(mistakesOf(array, { device: 'combined', combined, safety: DEVICE_LIMITS })).toEqual([
      'combined.stimulator.groups.0.electrodes.1: no reference of the array: it is never pulsed',
    ]);
  });
});

describe('how delivery is judged', () => {
  const artefact = { artefact: { aboveUv: 500, reachPitches: 2.9 } };

  it('counts in distances between neighbours, on a grid as it always did', () => {
    const { delivery } = toLoopSettings(rigWith({ rows: 2, columns: 2, pitchUm: 200 }, artefact));
    expect(delivery).toMatchObject({ reachUm: 2.9 });
    expect(delivery?.positions).toEqual([
      { xUm: 0, yUm: 0 },
      { xUm: 1, yUm: 0 },
      { xUm: 0, yUm: 1 },
      { xUm: 1, yUm: 1 },
    ]);
  });

  it('goes by the places of the layout', () => {
    const { delivery } = toLoopSettings(rigWith({ layout: 'mcs-60' }, artefact));
    expect(delivery?.positions[6]).toEqual({ xUm: 1, yUm: 0 });
    expect(delivery?.positions).toHaveLength(60);
  });
});
