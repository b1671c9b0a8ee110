import { MeaError } from '../../protocols/errors.js';
import type { LedgerSink, UncountedReason } from '../../protocols/ledger.js';
import type { TrialRequest, TrialResponse } from '../../protocols/trial.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { Experiment } from './experiment.js';

/** When the trials of a session are due; samples of the device's clock. */
export interface TrialPlan {
  readonly periodSamples: number;
  /** Where trial 0 of the session would be, had all its trials come one period after the other. */
  firstSample: number;
}

/** A trial of the running session. */
export interface PlannedTrial {
  readonly session: number;
  readonly trial: number;
}

export function sampleOf({ firstSample, periodSamples }: TrialPlan, trial: number): SampleIndex {
  return sampleIndex(firstSample + trial * periodSamples);
}

/**
 * Moves the plan where its next trial cannot be when it should: the one before was repeated, a device was away, or the
 * clock of the device began anew. Writes it down.
 *
 * @param earliest the earliest sample at which the source can take the trial
 * @param hasEnded the source ended the last batch early: only then `earliest` may say that its clock began anew
 * @returns `restart` where the gap is longer than the experiment allows within a session, or nobody knows how long it was
 */
export function alignPlan(
  plan: TrialPlan,
  { session, trial, earliest, hasEnded }: PlannedTrial & { readonly earliest: SampleIndex; readonly hasEnded: boolean },
  { experiment, sampleRateHz, ledger }: PlanContext,
): 'go-on' | 'restart' {
  const planned = sampleOf(plan, trial);
  const bySamples = earliest - planned;
  const isAnotherClock = hasEnded && bySamples < 0;
  if (bySamples <= 0 && !isAnotherClock) return 'go-on';
  plan.firstSample += bySamples;
  const isTooLong = isAnotherClock || bySamples > experiment.maxGapS * sampleRateHz;
  if (trial > 0 && isTooLong) {
    ledger.append({ type: 'session-restarted', session, trial, ...(!isAnotherClock && { gapSamples: bySamples }) });
    return 'restart';
  }
  ledger.append({ type: 'rescheduled', session, trial, atSample: earliest, bySamples });
  return 'go-on';
}

interface PlanContext {
  readonly experiment: Experiment;
  readonly sampleRateHz: number;
  readonly ledger: LedgerSink;
}

/** An electrode that missed more than this share of a window was not seen in it. */
const MAX_BLIND_SHARE = 0.01;

/** Why a response is no data though it is the one to the request; undefined where it counts. */
export function whyUncounted(request: TrialRequest, response: TrialResponse): UncountedReason | undefined {
  const wanted = request.inputs.includes(1) ? 'delivered' : 'nothing-as-asked';
  const { delivery, blindFraction } = response;
  if (delivery === 'late' || delivery === 'refused' || delivery === 'missing') return delivery;
  if (delivery !== wanted) return 'other-delivery';
  if (response.deliveredSample !== request.atSample) return 'off-time';
  if (response.doubt !== undefined) return 'doubted';
  return blindFraction?.every((share) => share > MAX_BLIND_SHARE) === true ? 'unseen' : undefined;
}

/**
 * Writes down a trial that does not count. It is carried out again, later, unless it has failed too often.
 *
 * @param attempt from 1
 * @throws MeaError `bad-input` after `maxRepeats` repetitions
 */
export function noteUncounted(
  ledger: LedgerSink,
  { request, response, reason, attempt, maxRepeats }: UncountedTrial,
): void {
  const { session, trial, atSample } = request;
  const { delivery, deliveredSample, window, doubt } = response;
  ledger.append({
    type: 'trial-uncounted',
    session,
    trial,
    attempt,
    reason,
    atSample,
    delivery,
    deliveredSample,
    window,
    ...(doubt !== undefined && { doubt }),
  });
  if (attempt <= maxRepeats) return;
  throw new MeaError('bad-input', {
    what: 'A stimulus did not go out as asked, again and again; the trial does not count and the run stops',
    got: `${reason}, ${attempt} times`,
    wanted: request.inputs.includes(1) ? 'delivered' : 'nothing-as-asked',
    where: `session ${session}, trial ${trial}`,
    remedy: 'mend the cause and begin a new run: this one ends here when it is repeated, too',
  });
}

interface UncountedTrial {
  readonly request: TrialRequest;
  readonly response: TrialResponse;
  readonly reason: UncountedReason;
  readonly attempt: number;
  readonly maxRepeats: number;
}
