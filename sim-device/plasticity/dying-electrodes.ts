import { openRandomStream } from '../../protocols/random.js';
import type { PlasticityContext, PlasticityRule } from './plasticity-rule.js';

/** Hazard per session that an electrode dies. */
const ELECTRODE_HAZARD = 0.002;
/** Hazard per session that a unit is lost. */
const UNIT_HAZARD = 0.002;

/**
 * No plasticity; the recording decays. At each rest an electrode dies with a constant hazard, and each unit of a living
 * one is lost with another, so survival is exponential: S(t) = (1 - h)^t, after 100 sessions 82 % of electrodes and of
 * the units of those. Every gain stays 1. Death is damage and not learning, so APV does not stop it.
 *
 * The hazards were chosen, not fitted: enough to be seen, and not enough to empty the array.
 *
 * Source: the exponential survival law with constant hazard (Cox & Oakes 1984, Analysis of Survival Data, chapter 2).
 */
export function createDyingElectrodesRule({ anatomy, seed }: PlasticityContext): PlasticityRule {
  const units = anatomy.units.slice();
  return {
    state: [units],
    units,
    onTrial: ignore,
    onRest(session) {
      const random = openRandomStream(seed, 'death', session);
      for (let e = 0; e < units.length; e++) {
        if (random.uniform() < ELECTRODE_HAZARD) units[e] = 0;
        let lost = 0;
        for (let unit = units[e]!; unit > 0; unit--) if (random.uniform() < UNIT_HAZARD) lost += 1;
        units[e]! -= lost;
      }
    },
    onRestore: ignore,
    writeLogGains(_centred, logGains) {
      logGains.fill(0);
    },
  };
}

function ignore(): void {
  // Nothing is learned, and nothing follows from the state but the units themselves.
}
