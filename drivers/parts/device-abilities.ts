import type { DeviceAbility } from './device-ability.js';

const OBSERVED = { scheduling: 'immediate', delivery: 'observed', watchdogMs: null } as const;
const ONE_PULSE = 'the one pulse that was triggered last';

/** The largest of three runs of eight offs each, two of them on two cores at a load of 6 to 8; see docs/devices/README.md. */
const OFF = {
  keys: { lastCurrentMs: 33, knownMs: 178 },
  ttlBox: { lastCurrentMs: 4, knownMs: 41 },
  pulsePalBox: { lastCurrentMs: 1, knownMs: 119 },
  pulsePal: { lastCurrentMs: 4, knownMs: 54 },
  stimJim: { lastCurrentMs: 8, knownMs: 30 },
} as const;

/** Every device that there is a driver for, alone or in the combinations that a rig file can name. */
export const DEVICE_ABILITIES: readonly DeviceAbility[] = [
  {
    device: 'MEA-Link (the bundled emulator)',
    stimulation: {
      groups: null,
      electrodesPerGroup: null,
      together: null,
      scheduling: 'at-sample',
      delivery: 'acknowledged',
      watchdogMs: 100,
      afterDeath: 'those within the watchdog',
      off: null,
    },
    measuresImpedance: true,
  },
  {
    device: 'Intan RHX, its keys alone',
    stimulation: {
      ...OBSERVED,
      groups: 8,
      electrodesPerGroup: null,
      together: 1,
      togetherLimit: 'two keys are not pressed at the same moment',
      afterDeath: ONE_PULSE,
      off: OFF.keys,
    },
    measuresImpedance: false,
  },
  {
    device: 'Intan RHX with a TTL box of 24 lines',
    stimulation: {
      ...OBSERVED,
      groups: 24,
      electrodesPerGroup: null,
      together: null,
      afterDeath: ONE_PULSE,
      off: OFF.ttlBox,
    },
    measuresImpedance: false,
  },
  {
    device: 'Intan RHX with a Pulse Pal as TTL box',
    stimulation: {
      ...OBSERVED,
      groups: 4,
      electrodesPerGroup: null,
      together: null,
      afterDeath: ONE_PULSE,
      off: OFF.pulsePalBox,
    },
    measuresImpedance: false,
  },
  {
    device: 'Open Ephys with a Pulse Pal and isolators',
    stimulation: {
      ...OBSERVED,
      groups: 4,
      electrodesPerGroup: 1,
      together: null,
      afterDeath: ONE_PULSE,
      off: OFF.pulsePal,
    },
    measuresImpedance: false,
  },
  {
    device: 'Open Ephys with a StimJim',
    stimulation: {
      ...OBSERVED,
      groups: 2,
      electrodesPerGroup: 1,
      together: null,
      afterDeath: ONE_PULSE,
      off: OFF.stimJim,
    },
    measuresImpedance: false,
  },
  { device: 'Open Ephys alone', stimulation: null, measuresImpedance: false },
];
