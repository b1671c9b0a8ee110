import type { Transport } from '../../protocols/mea-link/link.js';
import type { Capabilities, HelloResult } from '../../protocols/mea-link/messages.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import { CONFORMANCE_CHECKS } from './all-checks.js';
import { CheckContext, type RigClaims } from './check-context.js';
import { CheckFailed, CheckSkipped } from './check-verdict.js';
import type { CheckOutcome, CheckResult, ConformanceCheck } from './conformance-check.js';
import { DeviceSession } from './device-session.js';
import { PulseTimes } from './pulse-times.js';
import { RIG_CHECKS } from './checks-rig.js';
import { StimulusIds } from './stimulus-ids.js';

export interface ConformanceOptions {
  readonly transport: Transport;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  /** The limits of the rig: no check configures wider ones. */
  readonly profile: SafetyProfile;
  /** What the rig file says about the device; without it the section `rig` is left out. */
  readonly rig?: RigClaims | undefined;
  /** Runs the checks that arm the device as well. An emulated device is always checked in full. */
  readonly stimulate: boolean;
  /** Runs the checks whose id begins so. */
  readonly only?: string | undefined;
  /** Called with the device's answer to hello, before the first check. */
  readonly onDevice?: (capabilities: Capabilities) => void;
  /** Called after each check. */
  readonly onResult?: (result: CheckResult) => void;
}

/** What a run found. */
export interface ConformanceReport {
  readonly capabilities: Capabilities;
  readonly results: readonly CheckResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Holds a device against MEA-Link, one promise after the other.
 *
 * @throws MeaError `link` when the device cannot be reached or does not answer hello; `usage` when `only` names no check;
 *   the signal's reason when it is aborted
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const checks = chooseChecks(options);
  const { capabilities, newestStimulusId } = await greet(options);
  options.onDevice?.(capabilities);
  const mayStimulate = options.stimulate || capabilities.emulated;
  const stimulusIds = new StimulusIds(newestStimulusId);
  const pulseTimes = new PulseTimes(options.timers.nowMs());
  const results: CheckResult[] = [];
  for (const check of checks) {
    const context = new CheckContext({ ...options, capabilities, stimulusIds, pulseTimes });
    const outcome = await runCheck(check, { context, mayStimulate });
    options.signal.throwIfAborted();
    const result = { id: check.id, title: check.title, section: check.section, outcome };
    results.push(result);
    options.onResult?.(result);
  }
  const count = (type: CheckOutcome['type']): number => results.filter(({ outcome }) => outcome.type === type).length;
  return { capabilities, results, passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/**
 * Asks a device who it is, and closes the link again; nothing is configured, started or armed.
 *
 * @throws MeaError `link` when it cannot be reached or does not answer
 */
export async function greet(
  options: Pick<ConformanceOptions, 'transport' | 'timers' | 'signal'>,
): Promise<HelloResult> {
  const session = await DeviceSession.connect(options);
  try {
    return await session.hello();
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error;
    throw new MeaError('link', {
      what: 'The device does not answer hello',
      got: error.got,
      wanted: 'its name and what it can',
      where: options.transport.address,
      remedy: 'does it speak MEA-Link, and is no other controller connected to it?',
    });
  } finally {
    await session.close();
  }
}

function chooseChecks({ only, rig }: Pick<ConformanceOptions, 'only' | 'rig'>): readonly ConformanceCheck[] {
  const all = rig === undefined ? CONFORMANCE_CHECKS : [...RIG_CHECKS, ...CONFORMANCE_CHECKS];
  const checks = all.filter(({ id }) => only === undefined || id.startsWith(only));
  if (checks.length > 0) return checks;
  const areas = [...new Set(all.map(({ id }) => id.split('-')[0]!))];
  throw new MeaError('usage', {
    what: 'No check has an id that begins so',
    got: only ?? '',
    wanted: `one that begins with ${areas.join(', ')}`,
  });
}

async function runCheck(
  check: ConformanceCheck,
  { context, mayStimulate }: { readonly context: CheckContext; readonly mayStimulate: boolean },
): Promise<CheckOutcome> {
  if (check.electrodes === 'driven' && !mayStimulate) {
    return { type: 'skipped', reason: 'drives electrodes: only with --stimulate' };
  }
  try {
    await check.run(context);
    return { type: 'passed' };
  } catch (error) {
    return toOutcome(error, check);
  } finally {
    // A link that cannot be closed is the next check's affair, which opens its own.
    await context.close().catch(() => undefined);
  }
}

function toOutcome(error: unknown, check: ConformanceCheck): CheckOutcome {
  if (error instanceof CheckSkipped) return { type: 'skipped', reason: error.message };
  if (error instanceof CheckFailed) return { type: 'failed', got: error.got, wanted: error.wanted };
  if (isMeaError(error, 'link')) return { type: 'failed', got: error.message, wanted: `a link: ${check.title}` };
  // One check that stumbles must not take the others with it.
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'failed', got: `an unexpected error: ${message}`, wanted: check.title };
}
