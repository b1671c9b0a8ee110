import type { OperatorFunction } from 'rxjs';
import { isBoundary, type PipelineEvent } from '../events/pipeline-event.js';
import { DeliveryJudge, type DeliveryDoubt, type DeliveryJudgeOptions } from '../trials/delivery-judge.js';
import { runStage } from './run-stage.js';

/** What the operator needs. */
export interface JudgeDeliveriesOptions extends DeliveryJudgeOptions {
  /** Length of the pulses of a stimulus in samples, rounded up. */
  readonly durationSamplesOf: (stimulusId: number) => number;
}

/** A word for each delivery that the electrodes did not show as the device told it; see `DeliveryJudge`. */
export function judgeDeliveries(options: JudgeDeliveriesOptions): OperatorFunction<PipelineEvent, DeliveryDoubt> {
  return runStage(() => {
    const judge = new DeliveryJudge(options);
    return {
      push: (event) => {
        if (event.type === 'block') return judge.push(event);
        if (event.type === 'stimulus-delivered') {
          judge.deliver({ ...event, durationSamples: options.durationSamplesOf(event.stimulusId) });
        }
        return isBoundary(event) || event.type === 'rested' ? judge.reset() : [];
      },
      end: () => judge.reset(),
    };
  });
}
