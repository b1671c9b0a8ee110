import type { PlasticityName } from '../../protocols/culture-names.js';
import { assertNever } from '../../protocols/errors.js';
import { createDyingElectrodesRule } from './dying-electrodes.js';
import { createFreeEnergyRule } from './free-energy.js';
import { createHebbianRule } from './hebbian.js';
import type { PlasticityContext, PlasticityRule } from './plasticity-rule.js';
import { createSpikeTimingRule } from './spike-timing.js';

/** Makes the rule called `name` for a culture that has learned nothing yet. */
export function createPlasticityRule(name: PlasticityName, context: PlasticityContext): PlasticityRule {
  switch (name) {
    case 'free-energy':
      return createFreeEnergyRule(context);
    case 'hebbian':
      return createHebbianRule(context);
    case 'spike-timing':
      return createSpikeTimingRule(context);
    case 'dying-electrodes':
      return createDyingElectrodesRule(context);
    default:
      return assertNever(name);
  }
}
