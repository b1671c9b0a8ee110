import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import { experimentSchema, toArmExperiment, type Experiment } from '../closed-loop/experiment.js';
import { compareCultures } from '../model/compare-cultures.js';
import { rigSchema, type Rig } from '../closed-loop/rig.js';
import { isTooShort } from '../closed-loop/stop-rules.js';
import { readLedger } from '../recording/ledger-reader.js';
import { createRunFolder, openRunFolder } from '../recording/run-folder.js';
import { writeWholeFile } from '../recording/whole-file.js';
import { encode } from './analysis-output.js';
import { describeComparison, describeRows, readRows } from './compare-command.js';
import { fitCommand } from './fit-command.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';

/** An experiment of several arms in a folder: one recorded run for each, and their comparison. */
export interface ArmsRun {
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly path: string;
}

/** What is to be done for one arm: begin its run, or go on with it. */
export interface ArmStep {
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly folder: string;
  readonly resume: boolean;
}

export interface ArmsOptions {
  readonly report: boolean;
  readonly json: boolean;
  readonly run: (step: ArmStep, io: CliIo) => Promise<ExitCode>;
}

const ARMS_FILE = 'arms.json';
const COMPARISON = 'comparison.txt';

/**
 * Makes the folder of an experiment with arms.
 *
 * @throws MeaError `exists` for a folder that is there already
 */
export async function createArms({ experiment, rig, path }: ArmsRun): Promise<void> {
  createRunFolder(path);
  await writeWholeFile(join(path, ARMS_FILE), encode(`${JSON.stringify({ version: 1, experiment, rig }, null, 1)}\n`));
}

/** True for a folder that `createArms` made. */
export function holdsArms(path: string): boolean {
  return existsSync(join(path, ARMS_FILE));
}

const storedSchema = z.object({ version: z.literal(1), experiment: experimentSchema, rig: rigSchema });

/** @throws MeaError `bad-format` where the file in the folder is not as `createArms` wrote it */
export function readArms(path: string): ArmsRun {
  const where = join(path, ARMS_FILE);
  try {
    const { experiment, rig } = storedSchema.parse(JSON.parse(readFileSync(where, 'utf8')));
    return { experiment, rig, path };
  } catch (cause) {
    throw new MeaError('bad-format', { what: 'Not the arms of an experiment', where }, { cause });
  }
}

/**
 * Carries out the arms one after the other, each as a run of its own in a folder of its name, and compares them as
 * `meactl compare` does. Arms that are finished are left alone; one that was begun is gone on with.
 */
export async function runArms(arms: ArmsRun, options: ArmsOptions, io: CliIo): Promise<ExitCode> {
  const { experiment, rig, path } = arms;
  let worst: ExitCode = EXIT.done;
  for (const [index, { name }] of experiment.arms!.entries()) {
    const folder = join(path, name);
    const arm = toArmExperiment(experiment, index);
    if (isFinished(folder, arm, options)) continue;
    const step = { experiment: arm, rig, folder, resume: existsSync(folder) };
    const code = await options.run(step, options.json ? { ...io, stdout: () => undefined } : io);
    if (code === EXIT.interrupted) {
      io.stderr(`meactl: or with all arms: meactl run --resume ${relative('', path) || '.'}\n`);
      return code;
    }
    if (code !== EXIT.done && code !== EXIT.dataLost) return code;
    if (code === EXIT.dataLost) worst = code;
  }
  await writeComparison(arms, options, io);
  return worst;
}

function isFinished(path: string, experiment: Experiment, { report }: ArmsOptions): boolean {
  if (!existsSync(path)) return false;
  const folder = openRunFolder(path);
  if (existsSync(folder.result)) return existsSync(folder.report) || !report;
  // A stop rule may have ended it before there was anything to analyse.
  return isTooShort(readLedger(folder.path).records, experiment);
}

async function writeComparison({ experiment, path }: ArmsRun, options: ArmsOptions, io: CliIo): Promise<void> {
  const all = experiment.arms!.map(({ name }) => name);
  const names = all.filter((name) => existsSync(join(path, name, 'result.json')));
  for (const name of all) {
    if (!names.includes(name)) io.stderr(`meactl: ${name} was stopped before there was anything to compare\n`);
  }
  if (names.length < 2) return;
  const rows = await readRows(names.map((name) => `${name}=${join(path, name, 'result.json')}`));
  const comparison = compareCultures(rows, { groups: names, seed: 1 });
  const text = join(path, COMPARISON);
  await writeWholeFile(text, encode(`${describeRows(rows)}\n${describeComparison(comparison)}`), { overwrite: true });
  const page = join(path, 'comparison.html');
  if (options.report && !existsSync(page)) {
    const baseline = String(experiment.baseline);
    const files = names.map((name) => join(path, name));
    const headings = {
      title: `${experiment.name}: ${names.join(', ')}`,
      names: new Map(names.map((name) => [join(path, name), name])),
    };
    const { trials } = experiment;
    const fit = { files, mode: 'causal', baseline, trials, report: page, headings, json: false } as const;
    await fitCommand(fit, { ...io, stdout: () => undefined });
  }
  if (options.json) io.stdout(`${JSON.stringify({ version: 1, cultures: rows, ...comparison })}\n`);
  else io.stdout(`${describeRows(rows)}comparison: ${text}\n${options.report ? `side by side: ${page}\n` : ''}`);
}
