import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CONFORMANCE_CHECKS } from '../drivers/conformance/all-checks.js';
import { RIG_CHECKS } from '../drivers/conformance/checks-rig.js';
import { packageFolder } from '../src/cli/package-info.js';
import { systemTimers } from '../src/timers.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { openMount } from '../sim-device/mounts/open-mount.js';
import { paceDevice } from '../sim-device/pace.js';
import { askPatiently } from './helpers/ask-patiently.js';
import { createRampRig } from './helpers/ramp-rig.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';

const folder = temporaryFolder('check');
const example = readFileSync(join(packageFolder(), 'rigs/mea-link-tcp.yaml'), 'utf8');

/** A rig file like the bundled example, with a part of its text replaced. */
function rigFile(name: string, changes: readonly (readonly [from: string, to: string])[]): string {
  const path = join(folder, `${name}.yaml`);
  let text = example;
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  writeFileSync(path, text);
  return path;
}

/** An emulated device behind TCP, in real time, for as long as `use` takes. */
async function withDevice(use: (address: string) => Promise<void>): Promise<void> {
  const rig = createRampRig({ channels: 64, stimulated: [1, 3, 5] });
  const faults = new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz });
  const device = new EmulatedDevice({ rig, settings: DEFAULT_DEVICE_SETTINGS, faults, bootId: 5 });
  const mount = await openMount('tcp://127.0.0.1:0', device.accept, { timers: systemTimers() });
  const ended = new AbortController();
  const paced = paceDevice(device, { driftPpm: 0, signal: ended.signal });
  try {
    await use(mount.address);
  } finally {
    ended.abort();
    await paced;
    await device.close();
    await mount.close();
  }
}

const output = z.object({
  version: z.literal(1),
  passed: z.number(),
  failed: z.number(),
  skipped: z.number(),
  results: z.array(z.object({ id: z.string(), outcome: z.object({ type: z.string() }) })),
});

/** What `meactl check --json` found; its exit code says the same. */
async function runJson(rig: string, only?: string): Promise<z.infer<typeof output>> {
  const { code, stdout, stderr } = await runCli([
    'check',
    rig,
    '--json',
    ...(only === undefined ? [] : ['--only', only]),
  ]);
  const report = output.parse(JSON.parse(stdout));
  const count = (type: string): number => report.results.filter(({ outcome }) => outcome.type === type).length;
  expect([report.passed, report.failed, report.skipped]).toEqual(['passed', 'failed', 'skipped'].map(count));
  expect([code, stderr]).toEqual([report.failed === 0 ? 0 : 1, '']);
  return report;
}

describe('meactl check', () => {
  it('finds that the bundled emulator keeps every promise, in real time', async () => {
    const results = await askPatiently(async (only) => (await runJson('emulated', only)).results);
    expect(results.filter(({ outcome }) => outcome.type !== 'passed')).toEqual([]);
    expect(results.length).toBe(RIG_CHECKS.length + CONFORMANCE_CHECKS.length);
  });

  it('prints a table under the names of the sections, and a summary', async () => {
    const { code, stdout } = await runCli(['check', 'emulated', '--only', 'hello-']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^meactl emulated array, serial number mea-sim-0, firmware .* \(emulated\) at memory:\n/);
    expect(stdout).toMatch(/\nhello\n {2}hello-identity +passed +hello is answered with/);
    expect(stdout).toMatch(/\n10 checks: 10 passed, 0 failed, 0 skipped\n$/);
  });

  it('checks a device over TCP', async () => {
    await withDevice(async (address) => {
      const rig = rigFile('tcp', [['tcp://127.0.0.1:9100', address]]);
      const results = await askPatiently(async (only) => (await runJson(rig, only ?? 'watchdog-')).results);
      expect(results.map(({ outcome }) => outcome.type)).toEqual(new Array(5).fill('passed'));
    });
  });

  it('fails in a section of its own when the rig file is about another device', async () => {
    await withDevice(async (address) => {
      const rig = rigFile('another-rate', [
        ['tcp://127.0.0.1:9100', address],
        ['sampleRateHz: 20000', 'sampleRateHz: 25000'],
      ]);
      const { code, stdout } = await runCli(['check', rig, '--only', 'rig-']);
      expect(stdout).toMatch(/\nrig\n {2}rig-sample-rate +FAILED .*got the device samples at 20000, expected 25000\n/);
      expect(stdout).toMatch(/3 checks: 2 passed, 1 failed, 0 skipped/);
      expect(code).toBe(1);
    });
  });

  it('says how to go on when no device is there, and ends with 2', async () => {
    const rig = rigFile('nobody', [['127.0.0.1:9100', '127.0.0.1:1']]);
    const { code, stderr } = await runCli(['check', rig]);
    expect(stderr).toMatch(/cannot be reached.*127\.0\.0\.1:1.*is it switched on/);
    expect(code).toBe(2);
  });

  it('ends with 2 for a prefix that no check has', async () => {
    const { code, stderr } = await runCli(['check', 'emulated', '--only', 'toast']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/got toast, expected one that begins with rig, hello, /)]);
  });

  it.each([
    [
      'no address',
      [['address: tcp://127.0.0.1:9100\n', '']],
      /"address": got nothing, expected the address of the device/,
    ],
    ['a limit missing', [['  maxDuty: 0.05\n', '']], /"safety\.maxDuty": got nothing, expected number/],
    ['a limit that is unknown', [['maxDuty: 0.05', 'maxDuty: 0.05\n  maxHeat: 1']], /Unknown key "safety\.maxHeat"/],
    [
      'electrodes beyond the array',
      [['electrodes: all', 'electrodes: { from: 60, to: 64 }']],
      /electrodes from 0 to 63/,
    ],
    ['a masked electrode that is not listed', [['masked: []', 'masked: [64]']], /"safety\.masked": got \[64\]/],
    [
      'no source',
      [['source: example values for the bundled emulator, of no real array', 'source: ""']],
      /"safety\.source"/,
    ],
  ] as const)('refuses a rig with %s', async (name, changes, message) => {
    const { code, stderr } = await runCli(['check', rigFile(name.replaceAll(' ', '-'), changes)]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('meactl devices', () => {
  it('says who answers at an address', async () => {
    await withDevice(async (address) => {
      const { code, stdout } = await runCli(['devices', address]);
      expect(stdout).toContain(
        `  ${address}  meactl emulated array, serial number mea-sim-0, firmware mea-sim 1.0 (emulated), 64 channels at 20000 Hz, 3 stimulation outputs\n`,
      );
      expect(code).toBe(0);
    });
  });

  it('says when nothing answers, and ends with 0 all the same', async () => {
    const { code, stdout } = await runCli(['devices', 'tcp://127.0.0.1:1']);
    expect(stdout).toMatch(/devices: none found\n {2}tcp:\/\/127\.0\.0\.1:1 {2}The device cannot be reached/);
    expect(code).toBe(0);
  });

  it('prints JSON where it is asked for', async () => {
    const { stdout } = await runCli(['devices', 'tcp://127.0.0.1:1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, devices: [{ address: 'tcp://127.0.0.1:1' }] });
  });

  it('refuses what is no address', async () => {
    const { code, stderr } = await runCli(['devices', 'toaster']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('Not the address of a device')]);
  });
});
