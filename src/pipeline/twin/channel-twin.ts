import { medianFloorOf, stepFactors } from '../detector-memory.js';
import {
  FIRST_MEDIAN_UV,
  GATE_SIGMA,
  MEDIAN_OF_SIGMA,
  NEVER,
  NOISE_STEPS,
  type DetectorPlan,
} from '../detector-settings.js';
import type { Round } from './filter-twin.js';

/** What a channel has found. */
export interface ChannelFindings {
  readonly samples: number[];
  readonly amplitudesUv: number[];
  /** Beginnings and ends of blind stretches, in turns; the last may be open. */
  readonly blind: number[];
}

/** Every fourth sample of an epoch moves the noise. */
const NOISE_STRIDE = 4;
/** Weight of an open frame against a shut one, for the release of the gate. */
const OPEN_WEIGHT = 3;
const [GATED, SETTLED, FROZEN] = [2, 3, 4];

/**
 * One channel's noise, crossings and peaks, sample by sample. In float32 it is bit-equal to kernels/scan.ts and
 * kernels/noise.ts. A class because all of it goes on from sample to sample.
 */
export class ChannelTwin {
  readonly findings: ChannelFindings = { samples: [], amplitudesUv: [], blind: [] };
  median: number;
  limit = Number.POSITIVE_INFINITY;
  readonly #plan: DetectorPlan;
  readonly #round: Round;
  readonly #isLooked: boolean;
  #gate = Number.POSITIVE_INFINITY;
  #stage = 0;
  #seen = 0;
  #isBlind = false;
  #gateLeft = 0;
  #shutFor = 0;
  #shutNow = 0;
  #deadLeft = 0;
  #searchLeft = 0;
  #ringLeft = 0;
  #ringLevel = 0;
  #best = 0;
  #bestAt = 0;
  /** Height of the last sample, if it was beyond the threshold. */
  #before = 0;
  #crossedAt = 0;

  constructor(plan: DetectorPlan, channel: number, round: Round) {
    this.#plan = plan;
    this.#round = round;
    this.#isLooked = !plan.excluded.has(channel);
    const initial = plan.initialNoiseUv?.[channel];
    this.median = round(initial === undefined ? FIRST_MEDIAN_UV : initial * MEDIAN_OF_SIGMA);
    if (initial !== undefined) this.#stage = plan.stages[3] === NEVER ? SETTLED : FROZEN;
    this.#updateLevels();
  }

  /** The filtered voltage of a sample; `isMarked` when it is blind. */
  step(y: number, sample: number, isMarked: boolean): void {
    const isBlind = isMarked || this.#stage < SETTLED || !this.#isLooked;
    if (isBlind !== this.#isBlind) {
      // A search that is cut off has found nothing: it was not looked at from the crossing on.
      this.findings.blind.push(this.#searchLeft > 0 ? this.#crossedAt : sample);
      this.#isBlind = isBlind;
    }
    if (isMarked) {
      this.#gateLeft = this.#deadLeft = this.#searchLeft = this.#ringLeft = this.#before = 0;
      return;
    }
    this.#seen++;
    this.#detect(y, sample);
    this.#trackNoise(Math.abs(y), sample);
    this.#deadLeft = Math.max(0, this.#deadLeft - 1);
    this.#ringLeft = Math.max(0, this.#ringLeft - 1);
  }

  /** At the end of an epoch: stage of the estimate, and levels from the median. */
  endEpoch(): void {
    if (this.#plan.initialNoiseUv === undefined) {
      this.#stage = this.#plan.stages.filter((begin) => this.#seen >= begin).length;
    }
    const { epochFrames, releaseFrames } = this.#plan;
    const after = this.#shutFor + this.#shutNow - OPEN_WEIGHT * (epochFrames - this.#shutNow);
    this.#shutFor = Math.min(Math.max(after, 0), releaseFrames + epochFrames);
    this.#shutNow = 0;
    this.#updateLevels();
  }

  #detect(y: number, sample: number): void {
    const { searchFrames, deadFrames, ringFrames, ringSlope } = this.#plan;
    const height = this.#heightOf(y);
    const before = this.#before;
    this.#before = height > this.limit ? height : 0;
    if (this.#searchLeft > 0) {
      if (height > this.#heightOf(this.#best)) {
        this.#best = y;
        this.#bestAt = sample;
      }
      this.#searchLeft--;
    } else if (this.#isCrossing(height, before)) {
      this.#best = y;
      this.#bestAt = sample;
      this.#crossedAt = sample;
      this.#searchLeft = searchFrames - 1;
      this.#deadLeft = deadFrames;
      this.#ringLeft = ringFrames;
    } else {
      if (height > this.limit) this.#heedRinging(height);
      return;
    }
    if (this.#searchLeft > 0) return;
    this.findings.samples.push(this.#bestAt);
    this.findings.amplitudesUv.push(this.#best);
    this.#ringLevel = this.#round(Math.abs(this.#best) * this.#round(ringSlope));
    this.#deadLeft = deadFrames - (sample - this.#bestAt);
    this.#ringLeft = Math.max(0, ringFrames - (sample - this.#bestAt));
  }

  /** Beyond the threshold and still rising: what falls is the end of something in the dead time, whose peak is past. */
  #isCrossing(height: number, before: number): boolean {
    if (!(height > this.limit && height > before) || this.#deadLeft > 0) return false;
    return height > this.#round(this.#ringLevel * this.#ringLeft);
  }

  /** What is in the dead time rings, too. */
  #heedRinging(height: number): void {
    const { ringFrames, ringSlope } = this.#plan;
    const level = this.#round(height * this.#round(ringSlope));
    if (this.#round(level * ringFrames) <= this.#round(this.#ringLevel * this.#ringLeft)) return;
    this.#ringLevel = level;
    this.#ringLeft = ringFrames;
  }

  #trackNoise(size: number, sample: number): void {
    const { epochFrames, gateFrames, releaseFrames } = this.#plan;
    if (size > this.#gate) this.#gateLeft = gateFrames;
    const isShut = this.#gateLeft > 0 || this.#deadLeft > 0;
    if (isShut) this.#shutNow++;
    this.#gateLeft = Math.max(0, this.#gateLeft - 1);
    if ((sample % epochFrames) % NOISE_STRIDE !== 0) return;
    if (isShut && this.#shutFor <= releaseFrames) return;
    const [up, down] = stepFactors(NOISE_STEPS[this.#stage]!);
    this.median = this.#round(this.median * this.#round(size > this.median ? up : down));
  }

  #updateLevels(): void {
    const round = this.#round;
    this.median = Math.max(this.median, round(medianFloorOf(this.#plan)));
    const factor = this.#isLooked ? round(this.#plan.threshold / MEDIAN_OF_SIGMA) : Number.POSITIVE_INFINITY;
    this.#gate =
      this.#stage < GATED ? Number.POSITIVE_INFINITY : round(this.median * round(GATE_SIGMA / MEDIAN_OF_SIGMA));
    this.limit = this.#stage < SETTLED ? Number.POSITIVE_INFINITY : round(this.median * factor);
  }

  #heightOf(y: number): number {
    const { polarity } = this.#plan;
    return polarity === 0 ? Math.abs(y) : polarity * y;
  }
}
