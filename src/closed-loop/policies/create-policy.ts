import { assertNever, MeaError } from '../../../protocols/errors.js';
import type { Experiment } from '../experiment.js';
import { mixedSourcePolicy, type PatternPolicy, type PlannedPolicy } from '../pattern-policy.js';
import { activePolicy } from './active-policy.js';
import { externalPolicy, type ExternalChoice } from './external-policy.js';
import { listedPolicy, type ListedPatterns } from './listed-policy.js';
import { randomPolicy } from './random-policy.js';
import { shuffledPolicy } from './shuffled-policy.js';

/** What some policies need from outside the engine. */
export interface PolicyNeeds {
  /** For `pattern-file` and `yoked`. */
  readonly listed?: Omit<ListedPatterns, 'name'> | undefined;
  /** For `external`. */
  readonly external?: Pick<ExternalChoice, 'link' | 'nowMs'> | undefined;
}

/**
 * The policy that an experiment asks for.
 *
 * @throws MeaError `bad-input` where listed patterns do not fit the experiment; `internal` where something needed is missing
 */
export function createPolicy(experiment: Experiment, needs: PolicyNeeds = {}): PatternPolicy {
  const { policy } = experiment;
  if (policy === undefined) return mixedSourcePolicy(experiment);
  switch (policy.type) {
    case 'mixed-source':
    case 'shuffled':
      return plannedPolicy(experiment, policy.type);
    case 'random':
      return randomPolicy(experiment, policy.probability);
    case 'pattern-file':
    case 'yoked':
      return listedPolicy(experiment, { name: policy.type, ...needed(needs.listed, policy.type) });
    case 'active':
      return activePolicy(experiment, policy);
    case 'external':
      return externalPolicy(experiment, {
        ...needed(needs.external, policy.type),
        deadlineMs: policy.deadlineMs,
        fallback: plannedPolicy(experiment, policy.fallback),
      });
    default:
      return assertNever(policy);
  }
}

function plannedPolicy(experiment: Experiment, type: 'mixed-source' | 'random' | 'shuffled'): PlannedPolicy {
  if (type === 'random') return randomPolicy(experiment, 0.5);
  return type === 'shuffled' ? shuffledPolicy(experiment) : mixedSourcePolicy(experiment);
}

function needed<T>(need: T | undefined, type: string): T {
  if (need !== undefined) return need;
  throw new MeaError('internal', { what: `The ${type} policy was made without what it needs` });
}
