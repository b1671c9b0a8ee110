import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLedger } from '../src/recording/ledger-reader.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { answerAll, freeAddress, POLICY_CLIENTS, policyScript } from './helpers/policy-program.js';
import { temporaryFolder } from './helpers/run-cli.js';
import { runProgram } from './helpers/run-program.js';
import { serveCulture, type ServedCulture } from './helpers/served-culture.js';

// The program, a device over TCP and a program that decides, in real time: on a loaded machine an answer may come too late.
const RETRY = 3;
const root = temporaryFolder('external-on-device');
let culture: ServedCulture;
let attempts = 0;
beforeAll(async () => {
  culture = await serveCulture(root);
});
afterAll(() => culture.served.close());

/** Runs an experiment of twelve trials whose patterns a program decides, and looks whether all of it is as it must be. */
async function expectDecided(address: string): Promise<readonly string[]> {
  attempts += 1;
  const name = `run-${attempts}`;
  const out = join(root, name);
  const before = culture.stimuli().length;
  const policy = { type: 'external', address, connectS: 60, deadlineMs: 450 };
  const ran = await runProgram(culture.runArguments(name, { trialPeriodS: 1, policy }), root);
  expect(ran.code, ran.stderr).toBe(0);
  const trials = readLedger(out).records.flatMap((record) => (record.type === 'trial' ? [record] : []));
  expect(trials).toHaveLength(12);
  expect(trials.filter(({ fallback }) => fallback !== undefined)).toEqual([]);
  // What left the electrodes is what the program said, at its sample.
  const { stimulatedElectrodes } = startedSource(out);
  expect(culture.stimuli().slice(before)).toMatchObject(
    trials.map(({ atSample, inputs }) => ({
      sample: atSample,
      electrodes: stimulatedElectrodes.filter((_, input) => inputs[input] === '1'),
    })),
  );
  // Each was decided from the samples of those before it, which were all seen when it left.
  const first = trials[0]!.usedSamples![0];
  for (const [i, { atSample, decidedFrom }] of trials.entries()) {
    if (i === 0) expect(decidedFrom).toBeUndefined();
    else expect(decidedFrom).toEqual([[first, trials[i - 1]!.usedSamples![1]]]);
    expect(decidedFrom?.[0]![1] ?? 0).toBeLessThan(atSample);
  }
  const replayed = await runProgram(['replay', out], root);
  expect(replayed.stdout, replayed.stderr).toMatch(
    /no difference: \d+ spikes, to the bit\nno difference: \d+ records, 12 trials/,
  );
  return trials.map(({ inputs }) => inputs);
}

function startedSource(out: string) {
  const [start] = readLedger(out).records;
  if (start?.type !== 'experiment-started') throw new Error('no experiment');
  return start.source;
}

describe('an external policy on a device', () => {
  it(
    'decides every trial in real time, behind the gate, and is repeated from the records',
    { retry: RETRY },
    async () => {
      const address = await freeAddress();
      const patternOf = (session: number, trial: number): string =>
        Array.from({ length: 8 }, (_, input) => ((session + trial + input) % 3 === 0 ? '1' : '0')).join('');
      const program = answerAll(address, ({ session, trial }) => ({
        session,
        trial,
        sources: '10',
        inputs: patternOf(session, trial),
      }));
      try {
        const shown = await expectDecided(address);
        expect(shown).toEqual(
          [0, 1].flatMap((session) => [0, 1, 2, 3, 4, 5].map((trial) => patternOf(session, trial))),
        );
        expect(program.asked()).toBe(12);
      } finally {
        await program.close();
      }
    },
  );
});

const [file, probe] = POLICY_CLIENTS[0]!;
describeWithDebianTool(`the client of examples/external-policy/${file} on a device`, probe, () => {
  it('decides every trial of a run in real time', { retry: RETRY }, async () => {
    const address = await freeAddress();
    const client = spawn(probe.command, [policyScript(file), address], { stdio: 'ignore', cwd: root });
    try {
      expect(new Set(await expectDecided(address)).size).toBeGreaterThan(2);
    } finally {
      client.kill('SIGKILL');
    }
  });
});
