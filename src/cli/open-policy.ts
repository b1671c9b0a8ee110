import { dirname, resolve } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import type { LedgerRecord } from '../../protocols/ledger.js';
import type { Clock } from '../../protocols/clock.js';
import type { Experiment } from '../closed-loop/experiment.js';
import type { PatternPolicy } from '../closed-loop/pattern-policy.js';
import { createPolicy } from '../closed-loop/policies/create-policy.js';
import { repeatRecorded } from '../closed-loop/policies/recorded-policy.js';
import { readPatternFile, type StoredPatterns } from '../recording/pattern-file.js';
import { readRunPatterns } from '../recording/run-patterns.js';
import type { CliIo } from './io.js';

/** A policy, and what has to be closed after it. */
export interface OpenPolicy {
  readonly policy: PatternPolicy;
  close(): void;
}

/**
 * An experiment whose policy names its file or run by its whole path and by the hash of its patterns, as it goes into the
 * ledger.
 *
 * @param path of the experiment file
 * @throws MeaError `missing` or `bad-input` for patterns that cannot be read, or are not those that the file promises
 */
export function pinPatterns(experiment: Experiment, path: string): Experiment {
  const { policy, arms } = experiment;
  return {
    ...experiment,
    ...(policy !== undefined && { policy: pinPolicy(policy, experiment, path) }),
    ...(arms !== undefined && {
      arms: arms.map((arm) =>
        arm.policy === undefined ? arm : { ...arm, policy: pinPolicy(arm.policy, experiment, path) },
      ),
    }),
  };
}

type Policy = NonNullable<Experiment['policy']>;

function pinPolicy(policy: Policy, { trials }: Experiment, path: string): Policy {
  if (policy.type === 'pattern-file') {
    const pinned = { ...policy, file: resolve(dirname(path), policy.file) };
    return { ...pinned, sha256: readPinned({ policy: pinned, trials }).sha256 };
  }
  if (policy.type !== 'yoked') return policy;
  const pinned = { ...policy, run: resolve(dirname(path), policy.run) };
  return { ...pinned, sha256: readPinned({ policy: pinned, trials }).sha256 };
}

/**
 * The policy of a run that begins.
 *
 * @throws MeaError what `createPolicy` and the reading of patterns throw; `link` where nobody can be waited for
 */
export async function openPolicy(experiment: Experiment, clock: Clock, io: CliIo): Promise<OpenPolicy> {
  const { policy } = experiment;
  if (policy?.type === 'external') {
    const { openPolicySocket } = await import('../../drivers/policy-link.js');
    const { address, connectS } = policy;
    io.stderr(`meactl: waiting at ${address} for the program that decides patterns\n`);
    const socket = await openPolicySocket(address, { connectMs: connectS * 1000, signal: io.signal });
    const external = { link: socket, nowMs: () => clock.monotonicMs() };
    return {
      policy: createPolicy(experiment, { external }),
      close: () => {
        socket.close();
      },
    };
  }
  return { policy: createPolicy(experiment, listedNeeds(experiment)), close: () => undefined };
}

/**
 * The policy of a run that is repeated from its records: an external one is not asked again, its patterns are taken.
 *
 * @param next decides after the recorded trials
 */
export function recordedPolicy(
  experiment: Experiment,
  records: readonly LedgerRecord[],
  next: PatternPolicy | undefined,
): PatternPolicy {
  if (experiment.policy?.type === 'external') return repeatRecorded(records, next);
  return next ?? createPolicy(experiment, listedNeeds(experiment));
}

function listedNeeds(experiment: Experiment) {
  const { policy } = experiment;
  if (policy?.type !== 'pattern-file' && policy?.type !== 'yoked') return {};
  const where = policy.type === 'yoked' ? policy.run : policy.file;
  const { pattern } = readPinned(experiment);
  return { listed: { where, pattern, repeats: policy.type === 'pattern-file' } };
}

function readPinned({ policy, trials }: Pick<Experiment, 'policy' | 'trials'>): StoredPatterns {
  if (policy?.type !== 'pattern-file' && policy?.type !== 'yoked') {
    throw new MeaError('internal', { what: 'A policy without stored patterns was asked for some' });
  }
  const stored = policy.type === 'yoked' ? readRunPatterns(policy.run, trials) : readPatternFile(policy.file);
  if (policy.sha256 === undefined || policy.sha256 === stored.sha256) return stored;
  throw new MeaError('bad-input', {
    what: 'The patterns have changed',
    got: `SHA-256 ${stored.sha256}`,
    wanted: policy.sha256,
    where: policy.type === 'yoked' ? policy.run : policy.file,
    remedy: 'put back what the run began with',
  });
}
