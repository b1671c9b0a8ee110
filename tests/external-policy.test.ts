import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLedger } from '../src/recording/ledger-reader.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { answerAll, freeAddress, POLICY_CLIENTS, policyScript } from './helpers/policy-program.js';
import { cutJournal } from './helpers/recorded-journal.js';
import { toldLines } from './helpers/recorded-run.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile, type ExperimentKeys } from './helpers/small-experiment.js';

const root = temporaryFolder('external');

for (const [file, probe] of POLICY_CLIENTS) {
  describeWithDebianTool(`the client of examples/external-policy/${file}`, probe, () => {
    it('decides every trial of a run', async () => {
      const address = await freeAddress();
      // Octave leaves a file behind where it is killed.
      const client = spawn(probe.command, [policyScript(file), address], {
        stdio: ['ignore', 'ignore', 'pipe'],
        cwd: root,
      });
      let complaints = '';
      client.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
      try {
        // As long as an interpreter may take to load on a busy machine, and half of the trial's time for each answer.
        const { out, stdout } = await run(file, { address, connectS: 120, deadlineMs: 10_000 }, { trialPeriodS: 20 });
        expect(stdout, complaints).toMatch(/fallback policy: 0 trials/);
        const { records } = readLedger(out);
        const shown = records.flatMap((record) => (record.type === 'trial' ? [record.inputs] : []));
        expect(shown).toHaveLength(32);
        expect(new Set(shown).size).toBeGreaterThan(4);
        expect((await runCli(['replay', out])).stdout).toMatch(/^no difference/);
      } finally {
        client.kill('SIGKILL');
      }
    });
  });
}

describe('an external policy over ZeroMQ', () => {
  it('is asked by REP programs, refused where it is wrong, replaced where it is late, and repeated from the records', async () => {
    const address = await freeAddress();
    const client = answerAll(address, ({ session, trial }) => {
      const answer = { session, trial, sources: '10', inputs: '10'.repeat(16) };
      return trial === 3 ? { ...answer, inputs: '10' } : answer;
    });
    try {
      const { out, stdout } = await run('scripted', { address, deadlineMs: 10_000 }, { trialPeriodS: 20 });
      expect(stdout).toMatch(/fallback policy: 4 trials \(0 without an answer in time, 4 with a bad one\)/);
      const fallen = toldLines(out).filter((line) => line.includes('"fallback":{'));
      expect(fallen).toHaveLength(4);
      expect(fallen[0]).toContain('"fallback":{"cause":"bad-answer","detail":"inputs: 2 digits in place of 32"}');
      // Every other trial but the first one was chosen from the responses before it.
      const choices = readLedger(out).records.flatMap((record) => (record.type === 'trial' ? [record] : []));
      const begin = choices[0]!.window[0];
      expect(choices.map(({ decidedFrom }) => decidedFrom)).toEqual(
        choices.map(({ trial }, i) => (i === 0 || trial === 3 ? undefined : [[begin, choices[i - 1]!.window[1]]])),
      );
      expect((await runCli(['replay', out])).stdout).toMatch(/^no difference/);
      // Cut off after ten lines: what was recorded is taken, and the program is asked again for the others.
      const cut = join(root, 'scripted-cut');
      cpSync(out, cut, { recursive: true });
      rmSync(join(cut, 'result.json'));
      cutJournal(cut, 10);
      const asked = client.asked();
      const resumed = await runCli(['run', '--resume', cut, '--no-report']);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(toldLines(cut)).toEqual(toldLines(out));
      expect(client.asked() - asked).toBe(24);
    } finally {
      await client.close();
    }
  });

  it('makes nothing where no program connects, or where its address is taken', async () => {
    const address = await freeAddress();
    const alone = await tryRun('alone', { address, connectS: 0.05 });
    expect(alone.stderr).toMatch(/No program has connected to decide patterns.*start it first/);
    expect(alone.code).toBe(1);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const taken = await tryRun('taken', { address: `tcp://127.0.0.1:${portOf(server.address())}` });
    expect(taken.stderr).toMatch(/Cannot wait for the external policy: got .*in use/);
    server.close();
  });

  it('is not waited for by a run that is being stopped', async () => {
    const address = await freeAddress();
    const abort = new AbortController();
    const client = answerAll(address, () => {
      abort.abort(new Error('enough'));
      return undefined;
    });
    try {
      const { code, stderr } = await tryRun(
        'stopped',
        { address, deadlineMs: 500_000 },
        { trialPeriodS: 1000, signal: abort.signal },
      );
      expect(stderr).toMatch(/interrupted; go on with/);
      expect(code).toBe(130);
    } finally {
      await client.close();
    }
  });
});

async function tryRun(
  name: string,
  policy: ExperimentKeys,
  { signal, ...keys }: ExperimentKeys & { readonly signal?: AbortSignal } = {},
) {
  const path = join(root, `${name}.yaml`);
  const out = join(root, `run-${name}`);
  writeFileSync(path, smallExperimentFile({ ...keys, policy: { type: 'external', ...policy } }));
  const outcome = await runCli(['run', path, '--out', out, '--no-report'], signal === undefined ? {} : { signal });
  return { out, ...outcome };
}

async function run(name: string, policy: ExperimentKeys, keys: ExperimentKeys) {
  const outcome = await tryRun(name, policy, keys);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

function portOf(place: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (place === null || typeof place === 'string') throw new Error('no port');
  return place.port;
}
