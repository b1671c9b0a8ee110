import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { DEVICE_ABILITIES } from '../../drivers/parts/device-abilities.js';
import { DEVICE_LIMITS } from '../../tests/helpers/device-limits.js';
import { assertRigFits, fitDevice, inputsThatGoTogether } from './device-fit.js';
import { experimentSchema, type Experiment } from './experiment.js';
import { rigSchema, stimulatedElectrodes, type Rig } from './rig.js';

function bundled(name: string): Experiment {
  const text = readFileSync(join(import.meta.dirname, '../../experiments', `${name}.yaml`), 'utf8');
  return experimentSchema.parse(parse(text));
}

const ABILITIES = new Map(DEVICE_ABILITIES.map((ability) => [ability.device, ability]));
function verdict(experiment: string, device: string): string {
  const { verdict: word, reason } = fitDevice(bundled(experiment), ABILITIES.get(device)!);
  return `${word}: ${reason}`;
}

describe('what goes together', () => {
  test('is a block without mixing, and an input by itself with any', () => {
    expect(inputsThatGoTogether(bundled('mix0')).map(({ length }) => length)).toEqual([16, 16]);
    expect(inputsThatGoTogether(bundled('isomura2023'))).toHaveLength(32);
    expect(inputsThatGoTogether({ ...bundled('mix0'), policy: { type: 'random', probability: 0.5 } })).toHaveLength(32);
  });

  test('is what goes together in every arm', () => {
    expect(inputsThatGoTogether(bundled('mixing'))).toHaveLength(32);
  });
});

describe('an experiment on a device', () => {
  test('is exact where stimuli leave at their samples', () => {
    expect(verdict('isomura2023', 'MEA-Link (the bundled emulator)')).toMatch(/^exact/u);
  });

  test('is impossible with keys alone: both sources on needs two at once', () => {
    expect(verdict('mix0', 'Intan RHX, its keys alone')).toBe(
      'impossible: 2 groups must begin together, 1 can: two keys are not pressed at the same moment',
    );
  });

  test('fits two groups of a TTL box, and 24 groups of one with 24 lines', () => {
    expect(verdict('mix0', 'Intan RHX with a Pulse Pal as TTL box')).toMatch(/^approximate/u);
    expect(verdict('isomura-24', 'Intan RHX with a TTL box of 24 lines')).toMatch(/^approximate/u);
    expect(verdict('isomura2023', 'Intan RHX with a TTL box of 24 lines')).toBe(
      'impossible: 32 groups of electrodes are needed, it has 24',
    );
  });

  test('needs one electrode per source where an output drives one', () => {
    expect(verdict('two-electrodes', 'Open Ephys with a StimJim')).toMatch(/^approximate/u);
    expect(verdict('mix0', 'Open Ephys with a StimJim')).toMatch(/an output drives 1$/u);
    expect(verdict('mix0', 'Open Ephys alone')).toMatch(/only records/u);
  });
});

const CHANNELS = Array.from({ length: 32 }, (_, channel) => `A-${String(channel).padStart(3, '0')}`);

function rhxRig(
  groups: readonly { trigger: string; electrodes: readonly number[] }[],
  box: 'ttl-box' | 'pulse-pal' | false = 'ttl-box',
): Rig {
  return rigSchema.parse({
    version: 1,
    name: 'bench',
    device: 'combined',
    array: { rows: 4, columns: 8 },
    stimulated: { electrodes: CHANNELS.map((_, electrode) => electrode), status: 'confirmed' },
    pulse: { amplitudeUa: 10, phaseWidthUs: 200, status: 'confirmed' },
    safety: DEVICE_LIMITS,
    combined: {
      recorder: { type: 'intan-rhx', channels: CHANNELS },
      stimulator: {
        type: 'intan-rhx',
        groups,
        ...(box !== false && { triggerBox: { type: box, port: '/dev/ttyACM0' } }),
      },
    },
  });
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

describe('the bundled rigs of devices', () => {
  test.each([
    ['intan-rhx-pulse-pal', 'mix0'],
    ['intan-rhx-24', 'isomura-24'],
    ['open-ephys-stimjim', 'two-electrodes'],
    ['open-ephys-pulse-pal', 'two-electrodes'],
  ])('%s is whole and fits %s', (rig, experiment) => {
    const text = readFileSync(join(import.meta.dirname, '../../rigs', `${rig}.yaml`), 'utf8');
    const parsed = rigSchema.parse(parse(text));
    expect(stimulatedElectrodes(parsed)).toHaveLength(bundled(experiment).inputsPerBlock * 2);
    expect(() => {
      assertRigFits(bundled(experiment), parsed);
    }).not.toThrow();
  });
});

describe('a rig with groups', () => {
  const halves = [
    { trigger: 'digital-in 1', electrodes: range(0, 16) },
    { trigger: 'digital-in 2', electrodes: range(16, 16) },
  ];

  test('takes an experiment whose patterns are whole groups', () => {
    expect(() => {
      assertRigFits(bundled('mix0'), rhxRig(halves));
    }).not.toThrow();
  });

  test('refuses one whose patterns are not, and names the electrodes', () => {
    expect(() => {
      assertRigFits(bundled('quick'), rhxRig(halves));
    }).toThrow(/no group that fires nothing but electrodes 0.*32 sets of electrodes/u);
  });

  test('refuses two sources on keys', () => {
    const keys = halves.map(({ electrodes }, i) => ({ trigger: `F${i + 1}`, electrodes }));
    expect(() => {
      assertRigFits(bundled('mix0'), rhxRig(keys, false));
    }).toThrow(/cannot begin several groups together/u);
  });

  test('refuses one source on two keys, which are not pressed together either', () => {
    const keys = [
      { trigger: 'F1', electrodes: range(0, 8) },
      { trigger: 'F2', electrodes: range(8, 8) },
    ];
    const rig = rhxRig(keys, false);
    expect(() => {
      assertRigFits({ ...bundled('mix0'), sources: 1 }, rig);
    }).toThrow(/got 2 groups that one trial may need/u);
  });

  test('is refused itself with a line that a Pulse Pal does not have', () => {
    expect(() => rhxRig([{ trigger: 'digital-in 5', electrodes: [0] }], 'pulse-pal')).toThrow(
      /a Pulse Pal has no line 5/u,
    );
    expect(() => rhxRig([{ trigger: 'analog-in 1', electrodes: [0] }], 'pulse-pal')).toThrow(/no line 17/u);
    expect(() => rhxRig([{ trigger: 'digital-in 4', electrodes: [0] }], 'pulse-pal')).not.toThrow();
  });

  test('is refused itself with an electrode twice, a line without a box, or a key beside a box', () => {
    expect(() => rhxRig([halves[0]!, { trigger: 'digital-in 2', electrodes: range(15, 16) }])).toThrow(/one group/u);
    expect(() => rhxRig(halves, false)).toThrow(/a triggerBox that fires inputs/u);
    expect(() => rhxRig([halves[0]!, { trigger: 'F1', electrodes: range(16, 16) }])).toThrow(/not simultaneous/u);
  });
});
