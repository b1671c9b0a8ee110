import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { isMeaError } from '../../protocols/errors.js';
import type { CheckCommand } from './check-command.js';
import type { CompareCommand } from './compare-command.js';
import type { DevicesCommand } from './devices-command.js';
import { toExitCode } from './exit-code.js';
import type { ExportCommand } from './export-command.js';
import type { FitCommand } from './fit-command.js';
import { EXPORT_FORMATS } from '../recording/exports/exporter.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { programVersion } from './package-info.js';
import { RAW_POLICIES } from '../recording/session-file.js';
import type { RecordCommand } from './record-command.js';
import type { ReplayCommand } from './replay-command.js';
import type { RunCommand } from './run-options.js';
import type { StopCommand } from './stop-command.js';

/**
 * Runs `meactl` with the given arguments.
 *
 * Commands are loaded when they are used, so that `--help` answers at once.
 *
 * @returns the exit code: 0 done, 1 failed, 2 bad usage or input, 3 data were lost, 130 interrupted
 */
export async function runProgram(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = buildProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
    if (io.signal.aborted && error === io.signal.reason) return EXIT.interrupted;
    io.stderr(`meactl: ${messageOf(error)}\n`);
    return toExitCode(error);
  }
}

function buildProgram(io: CliIo, finish: (code: ExitCode) => void): Command {
  const program = new Command('meactl')
    .description('Hardware-in-the-loop controller for microelectrode arrays')
    .version(programVersion(), '--version')
    .exitOverride()
    .showHelpAfterError('(meactl <command> --help lists the options)')
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  addRun(program, io, finish);
  addRecord(program, io, finish);
  addStop(program, io, finish);
  addReplay(program, io, finish);
  addInspection(program, io, finish);
  addFit(program, io, finish);
  addCompare(program, io, finish);
  addDevices(program, io, finish);
  addCheck(program, io, finish);
  addExport(program, io, finish);
  for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput());
  return program;
}

type Finish = (code: ExitCode) => void;

function addRun(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('run')
    .description('runs an experiment; without --rig, on the bundled emulator')
    .argument('[experiment]', 'experiment file (.yaml), or the name of a bundled one; not needed with --resume')
    .option('--rig <file>', 'rig file (.yaml); the bundled emulator by default')
    .option('--out <folder>', 'folder of the recording; must not exist yet (default: recordings/<name>-<time>)')
    .option('--resume <folder>', 'go on with an interrupted run')
    .option('--seed <number>', 'seed in place of the one in the experiment file', wholeNumber)
    .option('--sessions <number>', 'number of sessions in place of the one in the experiment file', wholeNumber)
    .option('--real-time', 'let the emulator take the time that a culture would', false)
    .option('--arm <serial>', 'serial number of the device that may stimulate: without it no device is armed')
    .option(
      '--accept-unconfirmed <why>',
      'arm although nobody has opened the source of some limits; the reason is recorded',
    )
    .option(
      '--rearm <times>',
      'arm again by itself, so many times at most, after a trip of this program alone: it stood still, or was too late',
      wholeNumber,
    )
    .option('--treatment-lot <lot>', 'lot of the treatment that the culture on the device was given')
    .option('--treatment-applied <time>', 'when it was given, in ISO 8601')
    .addOption(
      new Option('--raw <policy>', 'raw samples that are kept (default: as the rig file says)').choices(RAW_POLICIES),
    )
    .option('--batch <trials>', 'trials handed to the device at once; results do not depend on it', wholeNumber)
    .option('--ledger-batch <records>', 'records written to the ledger at once', wholeNumber, 1)
    .option('--no-report', 'do not write the report')
    .option('--json', 'print results as JSON on stdout, and nothing else', false)
    .action(async (experiment: string | undefined, options: Omit<RunCommand, 'experiment'>) => {
      const { runCommand } = await import('./run-command.js');
      finish(await runCommand({ ...options, experiment }, io));
    });
}

function addRecord(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('record')
    .description('records without stimulating: nothing is armed')
    .option('--rig <file>', 'rig file (.yaml), or the name of a bundled one', 'emulated-voltages')
    .option('--out <folder>', 'folder of the recording; must not exist yet (default: recordings/<rig>-<time>)')
    .option(
      '--seconds <number>',
      'how long; until it is stopped by default, which the emulator does not do',
      positiveNumber,
    )
    .option('--seed <number>', 'seed of the emulated culture', wholeNumber, 1)
    .addOption(
      new Option('--raw <policy>', 'raw samples that are kept').choices(['all', 'snippets', 'none']).default('all'),
    )
    .option('--json', 'print the outcome as JSON on stdout, and nothing else', false)
    .action(async (options: RecordCommand) => {
      const { recordCommand } = await import('./record-command.js');
      finish(await recordCommand(options, io));
    });
}

function addStop(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('stop')
    .description('ends a run, its stimulation first, from another terminal')
    .argument('<recording>', 'folder of the recording that it writes')
    .option('--timeout <seconds>', 'how long the run may take to close its device and recording', positiveNumber, 10)
    .option('--json', 'print the outcome as JSON on stdout, and nothing else', false)
    .action(async (recording: string, options: Omit<StopCommand, 'recording'>) => {
      const { stopCommand } = await import('./stop-command.js');
      finish(await stopCommand({ ...options, recording }, io));
    });
}

/** What looks at recordings, or mends them. */
function addInspection(program: Command, io: CliIo, finish: Finish): void {
  const json = ['--json', 'print the outcome as JSON on stdout, and nothing else', false] as const;
  program
    .command('info')
    .description('describes a recording')
    .argument('<recording>', 'folder of a recording, or a file of another program')
    .option(...json)
    .action(async (recording: string, options: { readonly json: boolean }) => {
      const { infoCommand } = await import('./inspect-command.js');
      finish(await infoCommand({ ...options, recording }, io));
    });
  program
    .command('verify')
    .description('holds everything in a recording against its checksums, and writes nothing')
    .argument('<recording>', 'folder of a recording')
    .option(...json)
    .action(async (recording: string, options: { readonly json: boolean }) => {
      const { verifyCommand } = await import('./inspect-command.js');
      finish(await verifyCommand({ ...options, recording }, io));
    });
  program
    .command('recover')
    .description('brings a recording that was cut off into a state that every reader takes; overwrites no data')
    .argument('<recording>', 'folder of a recording')
    .option(...json)
    .action(async (recording: string, options: { readonly json: boolean }) => {
      const { recoverCommand } = await import('./inspect-command.js');
      finish(await recoverCommand({ ...options, recording }, io));
    });
}

function addReplay(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('replay')
    .description('runs a recording through pipeline, loop and model again, and says where it differs')
    .argument('<recording>', 'folder of a recording, or a file of another program to look for spikes in')
    .option('--rig <file>', 'rig file with the detection, for a file of another program')
    .option('--speed <speed>', 'max, or how many times real time the samples are played (default: max)')
    .option('--set <change...>', 'look at the samples with another setting: pipeline.threshold=5')
    .option('--skip-damaged', 'go on without samples that are not what was recorded', false)
    .option('--json', 'print the outcome as JSON on stdout, and nothing else', false)
    .action(async (recording: string, options: Omit<ReplayCommand, 'recording'>) => {
      const { replayCommand } = await import('./replay-command.js');
      finish(await replayCommand({ ...options, recording }, io));
    });
}

function addFit(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('fit')
    .description('fits the free-energy model, predicts, compares, writes the report')
    .argument('<file...>', 'response files (.mat, MATLAB level 5) or folders of recorded runs')
    .addOption(new Option('--mode <mode>', 'which analysis').choices(['published', 'causal']).default('published'))
    .option('--baseline <B>', 'baseline B: a number, `own`, or `group` (mean over all cultures given)', 'own')
    .option('--control <result.json>', 'take B from the stored results of control cultures')
    .option(
      '--initial-sessions <number>',
      'sessions that calibrate the model (default: 10, or the recording’s own)',
      wholeNumber,
    )
    .option('--trials <number>', 'trials per session of a response file', wholeNumber, 256)
    .option('--variable <name>', 'variable of the response file that holds the cultures')
    .option('--mixing <m>', 'mixing of the stimuli (default: estimated from them)', unitNumber)
    .addOption(
      new Option(
        '--electrodes <which>',
        'electrodes that ensembles may hold (default: what the experiment says, or seen)',
      ).choices(['seen', 'all', 'never-pulsed']),
    )
    .option('--arrays <folder>', 'write the arrays of the model as .npy files')
    .option('--report <file.html>', 'write the report')
    .option('--json', 'print results as JSON on stdout, and nothing else', false)
    .action(async (files: string[], options: Omit<FitCommand, 'files'>) => {
      const { fitCommand } = await import('./fit-command.js');
      finish(await fitCommand({ ...options, files }, io));
    });
}

function addCompare(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('compare')
    .description('compares groups of cultures, each culture one unit')
    .argument('<group...>', 'NAME=RESULT.json[,RESULT.json...] for each group, or one study file (.yaml)')
    .option('--seed <number>', 'seed of permutations and bootstraps', wholeNumber, 1)
    .option('--json', 'print the comparison as JSON on stdout, and nothing else', false)
    .action(async (groups: string[], options: Omit<CompareCommand, 'groups'>) => {
      const { compareCommand } = await import('./compare-command.js');
      finish(await compareCommand({ ...options, groups }, io));
    });
}

function addDevices(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('devices')
    .description('lists serial ports and listening programs, and says hello to devices; starts and arms nothing')
    .argument('[address...]', 'addresses to ask: tcp://host:port, zmq+tcp://host:port, serial:/dev/path')
    .option('--experiments', 'print what each device makes of each bundled experiment, and look for nothing', false)
    .option('--json', 'print what was found as JSON on stdout, and nothing else', false)
    .action(async (addresses: string[], options: Omit<DevicesCommand, 'addresses'>) => {
      const { devicesCommand } = await import('./devices-command.js');
      finish(await devicesCommand({ ...options, addresses }, io));
    });
}

function addCheck(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('check')
    .description('holds the device of a rig against MEA-Link, or devices that are combined against the rig file')
    .argument('<rig>', 'rig file (.yaml), or the name of a bundled one')
    .option('--stimulate', 'arm the device and drive its electrodes: never with a culture connected', false)
    .option('--only <prefix>', 'run the checks whose id begins so, e.g. `watchdog`')
    .option('--load <serial>', 'combined rigs: real pulses of this stimulator into a dummy load, never into a culture')
    .option('--sine <uv@hz>', 'combined rigs: a sine that is fed into every electrode, e.g. 1000@100')
    .option('--json', 'print the results as JSON on stdout, and nothing else', false)
    .action(async (rig: string, options: Omit<CheckCommand, 'rig'>) => {
      const { checkCommand } = await import('./check-command.js');
      finish(await checkCommand({ ...options, rig }, io));
    });
}

function addExport(program: Command, io: CliIo, finish: Finish): void {
  program
    .command('export')
    .description('writes a recording in a format that other programs read (docs/exports.md)')
    .argument('<recording>', 'folder of a recorded run')
    .addOption(new Option('--format <format>', 'which format').choices(EXPORT_FORMATS).makeOptionMandatory())
    .requiredOption('--out <path>', 'file (nwb, mat) or folder (all others) to write; must not exist yet')
    .option('--compress', 'compress raw samples of nwb; mat is compressed by default')
    .option('--no-compress', 'do not compress')
    .option('--skip-damaged', 'go on without samples that are not what was recorded', false)
    .option('--json', 'print what was written as JSON on stdout, and nothing else', false)
    .action(async (recording: string, options: Omit<ExportCommand, 'recording'>) => {
      const { exportCommand } = await import('./export-command.js');
      finish(await exportCommand({ ...options, recording }, io));
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('expected a whole number of at least 0.');
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number above 0.');
}

function unitNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a number from 0 to 1.');
}

function messageOf(error: unknown): string {
  if (isMeaError(error)) return error.message;
  return error instanceof Error ? `internal error: ${error.stack ?? error.message}` : String(error);
}
