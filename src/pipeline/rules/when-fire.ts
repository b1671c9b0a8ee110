import type { OperatorFunction } from 'rxjs';
import { isBoundary, type PipelineEvent } from '../events/pipeline-event.js';
import { runStage } from '../operators/run-stage.js';
import { FireRule, type FireCause, type FireRuleCounters, type FireRuleOptions } from './fire-rule.js';

/** A rule wants a stimulus. Nothing has been checked or sent: that is the gate's and the driver's affair. */
export interface TriggerRequest {
  readonly type: 'trigger-request';
  /** Pattern slot that the rule names. */
  readonly slot: number;
  /** Counts the requests of the rule from 1. */
  readonly number: number;
  readonly cause: FireCause;
}

/** Options of the operator. */
export interface WhenFireOptions extends FireRuleOptions {
  /** Told the counters with each batch of requests and at the end of the stream. */
  readonly onCounters?: ((counters: FireRuleCounters) => void) | undefined;
}

/**
 * A closed loop's rule in one line: when these electrodes fire within a time, ask for a pattern slot.
 *
 * Each subscription has a rule of its own, with its own refractory time, cap and latch; the latch does not open again by a
 * new acquisition.
 */
export function whenFire(
  options: WhenFireOptions,
  trigger: { readonly slot: number },
): OperatorFunction<PipelineEvent, TriggerRequest> {
  const { slot } = trigger;
  const { onCounters } = options;
  return runStage(() => {
    const rule = new FireRule(options);
    let number = 0;
    return {
      push: (event) => {
        if (isBoundary(event)) rule.forget();
        if (event.type !== 'spikes') return [];
        const causes = rule.push(event.batch);
        if (causes.length === 0) return [];
        onCounters?.(rule.counters);
        return causes.map((cause) => ({ type: 'trigger-request', slot, number: ++number, cause }));
      },
      end: () => {
        onCounters?.(rule.counters);
        return [];
      },
    };
  });
}
