import type { PlasticityContext, PlasticityRule } from './plasticity-rule.js';
import { writeSaturatingLogGains } from './saturating-gain.js';

/** Decay of the weights per trial: they forget with a time constant of 20 sessions of 256 trials. */
const DECAY = 1 / (20 * 256);
/** Learning rate per trial. Weights settle at LEARNING / DECAY = 20 times the covariance of response and input. */
const LEARNING = 20 * DECAY;
/** Depth of the gain: G lies in [exp(-0.8), exp(0.8)]. */
const BETA = 0.8;
/** Trials over which the mean response is taken. */
const MEAN_TRIALS = 256;

/**
 * A plain Hebbian rule with decay: dW_ej = eta (x_e - <x_e>)(o_j - <o_j>) - kappa W_ej at each trial, with
 * x_e = min(r_e / N_e, 1), <o_j> the mean over the previous 256 s and <x_e> a running mean over 256 trials;
 * G_e = exp(beta tanh(W_e (o - <o>) / 4)).
 *
 * Its sizes were chosen so that selectivity clearly rises over 100 sessions; they are fitted to nothing, and are the
 * same for every parameter set.
 *
 * Source: the covariance rule of Sejnowski 1977 (J. Math. Biol. 4:303-321), with the decay term of the general Hebbian
 * rule in Gerstner & Kistler 2002, Spiking Neuron Models, section 10.2.
 */
export function createHebbianRule({ anatomy, size }: PlasticityContext): PlasticityRule {
  const { electrodes, inputs } = size;
  const { units } = anatomy;
  /** (inputs, electrodes) */
  const learned = new Float64Array(inputs * electrodes);
  /** (electrodes) <x_e> */
  const meanResponse = new Float64Array(electrodes);
  /** (1) number of trials */
  const trials = new Float64Array(1);
  const inForce = new Float64Array(inputs * electrodes);
  const deviation = new Float64Array(electrodes);

  const bringIntoForce = (): void => {
    inForce.set(learned);
  };

  return {
    state: [learned, meanResponse, trials],
    units,
    onTrial({ counts, centred }) {
      trials[0]! += 1;
      const share = Math.max(1 / trials[0]!, 1 / MEAN_TRIALS);
      for (let e = 0; e < electrodes; e++) {
        const x = Math.min(counts[e]! / units[e]!, 1);
        deviation[e] = x - meanResponse[e]!;
        meanResponse[e]! += share * deviation[e]!;
      }
      for (let j = 0; j < inputs; j++) {
        const row = j * electrodes;
        const rate = LEARNING * centred[j]!;
        for (let e = 0; e < electrodes; e++) {
          learned[row + e] = (1 - DECAY) * learned[row + e]! + rate * deviation[e]!;
        }
      }
    },
    onRest: bringIntoForce,
    onRestore: bringIntoForce,
    writeLogGains(centred, logGains) {
      writeSaturatingLogGains({ values: inForce, beta: BETA }, centred, logGains);
    },
  };
}
