import { InvalidArgumentError, Option } from 'commander';

/** Where the program writes; injected, so that it can be tested. */
export interface MeaSimIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** An option that takes one of a few words. */
export function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

/** A parser of integers of at least `least`, for commander. */
export function toInteger(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    if (most < Number.MAX_SAFE_INTEGER) throw new InvalidArgumentError(`Expected an integer from ${least} to ${most}.`);
    throw new InvalidArgumentError(
      least === Number.MIN_SAFE_INTEGER ? 'Expected an integer.' : `Expected an integer of at least ${least}.`,
    );
  };
}
