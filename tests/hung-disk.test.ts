import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageFolder } from '../src/cli/package-info.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';

const root = temporaryFolder('hung-disk');

it('a program whose disk never answers says up to where it is saved, and ends', async () => {
  const folder = join(root, 'recording');
  const fifo = join(root, 'fifo');
  mkdirSync(folder);
  expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
  const program = join(packageFolder(), 'dist/tests/programs/record-on-hung-disk.js');
  const { signal, stdout, stderr } = spawnSync(process.execPath, [program, folder], {
    env: { ...process.env, HUNG_FIFO: fifo },
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGTERM',
  });
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /^told failed\nMeaError: The disk does not answer any more: got nothing for 0\.3 s; saved up to sample 100 \(0\.10 s\): \d+ records, \d s ago, .*meactl recover\nhung true\n$/,
  );
  // By its own hand, not by that of this test.
  expect(signal).toBe('SIGKILL');
  expect((await runCli(['recover', folder])).stdout).toMatch(/recovered/);
  const info = await runCli(['info', '--json', folder]);
  expect(JSON.parse(info.stdout)).toMatchObject({ end: 'recovered', raw: [{ frames: 100 }] });
});
