import { InvalidArgumentError, Option, type Command } from 'commander';

import {
  CULTURE_CONDITIONS,
  CULTURE_PARAMETER_NAMES,
  PLASTICITY_NAMES,
  type CultureCondition,
  type CultureParameterName,
} from '../protocols/culture-names.js';
import { MeaError } from '../protocols/errors.js';
import { hertz } from '../protocols/units.js';
import { choice, toInteger, type MeaSimIo } from './command-options.js';
import { parseChoice } from './culture-parameters.js';
import { describeFaults, parseFaults } from './faults/fault-settings.js';
import type { AppliedFaults, ServeOptions } from './serve-device.js';

/** Options of `mea-sim serve` as commander gives them. */
interface ServeFlags {
  readonly mount: string;
  readonly condition: string;
  readonly plasticity: string;
  readonly seed: number;
  readonly channels: number;
  readonly columns?: number;
  readonly pitch: number;
  readonly rate: number;
  readonly noise: number;
  readonly hum: number;
  readonly bursts: number;
  readonly ring: number;
  readonly fault: readonly string[];
  readonly faultSeed: number;
  readonly truth?: string;
  readonly ledger?: string;
  readonly linkLog?: string;
  readonly duration?: number;
  readonly allowRemote?: boolean;
}

/** A parameter set of the culture, or what is done to one of the set `ctrl`. */
const SERVED_CONDITIONS = [...CULTURE_PARAMETER_NAMES, ...CULTURE_CONDITIONS.filter((name) => name !== 'none')];

/** Adds `serve`: the emulated rig behind its wire protocol. */
export function addServe(program: Command, io: MeaSimIo): void {
  program
    .command('serve')
    .description('serve an emulated rig over MEA-Link, in real time, until interrupted')
    .requiredOption('--mount <address>', 'tcp://host:port, zmq+tcp://host:port (and port + 1) or serial:/dev/path')
    .addOption(
      choice('--condition <name>', 'parameter set or treatment of the culture', SERVED_CONDITIONS).default('ctrl'),
    )
    .addOption(choice('--plasticity <rule>', 'how it learns', PLASTICITY_NAMES).default('free-energy'))
    .option('--seed <integer>', 'seed of the culture and of all noise', toInteger(0), 1)
    .option('--channels <count>', 'electrodes of the array, 1 to 4096', toInteger(1, 4096), 64)
    .option('--columns <count>', 'electrodes in a row (default: as square as it gets)', toInteger(1))
    .option('--pitch <um>', 'distance between neighbours', toNumber(1), 200)
    .option('--rate <hertz>', 'samples per second, 10000 to 30000', toInteger(1), 20_000)
    .option('--noise <uV>', 'rms of the noise in the recording band', toNumber(0), 5)
    .option('--hum <uV>', 'rms of the mains hum', toNumber(0), 2)
    .option('--bursts <hertz>', 'rate of network bursts', toNumber(0), 0.02)
    .option('--ring <ms>', 'how long the device keeps what it sent', toNumber(1), 5000)
    .addOption(
      new Option('--fault <name=value>', 'a fault to apply; may be given more than once')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--fault-seed <integer>', 'seed of the faults', toInteger(0), 1)
    .option('--truth <file>', 'write which unit fired when, as JSON lines')
    .option('--ledger <file>', 'write what was done to the culture, as JSON lines')
    .option('--link-log <file>', 'write what was made and sent, as JSON lines')
    .option('--duration <seconds>', 'end after so long', toNumber(0))
    .option('--allow-remote', 'let other computers reach it: there is no password')
    .addHelpText('after', `\nFaults:\n${describeFaults()}\n`)
    .action(async (flags: ServeFlags) => {
      await serve(flags, io);
    });
}

async function serve(flags: ServeFlags, io: MeaSimIo): Promise<void> {
  const { serveDevice } = await import('./serve-device.js');
  const { systemTimers } = await import('./system-timers.js');
  const timers = systemTimers();
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end);
  const options: ServeOptions = {
    ...toServeOptions(flags),
    timers,
    onLog: (text) => {
      io.stderr(`mea-sim: ${toPlainText(text)}\n`);
    },
    onReady: (address) => {
      io.stdout(`${address}\n`);
      if (flags.duration !== undefined) timers.after(flags.duration * 1000, end);
    },
  };
  try {
    io.stderr(describeApplied(await serveDevice(options, ended.signal)));
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end);
  }
}

function toServeOptions(flags: ServeFlags): Omit<ServeOptions, 'timers' | 'onLog' | 'onReady'> {
  const { parameters, condition } = toCulture(flags.condition);
  const columns = flags.columns ?? Math.ceil(Math.sqrt(flags.channels));
  if (flags.channels % columns !== 0 && flags.columns !== undefined) {
    throw new MeaError('usage', {
      what: 'The array is no rectangle',
      got: `${flags.channels} channels in rows of ${columns}`,
      wanted: 'a number of channels that --columns divides',
    });
  }
  const full = flags.channels % columns === 0;
  return {
    mount: flags.mount,
    allowRemote: flags.allowRemote ?? false,
    faults: parseFaults(flags.fault),
    faultSeed: flags.faultSeed,
    truthFile: flags.truth,
    ledgerFile: flags.ledger,
    linkLogFile: flags.linkLog,
    device: { ringMs: flags.ring, serialNumber: `mea-sim-${flags.seed}` },
    rig: {
      culture: {
        parameters,
        condition,
        plasticity: parseChoice(flags.plasticity, PLASTICITY_NAMES, 'plasticity rule'),
        seed: flags.seed,
        electrodes: flags.channels,
        inputs: Math.max(1, Math.floor(flags.channels / 2)),
        sampleRateHz: hertz(flags.rate),
      },
      geometry: full ? { rows: flags.channels / columns, columns, pitchUm: flags.pitch } : undefined,
      activity: { burstHz: flags.bursts },
      voltages: { noise: { rmsUv: flags.noise, humUv: flags.hum } },
    },
  };
}

function toCulture(name: string): { readonly parameters: CultureParameterName; readonly condition: CultureCondition } {
  const parameters = CULTURE_PARAMETER_NAMES.find((known) => known === name);
  if (parameters !== undefined) return { parameters, condition: 'none' };
  return { parameters: 'ctrl', condition: parseChoice(name, CULTURE_CONDITIONS, 'condition') };
}

function describeApplied(applied: AppliedFaults): string {
  if (applied.size === 0) return '';
  return `mea-sim: faults applied: ${[...applied].map(([name, count]) => `${name} ${count}`).join(', ')}\n`;
}

/** What comes over a link may hold anything; a terminal gets none of its commands, and one line stays one line. */
function toPlainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (unit) => `\\u{${unit.codePointAt(0)!.toString(16)}}`);
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

/** A parser of numbers of at least `least`, for commander. */
function toNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a number of at least ${least}.`);
  };
}
