import { openRandomStream } from '../../protocols/random.js';
import type { ActivityKnobs } from './activity-settings.js';
import type { ElectrodePosition } from '../voltages/voltage-settings.js';
import { measureDistanceUm } from './electrode-layout.js';
import type { LivingPopulation } from './spontaneous-activity.js';
import type { SpikeKind, SpikeQueue } from './spike-queue.js';

/** First latency of a direct response, and the one that none reaches, in ms after the pulse. */
export const DIRECT_MS = [1.5, 5] as const;
const KIND: SpikeKind = 2;
/** A unit's latency is its own; from pulse to pulse it moves by at most half of this, in ms. */
const JITTER_MS = 0.2;

/** One stimulus as the population answers it: keys of its random streams, and when it is. */
export interface StimulusMoment {
  readonly session: number;
  readonly trial: number;
  readonly sample: number;
}

/**
 * Antidromic spikes: pulses that excite units near them without a synapse between, soon and at a latency that is each
 * unit's own. The chance falls linearly with distance; several pulses act independently of each other, and a unit
 * fires once.
 */
export class DirectResponses {
  readonly #population: LivingPopulation;
  /** Per input: the electrodes in reach, and the chance that a pulse misses a unit there. */
  readonly #reached: readonly (readonly { readonly electrode: number; readonly miss: number }[])[];
  /** (electrodes) */
  readonly #miss: Float64Array;
  /** (units) */
  readonly #latencyMs: Float64Array;

  constructor(
    population: LivingPopulation,
    stimulated: readonly number[],
    { positions, knobs }: { readonly positions: readonly ElectrodePosition[]; readonly knobs: ActivityKnobs },
  ) {
    const { seed, firstUnit } = population;
    this.#population = population;
    this.#miss = new Float64Array(positions.length);
    this.#reached = stimulated.map((from) => listReached(positions, positions[from]!, knobs));
    this.#latencyMs = new Float64Array(firstUnit.at(-1)!);
    const [first, end] = DIRECT_MS;
    for (let e = 0; e < positions.length; e++) {
      const random = openRandomStream(seed, 'direct-latency', e);
      for (let unit = firstUnit[e]!; unit < firstUnit[e + 1]!; unit++) {
        this.#latencyMs[unit] = first + (end - first - JITTER_MS) * random.uniform();
      }
    }
  }

  /** Adds the direct responses to the pulses of `inputs`. */
  add(inputs: Uint8Array, moment: StimulusMoment, queue: SpikeQueue): void {
    const { seed, sampleRateHz, firstUnit, living } = this.#population;
    const random = openRandomStream(seed, 'direct', moment.session, moment.trial);
    this.#miss.fill(1);
    for (const [j, reached] of this.#reached.entries()) {
      if (inputs[j] === 0) continue;
      for (const { electrode, miss } of reached) this.#miss[electrode]! *= miss;
    }
    const earliest = Math.ceil((DIRECT_MS[0] * sampleRateHz) / 1000);
    for (let e = 0; e < living.length; e++) {
      const miss = this.#miss[e]!;
      if (miss === 1) continue;
      for (let k = 0; k < living[e]!; k++) {
        const unit = firstUnit[e]! + k;
        const ms = this.#latencyMs[unit]! + JITTER_MS * random.uniform();
        const delay = Math.max(earliest, Math.floor((ms * sampleRateHz) / 1000));
        if (random.uniform() >= miss) queue.add(moment.sample + delay, unit, KIND);
      }
    }
  }
}

function listReached(
  positions: readonly ElectrodePosition[],
  from: ElectrodePosition,
  { directChance, directReachUm }: ActivityKnobs,
): { readonly electrode: number; readonly miss: number }[] {
  const reached = [];
  for (const [electrode, position] of positions.entries()) {
    const distance = measureDistanceUm(from, position);
    if (distance < directReachUm) reached.push({ electrode, miss: 1 - directChance * (1 - distance / directReachUm) });
  }
  return reached;
}
