import type { DetectorPlan } from '../detector-settings.js';
import type { FilterTwin } from './filter-twin.js';

/** A sample as it comes in: scaled, and what is known against it. A masked one holds already what bridges it. */
export interface InputSample {
  readonly value: number;
  readonly isMasked: boolean;
  readonly isAtRail: boolean;
}

/** Largest |y| of an epoch below which a filter may be brought to rest. */
const FAINT_UV = Math.fround(1e-3);

/**
 * One channel's input: what cannot be seen is bridged, at the rail with the last value before it, and marked, and so is
 * a guard after it. Bit-equal to kernels/careful.ts. A class because guards and runs go on from sample to sample.
 */
export class InputTwin {
  readonly #plan: DetectorPlan;
  readonly #filter: FilterTwin;
  #guardLeft: number;
  #railRun = 0;
  #held = 0;
  #hasStarted = false;
  #silentEpochs = 0;
  #peak = 0;
  isMarked = false;

  constructor(plan: DetectorPlan, filter: FilterTwin) {
    this.#plan = plan;
    this.#filter = filter;
    this.#guardLeft = plan.railGuardFrames;
  }

  /** The next sample through the filter; `isMarked` says whether the output is blind. */
  step({ value, isMasked, isAtRail }: InputSample): number {
    const { guardFrames, railGuardFrames, railSamples, silentEpochs } = this.#plan;
    this.#railRun = isAtRail ? this.#railRun + 1 : 0;
    const isSaturated = this.#railRun > railSamples;
    this.isMarked = true;
    if (isMasked || isSaturated) {
      this.#guardLeft = Math.max(this.#guardLeft, isSaturated ? railGuardFrames : guardFrames);
      return this.#filterStep(isMasked ? value : this.#held);
    }
    if (!this.#hasStarted) this.#filter.settle(value);
    this.#hasStarted = true;
    this.#held = value;
    if (this.#silentEpochs >= silentEpochs) this.#guardLeft = railGuardFrames;
    else if (this.#guardLeft > 0) this.#guardLeft--;
    else this.isMarked = false;
    return this.#filterStep(value);
  }

  /** At the end of an epoch: a channel without a signal is dead once it has been so for long enough. */
  endEpoch(isLooked: boolean): void {
    const { silentEpochs, silentLevelUv } = this.#plan;
    if (this.#peak < FAINT_UV) this.#filter.flush();
    const isSilent = isLooked && this.#peak < Math.fround(silentLevelUv);
    this.#peak = 0;
    if (!isSilent) this.#silentEpochs = 0;
    else if (this.#guardLeft === 0) this.#silentEpochs = Math.min(this.#silentEpochs + 1, silentEpochs);
  }

  #filterStep(value: number): number {
    const y = this.#filter.step(value);
    this.#peak = Math.max(this.#peak, Math.abs(y));
    return y;
  }
}
