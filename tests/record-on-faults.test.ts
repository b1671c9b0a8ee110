import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { parseFaults, type FaultName } from '../sim-device/faults/fault-settings.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { packageFolder } from '../src/cli/package-info.js';
import { openRecording } from '../src/recording/open-recording.js';
import { DEVICE_LIMITS } from './helpers/device-limits.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { serveDevice, type ServedDevice } from './helpers/served-device.js';

// `meactl record` as it is installed, against a device over TCP whose faults are drawn from a seed, in real time. When a fault
// strikes is drawn; what of it reaches the recording depends on the link. So each recording is held against what was told in it.
const RETRY = 4;
const MAX_ATTEMPTS = 10;
const MAIN = join(packageFolder(), 'dist/src/cli/main.js');
const root = temporaryFolder('record-faults');
const RATE = 20_000;
/** Gaps up to this are filled. */
const MAX_FILL = RATE / 10;
const served: ServedDevice[] = [];

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first, as npm test does`);
});
afterEach(async () => {
  for (const device of served.splice(0)) await device.close();
});

interface Plan {
  readonly faults: readonly string[];
  readonly ringMs?: number;
  /** The recording goes on until this has struck so often. */
  readonly until: readonly [name: FaultName, times: number];
  /** Nobody asks for the end. */
  readonly endsByItself?: boolean;
}

interface Recorded {
  readonly folder: string;
  readonly code: number | null;
  readonly stderr: string;
  /** How often the fault struck while samples came. */
  readonly applied: number;
}

/** Records until a fault has struck often enough, and half a second more; or until the program ends by itself. */
async function record({ faults, ringMs, until: [name, times], endsByItself = false }: Plan): Promise<Recorded> {
  const culture = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 3 } as const;
  const rig = createEmulatedRig({
    culture: { ...culture, electrodes: 16, inputs: 4 },
    stimulatedElectrodes: [0, 2, 5, 7],
  });
  const device = await serveDevice('tcp', {
    rig,
    faults: parseFaults(faults),
    ...(ringMs !== undefined && { settings: { ringMs } }),
  });
  served.push(device);
  const stamp = performance.now();
  const rigFile = join(root, `rig-${stamp}.yaml`);
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
  const { folder, child, ended, said } = await begin(rigFile);
  // What struck while the program was still starting reached nobody.
  const struckBefore = device.applied.get(name) ?? 0;
  const struck = (): number => (device.applied.get(name) ?? 0) - struckBefore;
  while (struck() < times && child.exitCode === null) await sleep(20);
  if (!endsByItself) {
    await sleep(500);
    child.kill('SIGINT');
  }
  const code = await ended;
  return { folder, code, stderr: said.stderr, applied: struck() };
}

/** Starts programs until one has begun to record: a fault may hold the device away just when one connects. */
async function begin(rigFile: string): Promise<{
  readonly folder: string;
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly said: { readonly stderr: string };
}> {
  for (let attempt = 1; ; attempt++) {
    const folder = join(root, `recorded-${performance.now()}`);
    const argv = [MAIN, 'record', '--rig', rigFile, '--out', folder];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    const said = { stderr: '' };
    child.stderr.on('data', (data: Buffer) => (said.stderr += data.toString()));
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    const first = join(folder, 'Record Node 101', 'experiment1', 'recording1');
    while (!existsSync(first) && child.exitCode === null) await sleep(20);
    if (existsSync(first)) return { folder, child, ended, said };
    if (attempt === MAX_ATTEMPTS) throw new Error(`${MAX_ATTEMPTS} programs have recorded nothing: ${said.stderr}`);
  }
}

const jumpSchema = z.looseObject({ type: z.literal('sample-jump'), fromSample: z.number(), toSample: z.number() });

interface Contents {
  readonly types: readonly string[];
  readonly stretches: number;
  /** Samples that the counter jumped over, as the device's driver told them, in order. */
  readonly jumps: readonly number[];
  readonly losses: number;
}

/** Holds a recording against what was told in it: each jump is a gap of the journal, filled and blind, or a new stretch. */
async function assertAgreement(folder: string): Promise<Contents> {
  const recording = openRecording(folder);
  try {
    const types: string[] = [];
    const jumps: z.infer<typeof jumpSchema>[] = [];
    for await (const { event } of recording.events()) {
      types.push(event.type);
      const jump = jumpSchema.safeParse(event);
      if (jump.success) jumps.push(jump.data);
    }
    const gaps = [...recording.index.stretches.values()].flatMap((stretch) => stretch.gaps);
    expect(gaps.map(({ firstSample, samples, how }) => ({ firstSample, samples, how }))).toEqual(
      jumps.map(({ fromSample, toSample }) => {
        const samples = toSample - fromSample;
        const how = samples < 0 ? 'backwards' : samples <= MAX_FILL ? 'filled' : 'split';
        return { firstSample: fromSample, samples, how };
      }),
    );
    const filled = jumps.filter(
      ({ fromSample, toSample }) => toSample > fromSample && toSample - fromSample <= MAX_FILL,
    );
    const blind = recording.signals.flatMap(({ signal }) => signal.blind.map(({ from, to }) => [from, to]));
    expect(blind).toEqual(filled.map(({ fromSample, toSample }) => [fromSample, toSample]));
    expect(recording.signals).toHaveLength(1 + jumps.length - filled.length);
    expect((await runCli(['verify', folder])).code).toBe(0);
    return {
      types,
      stretches: recording.signals.length,
      jumps: jumps.map(({ fromSample, toSample }) => toSample - fromSample),
      losses: types.filter((type) => ['gap', 'overrun', 'sample-jump'].includes(type)).length,
    };
  } finally {
    await recording.close();
  }
}

describe('meactl record on a device with faults', () => {
  it('keeps every sample where frames are dropped, and ends with 0', { retry: RETRY }, async () => {
    const { folder, code, applied } = await record({ faults: ['drop=0.05'], until: ['drop', 20] });
    expect(applied).toBeGreaterThanOrEqual(20);
    const { stretches, losses } = await assertAgreement(folder);
    expect([code, stretches, losses]).toEqual([0, 1, 0]);
  });

  it('keeps every sample over disconnects that the ring of the device outlasts', { retry: RETRY }, async () => {
    const plan: Plan = { faults: ['disconnect=700:50'], until: ['disconnect', 3] };
    const { folder, code, stderr, applied } = await record(plan);
    expect(applied).toBeGreaterThanOrEqual(3);
    const { types, stretches, losses } = await assertAgreement(folder);
    expect([code, stretches, losses]).toEqual([0, 1, 0]);
    expect(stderr).toMatch(/the link to the device was lost .*\n.*the link to the device is there again/);
    const lost = types.filter((type) => type === 'link-lost').length;
    expect(lost).toBeGreaterThanOrEqual(1);
    // One that strikes while the link is down is not seen.
    expect(lost).toBeLessThanOrEqual(applied);
    expect(types.filter((type) => type === 'link-restored')).toHaveLength(lost);
  });

  it('fills jumps of up to 100 ms, marks them blind, and ends with 3', { retry: RETRY }, async () => {
    const { folder, code, applied } = await record({ faults: ['clock-step=400:77'], until: ['clock-step', 3] });
    const { stretches, jumps } = await assertAgreement(folder);
    expect([code, stretches]).toEqual([3, 1]);
    expect(jumps.length).toBeGreaterThanOrEqual(3);
    expect(jumps.length).toBeLessThanOrEqual(applied);
    // Two steps may lie within one block.
    expect(jumps.every((samples) => samples % 77 === 0)).toBe(true);
  });

  it('begins a new stretch after each longer disconnect, and ends with 3', { retry: RETRY }, async () => {
    const plan: Plan = { faults: ['disconnect=1500:600'], ringMs: 100, until: ['disconnect', 2] };
    const { folder, code, applied } = await record(plan);
    expect(applied).toBeGreaterThanOrEqual(2);
    const { types, stretches, jumps } = await assertAgreement(folder);
    expect(code).toBe(3);
    expect(types).toContain('gap');
    const long = jumps.filter((samples) => samples > MAX_FILL);
    expect(long.length).toBeGreaterThanOrEqual(1);
    expect(stretches).toBe(1 + long.length);
  });

  it('ends with 1 and a whole recording when the device restarts', { retry: RETRY }, async () => {
    const plan: Plan = { faults: ['brown-out=6000:500'], until: ['brown-out', 1], endsByItself: true };
    const { folder, code, applied } = await record(plan);
    expect(applied).toBeGreaterThanOrEqual(1);
    const { types, stretches } = await assertAgreement(folder);
    expect([code, stretches]).toEqual([1, 1]);
    expect(types).toContain('device-restarted');
  });
});
