import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { listSegments } from '../src/recording/journal/scan-journal.js';
import { cutJournal, journalBytes, journalFrames, replaceJournal, writeJournal } from './helpers/recorded-journal.js';
import { flipByte, interruptionsOf, recordPart, toldLines } from './helpers/recorded-run.js';
import { runCli, snapshotFolder, temporaryFolder, type CliOutcome } from './helpers/run-cli.js';
import { smallExperiment, smallExperimentFile } from './helpers/small-experiment.js';

const root = temporaryFolder('resume');
const SMALL = smallExperiment();
const TRIALS = SMALL.trials * SMALL.sessions;

let counter = 0;
function newFolder(): string {
  counter++;
  return join(root, `run-${counter}`);
}

/** The same experiment without a stop. */
let whole: { readonly lines: readonly string[]; readonly result: string };
beforeAll(async () => {
  const folder = newFolder();
  writeFileSync(join(root, 'small.yaml'), smallExperimentFile());
  const { code } = await runCli(['run', join(root, 'small.yaml'), '--out', folder, '--no-report']);
  expect(code).toBe(0);
  whole = { lines: toldLines(folder), result: readFileSync(join(folder, 'result.json'), 'utf8') };
  expect(whole.lines).toHaveLength(46);
});

function resume(folder: string, ...options: readonly string[]): Promise<CliOutcome> {
  return runCli(['run', '--resume', folder, '--no-report', ...options]);
}

async function expectSameAsWhole(folder: string, because = ''): Promise<CliOutcome> {
  const outcome = await resume(folder);
  expect(outcome.code, `${because} ${outcome.stderr}`).toBe(0);
  expect(toldLines(folder), because).toEqual(whole.lines);
  expect(readFileSync(join(folder, 'result.json'), 'utf8'), because).toBe(whole.result);
  return outcome;
}

describe('a resumed run is the uninterrupted one', () => {
  it('after an interruption between any two trials', async () => {
    for (let trials = 0; trials < TRIALS; trials++) {
      const { path } = await recordPart(newFolder(), SMALL, { trials, by: 'interrupt' });
      await expectSameAsWhole(path, `after ${trials} trials`);
      const at = { session: Math.floor(trials / SMALL.trials), trial: trials % SMALL.trials };
      expect(interruptionsOf(path)).toEqual([
        { type: 'interrupted', ...at },
        { type: 'resumed', ...at },
      ]);
    }
  });

  it('after an interruption in a rest', async () => {
    const { path } = await recordPart(newFolder(), SMALL, { trials: 8, by: 'rest' });
    expect(toldLines(path).at(-1)).toContain('"session-ended"');
    await expectSameAsWhole(path);
  });

  it('after its process was killed at any trial, whatever was still to be written', async () => {
    for (const ledgerBatch of [1, 5, 64]) {
      for (let trials = 3; trials < TRIALS; trials += ledgerBatch === 1 ? 1 : 3) {
        const { path } = await recordPart(newFolder(), SMALL, { trials, by: 'kill', ledgerBatch });
        // a process that is killed before its first write leaves an empty ledger: nothing to go on with
        if (toldLines(path).length > 0) await expectSameAsWhole(path, `batch ${ledgerBatch}, after ${trials} trials`);
        else expect(ledgerBatch).toBe(64);
      }
    }
  });

  it('after it was stopped again and again', async () => {
    const { path } = await recordPart(newFolder(), SMALL, { trials: 5, by: 'interrupt' });
    for (const lines of [9, 14, 15, 27]) {
      const copy = newFolder();
      cpSync(path, copy, { recursive: true });
      await resume(copy);
      // as if that one had been killed later on
      cutJournal(copy, lines);
      replaceJournal(path, copy);
    }
    await expectSameAsWhole(path);
    expect(interruptionsOf(path).length).toBeGreaterThanOrEqual(3);
  });

  it.each([1, 2, 7, 13])('in batches of %i trials and as many records', async (batch) => {
    const { path } = await recordPart(newFolder(), SMALL, { trials: 11, by: 'interrupt' });
    const { code } = await resume(path, '--batch', String(batch), '--ledger-batch', String(batch));
    expect(code).toBe(0);
    expect(toldLines(path)).toEqual(whole.lines);
  });

  it('after its ledger was cut at any line, whether its saved states are newer, gone or damaged', async () => {
    const finished = newFolder();
    await runCli(['run', join(root, 'small.yaml'), '--out', finished, '--no-report']);
    rmSync(join(finished, 'result.json'));
    for (let lines = 1; lines <= whole.lines.length; lines++) {
      const folder = newFolder();
      cpSync(finished, folder, { recursive: true });
      cutJournal(folder, lines);
      if (lines % 3 === 0) rmSync(join(folder, 'source-state.bin.0'));
      if (lines % 3 === 1) flipByte(join(folder, 'source-state.bin.1'), 100);
      await expectSameAsWhole(folder, `cut after line ${lines}`);
    }
  });
});

describe('the saved state of the source', () => {
  const SLOTS = ['source-state.bin.0', 'source-state.bin.1'] as const;
  const damages: readonly (readonly [how: string, damage: (path: string) => void])[] = [
    [
      'with a flipped bit',
      (path) => {
        flipByte(path, 300);
      },
    ],
    [
      'cut short',
      (path) => {
        truncateSync(path, 1000);
      },
    ],
    [
      'empty',
      (path) => {
        truncateSync(path, 0);
      },
    ],
    [
      'gone',
      (path) => {
        rmSync(path);
      },
    ],
  ];

  it.each(damages)('%s in one slot or in both does not change what follows', async (_, damage) => {
    for (const slots of [[SLOTS[0]], [SLOTS[1]], SLOTS]) {
      const { path } = await recordPart(newFolder(), SMALL, { trials: 19, by: 'kill' });
      for (const slot of slots) damage(join(path, slot));
      await expectSameAsWhole(path, slots.join());
    }
  });
});

describe('a last line that was cut off', () => {
  // Few electrodes make short lines, so that every byte can be tried.
  const rig = {
    version: 1,
    name: 'tiny',
    device: 'emulator',
    array: { rows: 2, columns: 2 },
    stimulated: { electrodes: [0, 3], status: 'confirmed' },
    pulse: { amplitudeUa: null, phaseWidthUs: null, status: 'unconfirmed' },
  };

  it('at any byte of the last three lines is left out and carried out again', async () => {
    const files = [join(root, 'tiny.yaml'), join(root, 'tiny-rig.yaml')] as const;
    writeFileSync(files[0], smallExperimentFile({ inputsPerBlock: 1, trials: 4, sessions: 3, initialSessions: 1 }));
    writeFileSync(files[1], JSON.stringify(rig));
    const finished = newFolder();
    const run = await runCli(['run', files[0], '--rig', files[1], '--out', finished, '--no-report']);
    expect(run.code, run.stderr).toBe(0);
    const lines = toldLines(finished);
    const last = lines.findIndex((line) => line.startsWith('{"type":"rest"'));
    expect(lines[last - 2]).toContain('"ensemble-not-found"');
    // trial, ensemble-not-found, session-ended and rest, what lies between them, and the end of the trial before
    const frames = journalFrames(finished);
    const told = frames.filter(({ name }) => name === 'ledger').slice(last - 4, last + 1);
    const [from, to] = [told[0]!.to, told.at(-1)!.to];
    expect(new Set(told.map(({ segment }) => segment)).size).toBe(1);
    const folder = newFolder();
    for (let end = from; end <= to; end++) {
      rmSync(folder, { recursive: true, force: true });
      cpSync(finished, folder, { recursive: true });
      rmSync(join(folder, 'result.json'));
      const [segment] = listSegments(folder);
      truncateSync(segment!, end);
      const bytes = readFileSync(segment!);
      const { code, stderr } = await resume(folder);
      expect(code, `cut at byte ${end}: ${stderr}`).toBe(0);
      expect(toldLines(folder), `cut at byte ${end}`).toEqual(lines);
      const torn = end - Math.max(...frames.flatMap((frame) => (frame.to <= end ? [frame.to] : [])));
      if (torn > 0) expect(stderr).toContain(`the last record was cut off (${torn} bytes)`);
      else expect(stderr).toBe('');
      // what is whole stays as it is, what is torn is beside it, and what is new stands in segments of its own
      expect(readFileSync(segment!).equals(bytes.subarray(0, end - torn))).toBe(true);
      const aside = `${segment!}.unverified`;
      if (torn > 0) expect(readFileSync(aside).equals(bytes.subarray(end - torn))).toBe(true);
      else expect(existsSync(aside)).toBe(false);
      const next = journalFrames(folder).find((frame) => frame.name === 'ledger' && frame.segment !== segment)!;
      expect(Buffer.from(next.payload).toString()).toMatch(/^\{"type":"resumed"/);
    }
  });
});

describe('a resume that cannot be', () => {
  /** A run of 19 trials, killed, with a torn record at its end. */
  async function recorded(change: (lines: string[]) => void = () => undefined): Promise<string> {
    const { path } = await recordPart(newFolder(), SMALL, { trials: 19, by: 'kill' });
    const lines = [...toldLines(path)];
    change(lines);
    writeJournal(path, lines, { line: whole.lines.at(-1)!, bytes: 12 });
    return path;
  }

  const replaceIn =
    (line: number, from: string | RegExp, to: string) =>
    (lines: string[]): void => {
      const changed = lines[line]!.replace(from, to);
      expect(changed).not.toBe(lines[line]);
      lines[line] = changed;
    };

  const cases: readonly (readonly [what: string, change: (lines: string[]) => void, message: RegExp])[] = [
    [
      'of a recording by a newer program',
      (lines) => {
        replaceIn(0, '"version":1', '"version":2')(lines);
        lines[4] = '{"type":"of-the-future"}';
      },
      /newer than this program: got ledger version 2, expected at most 1 \(.*journal-0000\.log, byte \d+\)/,
    ],
    [
      'from another device',
      replaceIn(0, 'emulated-culture 1', 'emulated-culture 2'),
      /cannot be continued.*source\.device/,
    ],
    ['with another seed', replaceIn(0, '"seed":1', '"seed":2'), /(other settings|cannot be continued|does not repeat)/],
    [
      'with an experiment that cannot be',
      replaceIn(0, '"mixing":0', '"mixing":7'),
      /experiment is not valid: got mixing.*the first record/,
    ],
    ['with a damaged line', replaceIn(5, '"counts":[', '"counts":['.slice(1)), /not JSON.*journal-0000\.log, byte \d+/],
    [
      'with a line that is no record',
      replaceIn(5, '"trial"', '"trail"'),
      /not what it should be.*journal-0000\.log, byte \d+/,
    ],
    [
      'with a negative count',
      replaceIn(5, /"counts":\[\d+/, '"counts":[-1'),
      /not what it should be.*counts\.0.*journal-0000\.log, byte \d+/,
    ],
    ['without its first line', (lines) => lines.shift(), /must begin with its experiment: got session-started/],
    ['with nothing but a torn line', (lines) => lines.splice(0), /must begin with its experiment: got an empty ledger/],
    ['with a line removed', (lines) => lines.splice(5, 1), /does not repeat what was recorded \(session 0, trial 4\)/],
    ['with a changed stimulus', replaceIn(5, /"inputs":"[01]/, '"inputs":"x'), /not what it should be.*inputs/],
    [
      'with a changed prediction',
      replaceIn(25, /"xp":\[/, '"xp":[1'),
      /cannot be continued.*session 2, trial \d, xp\.0/,
    ],
    [
      'with a changed mean',
      replaceIn(10, '"meanCount":', '"meanCount":1'),
      /cannot be continued.*session 0, meanCount/,
    ],
  ];

  it.each(cases)('(%s) says why and changes nothing in the folder', async (_, change, message) => {
    const folder = await recorded(change);
    const before = snapshotFolder(folder);
    const { code, stderr, stdout } = await resume(folder);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(snapshotFolder(folder)).toEqual(before);
  });

  it('(with changed counts, no saved state) says which trial the culture does not repeat', async () => {
    const folder = await recorded(replaceIn(5, /"counts":\[\d+/, '"counts":[60000'));
    for (const slot of [0, 1]) rmSync(join(folder, `source-state.bin.${slot}`));
    const before = snapshotFolder(folder);
    const { code, stderr } = await resume(folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/does not repeat what was recorded \(session 0, trial 3\)/);
    expect(snapshotFolder(folder)).toEqual(before);
  });

  it('(of a finished run) says so', async () => {
    const { path } = await recordPart(newFolder(), SMALL, { trials: 19, by: 'kill' });
    await resume(path);
    const before = snapshotFolder(path);
    const { code, stderr } = await resume(path);
    expect([code, stderr]).toEqual([2, `meactl: The run is finished; there is nothing to resume (${path})\n`]);
    expect(snapshotFolder(path)).toEqual(before);
  });

  it('(of a folder without a ledger, or no folder) says so', async () => {
    const folder = newFolder();
    const none = await resume(folder);
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/No recording here: got no such folder/)]);
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder);
    const empty = await resume(folder);
    expect([empty.code, empty.stderr]).toEqual([
      2,
      expect.stringMatching(/No recording here: got no journal-0000\.log/),
    ]);
    expect(snapshotFolder(folder).size).toBe(0);
  });

  it('(with another experiment, rig, seed, folder or length) is bad usage', async () => {
    const folder = await recorded();
    const before = snapshotFolder(folder);
    for (const extra of [
      ['quick'],
      ['--rig', 'emulated'],
      ['--seed', '3'],
      ['--sessions', '9'],
      ['--out', newFolder()],
    ]) {
      const { code, stderr } = await runCli(['run', '--resume', folder, ...extra]);
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/--resume goes on with a recorded run as it was begun/),
      ]);
    }
    expect(snapshotFolder(folder)).toEqual(before);
  });

  it('(stopped while it repeats what is there) ends with 130 and changes nothing', async () => {
    for (const hasState of [true, false]) {
      const folder = await recorded();
      if (!hasState) for (const slot of [0, 1]) rmSync(join(folder, `source-state.bin.${slot}`));
      const before = snapshotFolder(folder);
      const { code, stderr } = await runCli(['run', '--resume', folder], {
        signal: AbortSignal.abort(new Error('enough')),
      });
      expect(code, stderr).toBe(130);
      expect(stderr).not.toContain('internal error');
      expect(snapshotFolder(folder)).toEqual(before);
      await expectSameAsWhole(folder);
    }
  });
});

describe('a run that died between its last trial and its results', () => {
  it('has its results written by a resume, and its ledger left alone', async () => {
    const { path } = await recordPart(newFolder(), SMALL, { trials: 19, by: 'kill' });
    await resume(path);
    rmSync(join(path, 'result.json'));
    const ledger = journalBytes(path);
    expect((await resume(path)).code).toBe(0);
    expect(readFileSync(join(path, 'result.json'), 'utf8')).toBe(whole.result);
    expect(journalBytes(path).equals(ledger)).toBe(true);
    // only the report is missing now
    const withReport = await runCli(['run', '--resume', path]);
    expect(withReport.code, withReport.stderr).toBe(0);
    expect(existsSync(join(path, 'report.html'))).toBe(true);
    expect(journalBytes(path).equals(ledger)).toBe(true);
  });
});
