import { CULTURE_CONDITIONS, CULTURE_PARAMETER_NAMES, PLASTICITY_NAMES } from '../protocols/culture-names.js';
import { Command, CommanderError, InvalidArgumentError } from 'commander';

import { isMeaError, type ErrorTag } from '../protocols/errors.js';
import { choice, toInteger, type MeaSimIo } from './command-options.js';
import { MIXING_OF_PARAMETERS, parseChoice } from './culture-parameters.js';
import { addServe } from './serve-command.js';

/** Exit codes of the program. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Errors that a better command line mends. */
const BAD_USAGE: ReadonlySet<ErrorTag> = new Set<ErrorTag>(['usage', 'bad-input', 'exists', 'missing', 'refused']);

/**
 * Runs the emulator's command line: `serve` is the emulated rig behind its wire protocol; `trials` prints what an emulated culture answers, one JSON line a trial;
 * `statistics` holds emulated cultures against the reference table.
 *
 * @param argv arguments after the program's name
 * @returns the exit code: 0 done, 1 failed, 2 bad usage
 */
export async function runMeaSim(argv: readonly string[], io: MeaSimIo): Promise<number> {
  const program = buildProgram(io);
  try {
    await program.parseAsync(withCommand(argv), { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return explainUsage(error, io);
    if (isMeaError(error)) {
      io.stderr(`mea-sim: ${error.message}\n`);
      return BAD_USAGE.has(error.tag) ? EXIT.usage : EXIT.failed;
    }
    throw error;
  }
}

/** Options without a command are those of `serve`: `mea-sim --mount tcp://127.0.0.1:9100`. */
function withCommand(argv: readonly string[]): string[] {
  const [first = ''] = argv;
  return first.startsWith('-') && !['-h', '--help'].includes(first) ? ['serve', ...argv] : [...argv];
}

function explainUsage(error: CommanderError, io: MeaSimIo): number {
  if (error.exitCode === 0) return EXIT.done;
  if (error.code === 'commander.help') return EXIT.usage;
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replace(/\s+/g, ' ');
  io.stderr(`mea-sim: ${message}; see mea-sim --help, or --help of the command\n`);
  return EXIT.usage;
}

function buildProgram(io: MeaSimIo): Command {
  const program = new Command('mea-sim');
  program
    .description('The emulator of meactl: cultures that answer patterns of pulses')
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr, outputError: () => undefined })
    .exitOverride()
    .showHelpAfterError(false);
  addServe(program, io);
  addTrials(program, io);
  addStatistics(program, io);
  return program;
}

function addTrials(program: Command, io: MeaSimIo): void {
  program
    .command('trials')
    .description('print the responses of an emulated culture, one JSON line per trial')
    .addOption(choice('--parameters <set>', 'parameter set of the culture', CULTURE_PARAMETER_NAMES).default('ctrl'))
    .addOption(choice('--plasticity <rule>', 'how it learns', PLASTICITY_NAMES).default('free-energy'))
    .addOption(choice('--condition <name>', 'what is done to it', CULTURE_CONDITIONS).default('none'))
    .option('--seed <integer>', 'seed of culture and pattern', toInteger(Number.MIN_SAFE_INTEGER), 1)
    .option('--sessions <count>', 'number of sessions', toInteger(1), 2)
    .option('--trials <count>', 'trials in a session', toInteger(1), 256)
    .option('--mixing <share>', 'probability that an input follows the other source (default: as fitted)', toShare)
    .action(async (options: TrialsOptions) => {
      const { printTrials } = await import('./print-trials.js');
      const parameters = parseChoice(options.parameters, CULTURE_PARAMETER_NAMES, 'parameter set');
      await printTrials(
        {
          parameters,
          plasticity: parseChoice(options.plasticity, PLASTICITY_NAMES, 'plasticity rule'),
          condition: parseChoice(options.condition, CULTURE_CONDITIONS, 'condition'),
          seed: options.seed,
          sessions: options.sessions,
          trials: options.trials,
          mixing: options.mixing ?? MIXING_OF_PARAMETERS[parameters],
        },
        io.stdout,
      );
    });
}

function addStatistics(program: Command, io: MeaSimIo): void {
  program
    .command('statistics')
    .description('compare emulated cultures with the reference table of response statistics')
    .addOption(choice('--parameters <set>', 'parameter set of the cultures', CULTURE_PARAMETER_NAMES).default('bic'))
    .option('--seeds <count>', 'number of cultures', toInteger(2), 6)
    .option('--first-seed <integer>', 'seed of the first culture; the others follow', toInteger(0), 1001)
    .option('--json', 'print JSON')
    .action(async (options: StatisticsOptions) => {
      const { measureEmulatedStatistics } = await import('./emulated-statistics.js');
      const { formatStatisticsTable } = await import('./statistics-table.js');
      const parameters = parseChoice(options.parameters, CULTURE_PARAMETER_NAMES, 'parameter set');
      const seeds = Array.from({ length: options.seeds }, (_, k) => options.firstSeed + k);
      const statistics = measureEmulatedStatistics(parameters, seeds);
      if (options.json === true) io.stdout(`${JSON.stringify({ version: 1, parameters, seeds, statistics })}\n`);
      else io.stdout(`${formatStatisticsTable(`${parameters}, ${seeds.length} seeds`, statistics)}\n`);
    });
}

interface TrialsOptions {
  readonly parameters: string;
  readonly plasticity: string;
  readonly condition: string;
  readonly seed: number;
  readonly sessions: number;
  readonly trials: number;
  readonly mixing?: number;
}

interface StatisticsOptions {
  readonly parameters: string;
  readonly seeds: number;
  readonly firstSeed: number;
  readonly json?: boolean;
}

function toShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 1.');
}
