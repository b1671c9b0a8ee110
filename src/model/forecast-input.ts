import type { ExperimentDesign } from './model-run.js';
import { isSourceOn } from './states.js';

/** What the initial sessions leave for a forecast. Data alone, so that it can be sent to a thread. */
export interface ForecastInput {
  readonly design: ExperimentDesign;
  /** (n, initial sessions x K) normalised responses */
  readonly x: Float64Array;
  /** (T K, J) stimuli of all sessions */
  readonly inputs: Uint8Array;
  /** (T K) joint states of all sessions */
  readonly states: Uint8Array;
  /** False where later patterns are decided on later responses: those given then stand in for them. */
  readonly isKnownAhead: boolean;
}

/**
 * What stands in for the stimuli of later sessions where nobody knows them ahead: those of the initial sessions, one session
 * after the other and again. A forecast is then about the mix of states that the initial sessions had.
 */
export function repeatInitialStimuli(
  { inputs, states }: Pick<ForecastInput, 'inputs' | 'states'>,
  { sessions, trialsPerSession: trials, initialSessions }: ExperimentDesign,
): Pick<ForecastInput, 'inputs' | 'states'> {
  const all = { inputs: inputs.slice(), states: states.slice() };
  const width = inputs.length / (sessions * trials);
  for (let session = initialSessions; session < sessions; session++) {
    const [to, from] = [session * trials, (session % initialSessions) * trials];
    all.inputs.copyWithin(to * width, from * width, (from + trials) * width);
    all.states.copyWithin(to, from, from + trials);
  }
  return all;
}

/** Responses of some sessions from the first on. */
export interface SessionResponses {
  /** (n, sessions x K) */
  readonly x: Float64Array;
  /** (at least sessions x K) joint states */
  readonly states: Uint8Array;
  readonly trialsPerSession: number;
  readonly sourceCount: number;
}

/**
 * (n)(sessions) selectivity in x of each ensemble in each session: mean over trials with its own source on, less the mean
 * over trials with it off. NaN where a session lacks either.
 */
export function selectivityBySession(responses: SessionResponses): number[][] {
  const { x, states, trialsPerSession: trials, sourceCount } = responses;
  const rows = x.length / sourceCount;
  return Array.from({ length: sourceCount }, (_, a) => {
    const own = ownSource(states, a, sourceCount);
    return Array.from({ length: rows / trials }, (_session, session) => {
      let on = 0;
      let onTrials = 0;
      let all = 0;
      for (let row = session * trials; row < (session + 1) * trials; row++) {
        const value = x[a * rows + row]!;
        all += value;
        on += own[row]! * value;
        onTrials += own[row]!;
      }
      return on / onTrials - (all - on) / (trials - onTrials);
    });
  });
}

/** (rows) 1 where ensemble a's own source is on. */
export function ownSource(states: Uint8Array, ensemble: number, sourceCount: number): Uint8Array {
  return states.map((state) => (isSourceOn(state, ensemble, sourceCount) ? 1 : 0));
}
