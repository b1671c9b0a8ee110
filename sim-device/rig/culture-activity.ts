import { MeaError } from '../../protocols/errors.js';
import { EmulatedCulture } from '../culture.js';
import { assertElectrodes, defaultElectrodes, RESPONSE_WINDOW_MS } from '../emulated-culture-source.js';
import type { CultureSettings } from '../culture-settings.js';
import { completeActivityKnobs, layOutSquare, type ActivitySettings } from './activity-settings.js';
import { pitchOf } from '../voltages/array-geometry.js';
import type { ElectrodePosition } from '../voltages/voltage-settings.js';
import { DIRECT_MS, DirectResponses } from './direct-responses.js';
import { growUnits } from './emulated-units.js';
import { EvokedSpikes } from './evoked-spikes.js';
import { NetworkBursts } from './network-bursts.js';
import type { EmulatedUnit, SpikeEvent } from './spike-event.js';
import { SpikeQueue, type QueuedSpike } from './spike-queue.js';
import { SpontaneousActivity, type LivingPopulation } from './spontaneous-activity.js';

/** Length of the slots that spontaneous activity is drawn by, in s. */
const SLOT_S = 0.1;
const LEAST_RATE_HZ = 1000;
/** Sizes of a culture that nothing is said about; a small array has an input on each electrode. */
const DEFAULT_ELECTRODES = 64;
const DEFAULT_INPUTS = 32;

/** Samples in which the spikes of one stimulus are law. */
interface HeldWindow {
  readonly first: number;
  readonly end: number;
  /** The first spike there of each unit that has one, by unit. */
  readonly firstByUnit: ReadonlyMap<number, number>;
}

/**
 * Which unit of an emulated culture fires at which sample.
 *
 * The window of 10 to 30 ms after a stimulus holds exactly the spikes that `EmulatedCulture` counts, and no others;
 * where windows of two stimuli overlap, the later stimulus is right. Around it are late and direct responses, and
 * everywhere else spontaneous spikes and network bursts. A unit's spikes are never closer than its refractory time: of
 * two that are, the later goes, unless it belongs to a window, then the earlier.
 *
 * Spikes depend on the settings, the stimuli and the rests, with their samples, and not on how `takeSpikes` is called:
 * whatever is not of a stimulus is drawn by slots of the sample clock, and a stimulus changes nothing before
 * `leadSamples` after it.
 *
 * Source: docs/emulated-culture.md.
 */
export class CultureActivity {
  readonly units: readonly EmulatedUnit[];
  readonly positions: readonly ElectrodePosition[];
  readonly stimulatedElectrodes: readonly number[];
  readonly sampleRateHz: number;
  /** A stimulus may be given until the spikes of this many samples after it have been taken: 1.5 ms. */
  readonly leadSamples: number;
  readonly #culture: EmulatedCulture;
  readonly #spontaneous: SpontaneousActivity;
  readonly #bursts: NetworkBursts;
  readonly #direct: DirectResponses;
  readonly #evoked: EvokedSpikes;
  readonly #queue: SpikeQueue;
  readonly #counts: Uint16Array;
  /** (units) refractory time and last spike, in samples */
  readonly #refractory: Float64Array;
  readonly #lastSpike: Float64Array;
  readonly #longestRefractory: number;
  readonly #windowDelays: readonly [first: number, end: number];
  readonly #slotSamples: number;
  #windows: HeldWindow[] = [];
  #taken = 0;
  #nextSlot = 0;
  #lastStimulus = -1;
  #rested = 0;
  #trial = 0;

  constructor(settings: ActivitySettings) {
    this.#culture = new EmulatedCulture(withSizes(settings));
    const { seed, electrodes, inputs, sampleRateHz } = this.#culture.settings;
    this.sampleRateHz = requireRate(sampleRateHz);
    this.positions = requirePositions(settings.positions ?? layOutSquare(electrodes), electrodes);
    const knobs = completeActivityKnobs(settings.knobs ?? {}, pitchOf(this.positions));
    this.stimulatedElectrodes = settings.stimulatedElectrodes ?? defaultElectrodes(electrodes, inputs);
    assertElectrodes(this.stimulatedElectrodes, electrodes, inputs);
    const { units, firstUnit } = growUnits(this.#culture.anatomy, seed, knobs);
    this.units = units;
    const toSamples = (ms: number): number => Math.round((ms * sampleRateHz) / 1000);
    this.leadSamples = Math.ceil((DIRECT_MS[0] * sampleRateHz) / 1000);
    this.#windowDelays = [toSamples(RESPONSE_WINDOW_MS[0]), toSamples(RESPONSE_WINDOW_MS[1])];
    this.#slotSamples = Math.round(SLOT_S * sampleRateHz);
    this.#refractory = Float64Array.from(units, ({ refractoryMs }) => Math.ceil((refractoryMs * sampleRateHz) / 1000));
    this.#longestRefractory = this.#refractory.reduce((most, samples) => Math.max(most, samples), 0);
    this.#lastSpike = new Float64Array(units.length).fill(-Infinity);
    this.#counts = new Uint16Array(electrodes);
    this.#queue = new SpikeQueue(units.length);
    const living = this.#culture.borrowLivingUnits();
    const population: LivingPopulation = { seed, sampleRateHz, firstUnit, living };
    this.#spontaneous = new SpontaneousActivity(population, knobs);
    this.#bursts = new NetworkBursts(population, knobs);
    this.#direct = new DirectResponses(population, this.stimulatedElectrodes, { positions: this.positions, knobs });
    this.#evoked = new EvokedSpikes(population, { refractory: this.#refractory, lateShare: knobs.lateShare });
  }

  /** Rests so far. */
  get session(): number {
    return this.#culture.session;
  }

  /** The sample that spikes have been taken up to. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Stimulates at `sample`: later than the stimulus before, and less than `leadSamples` behind what has been taken. An
   * empty pattern is a trial too.
   *
   * @param inputs (inputs) 0 or 1
   * @throws MeaError `bad-input` for a sample that is too early
   */
  stimulate(inputs: Uint8Array, sample: number): void {
    this.#assertStimulus(inputs, sample);
    const counts = this.#counts;
    this.#culture.respond(inputs, sample - this.#rested, counts);
    const moment = { session: this.#culture.session, trial: this.#trial, sample };
    this.#lastStimulus = sample;
    this.#trial += 1;
    if (this.#culture.settings.condition === 'ttx') return;
    const [first, end] = [sample + this.#windowDelays[0], sample + this.#windowDelays[1]];
    this.#queue.drop([first, end], ({ held }) => held);
    const evoked = this.#culture.borrowEvoked();
    const firstByUnit = this.#evoked.add({ moment, window: [first, end], counts, evoked }, this.#queue);
    const window: HeldWindow = { first, end, firstByUnit };
    this.#queue.drop([first - this.#longestRefractory, first], (spike) => spike.held && this.#givesWay(spike, window));
    this.#direct.add(inputs, moment, this.#queue);
    this.#windows.push(window);
  }

  /**
   * The spikes whose peak is in [from, to), by (sample, unit). Spans follow each other without a gap.
   *
   * @throws MeaError `internal` for a span that does not begin where the last one ended
   */
  takeSpikes(from: number, to: number): SpikeEvent[] {
    if (from !== this.#taken || !(to >= from)) {
      throw new MeaError('internal', {
        what: 'A span of spikes out of order',
        got: `[${from}, ${to})`,
        wanted: `one that begins at ${this.#taken}`,
      });
    }
    if (this.#culture.settings.condition !== 'ttx') this.#fillSlots(to);
    const spikes: SpikeEvent[] = [];
    this.#queue.takeUntil(to, (spike) => {
      if (!spike.held && !this.#mayFire(spike)) return;
      this.#lastSpike[spike.unit] = spike.sample;
      spikes.push({ sample: spike.sample, unit: spike.unit, origin: spike.origin });
    });
    this.#taken = to;
    this.#windows = this.#windows.filter(({ end }) => end > to);
    return spikes;
  }

  /**
   * Ends the session at sample `from`, after the last stimulus, and goes on at `to`. Nothing reaches across a rest:
   * what had not been taken is gone, and so is all memory of spikes.
   *
   * @throws MeaError `bad-input` for a rest that is not after the last stimulus
   */
  rest(from: number, to: number): void {
    if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > this.#lastStimulus && to >= from)) {
      throw new MeaError('bad-input', {
        what: 'Bad rest of the emulated culture',
        got: `[${from}, ${to})`,
        wanted: `a span of samples after the last stimulus, ${this.#lastStimulus}`,
      });
    }
    this.#culture.rest();
    this.#rested += to - from;
    this.#trial = 0;
    this.#windows = [];
    this.#lastSpike.fill(-Infinity);
    this.#queue.clear(to);
    this.#lastStimulus = to - 1;
    this.#taken = to;
    this.#nextSlot = Math.floor(to / this.#slotSamples);
  }

  #assertStimulus(inputs: Uint8Array, sample: number): void {
    const wanted = this.#culture.settings.inputs;
    const earliest = Math.max(this.#lastStimulus + 1, this.#taken - this.leadSamples);
    if (inputs.length === wanted && Number.isSafeInteger(sample) && sample >= earliest) return;
    throw new MeaError('bad-input', {
      what: 'Bad stimulus of the emulated culture',
      got: `${inputs.length} inputs at sample ${sample}`,
      wanted: `${wanted} inputs at ${earliest} or later`,
    });
  }

  /** Draws what begins by itself before `end`. Slots count from the zero of the clock, whatever lay in between. */
  #fillSlots(end: number): void {
    for (; this.#nextSlot * this.#slotSamples < end; this.#nextSlot++) {
      const first = this.#nextSlot * this.#slotSamples;
      const slot = { index: this.#nextSlot, first, samples: this.#slotSamples };
      this.#spontaneous.fill(slot, this.#queue);
      this.#bursts.fill(slot, this.#queue);
      // A rest may end inside a slot.
      if (first < this.#taken) this.#queue.drop([first, this.#taken], () => true);
    }
  }

  /** Whether a spike that belongs to no window is outside all of them, and its unit ready and to stay so. */
  #mayFire({ sample, unit }: QueuedSpike): boolean {
    if (sample - this.#lastSpike[unit]! < this.#refractory[unit]!) return false;
    for (const window of this.#windows) {
      if (sample >= window.first && sample < window.end) return false;
      if (this.#givesWay({ sample, unit }, window)) return false;
    }
    return true;
  }

  /** Whether a spike before a window is too close to one of its unit inside. */
  #givesWay({ sample, unit }: { readonly sample: number; readonly unit: number }, window: HeldWindow): boolean {
    const first = window.firstByUnit.get(unit);
    return first !== undefined && sample < first && first - sample < this.#refractory[unit]!;
  }
}

function withSizes({ culture, positions, stimulatedElectrodes }: ActivitySettings): CultureSettings {
  const electrodes = culture.electrodes ?? positions?.length ?? DEFAULT_ELECTRODES;
  const inputs = culture.inputs ?? stimulatedElectrodes?.length ?? Math.min(DEFAULT_INPUTS, electrodes);
  return { ...culture, electrodes, inputs };
}

function requireRate(sampleRateHz: number): number {
  if (sampleRateHz >= LEAST_RATE_HZ) return sampleRateHz;
  throw new MeaError('bad-input', {
    what: 'Bad sample rate of the emulated activity',
    got: `${sampleRateHz} Hz`,
    wanted: `at least ${LEAST_RATE_HZ} Hz, one sample per ms`,
  });
}

function requirePositions(positions: readonly ElectrodePosition[], electrodes: number): readonly ElectrodePosition[] {
  if (positions.length === electrodes) return positions;
  throw new MeaError('bad-input', {
    what: 'Bad electrode array',
    got: `${positions.length} positions`,
    wanted: `${electrodes}, one for each electrode of the culture`,
  });
}
