import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { drawBinomial } from '../count-draws.js';
import { drawLatencyMs } from '../spike-latency.js';
import type { StimulusMoment } from './direct-responses.js';
import type { LivingPopulation } from './spontaneous-activity.js';
import type { SpikeKind, SpikeQueue } from './spike-queue.js';

const EVOKED: SpikeKind = 0;
const WINDOW_SPONTANEOUS: SpikeKind = 1;
const LATE: SpikeKind = 3;
/** Spans of the late spikes, in ms after the pulse; half of them, on average, in each. */
const BEFORE_MS = [5, 10] as const;
const AFTER_MS = [30, 100] as const;
/** Tries to find a spontaneous spike of a window a place and a unit that is not refractory. */
const MAX_TRIES = 100;

/** What one stimulus evoked, as the culture counted it, and where it is to be placed. */
export interface CountedResponse {
  readonly moment: StimulusMoment;
  /** The response window in samples, half-open. */
  readonly window: readonly [first: number, end: number];
  /** (electrodes) */
  readonly counts: Uint16Array;
  /** (electrodes) those of `counts` that the stimulus evoked. */
  readonly evoked: Uint16Array;
}

/** Gives each spike of a culture's counts a unit and a sample. */
export class EvokedSpikes {
  readonly #population: LivingPopulation;
  readonly #refractory: Float64Array;
  readonly #lateShare: number;

  /** @param options `refractory` (units) in samples; `lateShare` of evoked spikes that come outside the window */
  constructor(
    population: LivingPopulation,
    options: { readonly refractory: Float64Array; readonly lateShare: number },
  ) {
    this.#population = population;
    this.#refractory = options.refractory;
    this.#lateShare = options.lateShare;
  }

  /**
   * Adds exactly `counts` spikes inside the window, and late ones around it. The latencies of the evoked spikes are
   * those that the spike-timing rule draws; they are spread over different units of their electrode.
   *
   * @returns the first spike in the window of each unit that has one there, by unit
   */
  add(response: CountedResponse, queue: SpikeQueue): Map<number, number> {
    const { seed, firstUnit, living } = this.#population;
    const { moment, window, counts, evoked } = response;
    const open = (purpose: string): RandomStream => openRandomStream(seed, purpose, moment.session, moment.trial);
    const latencies = open('latency');
    const choices = open('responding-units');
    const extras = open('window-spontaneous');
    const firstInWindow = new Map<number, number>();
    const placed: PlacedSpike[] = [];
    for (let e = 0; e < counts.length; e++) {
      if (counts[e] === 0) continue;
      placed.length = 0;
      const units = listUnits(firstUnit[e]!, living[e]!);
      for (let k = 0; k < evoked[e]!; k++) {
        const chosen = k + choices.integer(units.length - k);
        const unit = units[chosen]!;
        units[chosen] = units[k]!;
        placed.push({ unit, sample: this.#toWindow(drawLatencyMs(latencies), response) });
      }
      for (let k = evoked[e]!; k < counts[e]!; k++) placed.push(this.#findPlace({ units, placed, window }, extras));
      for (const [k, { unit, sample }] of placed.entries()) {
        queue.add(sample, unit, k < evoked[e]! ? EVOKED : WINDOW_SPONTANEOUS);
        firstInWindow.set(unit, Math.min(sample, firstInWindow.get(unit) ?? sample));
      }
    }
    this.#addLate(response, open('late'), queue);
    return firstInWindow;
  }

  #toWindow(latencyMs: number, { moment, window }: CountedResponse): number {
    const sample = moment.sample + Math.floor((latencyMs * this.#population.sampleRateHz) / 1000);
    return Math.min(window[1] - 1, Math.max(window[0], sample));
  }

  /** Uniform over the window and the electrode's units, drawn again where the unit is refractory. */
  #findPlace({ units, placed, window }: WindowOfElectrode, random: RandomStream): PlacedSpike {
    for (let left = MAX_TRIES; ; left--) {
      const unit = units[random.integer(units.length)]!;
      const sample = window[0] + random.integer(window[1] - window[0]);
      const refractory = this.#refractory[unit]!;
      const collides = placed.some((other) => other.unit === unit && Math.abs(other.sample - sample) < refractory);
      if (!collides || left === 0) return { unit, sample };
    }
  }

  /** Densities rise towards the window before it and fall behind it, both linearly: a square root draws them. */
  #addLate({ moment, evoked }: CountedResponse, random: RandomStream, queue: SpikeQueue): void {
    const { firstUnit, living, sampleRateHz } = this.#population;
    for (let e = 0; e < evoked.length; e++) {
      if (evoked[e] === 0) continue;
      for (let left = drawBinomial(evoked[e]!, this.#lateShare, random.uniform()); left > 0; left--) {
        const [[from, to], reach] =
          random.uniform() < 0.5
            ? [BEFORE_MS, Math.sqrt(random.uniform())]
            : [AFTER_MS, 1 - Math.sqrt(1 - random.uniform())];
        const delay = Math.floor(((from + (to - from) * reach) * sampleRateHz) / 1000);
        queue.add(moment.sample + delay, firstUnit[e]! + random.integer(living[e]!), LATE);
      }
    }
  }
}

interface PlacedSpike {
  readonly unit: number;
  readonly sample: number;
}

interface WindowOfElectrode {
  readonly units: readonly number[];
  readonly placed: readonly PlacedSpike[];
  readonly window: readonly [first: number, end: number];
}

function listUnits(first: number, count: number): number[] {
  const units = [];
  for (let k = 0; k < count; k++) units.push(first + k);
  return units;
}
