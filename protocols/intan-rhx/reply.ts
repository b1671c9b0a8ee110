import { RHX_NAMES } from './parameters.js';

/** Why RHX refused a command, by name. */
export type RhxError =
  /** `command`: its place in its batch, from 1. */
  | {
      readonly reason: 'set-needs-value' | 'get-needs-parameter' | 'execute-needs-action' | 'unrecognized-command';
      readonly command: number;
    }
  | { readonly reason: 'unrecognized-parameter' | 'unrecognized-action' | 'invalid-run-mode' }
  | { readonly reason: 'invalid-value'; readonly parameter: string; readonly acceptable: Acceptable }
  /** `to`: running, recording, trigger. */
  | { readonly reason: 'must-be-stopped'; readonly to: string }
  | { readonly reason: 'must-be-running' | 'not-recording' | 'no-filename' | 'upload-in-progress' }
  | { readonly reason: 'not-while-running'; readonly action: string }
  | { readonly reason: 'fixed'; readonly parameter: string }
  /** None of those. */
  | { readonly reason: 'other' };

/** What RHX would have taken. */
export type Acceptable =
  | { readonly type: 'choice'; readonly values: readonly string[] }
  | { readonly type: 'range'; readonly least: number; readonly most: number };

/** One reply. */
export type RhxReply =
  | { readonly type: 'value'; readonly name: string; readonly value: string }
  /** `Return: 35711`: the time stamp is told without its name; -1 while stopped. */
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'error'; readonly error: RhxError; readonly text: string };

const RETURN = 'Return: ';
/** Longer names first, so that none is cut by another that begins like it. */
const NAME = [...RHX_NAMES]
  .sort((a, b) => b.length - a.length)
  .map((name) => name.replaceAll('.', '[.]'))
  .join('|');

interface ErrorForm {
  readonly pattern: RegExp;
  readonly read: (match: RegExpExecArray) => RhxError;
}

type CommandErrorReason = 'set-needs-value' | 'get-needs-parameter' | 'execute-needs-action' | 'unrecognized-command';

function commandError(text: string, reason: CommandErrorReason): ErrorForm {
  return {
    pattern: new RegExp(`Error - Command (\\d+): ${text}`, 'y'),
    read: (match) => ({ reason, command: Number(match[1]) }),
  };
}

function plainError(pattern: RegExp, error: RhxError): ErrorForm {
  return { pattern, read: () => error };
}

const ERRORS: readonly ErrorForm[] = [
  commandError('Set commands require a parameter and a value', 'set-needs-value'),
  commandError('Get commands require a parameter', 'get-needs-parameter'),
  commandError('Execute commands require an action', 'execute-needs-action'),
  commandError('Unrecognized command', 'unrecognized-command'),
  plainError(/Error - Another upload cannot be started until the previous upload completes/y, {
    reason: 'upload-in-progress',
  }),
  plainError(/Unrecognized parameter/y, { reason: 'unrecognized-parameter' }),
  plainError(/Unrecognized action/y, { reason: 'unrecognized-action' }),
  plainError(/Invalid value for SetRunMode command/y, { reason: 'invalid-run-mode' }),
  {
    pattern: /Invalid value for (\S+) command\. Acceptable: (?:\[ (\S+) , (\S+) \]|((?:[\w.+-]+;)+))/y,
    read: (match) => ({ reason: 'invalid-value', parameter: match[1]!, acceptable: readAcceptable(match) }),
  },
  {
    pattern: /Board must be stopped in order to start (running|recording|trigger)/y,
    read: (match) => ({ reason: 'must-be-stopped', to: match[1]! }),
  },
  plainError(/Board must be running in order to stop/y, { reason: 'must-be-running' }),
  {
    pattern: new RegExp(`(${NAME}) cannot be executed while the board is running`, 'y'),
    read: (match) => ({ reason: 'not-while-running', action: match[1]! }),
  },
  {
    pattern: new RegExp(`(${NAME}) cannot be changed once software has started\\.`, 'y'),
    read: (match) => ({ reason: 'fixed', parameter: match[1]! }),
  },
  plainError(/LiveNotes cannot be added unless the board is recording/y, { reason: 'not-recording' }),
  plainError(/Filename\.BaseFilename and Filename\.Path must both be specified before recording can occur/y, {
    reason: 'no-filename',
  }),
];

/** Where a value may end: where another reply begins. */
const NEXT = new RegExp(
  [
    RETURN,
    'Error - ',
    'Unrecognized (?:parameter|action)',
    'Invalid value for ',
    'Board must be ',
    `(?:${NAME}) cannot be `,
    'LiveNotes cannot ',
    'Filename[.]BaseFilename and ',
  ].join('|'),
  'g',
);

/**
 * Takes replies apart. RHX ends none of them with anything, so several that were sent one after the other may come as one
 * text; a value reaches to the next text that begins a reply. Whatever is no known reply becomes an error `other` with
 * its text, so that nothing is dropped.
 */
export function parseRhxReplies(text: string): readonly RhxReply[] {
  const replies: RhxReply[] = [];
  let at = 0;
  while (at < text.length) {
    const taken = text.startsWith(RETURN, at) ? takeValue(text, at) : (takeError(text, at) ?? takeOther(text, at));
    replies.push(taken.reply);
    at = taken.end;
  }
  return replies;
}

interface Taken {
  readonly reply: RhxReply;
  readonly end: number;
}

function takeValue(text: string, from: number): Taken {
  const start = from + RETURN.length;
  const end = findNext(text, start);
  const body = text.slice(start, end);
  if (/^-?\d+(?:\.\d+)?$/.test(body)) return { reply: { type: 'number', value: Number(body) }, end };
  const space = body.indexOf(' ');
  const name = space < 0 ? body : body.slice(0, space);
  return { reply: { type: 'value', name, value: space < 0 ? '' : body.slice(space + 1) }, end };
}

function takeError(text: string, from: number): Taken | undefined {
  for (const { pattern, read } of ERRORS) {
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (match === null) continue;
    return { reply: { type: 'error', error: read(match), text: match[0] }, end: from + match[0].length };
  }
  return undefined;
}

function takeOther(text: string, from: number): Taken {
  const end = findNext(text, from + 1);
  return { reply: { type: 'error', error: { reason: 'other' }, text: text.slice(from, end) }, end };
}

function findNext(text: string, from: number): number {
  NEXT.lastIndex = from;
  return NEXT.exec(text)?.index ?? text.length;
}

function readAcceptable(match: RegExpExecArray): Acceptable {
  const [, , least, most, values] = match;
  if (values !== undefined) return { type: 'choice', values: values.split(';').slice(0, -1) };
  return { type: 'range', least: Number(least), most: Number(most) };
}
