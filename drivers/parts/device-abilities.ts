import type { DeviceAbility } from './device-ability.js';

const OBSERVED = { scheduling: 'immediate', delivery: 'observed', watchdogMs: null } as const;
const ONE_PULSE = 'the one pulse that was triggered last';

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
    },
    measuresImpedance: false,
  },
  {
    device: 'Intan RHX with a TTL box of 24 lines',
    stimulation: { ...OBSERVED, groups: 24, electrodesPerGroup: null, together: null, afterDeath: ONE_PULSE },
    measuresImpedance: false,
  },
  {
    device: 'Intan RHX with a Pulse Pal as TTL box',
    stimulation: { ...OBSERVED, groups: 4, electrodesPerGroup: null, together: null, afterDeath: ONE_PULSE },
    measuresImpedance: false,
  },
  {
    device: 'Open Ephys with a Pulse Pal and isolators',
    stimulation: { ...OBSERVED, groups: 4, electrodesPerGroup: 1, together: null, afterDeath: ONE_PULSE },
    measuresImpedance: false,
  },
  {
    device: 'Open Ephys with a StimJim',
    stimulation: { ...OBSERVED, groups: 2, electrodesPerGroup: 1, together: null, afterDeath: ONE_PULSE },
    measuresImpedance: false,
  },
  { device: 'Open Ephys alone', stimulation: null, measuresImpedance: false },
];
