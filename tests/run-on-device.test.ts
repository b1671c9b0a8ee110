import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import type { TruthRecord } from '../sim-device/rig/spike-event.js';
import { packageFolder } from '../src/cli/package-info.js';
import { segmentName } from '../src/recording/journal/journal-writer.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { temporaryFolder } from './helpers/run-cli.js';
import { DEVICE_LIMITS } from './helpers/device-limits.js';
import { serveDevice, type ServedDevice } from './helpers/served-device.js';

// The program as it is installed, against a device in this process over TCP, in real time. Where this machine holds one of
// them up for longer than a link may be silent, the device disarms, as it should, and the run ends: then it is tried again.
const RETRY = 4;
const MAIN = join(packageFolder(), 'dist/src/cli/main.js');
const root = temporaryFolder('device');
const rigFile = join(root, 'rig.yaml');
const experiment = join(root, 'experiment.yaml');
const SESSIONS = 2;
const TRIALS = 6;
const ELECTRODES = [0, 2, 5, 7, 8, 10, 13, 15];

/** What a resume says of a recording that was cut off. */
const MENDED =
  /^meactl: (the last record was cut off \(\d+ bytes\)|\d.* s that nobody vouches for were moved|\d+ bytes at the end of .*journal-\d+\.log, never promised|.* was written anew from the journal$)/;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function meactl(...argv: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...argv], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, ...output });
    });
  });
}

function trialsIn(folder: string): number {
  return readLedger(folder).records.filter(({ type }) => type === 'trial').length;
}

async function killedWhen(isTime: () => boolean, argv: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [MAIN, ...argv], { cwd: root, stdio: 'ignore' });
  const ended = once(child, 'close');
  while (!isTime() && child.exitCode === null) await sleep(20);
  child.kill('SIGKILL');
  await ended;
}

describe('meactl run on a device', () => {
  let served: ServedDevice;
  let truth: TruthRecord[] = [];
  let attempts = 0;
  const stimuli = (): TruthRecord[] => truth.filter(({ type }) => type === 'stimulus');

  beforeAll(async () => {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first, as npm test does`);
    const culture = {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 3,
      electrodes: 16,
      inputs: 8,
    } as const;
    const rig = createEmulatedRig({
      culture,
      stimulatedElectrodes: ELECTRODES,
      onTruth: (record) => truth.push(record),
    });
    served = await serveDevice('tcp', { rig, settings: { watchdogMs: 5000 } });
    writeFileSync(
      rigFile,
      stringify({
        version: 1,
        name: 'served',
        device: 'mea-link',
        address: served.address,
        array: { rows: 4, columns: 4 },
        stimulated: { electrodes: ELECTRODES, status: 'confirmed' },
        pulse: { amplitudeUa: 20, phaseWidthUs: 200, status: 'confirmed' },
        safety: DEVICE_LIMITS,
      }),
    );
    writeFileSync(
      experiment,
      stringify({
        version: 1,
        name: 'on-device',
        mixing: 0.25,
        inputsPerBlock: 4,
        sessions: SESSIONS,
        trials: TRIALS,
        initialSessions: 1,
        trialPeriodS: 0.5,
        rest: { seconds: 30 },
        treatment: { drug: 'muscimol', concentrationUm: 1, washInS: 60 },
      }),
    );
  });
  beforeEach(() => {
    truth = [];
  });
  afterAll(async () => {
    await served.close();
  });

  it('arms nothing without the serial number, tells it, and leaves no recording', async () => {
    const out = join(root, 'unarmed');
    for (const word of [[], ['--arm', 'another']]) {
      const { code, stderr } = await meactl('run', experiment, '--rig', rigFile, '--out', out, ...word);
      expect(stderr).toMatch(/Nothing is armed without the word of a person: got .*, expected --arm \S+/);
      expect([code, existsSync(out)]).toEqual([1, false]);
    }
    expect(stimuli()).toEqual([]);
  });

  it('refuses, before it connects, a rig file without a pulse', async () => {
    const { code, stderr } = await meactl('run', 'quick', '--rig', 'mea-link-tcp', '--out', join(root, 'no-pulse'));
    expect(stderr).toContain('The rig file does not say what pulse to deliver');
    expect(code).toBe(2);
  });

  it('delivers every trial at its sample, counts from its samples, and can be replayed', { retry: RETRY }, async () => {
    attempts += 1;
    const out = join(root, `run-${attempts}`);
    const refused = await meactl('run', experiment, '--rig', rigFile, '--out', out);
    const [, serial] = /expected --arm (\S+)/.exec(refused.stderr)!;
    const run = ['run', experiment, '--rig', rigFile, '--arm', serial!, '--out', out];
    const unlooked = await meactl(...run);
    expect([unlooked.code, unlooked.stderr]).toEqual([1, expect.stringContaining('got maxDuty, expected')]);
    run.push('--accept-unconfirmed', 'a test');
    const untreated = await meactl(...run);
    expect([untreated.code, untreated.stderr]).toEqual([1, expect.stringContaining('one under muscimol')]);
    run.push('--treatment-lot', 'L-1', '--treatment-applied', '2026-11-28T00:00:00Z');
    expect(stimuli()).toEqual([]);
    const ran = await meactl(...run);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const { records, newestLatency: newest } = readLedger(out);
    expect(records[0]).toMatchObject({
      type: 'experiment-started',
      arming: { serialNumber: serial, acceptedUnconfirmed: { limits: ['maxDuty'], why: 'a test' } },
    });
    expect(newest?.stagesUs).toMatchObject({ trial: { count: SESSIONS * TRIALS } });
    expect(newest?.stagesUs?.acknowledge.median).toBeGreaterThan(0);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('given to the driver to answered by the device');
    const trials = records.filter((record) => record.type === 'trial');
    expect(trials).toHaveLength(SESSIONS * TRIALS);
    for (const { atSample, deliveredSample, delivery, inputs } of trials) {
      expect(deliveredSample).toBe(atSample);
      expect(delivery).toBe(inputs.includes('1') ? 'delivered' : 'nothing-as-asked');
    }
    // What the electrodes had is what the ledger says.
    const wanted = trials.map(({ atSample, inputs }) => ({
      sample: atSample,
      electrodes: ELECTRODES.filter((_, input) => inputs[input] === '1'),
    }));
    expect(stimuli()).toMatchObject(wanted);
    const firsts = [0, TRIALS].map((k) => trials[k]!.atSample);
    expect(firsts[1]! - firsts[0]!).toBeGreaterThan(30 * 20_000);
    const replayed = await meactl('replay', out);
    expect([replayed.code, replayed.stdout]).toEqual([0, expect.stringContaining('no difference')]);
  });

  it('does not count a trial whose pulses the electrodes do not show, and stops', { retry: RETRY }, async () => {
    attempts += 1;
    const [deaf, strict] = [join(root, `deaf-${attempts}.yaml`), join(root, `strict-${attempts}.yaml`)];
    const rig = readFileSync(rigFile, 'utf8');
    // No artefact is that large.
    writeFileSync(deaf, `${rig}artefact:\n  aboveUv: 1000000\n  reachPitches: 2.9\n`);
    writeFileSync(strict, `${readFileSync(experiment, 'utf8')}maxRepeats: 0\n`);
    const refused = await meactl('run', experiment, '--rig', rigFile, '--out', join(root, `no-${attempts}`));
    const [, serial] = /expected --arm (\S+)/.exec(refused.stderr)!;
    const words = ['--arm', serial!, '--accept-unconfirmed', 'a test'];
    words.push('--treatment-lot', 'L-1', '--treatment-applied', '2026-11-28T00:00:00Z');
    const out = join(root, `doubted-${attempts}`);
    const ran = await meactl('run', strict, '--rig', deaf, '--out', out, ...words);
    expect(ran.stderr).toMatch(/again and again.*got doubted, 1 times/);
    expect(ran.code).toBe(2);
    const { records } = readLedger(out);
    const doubted = records.filter((record) => record.type === 'trial-uncounted');
    expect(doubted).toHaveLength(1);
    expect(doubted[0]?.doubt?.missing.length).toBeGreaterThan(0);
  });

  it('carries out no arms: each arming takes a person', async () => {
    const out = join(root, 'arms');
    const { code, stderr } = await meactl('run', 'mixing', '--rig', rigFile, '--arm', 'any', '--out', out);
    expect(stderr).toContain('one after the other on the emulator only');
    expect([code, existsSync(out)]).toEqual([2, false]);
  });

  it(
    'goes on after kill -9 at the first trial that is missing, says by how much later, and repeats',
    { retry: RETRY },
    async () => {
      attempts += 1;
      const out = join(root, `killed-${attempts}`);
      const refused = await meactl('run', experiment, '--rig', rigFile, '--out', out);
      const [, serial] = /expected --arm (\S+)/.exec(refused.stderr)!;
      const words = ['--arm', serial!, '--accept-unconfirmed', 'a test'];
      words.push('--treatment-lot', 'L-1', '--treatment-applied', '2026-11-28T00:00:00Z');
      const isFarEnough = (): boolean => existsSync(join(out, segmentName(0))) && trialsIn(out) >= 3;
      await killedWhen(isFarEnough, ['run', experiment, '--rig', rigFile, '--out', out, '--no-report', ...words]);
      const before = trialsIn(out);
      const disarmed = stimuli().length;
      expect(before).toBeLessThan(TRIALS * SESSIONS);
      const unarmed = await meactl('run', '--resume', out, '--no-report');
      expect([unarmed.code, unarmed.stderr]).toEqual([1, expect.stringContaining('no --arm')]);
      expect(trialsIn(out)).toBe(before);
      const other = await meactl('run', '--resume', out, '--arm', 'another');
      expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('begun on another device')]);
      const resumed = await meactl('run', '--resume', out, '--no-report', ...words);
      expect(resumed.code, resumed.stderr).toBe(0);
      // It may say what it mended before it went on, and nothing else.
      for (const line of resumed.stderr.split('\n').slice(0, -1)) expect(line).toMatch(MENDED);
      const { records } = readLedger(out);
      const trials = records.filter((record) => record.type === 'trial');
      expect(trials.map(({ session, trial }) => TRIALS * session + trial)).toEqual(
        Array.from({ length: SESSIONS * TRIALS }, (_, i) => i),
      );
      expect(records.find(({ type }) => type === 'resumed')).toMatchObject({ arming: { serialNumber: serial } });
      // At most the running trial is lost: its stimulus may have left.
      expect(stimuli().length).toBeLessThanOrEqual(SESSIONS * TRIALS + 1);
      expect(disarmed - before).toBeLessThanOrEqual(1);
      if (before % TRIALS > 0) {
        const moved = records.filter((record) => record.type === 'rescheduled');
        expect(moved).toHaveLength(1);
        expect(moved[0]!.bySamples).toBeGreaterThan(20_000);
      }
      const replayed = await meactl('replay', out);
      // 3 where samples were not forced to the disk any more: their trial was then taken as recorded.
      expect([0, 3]).toContain(replayed.code);
      expect(replayed.stdout).toMatch(/no difference: \d+ spikes, to the bit\nno difference: \d+ records, \d+ trials/);
    },
  );

  it('ends when the device is gone before it can be armed to go on', { retry: RETRY }, async () => {
    attempts += 1;
    const out = join(root, `gone-${attempts}`);
    const refused = await meactl('run', experiment, '--rig', rigFile, '--out', out);
    const [, serial] = /expected --arm (\S+)/.exec(refused.stderr)!;
    const words = ['--arm', serial!, '--accept-unconfirmed', 'a test'];
    words.push('--treatment-lot', 'L-1', '--treatment-applied', '2026-11-28T00:00:00Z');
    const isFarEnough = (): boolean => existsSync(join(out, segmentName(0))) && trialsIn(out) >= 1;
    await killedWhen(isFarEnough, ['run', experiment, '--rig', rigFile, '--out', out, '--no-report', ...words]);
    const state = { isOver: false };
    const resuming = meactl('run', '--resume', out, '--no-report', ...words).finally(() => (state.isOver = true));
    // The recording is opened first of all.
    while (!state.isOver && !existsSync(join(out, segmentName(1)))) await sleep(1);
    served.cut();
    try {
      const { code, stderr } = await resuming;
      expect([code, stderr]).toEqual([1, expect.stringMatching(/link/)]);
    } finally {
      served.mend();
    }
    expect(existsSync(join(out, 'run.lock'))).toBe(false);
  });
});
