import type { z } from 'zod';
import { MeaError } from '../../../protocols/errors.js';
import { PositionedFile } from './positioned-file.js';

/** A header that is larger describes no recording. */
const MAX_JSON_BYTES = 2 ** 26;

/**
 * Reads a JSON file and checks it.
 *
 * @throws MeaError `missing` without such a file; `bad-format` when it is no JSON, too large, or not as the schema says
 */
export async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
  const checked = schema.safeParse(await parseJson(path));
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw new MeaError('bad-format', {
    what: 'The description of the recording is wrong',
    got: issue?.message ?? 'something else',
    wanted: issue === undefined || issue.path.length === 0 ? 'a good object' : `a good ${issue.path.join('.')}`,
    where: path,
  });
}

/** The text of a small file; errors as `readJson`. */
export async function readSmallText(path: string): Promise<string> {
  const file = await PositionedFile.open(path);
  try {
    if (file.size > MAX_JSON_BYTES)
      throw new MeaError('bad-format', {
        what: 'The description of the recording is too large',
        got: `${file.size} bytes`,
        wanted: `at most ${MAX_JSON_BYTES}`,
        where: path,
      });
    return Buffer.from(await file.read(0, file.size)).toString('utf8');
  } finally {
    await file.close();
  }
}

async function parseJson(path: string): Promise<unknown> {
  const text = await readSmallText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new MeaError('bad-format', { what: 'Not JSON', got, where: path }, { cause });
  }
}
