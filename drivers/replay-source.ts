import { MeaError } from '../protocols/errors.js';
import {
  bootIdOf,
  isDetecting,
  isRearming,
  isResumable,
  isTimed,
  type BootedSource,
  type DetectingSource,
  type DetectorLevels,
  type ResumableSource,
  type TrialRequest,
  type TrialResponse,
  type TrialSource,
  type TrialSourceDescription,
} from '../protocols/trial.js';
import { sampleIndex, type SampleIndex, type Seconds } from '../protocols/units.js';

/** What a recording holds of an experiment's trials. */
export interface RecordedTrials {
  readonly description: TrialSourceDescription;
  /** Responses in the order in which they were recorded, also those that did not count. */
  readonly responses: readonly TrialResponse[];
  /** (response) the sample at which its stimulus was due. */
  readonly due?: readonly SampleIndex[];
  /**
   * (response) the sample at which it was due, for those before which the plan of the session changed: trials came later, by
   * another clock, or from the first one on again.
   */
  readonly moved?: ReadonlyMap<number, SampleIndex>;
  /** First sample of each session that was begun. */
  readonly sessionSamples: readonly SampleIndex[];
  /** (response) boot of the device by whose clock it was due, and (session) by whose clock a session began; undefined where unknown. */
  readonly boots?: readonly (number | undefined)[];
  readonly sessionBoots?: readonly (number | undefined)[];
  /** (session) what the detector went by, where the source detected. */
  readonly detectorLevels?: ReadonlyMap<number, DetectorLevels>;
}

/**
 * A source that answers with what was recorded. It holds no device and has no way to reach one: a replay cannot
 * stimulate. Where the recording went on later than planned, or with another trial, a batch ends early, and `nextSample` says
 * when the next trial was due.
 */
export function createReplaySource(recorded: RecordedTrials): DetectingSource & BootedSource {
  let next = 0;
  let session = 0;
  /** Sessions whose beginning has been told. */
  let told = 0;
  /** As of the last sample that was told. */
  let bootId: number | undefined;
  const isMoved = ({ session: s, trial, atSample }: TrialRequest): boolean => {
    const at = recorded.moved?.get(next);
    const response = recorded.responses[next];
    if (at === undefined || response === undefined) return false;
    return response.session !== s || response.trial !== trial || at !== atSample;
  };
  return {
    description: { ...recorded.description, provenance: 'replayed' },
    nextSample() {
      const begins = recorded.sessionSamples[session];
      if (told <= session && begins !== undefined) {
        told = session + 1;
        bootId = recorded.sessionBoots?.[session] ?? bootId;
        return begins;
      }
      bootId = recorded.boots?.[next] ?? bootId;
      // Where nothing changed, no later than planned; by another clock that may be before the session began.
      const latest = Math.min(begins ?? 0, recorded.due?.[next] ?? Infinity);
      return recorded.moved?.get(next) ?? sampleIndex(latest);
    },
    bootId: () => bootId,
    detectorLevels: () => recorded.detectorLevels?.get(session),
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      for (const request of requests) {
        signal.throwIfAborted();
        if (isMoved(request)) return;
        const response = await Promise.resolve(recordedAnswer(recorded, next, request));
        next++;
        yield response;
      }
    },
    rest() {
      session++;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

function recordedAnswer(recorded: RecordedTrials, index: number, request: TrialRequest): TrialResponse {
  const response = recorded.responses[index];
  if (response !== undefined) return response;
  throw new MeaError('missing', {
    what: 'The recording ends before the experiment does',
    got: `${recorded.responses.length} trials`,
    wanted: `session ${request.session}, trial ${request.trial}`,
  });
}

/**
 * A source that first answers with what was recorded and then goes on with a live one, which must stand where the
 * recording ends: this is how an interrupted run resumes. Where the live one goes on at another sample than planned, or by the clock
 * of another boot, a batch ends early. It is resumable when the live one is.
 *
 * @param rests rests that the live source has behind it already
 */
export function createContinuedSource(recorded: RecordedTrials, rests: number, live: TrialSource): BootedSource {
  const replay = createReplaySource(recorded);
  let answered = 0;
  let rested = 0;
  let told = 0;
  let isLive = recorded.responses.length === 0;
  let bootId: number | undefined;
  const nextOf = (next: TrialSource): SampleIndex => {
    const sample = next.nextSample();
    bootId = bootIdOf(next);
    return sample;
  };
  const source: BootedSource = {
    description: live.description,
    nextSample() {
      const isBeginning = told <= rested && rested < recorded.sessionSamples.length;
      if (isBeginning) told = rested + 1;
      return isBeginning || answered < recorded.responses.length ? nextOf(replay) : nextOf(live);
    },
    bootId: () => bootId,
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      const known = Math.min(requests.length, recorded.responses.length - answered);
      for await (const response of replay.run(requests.slice(0, known), signal)) {
        answered++;
        yield response;
      }
      const next = requests[known];
      if (next === undefined || answered < recorded.responses.length) return;
      if (!isLive) {
        isLive = true;
        const planned = bootId;
        const isSame = live.nextSample() === next.atSample;
        const now = bootIdOf(live);
        const isAnotherBoot = planned !== undefined && now !== undefined && planned !== now;
        if (!isSame || isAnotherBoot) return;
      }
      yield* live.run(requests.slice(known), signal);
    },
    async rest(duration: Seconds) {
      await replay.rest(duration);
      if (rested >= rests) await live.rest(duration);
      rested++;
    },
    close: () => live.close(),
  };
  const levels = isDetecting(live)
    ? {
        detectorLevels: () =>
          recorded.detectorLevels?.has(rested) === true ? replay.detectorLevels() : live.detectorLevels(),
      }
    : {};
  const times = isTimed(live) ? { stageLatencies: () => live.stageLatencies() } : {};
  const rearmings = isRearming(live) ? { takeRearmings: () => live.takeRearmings() } : {};
  if (!isResumable(live)) return { ...source, ...levels, ...times, ...rearmings };
  const resumable: ResumableSource & BootedSource = {
    ...source,
    ...levels,
    ...times,
    ...rearmings,
    saveState: () => live.saveState(),
    restoreState: (state) => {
      live.restoreState(state);
    },
  };
  return resumable;
}
