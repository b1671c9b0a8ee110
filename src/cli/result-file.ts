import { readFile } from 'node:fs/promises';
import { MeaError } from '../../protocols/errors.js';
import { fitOutputSchema, type FitOutput } from '../report/fit-output.js';

/**
 * Reads results that `meactl fit --json` or `meactl run` stored.
 *
 * @throws MeaError `missing` or `bad-format` naming the file and the first field that does not fit
 */
export async function readFitOutput(path: string): Promise<FitOutput> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new MeaError('missing', { what: 'Cannot read the results', where: path }, { cause });
  }
  const parsed = fitOutputSchema.safeParse(parseJson(text, path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MeaError('bad-format', {
    what: 'Not results of meactl fit',
    got: issue === undefined ? 'something else' : `${issue.path.join('.') || 'the file'}: ${issue.message}`,
    wanted: 'the output of meactl fit --json, or result.json of a run',
    where: path,
  });
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MeaError('bad-format', { what: 'Not JSON', where: path }, { cause });
  }
}
