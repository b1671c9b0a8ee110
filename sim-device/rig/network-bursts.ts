import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import type { ActivityKnobs } from './activity-settings.js';
import { drawExponential } from './exponential-draw.js';
import type { LivingPopulation, TimeSlot } from './spontaneous-activity.js';
import type { SpikeKind, SpikeQueue } from './spike-queue.js';

const KIND: SpikeKind = 4;
/** Share of a burst's length over which the electrodes join it. */
const ONSET_SPREAD = 0.1;
/** Length of a burst in time constants of its rate: what is left of Gamma(2) after it is drawn again (1 %). */
const LENGTH_IN_SCALES = 6.6;

/**
 * Bursts of the whole network: a Poisson process in time; in each burst most electrodes take part, each from an onset
 * of its own, and each of their living units fires a geometric number of spikes at times that follow Gamma(2), a rate
 * that rises fast and decays.
 *
 * The bursts of a slot depend on the seed and the slot alone.
 */
export class NetworkBursts {
  readonly #population: LivingPopulation;
  readonly #knobs: ActivityKnobs;

  constructor(population: LivingPopulation, knobs: ActivityKnobs) {
    this.#population = population;
    this.#knobs = knobs;
  }

  /** Adds the bursts that begin in `slot`; they go on behind its end. */
  fill(slot: TimeSlot, queue: SpikeQueue): void {
    const { burstHz } = this.#knobs;
    if (!(burstHz > 0)) return;
    const random = openRandomStream(this.#population.seed, 'bursts', slot.index);
    const scale = this.#population.sampleRateHz / burstHz;
    for (let at = scale * drawExponential(random); at < slot.samples; at += scale * drawExponential(random)) {
      this.#addBurst(slot.first + Math.floor(at), random, queue);
    }
  }

  #addBurst(start: number, random: RandomStream, queue: SpikeQueue): void {
    const { firstUnit, living, sampleRateHz } = this.#population;
    const { burstMs, burstShare, burstSpikesPerUnit } = this.#knobs;
    const samplesPerMs = sampleRateHz / 1000;
    const again = burstSpikesPerUnit / (1 + burstSpikesPerUnit);
    for (let e = 0; e < living.length; e++) {
      if (random.uniform() >= burstShare) continue;
      const onsetMs = ONSET_SPREAD * burstMs * random.uniform();
      for (let k = 0; k < living[e]!; k++) {
        while (random.uniform() < again) {
          const ms = onsetMs + drawProfileMs((1 - ONSET_SPREAD) * burstMs, random);
          queue.add(start + Math.floor(ms * samplesPerMs), firstUnit[e]! + k, KIND);
        }
      }
    }
  }
}

function drawProfileMs(lengthMs: number, random: RandomStream): number {
  let scales = 0;
  do scales = drawExponential(random) + drawExponential(random);
  while (scales >= LENGTH_IN_SCALES);
  return (scales / LENGTH_IN_SCALES) * lengthMs;
}
