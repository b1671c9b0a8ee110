import { constants } from 'node:fs';
import { access, link, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MeaError } from '../../protocols/errors.js';

/** The part of an open file that writing needs; `FileHandle` of node:fs/promises is one. */
export interface WritableFile {
  readonly write: (bytes: Uint8Array, offset: number, length: number) => Promise<{ readonly bytesWritten: number }>;
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How to write a file. */
export interface WriteWholeFileOptions {
  /** Replace a file that is there. By default it is left alone. */
  readonly overwrite?: boolean;
  /** Creates the temporary file, which must not exist; tests put a full disk here. */
  readonly create?: (path: string) => Promise<WritableFile>;
}

/**
 * Writes a file so that `path` never names half of it: into a temporary file beside it, to the disk, then renamed.
 * The temporary file is removed when anything fails.
 *
 * @param chunks the bytes of the file, one chunk after another
 * @throws MeaError `exists` when `path` is there and may not be overwritten; `missing` when its folder is not there;
 *   `storage` when the disk refuses or takes only a part
 */
export async function writeWholeFile(
  path: string,
  chunks: readonly Uint8Array[],
  { overwrite = false, create = createExclusively }: WriteWholeFileOptions = {},
): Promise<void> {
  if (!overwrite && (await exists(path))) throw alreadyThere(path);
  const temporary = temporaryBeside(path);
  try {
    await fill(await create(temporary), chunks, path);
    await (overwrite ? rename(temporary, path) : moveWithoutReplacing(temporary, path));
  } catch (cause) {
    await unlink(temporary).catch(ignore);
    throw toWriteError(cause, path);
  }
}

/** A name beside `path` that nothing else in this process writes to. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${(counter += 1)}.tmp`);
}

/** Keeps temporary names apart when one process writes the same path twice at a time. */
let counter = 0;

async function createExclusively(path: string): Promise<WritableFile> {
  return open(path, 'wx');
}

async function fill(file: WritableFile, chunks: readonly Uint8Array[], path: string): Promise<void> {
  try {
    for (const chunk of chunks) await writeAll(file, chunk, path);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The system may take a part of what it is given; nothing at all means that it will never take the rest. */
async function writeAll(file: WritableFile, chunk: Uint8Array, path: string): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.length - offset);
    if (bytesWritten <= 0) throw storageError(path, `${offset} of ${chunk.length} bytes written`);
    offset += bytesWritten;
  }
}

/** `rename` would replace a file that came meanwhile; `link` does not, but some file systems have no links. */
export async function moveWithoutReplacing(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || (await exists(path))) throw alreadyThere(path);
    return rename(temporary, path);
  }
  await unlink(temporary);
}

export async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

/** The error for a file that could not be written; one of ours stays as it is. */
export function toWriteError(cause: unknown, path: string): MeaError {
  if (cause instanceof MeaError) return cause;
  switch (codeOf(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new MeaError(
        'missing',
        { what: 'The folder is not there', where: path, remedy: 'create it first' },
        { cause },
      );
    case 'EISDIR':
    case 'ENOTEMPTY':
      return new MeaError('exists', { what: 'A folder has that name', where: path }, { cause });
    default:
      return storageError(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function storageError(path: string, got: string, cause?: unknown): MeaError {
  const remedy = 'make room on the disk or choose another folder';
  return new MeaError('storage', { what: 'The file could not be written', got, where: path, remedy }, { cause });
}

export function alreadyThere(path: string): MeaError {
  return new MeaError('exists', { what: 'The file is already there', where: path, remedy: 'choose another name' });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function ignore(): void {
  // the temporary file was never made, or cannot be removed: the first error says more
}
