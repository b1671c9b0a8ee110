import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { packageFolder } from '../src/cli/package-info.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { openOpenEphysLab, openRhxLab, openSineLab, type Lab } from './helpers/lab.js';
import { socat } from './helpers/pty-pair.js';
import { temporaryFolder } from './helpers/run-cli.js';

// The program as it is installed, on bundled rigs of devices of other makers, each emulated behind its own protocol and running
// by the clock. Where this machine holds one of them up, a run ends, as it should: then it is tried again.
const RETRY = 3;
const MAIN = join(packageFolder(), 'dist/src/cli/main.js');
const root = temporaryFolder('combined');
const RATE = 30_000;
const SESSIONS = 2;
const TRIALS = 6;
let runs = 0;

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

function writeExperiment(name: string, inputsPerBlock: number, mixing: number): string {
  const file = join(root, `${name}.yaml`);
  writeFileSync(
    file,
    stringify({
      version: 1,
      name,
      mixing,
      inputsPerBlock,
      sessions: SESSIONS,
      trials: TRIALS,
      initialSessions: 1,
      trialPeriodS: 0.5,
      rest: { seconds: 1 },
    }),
  );
  return file;
}

const CASES = [
  { rig: 'intan-rhx-pulse-pal', open: openRhxLab, inputsPerBlock: 16, mixing: 0 },
  { rig: 'intan-rhx-24', open: openRhxLab, inputsPerBlock: 12, mixing: 0.25 },
  { rig: 'open-ephys-stimjim', open: openOpenEphysLab, inputsPerBlock: 1, mixing: 0 },
  { rig: 'open-ephys-pulse-pal', open: openOpenEphysLab, inputsPerBlock: 1, mixing: 0 },
] as const;

const grouped = z.object({
  combined: z.object({ stimulator: z.object({ groups: z.array(z.object({ electrodes: z.array(z.number()) })) }) }),
});

function groupsOf(rig: unknown): readonly (readonly number[])[] {
  return grouped.parse(rig).combined.stimulator.groups.map(({ electrodes }) => electrodes);
}

async function inLab(rig: string, use: (lab: Lab, rigFile: string) => Promise<void>): Promise<void> {
  const lab = rig.startsWith('intan')
    ? await openRhxLab(rig === 'intan-rhx-24' ? rig : 'intan-rhx-pulse-pal')
    : await openOpenEphysLab(rig === 'open-ephys-stimjim' ? rig : 'open-ephys-pulse-pal');
  try {
    runs += 1;
    const rigFile = join(root, `${rig}-${runs}.yaml`);
    writeFileSync(rigFile, stringify(lab.rig));
    await use(lab, rigFile);
  } finally {
    await lab.close();
  }
}

describeWithDebianTool('a rig of devices of other makers', socat, () => {
  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first, as npm test does`);
  });

  describe.each(CASES)('$rig', ({ rig, inputsPerBlock, mixing }) => {
    it('is checked against its file, and nothing leaves', { retry: RETRY }, async () => {
      await inLab(rig, async ({ left, click }, rigFile) => {
        await click();
        const { code, stdout, stderr } = await meactl('check', rigFile);
        expect(stdout, stderr).toMatch(/connect +passed/u);
        expect(stdout).toMatch(/samples +passed/u);
        expect(stdout).not.toMatch(/FAILED/u);
        expect(stdout).toMatch(/load-.* skipped .*--load/u);
        expect([code, stderr]).toEqual([0, '']);
        expect(left).toEqual([]);
      });
    });

    it(
      'gives one pulse of each group into a dummy load, when its serial number is given',
      { retry: RETRY },
      async () => {
        await inLab(rig, async ({ left, click, rig: file }, rigFile) => {
          await click();
          const plain = await meactl('check', rigFile);
          const [, serial] = /give --load (\S+)/u.exec(plain.stdout) ?? [];
          expect(left).toEqual([]);
          await click();
          const wrong = await meactl('check', rigFile, '--load', 'another');
          expect(wrong.stdout).toMatch(/load-\S+ +FAILED.*--load another/u);
          expect([wrong.code, left]).toEqual([1, []]);
          await click();
          const { code, stdout, stderr } = await meactl('check', rigFile, '--load', serial!);
          expect(stdout, stderr).not.toMatch(/FAILED/u);
          expect([code, stderr]).toEqual([0, '']);
          const groups = groupsOf(file);
          expect(stdout.match(/load-\S+ +passed/gu)).toHaveLength(groups.length);
          expect(left.map(({ electrodes }) => electrodes)).toEqual(groups);
          expect(stdout.includes('-20, 20 uA measured on electrode 27, -20, 20 uA asked')).toBe(
            rig === 'open-ephys-stimjim',
          );
        });
      },
    );

    it('carries out trials, told where they left, and a replay finds them again', { retry: RETRY }, async () => {
      await inLab(rig, async ({ left, click }, rigFile) => {
        const experiment = writeExperiment(rig, inputsPerBlock, mixing);
        const out = join(root, `${rig}-${runs}`);
        await click();
        const refused = await meactl('run', experiment, '--rig', rigFile, '--out', out);
        const [, serial] = /expected --arm (\S+)/u.exec(refused.stderr) ?? [];
        expect(serial, refused.stderr).toBeDefined();
        expect(left).toEqual([]);
        const words = ['--arm', serial!, '--accept-unconfirmed', 'a test'];
        await click();
        const ran = await meactl('run', experiment, '--rig', rigFile, '--out', out, ...words);
        expect([ran.code, ran.stderr]).toEqual([0, '']);
        const { records } = readLedger(out);
        expect(records[0]).toMatchObject({ arming: { serialNumber: serial } });
        expect(JSON.stringify(records[0])).toMatch(/"acceptedNoWatchdog":"(Intan RHX|StimJim|Pulse Pal)/u);
        const trials = records.filter((record) => record.type === 'trial');
        expect(trials).toHaveLength(SESSIONS * TRIALS);
        const stimulated = trials.filter(({ delivery }) => delivery === 'delivered');
        expect(stimulated.length).toBeGreaterThan(3);
        // What the ledger says is where it left at the electrodes, to the sample; each recorder counts from its own zero.
        const samples = left.map(({ sample }) => sample);
        const zeros = samples.map((sample) => sample - stimulated[0]!.deliveredSample);
        const isZero = (zero: number): boolean =>
          stimulated.every(({ deliveredSample }) => samples.includes(deliveredSample + zero));
        expect(zeros.filter(isZero)).toHaveLength(1);
        for (const { deliveredSample, atSample } of stimulated) {
          expect(Math.abs(deliveredSample - atSample)).toBeLessThanOrEqual(0.025 * RATE);
        }
        const replayed = await meactl('replay', out);
        expect([replayed.code, replayed.stdout]).toEqual([0, expect.stringContaining('no difference')]);
        expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('mulated');
      });
    });
  });

  it('records without its stimulator being touched', { retry: RETRY }, async () => {
    await inLab('open-ephys-stimjim', async ({ left, click }, rigFile) => {
      const out = join(root, `record-${runs}`);
      await click();
      const { code, stderr } = await meactl('record', '--rig', rigFile, '--seconds', '2', '--out', out);
      expect([code, stderr]).toEqual([0, '']);
      const info = await meactl('info', out);
      expect(info.stdout).toMatch(/64 (channels|electrodes)/u);
      expect(left).toEqual([]);
    });
  });

  it('finds a load that takes less current than was asked for', { retry: RETRY }, async () => {
    const lab = await openOpenEphysLab('open-ephys-stimjim', { share: 0.5 });
    try {
      const rigFile = join(root, 'worn.yaml');
      writeFileSync(rigFile, stringify(lab.rig));
      const [, serial] = /give --load (\S+)/u.exec((await meactl('check', rigFile)).stdout) ?? [];
      const { code, stdout } = await meactl('check', rigFile, '--load', serial!);
      expect(stdout).toMatch(/load-output-1 +FAILED.*got -10, 10 uA measured on electrode 27, expected -20, 20 uA/u);
      expect(code).toBe(1);
    } finally {
      await lab.close();
    }
  });

  it('gives no pulse into a load that is named wrongly', { retry: RETRY }, async () => {
    await inLab('open-ephys-stimjim', async ({ left }, rigFile) => {
      const wrong = await meactl('check', rigFile, '--load', 'another');
      expect(wrong.stdout).toMatch(/load-\S+ +FAILED.*--load another/u);
      expect([wrong.code, left]).toEqual([1, []]);
    });
  });

  it('finds a known sine within 2 %, and an electrode with another gain', { retry: RETRY }, async () => {
    const wrongElectrode = 7;
    for (const gain of [1, 1.03]) {
      const lab = await openSineLab({ amplitudeUv: 1000, frequencyHz: 100, wrongElectrode, gain });
      try {
        const rigFile = join(root, `sine-${gain}.yaml`);
        writeFileSync(rigFile, stringify(lab.rig));
        const { code, stdout } = await meactl('check', rigFile, '--sine', '1000@100');
        if (gain === 1) expect(stdout).toMatch(/sine +passed.*1000 uV within 2 % on 64 electrodes/u);
        else expect(stdout).toMatch(/sine +FAILED.*electrodes 7 10[23]\d\.\d uV/u);
        expect(code).toBe(gain === 1 ? 0 : 1);
      } finally {
        await lab.close();
      }
    }
  });

  it('is refused before anything is connected to when the experiment does not fit', async () => {
    await inLab('intan-rhx-pulse-pal', async (_, rigFile) => {
      const { code, stderr } = await meactl('run', 'quick', '--rig', rigFile, '--out', join(root, 'unfit'));
      expect(stderr).toMatch(/groups of the stimulator cannot make the patterns/u);
      expect(code).toBe(2);
    });
  });

  it('arms no stimulator without a watchdog that the rig file does not accept', { retry: RETRY }, async () => {
    await inLab('intan-rhx-pulse-pal', async ({ rig, left, click }, rigFile) => {
      const text = stringify(rig).replace(/^ *acceptNoWatchdog:.*\n/mu, '');
      expect(text).not.toBe(stringify(rig));
      writeFileSync(rigFile, text);
      const experiment = writeExperiment('unaccepted', 16, 0);
      const out = join(root, `unaccepted-${runs}`);
      await click();
      const refused = await meactl('run', experiment, '--rig', rigFile, '--out', out);
      const [, serial] = /expected --arm (\S+)/u.exec(refused.stderr) ?? [];
      const words = ['--arm', serial!, '--accept-unconfirmed', 'a test'];
      await click();
      const ran = await meactl('run', experiment, '--rig', rigFile, '--out', out, ...words);
      expect(ran.stderr).toMatch(/does not turn itself off when this program dies/u);
      expect(ran.code).toBe(1);
      expect(left).toEqual([]);
    });
  });
});
