import { readFile, stat } from 'node:fs/promises';
import { MeaError } from '../../protocols/errors.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { findResponses, type Culture } from './find-responses.js';
import { openBudget, type Mat5Limits } from './mat5/limits.js';
import { toResponseTable } from './response-table.js';

/** How to read a file of evoked responses. */
export interface ReadResponseFileOptions {
  /** Trials of one session; 256 by default, as in the published experiment. */
  readonly trialsPerSession?: number;
  /** The variable that holds the responses; found by its fields by default. */
  readonly variable?: string;
  /** Limits other than `defaultMat5Limits`; a file larger than `inflatedBytes` is not even opened. */
  readonly limits?: Partial<Mat5Limits>;
}

/** The responses of all cultures of a file. */
export interface ResponseFile {
  /** Name of the variable they came from, e.g. `data_bic`. */
  readonly variable: string;
  /** One table per culture, in the file's order. */
  readonly tables: readonly ResponseTable[];
}

/**
 * Reads the evoked responses of one or more cultures from a MATLAB file: a cell of structs, a struct or an array of structs with
 * the fields `s` (trials x sources, 0 or 1), `o` (trials x inputs, 0 or 1) and `r` (trials x electrodes, spike counts),
 * of any numeric class. Rows are trials, session after session (data of Isomura et al. 2023).
 *
 * @throws MeaError `missing` when there is no such file or variable; `bad-format` when it is not a sound MAT-file;
 *   `bad-input` when the responses in it are not what they should be, naming culture (from 0), field, trial and column
 */
export async function readResponseFile(path: string, options: ReadResponseFileOptions = {}): Promise<ResponseFile> {
  const { trialsPerSession = 256 } = options;
  assertTrialsPerSession(trialsPerSession);
  const { variable, cultures } = findResponses(await readBytes(path, options), { ...options, where: path });
  return { variable, tables: cultures.map((culture: Culture) => toResponseTable(culture, trialsPerSession)) };
}

function assertTrialsPerSession(trialsPerSession: number): void {
  if (Number.isSafeInteger(trialsPerSession) && trialsPerSession > 0) return;
  throw new MeaError('bad-input', {
    what: 'Bad number of trials per session',
    got: String(trialsPerSession),
    wanted: 'a positive integer',
  });
}

async function readBytes(path: string, { limits }: ReadResponseFileOptions): Promise<Uint8Array> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw new MeaError('bad-input', { what: 'Not a file', got: kindOf(status), where: path });
    const { inflatedBytes } = openBudget(limits).limits;
    if (status.size > inflatedBytes) throw tooLarge(path, status.size, inflatedBytes);
    return await readFile(path);
  } catch (cause) {
    throw toMeaError(cause, path);
  }
}

function kindOf(status: { isDirectory: () => boolean }): string {
  return status.isDirectory() ? 'a folder' : 'a device or pipe';
}

function tooLarge(path: string, size: number, limit: number): MeaError {
  return new MeaError('bad-input', {
    what: 'The file is too large',
    got: `${size} bytes`,
    wanted: `at most ${limit}`,
    where: path,
  });
}

function toMeaError(cause: unknown, path: string): MeaError {
  if (cause instanceof MeaError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new MeaError('missing', { what: 'No such file', where: path, remedy: 'check the path' }, { cause });
  }
  const got = cause instanceof Error ? cause.message : String(cause);
  return new MeaError('bad-input', { what: 'The file cannot be read', got, where: path }, { cause });
}
