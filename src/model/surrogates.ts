import { openRandomStream, shuffleInPlace } from '../../protocols/random.js';
import { PUBLISHED_PRIOR_TRIALS } from './accumulators.js';
import { calibrateCausal, normaliseSession } from './causal-normaliser.js';
import { lastSessionCount, type ExperimentDesign } from './model-run.js';
import { codeGroups, packInputs, type TrialInputs } from './packed-inputs.js';
import { normalisePublished, traceMeans } from './published-normaliser.js';
import { stateCountOf } from './states.js';
import { traceSelectivity } from './trace-selectivity.js';
import {
  createStreamingCore,
  endSession,
  observeTrial,
  thresholdFactors,
  type SessionOutcome,
} from './streaming-core.js';
import { thresholdEnergy } from './weights.js';

/** Raw material of a free-energy curve: ensembles' mean counts, states and stimuli, before normalisation. */
export interface CurveData {
  readonly mode: 'published' | 'causal';
  readonly design: ExperimentDesign;
  /** (n, T K) mean count over each ensemble's electrodes */
  readonly traces: Float64Array;
  /** (T K) */
  readonly states: Uint8Array;
  /** (T K, J) */
  readonly inputs: Uint8Array;
  /** B, spikes per trial */
  readonly baseline: number;
}

/** A free-energy curve and the selectivity of the responses that gave it. */
export interface EnergyCurve {
  /** (T) nats */
  readonly freeEnergy: Float64Array;
  /** Fall of the free energy: first session less the mean of the last sessions, nats. */
  readonly fall: number;
  /** Selectivity in x over the last sessions: `traceSelectivity`. */
  readonly selectivity: number;
}

/**
 * Surrogates of a free-energy curve, each the same analysis on responses from which one thing was taken away:
 *
 * - `staticCulture`: later sessions replaced by draws from the initial ones: a culture that stopped changing. What is
 *   left of the fall is the estimate converging.
 * - `reversed`: the whole experiment backwards: change in the other direction
 * - `shuffled`: later sessions in random order: no gradual course
 * - `rolled`: responses shifted against stimuli by some trials: no pairing
 */
export interface Surrogates {
  readonly staticCulture: readonly EnergyCurve[];
  readonly reversed: EnergyCurve;
  readonly shuffled: readonly EnergyCurve[];
  readonly rolled: readonly EnergyCurve[];
}

export interface SurrogateOptions {
  readonly seed: number;
  /** Number of draws of the static culture: 20 resolve a tail of 5 %. */
  readonly staticDraws: number;
  readonly shuffles: number;
  /** Trials by which responses are rolled against stimuli. */
  readonly rolls: readonly number[];
}

const DEFAULT_SURROGATES: SurrogateOptions = { seed: 1, staticDraws: 20, shuffles: 5, rolls: [37, 91, 173] };

/** Computes all surrogates of a curve. */
export function computeSurrogates(data: CurveData, options: SurrogateOptions = DEFAULT_SURROGATES): Surrogates {
  const { sessions, initialSessions } = data.design;
  const inOrder = Array.from({ length: sessions }, (_, session) => session);
  const initial = inOrder.slice(0, initialSessions);
  const draws = <T>(count: number, draw: (i: number) => T): readonly T[] =>
    Array.from({ length: count }, (_, i) => draw(i));
  return {
    staticCulture: draws(options.staticDraws, (i) => {
      const random = openRandomStream(options.seed, 'surrogate-static', i);
      const later = inOrder.slice(initialSessions).map(() => random.integer(initialSessions));
      return energyCurve(reorderSessions(data, [...initial, ...later]));
    }),
    reversed: energyCurve(reorderSessions(data, inOrder.toReversed())),
    shuffled: draws(options.shuffles, (i) => {
      const random = openRandomStream(options.seed, 'surrogate-shuffle', i);
      return energyCurve(
        reorderSessions(data, [...initial, ...shuffleInPlace(inOrder.slice(initialSessions), random)]),
      );
    }),
    rolled: options.rolls.map((trials) => energyCurve(data, trials)),
  };
}

/**
 * The free-energy curve of a culture, normalisation included.
 *
 * @param roll trials by which normalised responses are shifted against the stimuli, over the whole experiment
 */
export function energyCurve(data: CurveData, roll = 0): EnergyCurve {
  const { design } = data;
  const { sessions, trialsPerSession: trials, sourceCount: n, initialSessions } = design;
  const rows = sessions * trials;
  const x = rollTraces(normaliseTraces(data), rows, roll);
  const width = n * design.inputsPerBlock;
  const core = createStreamingCore({ ensembles: n, inputs: width, priorTrials: PUBLISHED_PRIOR_TRIALS });
  const outcomes: SessionOutcome[] = [];
  const codes = packInputs(data.inputs, { first: 0, end: rows, width });
  const groups = codeGroups(width);
  const trial: TrialInputs = { codes, offset: 0 };
  const now = new Float64Array(n);
  for (let row = 0; row < rows; row++) {
    trial.offset = row * groups;
    for (let a = 0; a < n; a++) now[a] = x[a * rows + row]!;
    observeTrial(core, now, trial);
    if ((row + 1) % trials === 0) outcomes.push(endSession(core));
  }
  const freeEnergy = withThresholds(outcomes, initialSessions);
  const count = lastSessionCount(design);
  let last = 0;
  for (let session = sessions - count; session < sessions; session++) last += freeEnergy[session]!;
  const range = { first: sessions - count, end: sessions };
  return {
    freeEnergy,
    fall: freeEnergy[0]! - last / count,
    selectivity: traceSelectivity(x, data.states, { ...range, design }),
  };
}

/** Traces (n, rows) shifted by some rows against everything else, round the end. */
function rollTraces(traces: Float64Array, rows: number, roll: number): Float64Array {
  if (roll === 0) return traces;
  const rolled = new Float64Array(traces.length);
  for (let i = 0; i < traces.length; i++) {
    const row = i % rows;
    rolled[i] = traces[i - row + ((row + roll) % rows)]!;
  }
  return rolled;
}

/** (n, T K) responses normalised by the data's mode. */
function normaliseTraces({ mode, design, traces, states, baseline }: CurveData): Float64Array {
  const { trialsPerSession, initialSessions, sourceCount, sessions } = design;
  const rows = sessions * trialsPerSession;
  const stateCount = stateCountOf(sourceCount);
  const x = traces.slice();
  for (let a = 0; a < sourceCount; a++) {
    const trace = traces.subarray(a * rows, (a + 1) * rows);
    const out = x.subarray(a * rows, (a + 1) * rows);
    if (mode === 'published') {
      const means = traceMeans(trace, states, { trialsPerSession, stateCount });
      normalisePublished(out, states, { trialsPerSession, baseline, means });
      continue;
    }
    const scale = calibrateCausal(trace, states, { trialsPerSession, initialSessions, stateCount, baseline });
    for (let first = 0; first < rows; first += trialsPerSession) {
      normaliseSession(scale, { trace, states, first, end: first + trialsPerSession }, out);
    }
  }
  return x;
}

/** The same culture with its sessions in another order; a session may occur more than once. */
function reorderSessions(data: CurveData, order: readonly number[]): CurveData {
  const { design } = data;
  const trials = design.trialsPerSession;
  const rows = design.sessions * trials;
  const width = design.sourceCount * design.inputsPerBlock;
  const traces = new Float64Array(data.traces.length);
  const states = new Uint8Array(rows);
  const inputs = new Uint8Array(rows * width);
  order.forEach((from, to) => {
    for (let a = 0; a < design.sourceCount; a++) {
      const start = a * rows + from * trials;
      traces.set(data.traces.subarray(start, start + trials), a * rows + to * trials);
    }
    states.set(data.states.subarray(from * trials, (from + 1) * trials), to * trials);
    inputs.set(data.inputs.subarray(from * trials * width, (from + 1) * trials * width), to * trials * width);
  });
  return { ...data, traces, states, inputs };
}

function withThresholds(outcomes: readonly SessionOutcome[], initialSessions: number): Float64Array {
  const phi = thresholdFactors(outcomes.slice(0, initialSessions));
  return Float64Array.from(outcomes, ({ energy, on, trials }) => energy + thresholdEnergy(phi, on, trials));
}
