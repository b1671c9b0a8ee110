import { MeaError } from '../../protocols/errors.js';
import type { BaselineRecord, PolicyFallback, TrialRecord, TrialUncountedRecord } from '../../protocols/ledger.js';
import type { BaselineCounts, TrialRequest, TrialResponse, TrialSourceDescription } from '../../protocols/trial.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { TrialEstimate } from '../model/online-model.js';
import type { SampleSpans } from './seen-samples.js';

/** A trial as it was asked for and answered. */
export interface AnsweredTrial {
  readonly request: TrialRequest;
  /** (sources) 0 or 1 */
  readonly sources: Uint8Array;
  readonly response: TrialResponse;
  readonly estimate: TrialEstimate | undefined;
  readonly fallback: PolicyFallback | undefined;
  readonly decidedFrom: SampleSpans | undefined;
}

/** The ledger's record of a trial that counts. */
export function toTrialRecord({
  request,
  sources,
  response,
  estimate,
  fallback,
  decidedFrom,
}: AnsweredTrial): TrialRecord {
  return {
    type: 'trial',
    session: request.session,
    trial: request.trial,
    sources: toDigits(sources),
    inputs: toDigits(request.inputs),
    atSample: request.atSample,
    delivery: response.delivery,
    deliveredSample: response.deliveredSample,
    window: response.window,
    counts: Array.from(response.counts),
    ...(response.blindFraction !== undefined && { blindFraction: Array.from(response.blindFraction) }),
    ...(response.baseline !== undefined && { baseline: toBaselineRecord(response.baseline) }),
    ...(response.usedSamples !== undefined && { usedSamples: response.usedSamples }),
    ...(decidedFrom !== undefined && { decidedFrom }),
    ...(fallback !== undefined && { fallback }),
    ...(estimate !== undefined && { x: Array.from(estimate.x), xp: Array.from(estimate.xp) }),
  };
}

/** The response that a record tells of. */
export function toTrialResponse(record: TrialRecord): TrialResponse {
  return {
    session: record.session,
    trial: record.trial,
    delivery: record.delivery,
    deliveredSample: sampleIndex(record.deliveredSample),
    window: toRange(record.window),
    counts: Uint16Array.from(record.counts),
    ...(record.blindFraction !== undefined && { blindFraction: Float32Array.from(record.blindFraction) }),
    ...(record.baseline !== undefined && { baseline: toBaselineCounts(record.baseline) }),
    ...(record.usedSamples !== undefined && { usedSamples: toRange(record.usedSamples) }),
  };
}

/** The response that did not count: what its electrodes had was not kept. */
export function toFailedResponse(record: TrialUncountedRecord, electrodes: number): TrialResponse {
  const { session, trial, reason, delivery, deliveredSample, window, doubt } = record;
  return {
    session,
    trial,
    delivery,
    deliveredSample: sampleIndex(deliveredSample),
    window: toRange(window),
    counts: new Uint16Array(electrodes),
    ...(doubt !== undefined && { doubt }),
    ...(reason === 'unseen' && { blindFraction: new Float32Array(electrodes).fill(1) }),
  };
}

function toBaselineRecord({ window, counts, blindFraction }: BaselineCounts): BaselineRecord {
  return {
    window,
    counts: Array.from(counts),
    ...(blindFraction !== undefined && { blindFraction: Array.from(blindFraction) }),
  };
}

function toBaselineCounts({ window, counts, blindFraction }: BaselineRecord): BaselineCounts {
  return {
    window: toRange(window),
    counts: Uint16Array.from(counts),
    ...(blindFraction !== undefined && { blindFraction: Float32Array.from(blindFraction) }),
  };
}

function toRange([first, end]: readonly [number, number]): readonly [SampleIndex, SampleIndex] {
  return [sampleIndex(first), sampleIndex(end)];
}

/**
 * Checks that a response is the one asked for: of that trial, with a count for every electrode from the window that the
 * source describes. Whether it counts is another question: `whyUncounted`.
 *
 * @throws MeaError `bad-input`
 */
export function assertAnswer(request: TrialRequest, response: TrialResponse, source: TrialSourceDescription): void {
  const where = `session ${request.session}, trial ${request.trial}`;
  if (response.session !== request.session || response.trial !== request.trial) {
    throw new MeaError('bad-input', {
      what: 'The source answered another trial than the one asked for',
      got: `session ${response.session}, trial ${response.trial}`,
      wanted: where,
    });
  }
  const from = response.deliveredSample;
  const window = source.responseWindowMs.map((ms) => from + Math.round((ms * source.sampleRateHz) / 1000));
  if (response.window.some((sample, i) => sample !== window[i])) {
    throw new MeaError('bad-input', {
      what: 'The counts of a response come from another window than the source describes',
      got: `samples ${response.window.join(' to ')}`,
      wanted: window.join(' to '),
      where,
    });
  }
  if (response.counts.length !== source.electrodes) {
    throw new MeaError('bad-input', {
      what: 'A response has the wrong number of electrodes',
      got: String(response.counts.length),
      wanted: String(source.electrodes),
      where,
    });
  }
}

/** 0 and 1 as text, one digit each. */
export function toDigits(bits: Uint8Array): string {
  return String.fromCharCode(...bits.map((bit) => bit + 48));
}
