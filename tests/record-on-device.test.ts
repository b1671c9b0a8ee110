import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { packageFolder } from '../src/cli/package-info.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { DEVICE_LIMITS } from './helpers/device-limits.js';
import { serveDevice, type ServedDevice, type ServeDeviceOptions } from './helpers/served-device.js';

// The program as it is installed, against a device in this process over TCP, in real time.
const RETRY = 4;
const MAIN = join(packageFolder(), 'dist/src/cli/main.js');
const root = temporaryFolder('record-device');
const rigFile = join(root, 'rig.yaml');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Records into a folder, and does something once samples have come. */
async function recordUntil(
  folder: string,
  options: readonly string[],
  act: (kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const argv = [MAIN, 'record', '--rig', rigFile, '--out', folder, ...options];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, ...output });
    });
  });
  const first = join(folder, 'Record Node 101', 'experiment1', 'recording1');
  while (!existsSync(first) && child.exitCode === null) await sleep(20);
  act((signal) => child.kill(signal));
  return ended;
}

describe('meactl record on a device', () => {
  const served: ServedDevice[] = [];

  /** Serves a device, and writes the rig file for it. */
  async function serve(faults: ServeDeviceOptions['faults'] = []): Promise<void> {
    const culture = {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 3,
      electrodes: 16,
      inputs: 4,
    } as const;
    const rig = createEmulatedRig({ culture, stimulatedElectrodes: [0, 2, 5, 7] });
    const device = await serveDevice('tcp', { rig, faults });
    served.push(device);
    writeFileSync(
      rigFile,
      stringify({
        version: 1,
        name: 'served',
        device: 'mea-link',
        address: device.address,
        array: { rows: 4, columns: 4 },
        stimulated: { electrodes: [0, 2, 5, 7], status: 'confirmed' },
        pulse: { amplitudeUa: 20, phaseWidthUs: 200, status: 'confirmed' },
        safety: DEVICE_LIMITS,
      }),
    );
  }

  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first, as npm test does`);
  });
  afterEach(async () => {
    for (const device of served.splice(0)) await device.close();
  });

  it('ends when a person asks, with all that came: code 0, or 130 before its time', { retry: RETRY }, async () => {
    await serve();
    for (const [options, code] of [
      [[], 0],
      [['--seconds', '1000'], 130],
    ] as const) {
      const folder = join(root, `asked-${code}-${performance.now()}`);
      const ended = await recordUntil(folder, options, (kill) => {
        kill('SIGINT');
      });
      expect(ended).toMatchObject({ code, stderr: '' });
      expect(ended.stdout).toMatch(/ s recorded\n/);
      expect((await runCli(['verify', folder])).code).toBe(0);
    }
  });

  it('ends, says why, and leaves a whole recording when the device restarts', { retry: RETRY }, async () => {
    await serve([{ name: 'brown-out', value: 4000, amount: 500 }]);
    const folder = join(root, `restarted-${performance.now()}`);
    const { code, stderr } = await recordUntil(folder, [], () => undefined);
    expect(stderr).toMatch(/the link to the device was lost .*\n/);
    expect(stderr).toMatch(/The device has restarted, and acquires nothing/);
    expect(code).toBe(1);
    expect((await runCli(['verify', folder])).code).toBe(0);
  });
});
