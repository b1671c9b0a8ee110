import type { ReplyResult } from '../../protocols/mea-link/messages.js';
import { checkPattern } from '../../protocols/stimulation/gate.js';
import type { Pulse, StimPattern } from '../../protocols/stimulation/stim-pattern.js';
import { sampleIndex } from '../../protocols/units.js';
import type { ArmedSession, CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { DeviceSession } from './device-session.js';
import { wantType } from './expectations.js';

/** How far ahead a stimulus is scheduled, so that it is not late on any link. */
const MARGIN_MS = 150;

/** A trigger; the empty pattern of slot 0 unless told otherwise. */
export function sendTrigger(
  { session, token }: ArmedSession,
  stimulus: { readonly stimulusId: number; readonly sample?: number | undefined; readonly slot?: number },
): Promise<ReplyResult> {
  const { stimulusId, sample, slot = 0 } = stimulus;
  const at =
    sample === undefined ? ({ type: 'now' } as const) : ({ type: 'sample', sample: sampleIndex(sample) } as const);
  return session.send({ type: 'trigger', stimulusId, slot, at, token });
}

/** A sample that lies so many milliseconds ahead, with some time for the commands on their way. */
export async function sampleAhead(context: CheckContext, session: DeviceSession, durationMs = 0): Promise<number> {
  assertSchedules(context, durationMs + MARGIN_MS);
  return (await session.status()).nextSample + context.toSamples(durationMs + MARGIN_MS);
}

/**
 * @throws CheckSkipped for a device that delivers at once only, or not so far ahead
 */
export function assertSchedules(context: CheckContext, aheadMs: number): void {
  const { scheduling, maxAheadMs } = context.stimulation;
  if (scheduling !== 'at-sample') throw new CheckSkipped('the device delivers at once, not at a sample');
  if (maxAheadMs < aheadMs)
    throw new CheckSkipped(`the device schedules ${maxAheadMs} ms ahead, ${aheadMs} are needed`);
}

/** Stores pulses in slot 1, which is then to be triggered. */
export async function uploadPulses(
  context: CheckContext,
  session: DeviceSession,
  pulses: readonly Pulse[],
): Promise<number> {
  const slot = Math.min(1, context.stimulation.slots - 1);
  wantType(await uploadWithin(context, session, { slot, pulses }), 'done');
  return slot;
}

/**
 * Uploads a pattern that keeps the limits of the rig, as the controller's own gate finds.
 *
 * @throws CheckSkipped when the gate refuses it: then it is not sent
 */
export function uploadWithin(
  { profile, capabilities, stimulation, profileAgeS }: CheckContext,
  session: DeviceSession,
  pattern: StimPattern,
): Promise<ReplyResult> {
  const { sampleRateHz } = capabilities;
  const verdict = checkPattern(pattern, { profile, capabilities: stimulation, sampleRateHz, profileAgeS });
  if (verdict.type === 'accepted') return session.send({ type: 'upload-pattern', pattern: verdict.pattern });
  const why = verdict.refusals.map(({ rule, message }) => `${rule}: ${message}`).join('; ');
  throw new CheckSkipped(`the gate refuses the pulse under the limits of the rig (${why})`);
}
