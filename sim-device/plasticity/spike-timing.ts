import { openRandomStream } from '../../protocols/random.js';
import { drawLatencyMs } from '../spike-latency.js';
import type { PlasticityContext, PlasticityRule } from './plasticity-rule.js';
import { writeSaturatingLogGains } from './saturating-gain.js';

/** Time constants of potentiation and depression, in ms: those of Song, Miller & Abbott. */
const TAU_PLUS_MS = 20;
const TAU_MINUS_MS = 20;
/** Largest potentiation and depression by one pair, as a share of the largest weight. */
const A_PLUS = 0.0002;
const A_MINUS = 1.5 * A_PLUS;
/** Rate of the uncorrelated presynaptic background at each input, in Hz. */
const BACKGROUND_HZ = 32;
/** Where weights begin, as a share of the largest. */
const INITIAL = 0.5;
/** Depth of the gain, and how a weight's distance from its beginning counts in it. */
const BETA = 0.8;
const GAIN_WEIGHT = 4;

/**
 * Spike-timing-dependent plasticity by pairs, additive, with hard bounds 0 <= g <= 1. A pulse at input j is the
 * presynaptic spike; an evoked spike follows it by dt = 10 + Gamma(2, 4 ms), cut at 30 ms, and adds
 * A+ exp(-dt / tau+). An uncorrelated presynaptic background of rate rho at every input pairs with each evoked spike
 * on either side, which on average takes rho (A- tau- - A+ tau+) off each of the electrode's weights.
 * G_e = exp(beta tanh(v_e / 4)), v_e = sum_j 4 (g_ej - 1/2) (o_j - <o_j>).
 *
 * Its sizes were chosen, not fitted, and are the same for every parameter set. The background (it stands for all input
 * that is not stimulated) is such that an input gains where it was pulsed in more than about three quarters of the
 * trials that evoked the spikes, and loses elsewhere: at 25 % mixing between the inputs of an electrode's own source and
 * the others. Below 28 Hz all weights rise together and selectivity falls.
 *
 * Source: Song, Miller & Abbott 2000 (Nat. Neurosci. 3:919-926), equations 1 and 2.
 */
export function createSpikeTimingRule({ anatomy, size, seed }: PlasticityContext): PlasticityRule {
  const { electrodes, inputs } = size;
  /** (inputs, electrodes) g_ej in [0, 1] */
  const strengths = new Float64Array(inputs * electrodes).fill(INITIAL);
  const inForce = new Float64Array(inputs * electrodes);
  const potentiation = new Float64Array(electrodes);
  const depression = new Float64Array(electrodes);
  const perSpike = (BACKGROUND_HZ / 1000) * (A_MINUS * TAU_MINUS_MS - A_PLUS * TAU_PLUS_MS);

  const bringIntoForce = (): void => {
    for (let c = 0; c < inForce.length; c++) inForce[c] = GAIN_WEIGHT * (strengths[c]! - INITIAL);
  };

  return {
    state: [strengths],
    units: anatomy.units,
    onTrial({ session, trial, evoked, active, activeCount }) {
      if (activeCount === 0) return;
      const random = openRandomStream(seed, 'latency', session, trial);
      for (let e = 0; e < electrodes; e++) {
        let sum = 0;
        for (let spike = 0; spike < evoked[e]!; spike++) sum += Math.exp(-drawLatencyMs(random) / TAU_PLUS_MS);
        potentiation[e] = A_PLUS * sum;
        depression[e] = perSpike * evoked[e]!;
      }
      let next = 0;
      for (let j = 0; j < inputs; j++) {
        const row = j * electrodes;
        const pulsed = next < activeCount && active[next] === j ? 1 : 0;
        next += pulsed;
        for (let e = 0; e < electrodes; e++) {
          const changed = strengths[row + e]! + pulsed * potentiation[e]! - depression[e]!;
          strengths[row + e] = changed < 0 ? 0 : changed > 1 ? 1 : changed;
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
