import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { DeviceSettings } from '../../sim-device/firmware/device-settings.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import type { TruthRecord } from '../../sim-device/rig/spike-event.js';
import { packageFolder } from '../../src/cli/package-info.js';
import { DEVICE_LIMITS } from './device-limits.js';
import { serveDevice, type ServeDeviceOptions, type ServedDevice } from './served-device.js';

/** The program as it is installed. */
export const MEACTL = join(packageFolder(), 'dist/src/cli/main.js');

/** A device with a culture of 16 electrodes and 8 inputs over TCP, in real time, and files for runs on it. */
export interface ServedCulture {
  readonly served: ServedDevice;
  /** What left its electrodes so far. */
  stimuli(): readonly TruthRecord[];
  /** Writes an experiment of one session after the initial one; returns `run` and its arguments, up to `--out`. */
  runArguments(name: string, experiment?: object): readonly string[];
}

const STIMULATED = [0, 2, 5, 7, 8, 10, 13, 15];

export async function serveCulture(
  root: string,
  settings: Partial<DeviceSettings> = {},
  place: Pick<ServeDeviceOptions, 'bootId' | 'at'> = {},
): Promise<ServedCulture> {
  const truth: TruthRecord[] = [];
  const rig = createEmulatedRig({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 3,
      electrodes: 16,
      inputs: STIMULATED.length,
    },
    stimulatedElectrodes: STIMULATED,
    onTruth: (record) => truth.push(record),
  });
  // A loaded machine must not trip it.
  const served = await serveDevice('tcp', { rig, settings: { watchdogMs: 5000, ...settings }, ...place });
  const rigFile = join(root, 'served.yaml');
  writeFileSync(
    rigFile,
    stringify({
      version: 1,
      name: 'served',
      device: 'mea-link',
      address: served.address,
      array: { rows: 4, columns: 4 },
      stimulated: { electrodes: STIMULATED, status: 'confirmed' },
      pulse: { amplitudeUa: 20, phaseWidthUs: 200, status: 'confirmed' },
      safety: { ...DEVICE_LIMITS, unconfirmed: [] },
    }),
  );
  const { serialNumber } = served.device.firmware.capabilities;
  return {
    served,
    stimuli: () => truth.filter(({ type }) => type === 'stimulus'),
    runArguments: (name, experiment = {}) => {
      const file = join(root, `${name}.yaml`);
      const sizes = { mixing: 0.25, inputsPerBlock: 4, sessions: 2, trials: 6, initialSessions: 1, trialPeriodS: 0.5 };
      writeFileSync(file, stringify({ version: 1, name, ...sizes, rest: { seconds: 1 }, ...experiment }));
      return ['run', file, '--rig', rigFile, '--arm', serialNumber, '--no-report', '--out', join(root, name)];
    },
  };
}
