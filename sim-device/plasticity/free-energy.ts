import type { PlasticityContext, PlasticityRule } from './plasticity-rule.js';
import { writeSaturatingLogGains } from './saturating-gain.js';

/**
 * The model's own rule, one "neuron" per electrode with x_e = min(r_e / N_e, 1): posterior means
 * q1 = (lambda/2 + sum x o_j) / (lambda + sum x), q0 = (lambda/2 + sum (1-x) o_j) / (lambda + sum (1-x)),
 * W = logit q1 - logit q0, v_e = sum_j W_ej (o_j - mean o_j), G_e = exp(beta tanh(v_e / 4)).
 *
 * A culture that learns by this rule is no evidence that the model recovers learning: use the other rules for that.
 *
 * Source: Isomura et al. 2023, their network's plasticity as restated in docs/model.md,
 * with the gain of section 5.2. The sums are kept in spikes, sum min(r_e, N_e) o_j, and so are exact integers.
 */
export function createFreeEnergyRule({ parameters, anatomy, size }: PlasticityContext): PlasticityRule {
  const { electrodes, inputs } = size;
  const { beta, lambda } = parameters;
  const { units } = anatomy;
  /** (inputs, electrodes) sum over trials of min(r_e, N_e) o_j */
  const spikesWithInput = new Float64Array(inputs * electrodes);
  /** (electrodes) sum over trials of min(r_e, N_e) */
  const spikes = new Float64Array(electrodes);
  /** (inputs) sum over trials of o_j */
  const pulses = new Float64Array(inputs);
  /** (1) number of trials */
  const trials = new Float64Array(1);
  const weights = new Float64Array(inputs * electrodes);
  /** Electrodes that fired in the trial, and min(r_e, N_e) of each. */
  const firing = new Uint16Array(electrodes);
  const capped = new Float64Array(electrodes);

  const recomputeWeights = (): void => {
    for (let e = 0; e < electrodes; e++) {
      const x = spikes[e]! / units[e]!;
      for (let j = 0; j < inputs; j++) {
        const c = j * electrodes + e;
        const xo = spikesWithInput[c]! / units[e]!;
        const q1 = (lambda / 2 + xo) / (lambda + x);
        const q0 = (lambda / 2 + pulses[j]! - xo) / (lambda + trials[0]! - x);
        weights[c] = Math.log(q1 / (1 - q1)) - Math.log(q0 / (1 - q0));
      }
    }
  };

  return {
    state: [spikesWithInput, spikes, pulses, trials],
    units,
    onTrial({ active, activeCount, counts }) {
      let fired = 0;
      for (let e = 0; e < electrodes; e++) {
        const spikesNow = Math.min(counts[e]!, units[e]!);
        if (spikesNow === 0) continue;
        spikes[e]! += spikesNow;
        firing[fired] = e;
        capped[fired++] = spikesNow;
      }
      for (let a = 0; a < activeCount; a++) {
        const j = active[a]!;
        pulses[j]! += 1;
        const row = j * electrodes;
        for (let k = 0; k < fired; k++) spikesWithInput[row + firing[k]!]! += capped[k]!;
      }
      trials[0]! += 1;
    },
    onRest: recomputeWeights,
    onRestore: recomputeWeights,
    writeLogGains(centred, logGains) {
      writeSaturatingLogGains({ values: weights, beta }, centred, logGains);
    },
  };
}
