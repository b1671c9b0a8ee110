import { MeaError } from '../../protocols/errors.js';
import type { Command, Refusal, ReplyResult } from '../../protocols/mea-link/messages.js';

/** A refusal as an error, by its name and rule. */
export function describeRefusal(command: Command['type'], refusal: Refusal): MeaError {
  const rule = refusal.rule === undefined ? '' : ` (${refusal.rule})`;
  return new MeaError('refused', {
    what: `The device refused ${command}: ${refusal.reason}${rule}: ${refusal.message}`,
  });
}

/**
 * The answer to a command, of the kind that belongs to it.
 *
 * @throws MeaError `refused` by name and rule; `bad-format` for an answer of another kind
 */
export function expectReply<Type extends ReplyResult['type']>(
  command: Command['type'],
  result: ReplyResult,
  type: Type,
): Extract<ReplyResult, { readonly type: Type }> {
  if (isOfType(result, type)) return result;
  if (result.type === 'refused') throw describeRefusal(command, result);
  throw new MeaError('bad-format', { what: `Bad answer to ${command}`, got: result.type, wanted: type });
}

/** The same for a command whose refusal is data. */
export function expectReplyOrRefusal<Type extends ReplyResult['type']>(
  command: Command['type'],
  result: ReplyResult,
  type: Type,
): Extract<ReplyResult, { readonly type: Type }> | Refusal {
  return result.type === 'refused' ? result : expectReply(command, result, type);
}

function isOfType<Type extends ReplyResult['type']>(
  result: ReplyResult,
  type: Type,
): result is Extract<ReplyResult, { readonly type: Type }> {
  return result.type === type;
}
