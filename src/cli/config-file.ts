import { open } from 'node:fs/promises';
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
} from 'yaml';
import type { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';

/** Largest configuration file that is read, in bytes. */
const MAX_CONFIG_BYTES = 1_000_000;

/** Most copies that the aliases of one file may make; nobody who writes an experiment by hand comes near. */
const MAX_ALIASES = 20;

/**
 * Reads a YAML file and checks it by a schema.
 *
 * @param complete puts what other files hold into what the file says, before it is checked
 * @throws MeaError `missing` for a file that is not there; `bad-input` with file, line, what stands there and what was
 *   expected for everything else, one line of message for each mistake
 */
export async function readConfigFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  complete: (value: unknown) => Promise<unknown> = (value) => Promise.resolve(value),
): Promise<z.infer<Schema>> {
  const place = openDocument(await readText(path, MAX_CONFIG_BYTES), path);
  return check(await complete(toPlain(place)), schema, place);
}

/** As `readConfigFile`, on text that is already there; `path` names it in messages. */
export function parseConfig<Schema extends z.ZodType>(text: string, schema: Schema, path: string): z.infer<Schema> {
  const place = openDocument(text, path);
  return check(toPlain(place), schema, place);
}

function openDocument(text: string, path: string): Place {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    throw new MeaError('bad-input', {
      what: 'Not valid YAML',
      got: syntaxError.message.split('\n')[0] ?? syntaxError.code,
      where: `${path}, line ${lines.linePos(syntaxError.pos[0]).line}`,
    });
  }
  return { document, lines, path };
}

function check<Schema extends z.ZodType>(value: unknown, schema: Schema, place: Place): z.infer<Schema> {
  const checked = schema.safeParse(value, { reportInput: true });
  if (checked.success) return checked.data;
  const mistakes = checked.error.issues.flatMap((issue) => describeIssue(issue, place));
  const [first, ...rest] = mistakes;
  throw new MeaError('bad-input', {
    ...first!,
    ...(rest.length > 0 && { remedy: rest.map((mistake) => `also ${sentence(mistake)}`).join('; ') }),
  });
}

/** An alias may stand for nothing, or for so much that a few lines fill the memory. */
function toPlain({ document, lines, path }: Place): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    const aliases: Alias[] = [];
    visit(document, {
      Alias: (_, alias) => {
        aliases.push(alias);
      },
    });
    const culprit = aliases.find((alias) => alias.resolve(document) === undefined) ?? aliases.at(-1);
    const got = cause instanceof Error ? cause.message : String(cause);
    const where = `${path}, line ${lines.linePos(culprit?.range?.[0] ?? 0).line}`;
    throw new MeaError('bad-input', { what: 'An alias that cannot be resolved', got, where }, { cause });
  }
}

/**
 * Reads no more than it takes to know that a file is too large, so that `/dev/zero` is one as well.
 *
 * @throws MeaError `missing` for a file that cannot be read, `bad-input` for one that is too large
 */
export async function readText(path: string, mostBytes: number): Promise<string> {
  const buffer = Buffer.alloc(mostBytes + 1);
  let length = 0;
  try {
    await using file = await open(path);
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
  } catch (cause) {
    throw new MeaError('missing', { what: 'Cannot read the file', got: reasonOf(cause), where: path }, { cause });
  }
  if (length <= mostBytes) return buffer.toString('utf8', 0, length);
  throw new MeaError('bad-input', {
    what: 'The file is too large for a configuration',
    got: `more than ${mostBytes} bytes`,
    wanted: `at most ${mostBytes}`,
    where: path,
  });
}

interface Mistake {
  readonly what: string;
  readonly got: string;
  readonly wanted: string;
  readonly where: string;
}

interface Place {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly path: string;
}

function describeIssue(issue: z.core.$ZodIssue, place: Place): readonly Mistake[] {
  const keys = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      what: `Unknown key ${JSON.stringify([...keys, key].join('.'))}`,
      got: key,
      wanted: 'a key that docs/experiment-file.md, rig-file.md or study-file.md lists',
      where: whereOf([...keys, key], place),
    }));
  }
  return [
    {
      what: `Bad value of ${keys.length === 0 ? 'the file' : JSON.stringify(keys.join('.'))}`,
      got: valueText(issue.input),
      wanted: wantedText(issue),
      where: whereOf(keys, place),
    },
  ];
}

function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  // JSON has no word for .nan and .inf.
  if (typeof value === 'number') return String(value);
  const text = jsonText(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** An anchor may be used inside itself. */
function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'a value that holds itself';
  }
}

function wantedText(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union') {
    const options = issue.errors.flatMap((issues) => issues.slice(0, 1).map(wantedText));
    if (options.length > 0) return options.join(' or ');
  }
  return issue.message
    .replace(/^Invalid (input|option): expected /, '')
    .replace(/^Too (small|big): expected \w+ to (be|have) /, '')
    .replace(/, received .*$/, '');
}

function whereOf(keys: readonly (string | number)[], { document, lines, path }: Place): string {
  const offset = offsetOf(document, keys);
  return offset === undefined ? path : `${path}, line ${lines.linePos(offset).line}`;
}

/** Where the deepest part of the key path that exists begins: its key where it has one. */
function offsetOf(document: Document, keys: readonly (string | number)[]): number | undefined {
  let node: unknown = document.contents;
  let offset = isNode(node) ? node.range?.[0] : undefined;
  for (const key of keys) {
    if (isMap(node)) {
      const pair: unknown = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (!isPair(pair)) return offset;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function sentence({ what, got, wanted, where }: Mistake): string {
  return `${what.charAt(0).toLowerCase()}${what.slice(1)}: got ${got}, expected ${wanted} (${where})`;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    const known: Readonly<Record<string, string>> = {
      ENOENT: 'no such file',
      EISDIR: 'a folder',
      EACCES: 'no permission',
    };
    return known[cause.code] ?? cause.code;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
