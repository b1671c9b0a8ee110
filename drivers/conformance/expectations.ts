import type {
  DataMessage,
  RefusalReason,
  ReplyResult,
  StimulusDelivered,
  StimulusDropped,
} from '../../protocols/mea-link/messages.js';
import type { SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import { CheckFailed } from './check-verdict.js';
import { describeData, describeReply } from './describe.js';
import type { DeviceSession } from './device-session.js';

/** @throws CheckFailed unless the condition holds */
export function want(condition: boolean, got: string, wanted: string): asserts condition {
  if (!condition) throw new CheckFailed(got, wanted);
}

/** @throws CheckFailed unless the two are the same */
export function wantEqual(what: string, got: number | string | boolean, wanted: number | string | boolean): void {
  if (got !== wanted) throw new CheckFailed(`${what} ${got}`, `${wanted}`);
}

/** @throws CheckFailed unless the answer is of that kind */
export function wantReply<Type extends ReplyResult['type']>(
  reply: ReplyResult,
  type: Type,
): Extract<ReplyResult, { readonly type: Type }> {
  if (isOfType(reply, type)) return reply;
  throw new CheckFailed(describeReply(reply), type);
}

/** The same, where only the kind matters. */
export function wantType(reply: ReplyResult, type: ReplyResult['type']): void {
  wantReply(reply, type);
}

/** @throws CheckFailed unless the answer is a refusal for one of these reasons */
export function wantRefused(reply: ReplyResult, ...reasons: readonly RefusalReason[]): void {
  const wanted = `refused ${reasons.join(' or ')}`;
  if (reply.type !== 'refused' || !reasons.includes(reply.reason)) throw new CheckFailed(describeReply(reply), wanted);
}

/** @throws CheckFailed unless the answer is a refusal by this safety rule */
export function wantRule(reply: ReplyResult, rule: SafetyRule): void {
  if (reply.type === 'refused' && reply.reason === 'safety' && reply.rule === rule) return;
  throw new CheckFailed(describeReply(reply), `refused safety (${rule})`);
}

/** Messages of one kind that have come on the data lane, in order. */
export function dataOf<Type extends DataMessage['type']>(
  session: DeviceSession,
  type: Type,
): Extract<DataMessage, { readonly type: Type }>[] {
  return session.data.flatMap(({ message }) => (isOfType(message, type) ? [message] : []));
}

/** Waits for the next message of one kind, after the first `after` of them. */
export function awaitData<Type extends DataMessage['type']>(
  session: DeviceSession,
  type: Type,
  options: { readonly after?: number; readonly deadlineMs?: number; readonly what?: string } = {},
): Promise<Extract<DataMessage, { readonly type: Type }>> {
  const { after = 0, what = type } = options;
  return session.waitFor(() => dataOf(session, type)[after], { ...options, what });
}

/** Waits until it is said what became of a stimulus. */
export function awaitFate(
  session: DeviceSession,
  stimulusId: number,
  deadlineMs = 3000,
): Promise<StimulusDelivered | StimulusDropped> {
  return session.waitFor(() => fatesOf(session, stimulusId)[0], {
    what: `the fate of stimulus ${stimulusId}`,
    deadlineMs,
  });
}

/** What was said about a stimulus; it should be one message. */
export function fatesOf(session: DeviceSession, stimulusId: number): (StimulusDelivered | StimulusDropped)[] {
  return session.data.flatMap(({ message }) => (isFateOf(message, stimulusId) ? [message] : []));
}

/** Waits for the fate of a stimulus, which must be that it was dropped for this reason. */
export async function wantDropped(
  session: DeviceSession,
  stimulusId: number,
  reason: StimulusDropped['reason'],
): Promise<void> {
  const fate = await awaitFate(session, stimulusId);
  const isRight = fate.type === 'stimulus-dropped' && fate.reason === reason;
  want(isRight, describeData(fate), `stimulus-dropped ${stimulusId} (${reason})`);
}

function isOfType<M extends { readonly type: string }, Type extends M['type']>(
  message: M,
  type: Type,
): message is Extract<M, { readonly type: Type }> {
  return message.type === type;
}

function isFateOf(message: DataMessage, stimulusId: number): message is StimulusDelivered | StimulusDropped {
  return (
    (message.type === 'stimulus-delivered' || message.type === 'stimulus-dropped') && message.stimulusId === stimulusId
  );
}
