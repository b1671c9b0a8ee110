import { join } from 'node:path';
import { expect, it } from 'vitest';
import { killRecording } from './helpers/kill-recordings.js';
import { temporaryFolder } from './helpers/run-cli.js';

const folder = join(temporaryFolder('killed'), 'recording');

it('a recording whose program is killed is readable, and all that was promised is there (10 kills)', async () => {
  let promised = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const killed = await killRecording(folder, seed);
    expect(killed.readSamples).toBeGreaterThanOrEqual(killed.promisedSamples);
    expect(killed.readRecords).toBeGreaterThanOrEqual(killed.promisedRecords);
    promised += killed.promisedSamples;
  }
  expect(promised).toBeGreaterThan(10_000);
}, 120_000);
