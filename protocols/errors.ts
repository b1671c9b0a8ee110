/**
 * What kind of trouble an error is; programs branch on this, people read the message.
 *
 * - `usage`: the command line or an option is wrong
 * - `bad-input`: a value, a configuration or an array does not meet its contract
 * - `bad-format`: bytes of a file or a link do not form what they claim to be
 * - `missing`: a file, folder or record that was asked for is not there
 * - `exists`: something would have to be overwritten
 * - `storage`: the disk refused (full, read-only, input/output error)
 * - `link`: a device cannot be reached, or the connection to it was lost
 * - `refused`: a device or the safety gate refused a command, by name
 * - `deadline`: an answer did not come in time
 * - `internal`: the program broke one of its own rules
 */
export type ErrorTag =
  | 'usage'
  | 'bad-input'
  | 'bad-format'
  | 'missing'
  | 'exists'
  | 'storage'
  | 'link'
  | 'refused'
  | 'deadline'
  | 'internal';

/** The parts of a message: what happened, got, wanted, where, remedy. */
export interface ErrorDetails {
  readonly what: string;
  readonly got?: string;
  readonly wanted?: string;
  readonly where?: string;
  readonly remedy?: string;
}

/**
 * The one error class of the program. The message is built from its details, so that a log keeps the fields and a
 * person reads a sentence: `Bad header: got version 3, expected 1 (a.mat, byte 124); save it with -v7`.
 */
export class MeaError extends Error {
  override readonly name = 'MeaError';
  readonly tag: ErrorTag;
  readonly details: ErrorDetails;

  constructor(tag: ErrorTag, details: ErrorDetails, options?: { readonly cause?: unknown }) {
    super(formatDetails(details), options);
    this.tag = tag;
    this.details = details;
  }
}

/** True when `error` is ours, and of the kind `tag` where one is given. */
export function isMeaError(error: unknown, tag?: ErrorTag): error is MeaError {
  return error instanceof MeaError && (tag === undefined || error.tag === tag);
}

/** Marks the branch that the types say cannot be reached. */
export function assertNever(value: never): never {
  throw new MeaError('internal', { what: 'Unreachable case', got: JSON.stringify(value) });
}

function formatDetails({ what, got, wanted, where, remedy }: ErrorDetails): string {
  const expectation = [got === undefined ? '' : `got ${got}`, wanted === undefined ? '' : `expected ${wanted}`]
    .filter((part) => part !== '')
    .join(', ');
  const head = expectation === '' ? what : `${what}: ${expectation}`;
  const place = where === undefined ? '' : ` (${where})`;
  return `${head}${place}${remedy === undefined ? '' : `; ${remedy}`}`;
}
