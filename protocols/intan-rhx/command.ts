import { MeaError } from '../errors.js';
import { AMPLIFIER_NAME, findRhxAction, findRhxItem, readRhxValue } from './parameters.js';

/** One command to RHX. Names are those of `parameters.ts`, in any case; `item` is `A-010.Source`, `A.Item` or global. */
export type RhxCommand =
  | { readonly type: 'get'; readonly item: string }
  | { readonly type: 'set'; readonly item: string; readonly value: string | number | boolean }
  | { readonly type: 'execute'; readonly action: string; readonly argument?: string }
  | { readonly type: 'live-note'; readonly text: string };

/** Most bytes of one write: RHX reads what it finds and puts nothing together, so that a write must not be cut. */
export const MAX_WRITE_BYTES = 1400;

/**
 * The text of a batch of commands, to be written at once: each ends with `;`, in lower case but for paths and notes.
 * Whatever RHX would answer with an error by its own tables is refused here, and so is what it does not survive (`set`
 * without a value).
 *
 * @throws MeaError `bad-input` for an unknown name, a value out of range, text that would be another command (`;`),
 *   that is not printable ASCII or that has spaces where RHX takes one word; for a run mode that is not the last command of the batch, because RHX
 *   runs its acquisition inside it; for no command, or more bytes than one write may have
 */
export function encodeRhxCommands(commands: readonly RhxCommand[]): string {
  if (commands.length === 0) throw badCommand('no command', 'at least one');
  const starts = commands.findIndex(startsRun);
  if (starts >= 0 && starts < commands.length - 1) {
    throw badCommand(`a command after the run mode (${describe(commands[starts]!)})`, 'the run mode last in its batch');
  }
  const text = commands.map((command) => `${encodeCommand(command)};`).join('');
  if (text.length <= MAX_WRITE_BYTES) return text;
  throw badCommand(`${text.length} bytes in one write`, `at most ${MAX_WRITE_BYTES}`);
}

function startsRun(command: RhxCommand): boolean {
  if (command.type !== 'set' || command.item.toLowerCase() !== 'runmode') return false;
  return String(command.value).toLowerCase() !== 'stop';
}

function encodeCommand(command: RhxCommand): string {
  switch (command.type) {
    case 'get':
      requireItem(command.item);
      return `get ${command.item.toLowerCase()}`;
    case 'set':
      return encodeSet(command.item, command.value);
    case 'execute':
      return encodeExecute(command.action, command.argument);
    case 'live-note':
      requireText(command.text, 'the note');
      return `livenotes ${command.text}`;
  }
}

function encodeSet(item: string, value: string | number | boolean): string {
  const { kind, name } = requireItem(item).parameter;
  const name_ = item.toLowerCase();
  if (kind.type === 'read-only') throw badCommand(`set ${item}`, `no change: ${name} is fixed`);
  const text = typeof value === 'number' ? toDecimal(value) : String(value);
  requireText(text, `the value of ${name}`);
  if (kind.type === 'text') return `set ${name_} ${text}`;
  if (text.includes(' ')) throw badCommand(`${item} = '${text}'`, 'one word');
  const read = readRhxValue(kind, text);
  if (read.type === 'refused') throw badCommand(`${item} = ${text}`, read.acceptable);
  return `set ${name_} ${text.toLowerCase()}`;
}

function encodeExecute(action: string, argument: string | undefined): string {
  const known = findRhxAction(action);
  if (known === undefined) throw badCommand(`the action '${action}'`, 'one that is known');
  const text = known.name.toLowerCase();
  if (known.argument === 'key') {
    if (argument !== undefined && /^f[1-8]$/i.test(argument)) return `${execute(text)} ${argument.toLowerCase()}`;
    throw badCommand(`${known.name} ${argument ?? ''}`.trim(), 'a key, f1 to f8');
  }
  if (argument === undefined) return execute(text);
  if (known.argument === 'channel' && AMPLIFIER_NAME.test(argument)) {
    return `${execute(text)} ${argument.toLowerCase()}`;
  }
  throw badCommand(
    `${known.name} ${argument}`,
    known.argument === 'channel' ? 'a channel such as A-010' : 'no argument',
  );
}

function execute(action: string): string {
  return `execute ${action}`;
}

function requireItem(item: string): NonNullable<ReturnType<typeof findRhxItem>> {
  const found = findRhxItem(item);
  if (found !== undefined) return found;
  throw badCommand(`the parameter '${item}'`, 'one that is known');
}

function requireText(text: string, what: string): void {
  if (text.trim() === '') throw badCommand(`nothing for ${what}`, 'a text');
  if (text.trim() !== text) throw badCommand(`'${text}' for ${what}`, 'no space at its ends: RHX would drop it');
  if (!/^[\x20-\x7e]*$/.test(text)) throw badCommand(`${JSON.stringify(text)} for ${what}`, 'printable ASCII');
  if (text.includes(';')) throw badCommand(`'${text}' for ${what}`, "no ';': it would begin another command");
}

/** Up to four decimals, never with an exponent: a hundredth of the shortest time step of the device. */
function toDecimal(value: number): string {
  if (!Number.isFinite(value) || Math.abs(value) > 1e9) throw badCommand(String(value), 'a finite number');
  return String(Number(value.toFixed(4)));
}

function describe(command: RhxCommand): string {
  return command.type === 'set' ? `set ${command.item} ${String(command.value)}` : command.type;
}

function badCommand(got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: 'Ill-formed command for RHX', got, wanted });
}
