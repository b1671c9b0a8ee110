
import { createFreeEnergyRule } from './free-energy.js';
import type { PlasticityContext, PlasticityName, PlasticityRule } from './plasticity-rule.js';

/** Makes the rule called `name` for a culture that has learned nothing yet. */
export function createPlasticityRule(name: PlasticityName, context: PlasticityContext): PlasticityRule {
  switch (name) {
    case 'free-energy':
      return createFreeEnergyRule(context);
    default:
      return createFreeEnergyRule(context);
  }
}
