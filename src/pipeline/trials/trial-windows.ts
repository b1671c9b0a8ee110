import type { StimulusDelivered, StimulusDropped } from '../../../protocols/mea-link/messages.js';
import type { Delivery } from '../../../protocols/trial.js';
import { sampleIndex, type SampleIndex } from '../../../protocols/units.js';
import type { StimulusScheduled } from '../events/pipeline-event.js';
import type { SpikeBatch } from '../spike-batch.js';
import { sliceBatch } from './slice-batch.js';
import { SpikeHistory, type HistoryCounters } from './spike-history.js';
import { toWindowSettings, type TrialWindowOptions, type WindowSettings } from './window-settings.js';
import { toDroppedDelivery, type SampleRange, type WindowedResponse } from './windowed-response.js';

/** What trial windows did and hold. */
export interface TrialWindowCounters {
  readonly results: number;
  /** Stimuli whose windows are open, and the most that ever were. */
  readonly open: number;
  readonly openHighWater: number;
  /** Windows that had to close before their end, because too many were open: the rest of them counts as blind. */
  readonly closedEarly: number;
  /** Words about a stimulus that had its result already. */
  readonly duplicates: number;
  readonly spikes: HistoryCounters;
}

interface OpenWindow {
  readonly stimulusId: number;
  readonly sample: number;
  /** `scheduled`: no word of the device yet. */
  readonly delivery: Delivery | 'scheduled';
  readonly pulsedElectrodes: readonly number[];
}

/** Ids whose results have been given are remembered for so many results. */
const REMEMBERED_IDS = 1024;
/** Longer batches are worked through in parts of so many samples. */
const SLICE_SAMPLES = 20_000;

/**
 * Counts spikes around stimuli. A pure state machine on the device's sample clock: results come in the order in which
 * their last sample comes, ties by id, as soon as batches have settled past it, whatever the cut into batches.
 */
export class TrialWindows {
  readonly #settings: WindowSettings;
  readonly #history: SpikeHistory;
  /** Samples from the pulses to the end of the later window, and back to the beginning of the earlier one. */
  readonly #after: number;
  readonly #before: number;
  /** By `sample`, then id. */
  readonly #open: OpenWindow[] = [];
  readonly #finished = new Set<number>();
  #results = 0;
  #openHighWater = 0;
  #closedEarly = 0;
  #duplicates = 0;

  /** @throws MeaError `bad-input` for options that cannot be */
  constructor(options: TrialWindowOptions) {
    this.#settings = toWindowSettings(options);
    const { electrodes, maxSpikes, response, baseline } = this.#settings;
    this.#history = new SpikeHistory(electrodes, maxSpikes);
    this.#after = Math.max(response[1], baseline[1]);
    this.#before = Math.max(0, -Math.min(response[0], baseline[0]));
  }

  get counters(): TrialWindowCounters {
    return {
      results: this.#results,
      open: this.#open.length,
      openHighWater: this.#openHighWater,
      closedEarly: this.#closedEarly,
      duplicates: this.#duplicates,
      spikes: this.#history.counters,
    };
  }

  /** The controller scheduled a stimulus: should the device's word of it be lost, its result is `missing`. */
  schedule({ stimulusId, sample }: Pick<StimulusScheduled, 'stimulusId' | 'sample'>): readonly WindowedResponse[] {
    if (this.#finished.has(stimulusId) || this.#find(stimulusId) >= 0) return [];
    return this.#add({ stimulusId, sample, delivery: 'scheduled', pulsedElectrodes: [] });
  }

  /** A stimulus left, or an empty pattern was due. @returns what had to be closed early for it, as a rule nothing */
  deliver(stimulus: Pick<StimulusDelivered, 'stimulusId' | 'sample' | 'electrodes'>): readonly WindowedResponse[] {
    const { stimulusId, sample, electrodes } = stimulus;
    const onTime = electrodes.length > 0 ? 'delivered' : 'nothing-as-asked';
    const delivery = this.#isFar(stimulusId, sample) ? 'late' : onTime;
    return this.#settle({ stimulusId, sample, delivery, pulsedElectrodes: electrodes });
  }

  /** A stimulus will not leave. Its windows are where it was dropped. @returns as `deliver` */
  drop(stimulus: Pick<StimulusDropped, 'stimulusId' | 'atSample' | 'reason'>): readonly WindowedResponse[] {
    const { stimulusId, atSample, reason } = stimulus;
    const delivery = toDroppedDelivery(reason);
    return this.#settle({ stimulusId, sample: atSample, delivery, pulsedElectrodes: [] });
  }

  /**
   * The next spikes. A batch that begins before the last one ended is of another time base: open windows close.
   *
   * @throws MeaError `bad-input` for an electrode that the array does not have
   */
  push(batch: SpikeBatch): readonly WindowedResponse[] {
    const results = batch.from < this.#history.settled ? this.#closeAll() : [];
    for (const part of sliceBatch(batch, SLICE_SAMPLES)) {
      this.#history.append(part);
      while (this.#open.length > 0 && this.#open[0]!.sample + this.#after <= this.#history.settled) {
        results.push(this.#closeFirst());
      }
      this.#forget();
    }
    return results;
  }

  /** No more samples come of this acquisition: open windows close, and what they did not see counts as blind. */
  flush(): readonly WindowedResponse[] {
    return this.#closeAll();
  }

  /** The device booted anew: as `flush`, and ids begin anew. */
  restart(): readonly WindowedResponse[] {
    const results = this.#closeAll();
    this.#finished.clear();
    return results;
  }

  #closeAll(): WindowedResponse[] {
    const results: WindowedResponse[] = [];
    while (this.#open.length > 0) results.push(this.#closeFirst());
    this.#history.clear();
    return results;
  }

  #settle(window: OpenWindow): readonly WindowedResponse[] {
    const known = this.#find(window.stimulusId);
    if (this.#finished.has(window.stimulusId) || (known >= 0 && this.#open[known]!.delivery !== 'scheduled')) {
      this.#duplicates += 1;
      return [];
    }
    if (known >= 0) this.#open.splice(known, 1);
    return this.#add(window);
  }

  #add(window: OpenWindow): readonly WindowedResponse[] {
    const results: WindowedResponse[] = [];
    if (this.#open.length >= this.#settings.maxOpen) {
      this.#closedEarly += 1;
      results.push(this.#closeFirst());
    }
    let at = this.#open.length;
    while (at > 0 && isLater(this.#open[at - 1]!, window)) at--;
    this.#open.splice(at, 0, window);
    this.#openHighWater = Math.max(this.#openHighWater, this.#open.length);
    return results;
  }

  /** Further from the sample it was scheduled for than is allowed; what nobody here scheduled is not held against one. */
  #isFar(stimulusId: number, sample: number): boolean {
    const planned = this.#open[this.#find(stimulusId)];
    if (planned?.delivery !== 'scheduled') return false;
    return Math.abs(sample - planned.sample) > this.#settings.toleranceSamples;
  }

  #find(stimulusId: number): number {
    return this.#open.findIndex((window) => window.stimulusId === stimulusId);
  }

  #forget(): void {
    const { settled } = this.#history;
    const oldest = Math.min(this.#open[0]?.sample ?? settled, settled);
    this.#history.forget(oldest - this.#before);
  }

  #closeFirst(): WindowedResponse {
    const window = this.#open.shift()!;
    this.#results += 1;
    this.#finished.add(window.stimulusId);
    if (this.#finished.size > REMEMBERED_IDS) this.#finished.delete(this.#finished.values().next().value!);
    return this.#measure(window);
  }

  #measure({ stimulusId, sample, delivery, pulsedElectrodes }: OpenWindow): WindowedResponse {
    const { response, baseline, maxBlindShare } = this.#settings;
    const window = toRange(sample, response);
    const baselineWindow = toRange(sample, baseline);
    const seen = this.#history.count(...window);
    const before = this.#history.count(...baselineWindow);
    const blindFraction = toFractions(seen.blindSamples, window);
    const baselineBlindFraction = toFractions(before.blindSamples, baselineWindow);
    const allowed = maxBlindShare * (window[1] - window[0]);
    return {
      type: 'windowed-response',
      stimulusId,
      delivery: delivery === 'scheduled' ? 'missing' : delivery,
      deliveredSample: sampleIndex(sample),
      pulsedElectrodes,
      window,
      counts: seen.counts,
      ...(blindFraction !== undefined && { blindFraction }),
      baselineWindow,
      baselineCounts: before.counts,
      ...(baselineBlindFraction !== undefined && { baselineBlindFraction }),
      blindElectrodes: listAbove(seen.blindSamples, allowed),
      usedSamples: [first(window, baselineWindow), end(window, baselineWindow)],
    };
  }
}

function isLater(a: OpenWindow, b: OpenWindow): boolean {
  return a.sample > b.sample || (a.sample === b.sample && a.stimulusId > b.stimulusId);
}

function toRange(sample: number, [from, to]: readonly [number, number]): SampleRange {
  return [sampleIndex(sample + from), sampleIndex(sample + to)];
}

function first(a: SampleRange, b: SampleRange): SampleIndex {
  return a[0] < b[0] ? a[0] : b[0];
}

function end(a: SampleRange, b: SampleRange): SampleIndex {
  return a[1] > b[1] ? a[1] : b[1];
}

/** Undefined when every electrode saw everything. */
function toFractions(blindSamples: Float64Array, [from, to]: SampleRange): Float32Array | undefined {
  if (blindSamples.every((samples) => samples === 0)) return undefined;
  return Float32Array.from(blindSamples, (samples) => samples / (to - from));
}

function listAbove(values: Float64Array, limit: number): Uint16Array {
  const above: number[] = [];
  for (let e = 0; e < values.length; e++) if (values[e]! > limit) above.push(e);
  return Uint16Array.from(above);
}
