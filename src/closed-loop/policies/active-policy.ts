import { inputCountOf, type MixingDesign } from '../../../protocols/mixed-sources.js';
import { openRandomStream, shuffleInPlace, type RandomStream } from '../../../protocols/random.js';
import {
  createGainTables,
  expectedInformationGain,
  learnExpected,
  updateGainTables,
} from '../../model/information-gain.js';
import type { OnlineModel } from '../../model/online-model.js';
import type { Experiment } from '../experiment.js';
import { emptyPattern, mixedSourcePolicy, sliceTrials, toMixing, type PatternPolicy } from '../pattern-policy.js';

/** What the active policy may choose from. */
export interface ActiveChoice {
  /** Mixtures drawn for every source state that may be shown. */
  readonly candidates: number;
  /** `drawn`: the state is drawn by coin as in the published experiment; `chosen`: all states compete. */
  readonly states: 'drawn' | 'chosen';
}

/**
 * The closed loop: mixed-source trials in the initial sessions, then on every trial the candidate from which the model
 * expects to learn most about A (`expectedInformationGain`). Candidates are mixtures of one source state, keyed by seed,
 * session and trial; of equal ones the first is taken. All of them mix as much as the design says (`drawExactInputs`): what teaches
 * most is what surprises most, and a choice among patterns of more and less mixing would change the very A that is learned.
 *
 * The model learns at the end of a session, so its belief does not change within one and a whole session is decided at its
 * beginning; what each chosen trial is expected to teach is added before the next is chosen. Where an ensemble was not
 * found there is no belief to go by, and the trials are those of `mixed-source`.
 */
export function activePolicy(experiment: Experiment, choice: ActiveChoice): PatternPolicy {
  const mixed = mixedSourcePolicy(experiment);
  let decided: { readonly session: number; readonly pattern: ReturnType<typeof emptyPattern> } | undefined;
  return {
    name: 'active',
    nextTrials(session, from, { model }) {
      const { phi } = model.run;
      if (session < experiment.initialSessions || phi === undefined) return mixed.nextTrials(session, from);
      if (decided?.session !== session)
        decided = { session, pattern: chooseSession(experiment, choice, { session, model }) };
      return { ...sliceTrials(decided.pattern, from, experiment.trials), lookedAt: 'sessions' };
    },
  };
}

interface SessionStart {
  readonly session: number;
  readonly model: OnlineModel;
}

function chooseSession(experiment: Experiment, choice: ActiveChoice, { session, model }: SessionStart) {
  const { core, phi } = model.run;
  const tables = createGainTables(core.accumulators, phi!);
  const pattern = emptyPattern(experiment);
  const width = pattern.inputs.length / experiment.trials;
  for (let trial = 0; trial < experiment.trials; trial++) {
    updateGainTables(tables);
    const best = chooseTrial(experiment, choice, {
      session,
      trial,
      gain: (inputs) => expectedInformationGain(tables, inputs),
    });
    pattern.sources.set(best.sources, trial * experiment.sources);
    pattern.inputs.set(best.inputs, trial * width);
    learnExpected(tables, best.inputs);
  }
  return pattern;
}

interface Candidate {
  readonly sources: Uint8Array;
  readonly inputs: Uint8Array;
}

interface TrialChoice {
  readonly session: number;
  readonly trial: number;
  readonly gain: (inputs: Uint8Array) => number;
}

function chooseTrial(experiment: Experiment, choice: ActiveChoice, { session, trial, gain }: TrialChoice): Candidate {
  const { seed } = experiment;
  const coin = openRandomStream(seed, 'active-state', session, trial);
  const mixing = openRandomStream(seed, 'active-mixing', session, trial);
  const states = 2 ** experiment.sources;
  const shown =
    choice.states === 'drawn' ? [coin.integer(states)] : Array.from({ length: states }, (_, state) => state);
  const design = toMixing(experiment);
  let best: Candidate | undefined;
  let most = -Infinity;
  for (const state of shown) {
    const sources = Uint8Array.from(
      { length: experiment.sources },
      (_, k) => (state >> (experiment.sources - 1 - k)) & 1,
    );
    for (let c = 0; c < choice.candidates; c++) {
      const inputs = drawExactInputs(design, sources, mixing);
      const gained = gain(inputs);
      if (gained <= most) continue;
      most = gained;
      best = { sources, inputs };
    }
  }
  return best!;
}

/**
 * Draws the inputs of one trial so that in every block mixing * inputsPerBlock of them, rounded up or down by chance, follow
 * another source: which ones, and which source each, is drawn.
 */
function drawExactInputs(design: MixingDesign, sources: Uint8Array, random: RandomStream): Uint8Array {
  const { sourceCount, mixing, inputsPerBlock } = design;
  const inputs = new Uint8Array(inputCountOf(design));
  const order = Uint16Array.from({ length: inputsPerBlock }, (_, j) => j);
  for (let own = 0; own < sourceCount; own++) {
    const others = Math.floor(mixing * inputsPerBlock + random.uniform());
    shuffleInPlace(order, random);
    order.forEach((j, rank) => {
      const follows = rank < others ? (own + 1 + random.integer(sourceCount - 1)) % sourceCount : own;
      inputs[own * inputsPerBlock + j] = sources[follows]!;
    });
  }
  return inputs;
}
