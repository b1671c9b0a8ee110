import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../protocols/random.js';
import { systemDisk } from '../src/recording/disk/disk.js';
import { indexJournal } from '../src/recording/journal/journal-index.js';
import { recoverRecording } from '../src/recording/recover.js';
import { verifyRecording } from '../src/recording/verify.js';
import { createLoggedDisk, losePower, materialise, type DiskOperation } from './helpers/disk-log.js';
import {
  RATE_HZ,
  readBack,
  recordScenario,
  type Acknowledged,
  type Scenario,
  type ScenarioOutcome,
} from './helpers/recording-scenario.js';
import { temporaryFolder } from './helpers/run-cli.js';

const ROOT = '/recording';
const target = temporaryFolder('crash');
const CLOCK = { wallMs: () => 0 };

const WHOLE: Scenario = { seconds: 6, channels: 3, shortGapAt: 2000, longGapAt: 4020 };

function record(scenario: Scenario): { outcome: ScenarioOutcome; operations: readonly DiskOperation[] } {
  const disk = createLoggedDisk();
  const outcome = recordScenario(scenario, { disk, folder: ROOT, count: () => disk.operations.length });
  return { outcome, operations: disk.operations };
}

/** What must be there after so many calls. */
function promisedAt(acknowledged: readonly Acknowledged[], operations: number): Acknowledged {
  return acknowledged.findLast((mark) => mark.operations <= operations) ?? { operations: 0, ledger: 0, nextSample: 0 };
}

/** Recovers what is left, and holds it against what was recorded and what was promised. */
async function assertSound(folder: string, { ledger }: ScenarioOutcome, promised: Acknowledged): Promise<void> {
  if (indexJournal(folder).sessionBytes === undefined) {
    // Nothing had been promised to be there.
    expect(promised.operations).toBe(0);
    return;
  }
  recoverRecording(folder, { disk: systemDisk(), clock: CLOCK });
  const read = await readBack(folder, ledger);
  expect(read.ledger).toEqual(ledger.slice(0, read.ledger.length));
  expect(read.ledger.length).toBeGreaterThanOrEqual(promised.ledger);
  expect(read.nextSample).toBeGreaterThanOrEqual(promised.nextSample);
  expect(verifyRecording(folder).problems).toEqual([]);
  expect(recoverRecording(folder, { disk: systemDisk(), clock: CLOCK }).outcome).toBe('whole');
}

describe('a recording that is written', () => {
  it('reads back as it was given, in three stretches, with the short gap blind', async () => {
    const { outcome, operations } = record(WHOLE);
    const folder = join(target, 'whole');
    materialise(operations, ROOT, folder);
    expect(outcome.error).toBeUndefined();
    const read = await readBack(folder, outcome.ledger);
    expect(read).toEqual({
      ledger: outcome.ledger,
      spikes: outcome.spikes,
      frames: WHOLE.seconds * RATE_HZ,
      nextSample: WHOLE.seconds * RATE_HZ + 520,
    });
    expect(outcome.ledger.length).toBeGreaterThan(20);
    const { index, problems, chunks } = verifyRecording(folder);
    expect(problems).toEqual([]);
    expect(chunks).toBeGreaterThanOrEqual(6);
    expect([...index.stretches.values()].map(({ gaps }) => gaps.map(({ how, samples }) => [how, samples]))).toEqual([
      [
        ['filled', 20],
        ['split', 500],
      ],
      [],
    ]);
    expect(existsSync(join(folder, 'reserve.bin'))).toBe(false);
  });

  it('is promised to be safe at least once a second, and the promise is never less than a second old', () => {
    const { outcome } = record(WHOLE);
    const marks = outcome.acknowledged.map(({ nextSample }) => nextSample);
    const steps = marks.slice(1).map((sample, i) => sample - marks[i]!);
    expect(Math.max(...steps)).toBeLessThanOrEqual(RATE_HZ + 520);
  });
});

describe('a recording whose program dies', () => {
  it('is readable whichever call of the disk was the last, whole or cut in the middle', async () => {
    const { outcome, operations } = record(WHOLE);
    const folder = join(target, 'killed');
    for (let last = 0; last <= operations.length; last++) {
      const promised = promisedAt(outcome.acknowledged, last);
      materialise(operations.slice(0, last), ROOT, folder);
      await assertSound(folder, outcome, promised);
      const next = operations[last];
      if (next?.type !== 'write' || next.bytes.length < 2) continue;
      const half = { ...next, bytes: next.bytes.slice(0, Math.floor(next.bytes.length / 2) | 1) };
      materialise([...operations.slice(0, last), half], ROOT, folder);
      await assertSound(folder, outcome, promised);
    }
  }, 300_000);

  it('is readable after 1,000 power failures that drop, reorder and tear what was not forced to the disk', async () => {
    const { outcome, operations } = record(WHOLE);
    const folder = join(target, 'power');
    const random = randomOf(20_261);
    let applied = 0;
    for (let i = 0; i < 1000; i++) {
      const last = Math.floor(random() * (operations.length + 1));
      const left = losePower(operations.slice(0, last), random);
      applied += left.length < last ? 1 : 0;
      materialise(left, ROOT, folder);
      await assertSound(folder, outcome, promisedAt(outcome.acknowledged, last));
    }
    // The faults were there.
    expect(applied).toBeGreaterThan(500);
  }, 300_000);
});

function randomOf(seed: number): () => number {
  const stream = openRandomStream(seed, 'disk-faults');
  return () => stream.uniform();
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

describe('a recording of which one byte is changed', () => {
  it('says so whichever byte it is, gives no wrong value, and loses a second at most', async () => {
    const { outcome, operations } = record({ seconds: 2, channels: 1 });
    const folder = join(target, 'flipped');
    materialise(operations, ROOT, folder);
    const whole = await readBack(folder, outcome.ledger);
    let flipped = 0;
    for (const file of filesIn(folder)) {
      const bytes = readFileSync(file);
      for (let i = 0; i < bytes.length; i++) {
        bytes[i]! ^= 1 << (i % 8);
        writeFileSync(file, bytes);
        const { problems } = verifyRecording(folder);
        if (problems.length === 0) throw new Error(`byte ${i} of ${file} can be changed without being seen`);
        const read = await readBack(folder, outcome.ledger);
        expect(whole.frames - read.frames).toBeLessThanOrEqual(RATE_HZ);
        expect(whole.ledger.length - read.ledger.length).toBeLessThanOrEqual(1);
        flipped += 1;
        bytes[i]! ^= 1 << (i % 8);
      }
      writeFileSync(file, bytes);
    }
    expect(flipped).toBeGreaterThan(7000);
    expect(verifyRecording(folder).problems).toEqual([]);
  }, 600_000);
});

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code });
}

describe('a recording whose disk refuses', () => {
  const total = record(WHOLE).operations.length;

  it.each([
    ['EIO', 'once'],
    ['ENOSPC', 'from then on'],
    ['EROFS', 'from then on'],
  ] as const)(
    '%s at any call, %s: it is told, and what was written is sound',
    async (code, how) => {
      const folder = join(target, `refused-${code}`);
      let told = 0;
      for (let at = 0; at < total; at++) {
        let refusals = 0;
        const disk = createLoggedDisk((index) => {
          if (index < at || (how === 'once' && refusals > 0)) return undefined;
          refusals += 1;
          return systemError(code);
        });
        const outcome = recordScenario(WHOLE, { disk, folder: ROOT, count: () => disk.operations.length });
        const isTold = outcome.error !== undefined || outcome.notices.some(({ type }) => type !== 'saved');
        told += isTold ? 1 : 0;
        materialise(disk.operations, ROOT, folder);
        await assertSound(folder, outcome, promisedAt(outcome.acknowledged, Infinity));
        if (how !== 'once') expect(isTold).toBe(true);
      }
      expect(told).toBeGreaterThan(total / 2);
    },
    300_000,
  );

  it('that takes a part of every write gets all of it in the end', async () => {
    const random = randomOf(7);
    let parts = 0;
    const disk = createLoggedDisk((_, operation) => {
      if (operation.type !== 'write' || operation.bytes.length < 2) return undefined;
      parts += 1;
      return { taken: 1 + Math.floor(random() * (operation.bytes.length - 1)) };
    });
    const outcome = recordScenario(WHOLE, { disk, folder: ROOT, count: () => disk.operations.length });
    expect(outcome.error).toBeUndefined();
    expect(parts).toBeGreaterThan(100);
    const folder = join(target, 'parts');
    materialise(disk.operations, ROOT, folder);
    const read = await readBack(folder, outcome.ledger);
    expect(read.frames).toBe(WHOLE.seconds * RATE_HZ);
    expect(verifyRecording(folder).problems).toEqual([]);
  });

  it('samples alone goes on with spikes and trials', async () => {
    const disk = createLoggedDisk((index, operation) =>
      index > 100 && operation.type === 'write' && operation.bytes.length > 2000 && !isFrame(operation.bytes)
        ? systemError('ENOSPC')
        : undefined,
    );
    const outcome = recordScenario(WHOLE, { disk, folder: ROOT, count: () => disk.operations.length });
    expect(outcome.error).toBeUndefined();
    expect(outcome.notices.filter(({ type }) => type === 'raw-stopped')).toHaveLength(1);
    const folder = join(target, 'raw-stopped');
    materialise(disk.operations, ROOT, folder);
    const read = await readBack(folder, outcome.ledger);
    expect(read.ledger).toEqual(outcome.ledger);
    expect(read.spikes).toBe(outcome.spikes);
    expect(read.frames).toBeLessThan(WHOLE.seconds * RATE_HZ);
    const { problems, remarks } = verifyRecording(folder);
    expect(problems).toEqual([]);
    expect(remarks).toEqual([expect.stringMatching(/raw samples were no longer recorded .*no space left on the disk/)]);
  });
});

function isFrame(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'MEAJ';
}
