import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '../protocols/mea-link/crc32c.js';
import { carryOutInPieces, type LongWork } from '../src/recording/long-work.js';
import { CONTINUOUS_FOLDER, NODE_FOLDER } from '../src/recording/raw/structure-oebin.js';
import { recoverInPieces } from '../src/recording/recover.js';
import { systemDisk } from '../src/recording/disk/disk.js';
import { verifyInPieces } from '../src/recording/verify.js';
import { writeFrames } from './helpers/recorded-journal.js';
import { sessionOf } from './helpers/recording-scenario.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';

// A recording of one long stretch, 40 MB, beside a journal of 20 MB: in one go, nobody would have a turn.
const root = temporaryFolder('long');
const CHANNELS = 64;
const FRAMES = 20_000;
const CHUNKS = 16;
const LOOSE_BYTES = 5 * 2 ** 20;
let counter = 0;
let folder = '';

beforeEach(() => {
  folder = join(root, `${(counter += 1)}`);
  const data = join(folder, NODE_FOLDER, 'recording1', CONTINUOUS_FOLDER, 'continuous.dat');
  mkdirSync(dirname(data), { recursive: true });
  const bytes = Buffer.alloc(CHUNKS * FRAMES * CHANNELS * 2);
  const chunks = Array.from({ length: CHUNKS }, (_, i) => {
    const chunk = bytes.subarray((i * bytes.length) / CHUNKS, ((i + 1) * bytes.length) / CHUNKS).fill(i + 1);
    return { recording: 1, firstFrame: i * FRAMES, frames: FRAMES, firstSample: i * FRAMES, crc: crc32c(chunk) };
  });
  // What follows the last chunk nobody vouches for.
  writeFileSync(data, Buffer.concat([bytes, Buffer.alloc(LOOSE_BYTES)]));
  const started = { recording: 1, firstSample: 0, channels: CHANNELS, sampleRateHz: FRAMES, because: 'start' };
  const session = { ...sessionOf({ seconds: CHUNKS, channels: CHANNELS }), sampleRateHz: FRAMES };
  const long = { recording: 1, atFrame: 0, event: { type: 'note', text: 'x'.repeat(2 ** 20) } };
  writeFrames(folder, { segment: 0, seq: 0 }, [
    ['session', JSON.stringify(session)],
    ['recording-started', JSON.stringify(started)],
    ...Array.from({ length: 20 }, () => ['event', JSON.stringify(long)] as const),
    ...chunks.map((chunk) => ['chunk', JSON.stringify(chunk)] as const),
  ]);
});

/** Names, lengths and times of all files: whether anything was written. */
function listFolder(): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.map((entry) => {
    const { size, mtimeMs } = statSync(join(entry.parentPath, entry.name));
    return `${entry.name} ${size} ${mtimeMs}`;
  });
}

/** A signal that is aborted when the program lets others have a turn for the nth time. */
function abortInTurn(turn: number): AbortSignal {
  const abort = new AbortController();
  const wait = (left: number): void => {
    setImmediate(() => {
      if (left === 1) abort.abort(new Error('stopped by SIGINT'));
      else wait(left - 1);
    });
  };
  wait(turn);
  return abort.signal;
}

async function sharesOf(
  work: (options: { signal: AbortSignal; onProgress: (share: number) => void }) => Promise<unknown>,
): Promise<number[]> {
  const shares: number[] = [];
  await work({ signal: new AbortController().signal, onProgress: (share) => shares.push(share) });
  return shares;
}

describe('what takes long', () => {
  it('tells its share within one stretch of samples, rising to the end', async () => {
    const shares = await sharesOf((options) => verifyInPieces(folder, options));
    // Every 4 MiB of a journal that is read twice, and of the samples.
    expect(shares.length).toBeGreaterThanOrEqual(14);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares[0]).toBeLessThan(0.15);
    expect(shares.at(-1)).toBeGreaterThan(0.8);
    const steps = shares.slice(1).map((share, i) => share - shares[i]!);
    expect(Math.max(...steps)).toBeLessThan(0.15);
  });

  it('tells its share when it mends as well', async () => {
    const options = { disk: systemDisk(), clock: { wallMs: () => 0 } };
    const shares = await sharesOf((turns) => recoverInPieces(folder, { ...options, ...turns }));
    expect(shares.length).toBeGreaterThanOrEqual(10);
    expect(shares[0]).toBeLessThan(0.15);
  });

  it('closes what it has open when it is given up, with the reason', async () => {
    const reason = new Error('enough');
    let isClosed = false;
    function* work(): LongWork<void> {
      try {
        for (;;) yield 2 ** 22;
      } finally {
        isClosed = true;
      }
    }
    const abort = new AbortController();
    const shares: number[] = [];
    const onProgress = (share: number): void => {
      shares.push(share);
      if (shares.length === 2) abort.abort(reason);
    };
    const options = { signal: abort.signal, totalBytes: 2 ** 24, onProgress };
    await expect(carryOutInPieces(work(), options)).rejects.toBe(reason);
    expect([shares, isClosed]).toEqual([[0.25, 0.5], true]);
  });
});

describe('a command that is interrupted', () => {
  const out = (): string => join(folder, '..', `export-${counter}`);

  it.each([
    ['info', () => ['info', folder]],
    ['verify, in the journal', () => ['verify', folder]],
    ['replay', () => ['replay', folder]],
    ['replay --skip-damaged', () => ['replay', '--skip-damaged', folder]],
    ['export', () => ['export', folder, '--format', 'nwb', '--out', out()]],
    ['export --skip-damaged', () => ['export', '--skip-damaged', folder, '--format', 'nwb', '--out', out()]],
  ])('%s ends at once with 130, and has written nothing', async (_name, argv) => {
    const before = listFolder();
    const ended = await runCli(argv(), { signal: abortInTurn(1) });
    expect(ended).toEqual({ code: 130, stdout: '', stderr: '' });
    expect(listFolder()).toEqual(before);
    expect(existsSync(out())).toBe(false);
  });

  it('verify ends in the middle of a stretch', async () => {
    // The journal takes five turns, and five more for the files that tell of stimuli.
    const { code, stdout } = await runCli(['verify', folder], { signal: abortInTurn(14) });
    expect([code, stdout]).toEqual([130, '']);
  });

  it('replay --skip-damaged ends in the middle of a stretch', async () => {
    const { code, stdout } = await runCli(['replay', '--skip-damaged', folder], { signal: abortInTurn(9) });
    expect([code, stdout]).toEqual([130, '']);
  });

  // In each of its readings.
  it.each([1, 4, 7, 11])('recover ends in turn %i with 130, and a second one mends it', async (turn) => {
    const { code, stdout } = await runCli(['recover', folder], { signal: abortInTurn(turn) });
    expect([code, stdout]).toEqual([130, '']);
    expect(existsSync(join(folder, 'run.lock'))).toBe(false);
    expect(listFolder().filter((name) => name.includes('.tmp'))).toEqual([]);
    const second = await runCli(['recover', '--json', folder]);
    expect(second.code).toBe(3);
    expect(JSON.parse(second.stdout)).toMatchObject({ lostSeconds: LOOSE_BYTES / (CHANNELS * 2 * FRAMES) });
    expect((await runCli(['verify', folder])).code).toBe(0);
  });
});
