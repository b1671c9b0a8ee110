import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageFolder } from '../src/cli/package-info.js';
import { copyRate, printLine } from './measure.js';
import { shareByPart } from './profile-shares.js';

// The full experiment on voltages, as a person runs it: 256 trials a session, 64 channels at 20 kHz, every sample
// synthesised, sent, filtered and searched; rests skipped. `npm run bench -- raw-experiment [SESSIONS]`; 4 sessions where
// nothing is said, 100 are the whole experiment. Asked for: 100 times real time on 2 cores (25,600 s in 256 s), below
// 500 MB, flat. Start and analysis of the program count; the signal between and before the trials does not.
const sessions = Number(process.argv[2] ?? 4);
const PROFILED_SESSIONS = 2;
const TRIALS = 256;
const POLL_MS = 250;

const main = join(packageFolder(), 'dist/src/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'meactl-bench-'));

interface RunFigures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly maxMb: number;
  /** Resident MB at a quarter of the run, in its middle and near its end; none where the system does not tell. */
  readonly residentMb: readonly number[];
}

/** Writes what the process used to its fourth descriptor when it ends. */
const REPORT_USAGE = `data:text/javascript,import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
if (isMainThread) process.on('exit', () => { writeSync(3, JSON.stringify(process.resourceUsage())); });`;

async function runExperiment(count: number, nodeOptions: readonly string[] = []): Promise<RunFigures> {
  const out = join(folder, `run-${count}-${nodeOptions.length}`);
  const experiment = ['run', writeExperiment(count), '--rig', 'emulated-voltages', '--sessions', String(count)];
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [...nodeOptions, '--import', REPORT_USAGE, main, ...experiment, '--out', out, '--no-report'],
    { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] },
  );
  const resident: number[] = [];
  let usage = '';
  child.stdio[3]?.on('data', (chunk: Buffer) => (usage += chunk.toString()));
  let code: number | null | undefined;
  child.on('close', (status) => (code = status));
  while (code === undefined) {
    await delay(POLL_MS);
    const mb = residentOf(child.pid ?? 0);
    if (mb !== undefined) resident.push(mb);
  }
  if (code !== 0) throw new Error(`meactl run ended with ${code}`);
  const { userCPUTime, systemCPUTime, maxRSS } = toUsage(JSON.parse(usage));
  const at = (share: number): number => resident[Math.floor(share * (resident.length - 1))] ?? 0;
  return {
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    maxMb: maxRSS / 1000,
    residentMb: resident.length === 0 ? [] : [at(0.25), at(0.5), at(0.95)],
  };
}

/** The bundled experiment, with fewer sessions that calibrate the model where there are few in all. */
function writeExperiment(count: number): string {
  const bundled = readFileSync(join(packageFolder(), 'experiments/isomura2023.yaml'), 'utf8');
  const path = join(folder, `experiment-${count}.yaml`);
  writeFileSync(path, bundled.replace('initialSessions: 10', `initialSessions: ${Math.min(10, Math.ceil(count / 2))}`));
  return path;
}

/** Resident megabytes of a process, where the system tells. */
function residentOf(pid: number): number | undefined {
  try {
    const kilobytes = /VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
  } catch {
    return undefined;
  }
}

function toUsage(value: unknown): { userCPUTime: number; systemCPUTime: number; maxRSS: number } {
  const numberOf = (name: string): number => {
    const field: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
    if (typeof field !== 'number') throw new Error(`the program did not say its ${name}`);
    return field;
  };
  return {
    userCPUTime: numberOf('userCPUTime'),
    systemCPUTime: numberOf('systemCPUTime'),
    maxRSS: numberOf('maxRSS'),
  };
}

try {
  printLine(`machine: a copy moves ${copyRate().toFixed(0)} million int16 a CPU second`);
  const { seconds, cpuSeconds, maxMb, residentMb } = await runExperiment(sessions);
  const signalSeconds = sessions * TRIALS;
  printLine(
    `${sessions} sessions of ${TRIALS} trials, ${signalSeconds} s of 64 channels at 20 kHz: ${seconds.toFixed(1)} s, ` +
      `${(signalSeconds / seconds).toFixed(0)} times real time (asked for: 100); ${cpuSeconds.toFixed(1)} CPU seconds`,
  );
  const [early = '?', middle = '?', late = '?'] = residentMb.map((mb) => mb.toFixed(0));
  printLine(
    `resident: ${early} MB after a quarter of the run, ${middle} in its middle, ${late} near its end, ` +
      `${maxMb.toFixed(0)} at most (asked for: below 500, flat)`,
  );
  printLine(`machine: a copy moves ${copyRate().toFixed(0)} million int16 a CPU second`);
  const profiles = join(folder, 'profiles');
  mkdirSync(profiles);
  await runExperiment(PROFILED_SESSIONS, ['--cpu-prof', '--cpu-prof-dir', profiles]);
  printLine(`shares of the time of every thread, from a profile of ${PROFILED_SESSIONS} sessions:`);
  for (const file of readdirSync(profiles)) {
    const shares = shareByPart(readFileSync(join(profiles, file), 'utf8'));
    printLine(`  ${shares.map(({ part, share }) => `${part} ${(100 * share).toFixed(0)} %`).join(', ')}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
