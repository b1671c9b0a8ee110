import { MeaError } from '../../protocols/errors.js';
import type {
  AnotherClockRecord,
  LedgerSink,
  PolicyFallback,
  RescheduledRecord,
  SessionRestartedRecord,
  UncountedReason,
} from '../../protocols/ledger.js';
import type { TrialRequest, TrialResponse, TrialSourceDescription } from '../../protocols/trial.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import { MAX_BLIND_SHARE } from '../model/electrode-choice.js';
import type { SampleSpans } from './seen-samples.js';
import { toDigits } from './trial-record.js';

/** When the trials of a session are due; samples of the device's clock. */
export interface TrialPlan {
  readonly periodSamples: number;
  /** Where trial 0 of the session would be, had all its trials come one period after the other. */
  firstSample: number;
  /** The boot of the device whose clock it goes by; undefined where nobody knows. */
  bootId: number | undefined;
  /** What was changed since the last response. */
  change: PlanChange | undefined;
}

interface PlanChange {
  /** The trial that could not be when it should, and when that was. */
  readonly trial: number;
  readonly planned: SampleIndex;
  readonly isRestart: boolean;
  readonly isAnotherClock: boolean;
  /** Where another boot of the device is why the clock is another one. */
  readonly boots: Boots | undefined;
}

type Boots = Pick<AnotherClockRecord, 'previousBootId' | 'bootId'>;

/** A trial of the running session. */
export interface PlannedTrial {
  readonly session: number;
  readonly trial: number;
}

export function sampleOf({ firstSample, periodSamples }: TrialPlan, trial: number): SampleIndex {
  return sampleIndex(firstSample + trial * periodSamples);
}

/**
 * Takes note of the boot that a plan goes by.
 *
 * @returns both where it is another one than before
 */
export function takeBoot(plan: TrialPlan, bootId: number | undefined): Boots | undefined {
  if (bootId === undefined) return undefined;
  const previousBootId = plan.bootId;
  plan.bootId = bootId;
  return previousBootId === undefined || previousBootId === bootId ? undefined : { previousBootId, bootId };
}

/**
 * Moves the plan where its next trial cannot be when it should: the one before was repeated, a device was away, or the
 * clock of the device began anew. What it comes to is written down with the first response that it leads to
 * (`takePlanChange`): until then it may change again, and nobody has seen anything of it.
 *
 * @param earliest the earliest sample at which the source can take the trial
 * @param hasEnded the source ended the last batch early: only then `earliest` may say that its clock began anew
 * @param bootId of the clock of `earliest`: of another boot no sample says how long it was away, nor that it was not
 * @returns `restart` where the gap is longer than the experiment allows within a session, or nobody knows how long it was
 */
export function alignPlan(
  plan: TrialPlan,
  { trial, earliest, hasEnded, bootId }: EarliestTrial,
  { maxGapS, sampleRateHz }: { readonly maxGapS: number; readonly sampleRateHz: number },
): 'go-on' | 'restart' {
  const planned = sampleOf(plan, trial);
  const boots = takeBoot(plan, bootId);
  const isAnotherClock = boots !== undefined || (hasEnded && earliest < planned);
  if (earliest <= planned && !isAnotherClock) return 'go-on';
  const before = plan.change ?? { trial, planned, isRestart: false, isAnotherClock: false, boots: undefined };
  const change = {
    ...before,
    isAnotherClock: before.isAnotherClock || isAnotherClock,
    boots: joinBoots(before.boots, boots),
  };
  plan.firstSample += earliest - planned;
  plan.change = change;
  const isTooLong = change.isAnotherClock || earliest - change.planned > maxGapS * sampleRateHz;
  if (trial === 0 || !isTooLong) return 'go-on';
  plan.firstSample = earliest;
  plan.change = { ...change, isRestart: true };
  return 'restart';
}

function joinBoots(before: Boots | undefined, now: Boots | undefined): Boots | undefined {
  if (before === undefined || now === undefined) return now ?? before;
  return { previousBootId: before.previousBootId, bootId: now.bootId };
}

interface EarliestTrial {
  readonly trial: number;
  readonly earliest: SampleIndex;
  readonly hasEnded: boolean;
  readonly bootId?: number | undefined;
}

/** The records of what became of the plan since the last response; none where nothing did. */
export function takePlanChange(
  plan: TrialPlan,
  { session, atSample }: Pick<TrialRequest, 'session' | 'atSample'>,
): readonly (AnotherClockRecord | RescheduledRecord | SessionRestartedRecord)[] {
  const { change } = plan;
  if (change === undefined) return [];
  plan.change = undefined;
  const { trial, planned, isRestart, isAnotherClock, boots } = change;
  const bySamples = atSample - planned;
  const clock = boots && ({ type: 'another-clock', session, trial, atSample, ...boots } as const);
  const before = clock === undefined ? [] : [clock];
  if (isRestart) {
    return [
      ...before,
      { type: 'session-restarted', session, trial, ...(!isAnotherClock && { gapSamples: bySamples }) },
    ];
  }
  // Between the samples of two boots there is nothing to count.
  return clock === undefined ? [{ type: 'rescheduled', session, trial, atSample, bySamples }] : before;
}

/** Why a response is no data though it is the one to the request; undefined where it counts. */
export function whyUncounted(
  request: TrialRequest,
  response: TrialResponse,
  { toleranceSamples = 0 }: Pick<TrialSourceDescription, 'toleranceSamples'> = {},
): UncountedReason | undefined {
  const wanted = request.inputs.includes(1) ? 'delivered' : 'nothing-as-asked';
  const { delivery, blindFraction } = response;
  if (delivery === 'late' || delivery === 'refused' || delivery === 'missing') return delivery;
  if (delivery !== wanted) return 'other-delivery';
  if (Math.abs(response.deliveredSample - request.atSample) > toleranceSamples) return 'off-time';
  if (response.doubt !== undefined) return 'doubted';
  return blindFraction?.every((share) => share > MAX_BLIND_SHARE) === true ? 'unseen' : undefined;
}

/**
 * Writes down a trial that does not count. It is carried out again, later, unless it has failed too often; a failure that was
 * recorded before ends nothing: a run that it ended goes on with the next attempt.
 *
 * @param attempt from 1
 * @throws MeaError `bad-input` after `maxRepeats` repetitions
 */
export function noteUncounted(
  ledger: LedgerSink,
  { request, sources, fallback, decidedFrom, response, reason, attempt, maxRepeats }: UncountedTrial,
): void {
  const { session, trial, atSample, inputs } = request;
  const { delivery, deliveredSample, window, doubt } = response;
  const isRepeated = ledger.isRepeating?.() === true;
  ledger.append({
    type: 'trial-uncounted',
    session,
    trial,
    attempt,
    reason,
    sources: toDigits(sources),
    inputs: toDigits(inputs),
    atSample,
    delivery,
    deliveredSample,
    window,
    ...(doubt !== undefined && { doubt }),
    ...(decidedFrom !== undefined && { decidedFrom }),
    ...(fallback !== undefined && { fallback }),
  });
  if (attempt <= maxRepeats || isRepeated) return;
  throw new MeaError('bad-input', {
    what: 'A stimulus did not go out as asked, again and again; the trial does not count and the run stops',
    got: `${reason}, ${attempt} times`,
    wanted: request.inputs.includes(1) ? 'delivered' : 'nothing-as-asked',
    where: `session ${session}, trial ${trial}`,
    remedy: 'mend the cause and go on with --resume',
  });
}

interface UncountedTrial {
  readonly request: TrialRequest;
  /** (sources) 0 or 1 */
  readonly sources: Uint8Array;
  readonly fallback: PolicyFallback | undefined;
  readonly decidedFrom: SampleSpans | undefined;
  readonly response: TrialResponse;
  readonly reason: UncountedReason;
  readonly attempt: number;
  readonly maxRepeats: number;
}
