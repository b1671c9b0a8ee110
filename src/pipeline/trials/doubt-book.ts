import type { StimulusDelivered } from '../../../protocols/mea-link/messages.js';
import type { DeliveryDoubts } from '../../../protocols/trial.js';
import type { DeliveryDoubt } from './delivery-judge.js';

/**
 * What speaks against deliveries, by stimulus: what the electrodes showed otherwise than the device told, and electrodes whose
 * current the device itself says it could not deliver.
 */
export class DoubtBook {
  readonly #doubts = new Map<number, DeliveryDoubts>();
  readonly #most: number;

  /** @param most stimuli that are remembered, the newest */
  constructor(most = Infinity) {
    this.#most = most;
  }

  note(event: DeliveryDoubt | Pick<StimulusDelivered, 'type' | 'stimulusId' | 'limitedElectrodes'>): void {
    const { stimulusId } = event;
    const before = this.#doubts.get(stimulusId) ?? { missing: [], unexpected: [] };
    if (event.type === 'delivery-doubted') {
      const { missing, unexpected } = event;
      this.#doubts.set(stimulusId, { ...before, missing, unexpected });
    } else if (event.limitedElectrodes !== undefined && event.limitedElectrodes.length > 0) {
      this.#doubts.set(stimulusId, { ...before, limited: event.limitedElectrodes });
    }
    if (this.#doubts.size > this.#most) this.#doubts.delete(this.#doubts.keys().next().value!);
  }

  of(stimulusId: number): DeliveryDoubts | undefined {
    return this.#doubts.get(stimulusId);
  }

  clear(): void {
    this.#doubts.clear();
  }
}
