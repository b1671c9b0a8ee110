import { openRandomStream } from '../protocols/random.js';
import { growAnatomy, type Anatomy } from './anatomy.js';
import { addSpontaneousSpikes, drawBinomial } from './count-draws.js';
import { CULTURE_PARAMETERS, type CultureParameters } from './culture-parameters.js';
import { completeCultureSettings, sizeOf, type CultureSettings, type FullCultureSettings } from './culture-settings.js';
import { createPlasticityRule } from './plasticity/create-rule.js';
import type { PlasticityRule } from './plasticity/plasticity-rule.js';
import { writeRowSum } from './row-sums.js';
import { SessionDrift } from './session-drift.js';
import { StimulusHistory, type ShownPattern } from './stimulus-history.js';

/** Largest probability that a unit fires in a window. */
const MAX_FIRING = 0.8;
/** Spontaneous spikes per electrode in a window of 20 ms: 0.2 Hz. */
const SPONTANEOUS_MEAN = 0.004;
/** Stimulated time over which the homeostatic mean of v is taken, in seconds. */
const HOMEOSTATIC_SPAN_S = 256;

/** A culture as of its last rest, with what it was shown since: enough to go on from. */
export interface CultureSnapshot {
  readonly session: number;
  /** The rule's memory as of the rest that began the session. */
  readonly plasticState: readonly Float64Array[];
  /** Patterns before the session that the homeostatic mean still needs, oldest first. */
  readonly before: readonly ShownPattern[];
  /** Patterns of the session so far. */
  readonly shown: readonly ShownPattern[];
}

/**
 * The emulated culture: evoked spike counts of each electrode in the 10-30 ms window after a pattern of pulses.
 *
 * u_e = 2 S_e exp(drift_e + common) G_e sum_j w_ej exp(l_ej) o_j; p_e = 0.8 (1 - exp(-u_e^gamma));
 * count_e = Binomial(N_e, p_e) + Poisson(0.004). The two terms are drawn from separate streams and kept apart
 * (`borrowEvoked`), so that a raw-voltage emulator of the same seed can place the same evoked spikes and add its own
 * spontaneous activity elsewhere. An empty pattern evokes nothing.
 *
 * A culture lives on device time: a session is the time between two rests. Drift advances at each rest, and the
 * plastic gains of a session follow from the data before it. All randomness is keyed by (seed, purpose, session,
 * trial), both as the culture counts them itself, so responses depend on the settings and on the patterns and rests it
 * was given, and on nothing else.
 *
 * Source: docs/emulated-culture.md.
 */
export class EmulatedCulture {
  readonly settings: FullCultureSettings;
  readonly anatomy: Anatomy;
  readonly #parameters: CultureParameters;
  readonly #rule: PlasticityRule;
  readonly #drift: SessionDrift;
  readonly #history: StimulusHistory;
  /** (inputs, electrodes) w_ej exp(l_ej) */
  readonly #drive: Float64Array;
  /** (electrodes) ln(2 S_e) + drift_e + common */
  readonly #logScale: Float64Array;
  readonly #centred: Float64Array;
  readonly #active: Uint16Array;
  readonly #input: Float64Array;
  readonly #logGains: Float64Array;
  readonly #evoked: Uint16Array;
  #session = 0;
  #trial = 0;
  #atRest: Omit<CultureSnapshot, 'shown'>;
  #shown: ShownPattern[] = [];

  constructor(settings: CultureSettings) {
    this.settings = completeCultureSettings(settings);
    const { seed, electrodes, inputs, condition, plasticity } = this.settings;
    const size = sizeOf(this.settings);
    this.#parameters = CULTURE_PARAMETERS[this.settings.parameters];
    this.anatomy = growAnatomy(this.#parameters, seed, size);
    this.#rule = createPlasticityRule(plasticity, { parameters: this.#parameters, anatomy: this.anatomy, size, seed });
    const driftScale = condition === 'drift-only' ? 2 : 1;
    this.#drift = new SessionDrift(seed, {
      ...size,
      sdDrift: driftScale * this.#parameters.sdDrift,
      sdPatternDrift: driftScale * this.#parameters.sdPatternDrift,
    });
    this.#history = new StimulusHistory(inputs, Math.round(HOMEOSTATIC_SPAN_S * this.settings.sampleRateHz));
    this.#drive = new Float64Array(inputs * electrodes);
    this.#logScale = new Float64Array(electrodes);
    this.#centred = new Float64Array(inputs);
    this.#active = new Uint16Array(inputs);
    this.#input = new Float64Array(electrodes);
    this.#logGains = new Float64Array(electrodes);
    this.#evoked = new Uint16Array(electrodes);
    this.#applyDrift();
    this.#atRest = this.#recordRest();
  }

  /** Rests so far: the session that the next trial belongs to. */
  get session(): number {
    return this.#session;
  }

  /** (electrodes) evoked spikes of the last trial, without the spontaneous ones; a view that the next trial changes. */
  borrowEvoked(): Uint16Array {
    return this.#evoked;
  }

  /** (electrodes) units that live, at most those of the anatomy; a view that rests change. */
  borrowLivingUnits(): Float64Array {
    return this.#rule.units;
  }

  /** (electrodes) plastic gains G_e of the last trial; the receiver owns them. */
  toGains(): Float64Array {
    return this.#logGains.map((value) => Math.exp(value));
  }

  /**
   * Answers one pattern.
   *
   * @param inputs (inputs) 0 or 1
   * @param time stimulated time in samples (device time less the rests); it must not fall
   * @param counts (electrodes) written: evoked and spontaneous spikes in the window
   */
  respond(inputs: Uint8Array, time: number, counts: Uint16Array): void {
    const activeCount = this.#listActive(inputs);
    this.#history.centre(inputs, time, this.#centred);
    this.#rule.writeLogGains(this.#centred, this.#logGains);
    this.#evoked.fill(0);
    const alive = this.settings.condition !== 'ttx';
    if (alive && activeCount > 0) this.#drawEvoked(activeCount);
    counts.set(this.#evoked);
    if (alive) this.#addSpontaneous(counts);
    if (this.#learns()) {
      this.#rule.onTrial({
        session: this.#session,
        trial: this.#trial,
        active: this.#active,
        activeCount,
        centred: this.#centred,
        evoked: this.#evoked,
        counts,
      });
    }
    this.#history.remember(inputs, time);
    this.#shown.push({ time, inputs: inputs.slice() });
    this.#trial += 1;
  }

  /** Ends the session: what was learned comes into force, and the culture drifts one session on. */
  rest(): void {
    this.#session += 1;
    this.#trial = 0;
    this.#shown = [];
    this.#drift.advance();
    this.#rule.onRest(this.#session);
    this.#applyDrift();
    this.#atRest = this.#recordRest();
  }

  /** Everything that later responses depend on besides the settings. The arrays are not to be changed. */
  snapshot(): CultureSnapshot {
    return { ...this.#atRest, shown: this.#shown };
  }

  /** Goes to where `snapshot` was taken; the trials since its rest are lived through again. */
  restore(snapshot: CultureSnapshot): void {
    this.#session = snapshot.session;
    this.#trial = 0;
    this.#shown = [];
    for (const [k, values] of this.#rule.state.entries()) values.set(snapshot.plasticState[k]!);
    this.#rule.onRestore();
    this.#drift.goTo(snapshot.session);
    this.#history.replace(snapshot.before);
    this.#applyDrift();
    this.#atRest = this.#recordRest();
    const counts = new Uint16Array(this.settings.electrodes);
    for (const { inputs, time } of snapshot.shown) this.respond(inputs, time, counts);
  }

  /** Sizes of the arrays of `CultureSnapshot.plasticState`. */
  plasticStateLengths(): number[] {
    return this.#rule.state.map((values) => values.length);
  }

  #learns(): boolean {
    const { condition } = this.settings;
    return condition === 'none' || condition === 'ttx';
  }

  #recordRest(): Omit<CultureSnapshot, 'shown'> {
    return {
      session: this.#session,
      plasticState: this.#rule.state.map((values) => values.slice()),
      before: this.#history.toList(),
    };
  }

  #applyDrift(): void {
    const { electrodes } = this.settings;
    const { wiring, strength } = this.anatomy;
    const electrodeDrift = this.#drift.borrowElectrodes();
    const connectionDrift = this.#drift.borrowConnections();
    for (let c = 0; c < this.#drive.length; c++) this.#drive[c] = wiring[c]! * Math.exp(connectionDrift[c]!);
    for (let e = 0; e < electrodes; e++) {
      this.#logScale[e] = Math.log(2 * strength[e]!) + electrodeDrift[e]! + this.#drift.common;
    }
  }

  #listActive(inputs: Uint8Array): number {
    let activeCount = 0;
    for (let j = 0; j < inputs.length; j++) if (inputs[j] === 1) this.#active[activeCount++] = j;
    return activeCount;
  }

  /** One uniform per electrode, in the order of electrodes, whatever the counts turn out to be. */
  #drawEvoked(activeCount: number): void {
    const random = openRandomStream(this.settings.seed, 'evoked', this.#session, this.#trial);
    const { units } = this.#rule;
    const { gamma } = this.#parameters;
    const input = this.#input;
    writeRowSum(this.#drive, { list: this.#active, count: activeCount }, input);
    for (let e = 0; e < units.length; e++) {
      const logU = this.#logScale[e]! + Math.log(input[e]!) + this.#logGains[e]!;
      const probability = MAX_FIRING * (1 - Math.exp(-Math.exp(gamma * logU)));
      this.#evoked[e] = drawBinomial(units[e]!, probability, random.uniform());
    }
  }

  #addSpontaneous(counts: Uint16Array): void {
    const random = openRandomStream(this.settings.seed, 'spontaneous', this.#session, this.#trial);
    addSpontaneousSpikes(counts, { mean: SPONTANEOUS_MEAN, units: this.#rule.units }, random);
  }
}
