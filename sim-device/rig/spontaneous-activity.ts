import { openRandomStream, shuffleInPlace, type RandomStream } from '../../protocols/random.js';
import type { ActivityKnobs } from './activity-settings.js';
import { drawExponential } from './exponential-draw.js';
import type { SpikeKind, SpikeQueue } from './spike-queue.js';

/** Units of an array that can fire now, and the clock that they fire on. */
export interface LivingPopulation {
  readonly seed: number;
  readonly sampleRateHz: number;
  /** (electrodes + 1) index of each electrode's first unit. */
  readonly firstUnit: Uint32Array;
  /** (electrodes) how many of them live: the first ones; a view that rests change. */
  readonly living: Float64Array;
}

/** A span of samples whose random numbers belong together. */
export interface TimeSlot {
  /** Counts the slots of the sample clock from its zero: the key of random streams. */
  readonly index: number;
  readonly first: number;
  readonly samples: number;
}

const KIND: SpikeKind = 5;
/** Shortest and longest interval in a train of spontaneous spikes, in ms. */
const TRAIN_INTERVAL_MS = [5, 15] as const;
/** Steps per Hz that drawn rates are rounded to, so that the last bit of an engine's `exp` cannot show. */
const RATE_STEPS_PER_HZ = 1024;

/**
 * What units fire by themselves: a Poisson process over the array, each event on an electrode in proportion to its
 * rate and on any of its living units. With a Fano factor F above 1 an event is a train of a geometric number of
 * spikes with mean (F + 1) / 2, which gives counts of a long window a variance of F times their mean.
 *
 * The events of a slot depend on the seed and the slot alone.
 */
export class SpontaneousActivity {
  readonly #population: LivingPopulation;
  /** (electrodes) sum of the rates in Hz up to and with each electrode. */
  readonly #summedHz: Float64Array;
  readonly #trainMean: number;

  constructor(population: LivingPopulation, knobs: ActivityKnobs) {
    this.#population = population;
    this.#summedHz = drawRates(population, knobs);
    for (let e = 1; e < this.#summedHz.length; e++) this.#summedHz[e]! += this.#summedHz[e - 1]!;
    this.#trainMean = (knobs.spontaneousFano + 1) / 2;
  }

  /** Adds the events that begin in `slot`; the last spikes of a train may lie behind its end. */
  fill(slot: TimeSlot, queue: SpikeQueue): void {
    const { seed, sampleRateHz, firstUnit, living } = this.#population;
    const eventHz = (this.#summedHz.at(-1) ?? 0) / this.#trainMean;
    if (!(eventHz > 0)) return;
    const random = openRandomStream(seed, 'spontaneous-events', slot.index);
    const scale = sampleRateHz / eventHz;
    for (let at = scale * drawExponential(random); at < slot.samples; at += scale * drawExponential(random)) {
      const electrode = this.#drawElectrode(random);
      const units = living[electrode]!;
      if (units === 0) continue;
      const unit = firstUnit[electrode]! + random.integer(units);
      const sample = slot.first + Math.floor(at);
      queue.add(sample, unit, KIND);
      if (this.#trainMean > 1) this.#addTrain(sample, { unit, random, queue });
    }
  }

  #addTrain(
    first: number,
    { unit, random, queue }: { readonly unit: number; readonly random: RandomStream; readonly queue: SpikeQueue },
  ): void {
    const [shortest, longest] = TRAIN_INTERVAL_MS;
    let sample = first;
    while (random.uniform() * this.#trainMean >= 1) {
      const intervalMs = shortest + (longest - shortest) * random.uniform();
      sample += Math.round((intervalMs * this.#population.sampleRateHz) / 1000);
      queue.add(sample, unit, KIND);
    }
  }

  /** The first electrode whose summed rate passes a uniform share of the array's. */
  #drawElectrode(random: RandomStream): number {
    const sums = this.#summedHz;
    const goal = random.uniform() * sums.at(-1)!;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > goal) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** (electrodes) spontaneous rates in Hz: the noisy share is exact, which electrodes and how noisy is drawn. */
function drawRates({ seed, living }: LivingPopulation, knobs: ActivityKnobs): Float64Array {
  const rates = new Float64Array(living.length).fill(knobs.spontaneousHz);
  const random = openRandomStream(seed, 'noisy-electrodes');
  const order = shuffleInPlace(
    Array.from(rates, (_, e) => e),
    random,
  );
  const [least, most] = knobs.noisyRangeHz;
  for (const electrode of order.slice(0, Math.round(knobs.noisyShare * living.length))) {
    const hz = least * Math.exp(random.uniform() * Math.log(most / least));
    rates[electrode] = Math.round(hz * RATE_STEPS_PER_HZ) / RATE_STEPS_PER_HZ;
  }
  return rates;
}
