import { MeaError } from '../../protocols/errors.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import type { CultureSettings } from '../culture-settings.js';
import { VoltageSynth } from '../voltages/voltage-synth.js';
import {
  DEFAULT_GAIN_UV_PER_BIT,
  type ChannelFault,
  type ElectrodePosition,
  type VoltageSettings,
} from '../voltages/voltage-settings.js';
import type { ActivityKnobs } from './activity-settings.js';
import { CultureActivity } from './culture-activity.js';
import { DEFAULT_IMPEDANCE, measureImpedance, type ImpedanceKnobs } from './electrode-impedance.js';
import { layOutElectrodes, type ArrayGeometry } from './electrode-layout.js';
import { MAX_RENDER_FRAMES, type EmulatedRig } from './emulated-rig.js';
import type { EmulatedUnit, TruthRecord } from './spike-event.js';
import { TruthLog } from './truth-log.js';

/** Everything about an emulated rig; only the culture has no default. */
export interface EmulatedRigSettings {
  /** Its seed is the rig's; its sample rate too. Its electrodes are those of the geometry where one is given. */
  readonly culture: CultureSettings;
  /** By default a square grid of the culture's electrodes. */
  readonly geometry?: ArrayGeometry | undefined;
  /** Recording-electrode index of each input, rising; by default those of the trial-level culture. */
  readonly stimulatedElectrodes?: readonly number[] | undefined;
  readonly activity?: Partial<ActivityKnobs> | undefined;
  readonly voltages?: Omit<VoltageSettings, 'channels' | 'sampleRateHz' | 'seed' | 'positions' | 'units'> | undefined;
  readonly impedance?: Partial<ImpedanceKnobs> | undefined;
  /**
   * Takes what really happened. Records come by the sample at which they are complete, after it has been rendered, so
   * they are the same for any block size.
   */
  readonly onTruth?: ((record: TruthRecord) => void) | undefined;
}

/** An emulated rig with what a real one would not tell, and faults to set in. */
export interface CulturedRig extends EmulatedRig {
  readonly units: readonly EmulatedUnit[];
  readonly positions: readonly ElectrodePosition[];
  /** From the next sample on. */
  setChannelFault(channel: number, fault: ChannelFault): void;
}

/**
 * A rig with an emulated culture on it: pulses in, voltages out.
 *
 * @throws MeaError `bad-input` for settings that cannot be
 */
export function createEmulatedRig(settings: EmulatedRigSettings): CulturedRig {
  return new CultureRig(settings);
}

class CultureRig implements CulturedRig {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  readonly stimulatedElectrodes: readonly number[];
  readonly units: readonly EmulatedUnit[];
  readonly positions: readonly ElectrodePosition[];
  readonly #activity: CultureActivity;
  readonly #synth: VoltageSynth;
  readonly #truth: TruthLog;
  readonly #seed: number;
  readonly #impedance: ImpedanceKnobs;
  readonly #inputOf: ReadonlyMap<number, number>;
  #sessionStart = 0;

  constructor(settings: EmulatedRigSettings) {
    const { culture, geometry, voltages = {} } = settings;
    this.#activity = new CultureActivity({
      culture,
      positions: geometry === undefined ? undefined : layOutElectrodes(geometry),
      stimulatedElectrodes: settings.stimulatedElectrodes,
      knobs: settings.activity,
    });
    const { units, positions, stimulatedElectrodes, sampleRateHz } = this.#activity;
    assertRising(stimulatedElectrodes);
    this.channels = positions.length;
    this.sampleRateHz = sampleRateHz;
    this.gainUvPerBit = voltages.gainUvPerBit ?? DEFAULT_GAIN_UV_PER_BIT;
    this.stimulatedElectrodes = stimulatedElectrodes;
    this.units = units;
    this.positions = positions;
    this.#seed = culture.seed;
    this.#impedance = requireImpedance({ ...DEFAULT_IMPEDANCE, ...settings.impedance });
    this.#inputOf = new Map(stimulatedElectrodes.map((electrode, input) => [electrode, input]));
    this.#truth = new TruthLog(settings.onTruth ?? ignore);
    this.#synth = new VoltageSynth({
      ...voltages,
      channels: this.channels,
      sampleRateHz,
      seed: culture.seed,
      positions,
      units,
    });
  }

  get nextSample(): number {
    return this.#synth.nextSample;
  }

  deliver(pulses: readonly Pulse[], sample: number): void {
    if (!(Number.isSafeInteger(sample) && sample >= this.nextSample)) {
      throw badCall('A stimulus for a sample that is past', String(sample), `${this.nextSample} or later`);
    }
    const inputs = new Uint8Array(this.stimulatedElectrodes.length);
    for (const pulse of pulses) {
      const input = this.#inputOf.get(pulse.electrode);
      if (input === undefined) {
        const wanted = `one of ${this.stimulatedElectrodes.join(', ')}`;
        throw badCall('A pulse on an electrode without a stimulator', String(pulse.electrode), wanted);
      }
      if (hasCurrent(pulse)) inputs[input] = 1;
    }
    this.#activity.stimulate(inputs, sample);
    this.#synth.addPulses(pulses, sample);
    const electrodes = this.stimulatedElectrodes.filter((_, input) => inputs[input] === 1);
    this.#truth.add({ type: 'stimulus', sample, electrodes });
  }

  render(frames: number): Int16Array {
    if (!(Number.isInteger(frames) && frames >= 1 && frames <= MAX_RENDER_FRAMES)) {
      throw badCall('Bad number of frames to render', String(frames), `1 to ${MAX_RENDER_FRAMES}`);
    }
    this.#addSpikesUntil(this.nextSample + frames + this.#synth.prePeakSamples);
    const samples = this.#synth.render(frames);
    this.#addSaturations();
    this.#truth.giveUntil(this.nextSample);
    return samples;
  }

  rest(samples: number): void {
    if (!(Number.isSafeInteger(samples) && samples >= 0)) {
      throw badCall('Bad length of a rest', `${samples} samples`, 'a whole number of at least 0');
    }
    const from = this.nextSample;
    const to = from + samples;
    this.#activity.rest(from, to);
    this.#synth.jump(samples);
    this.#sessionStart = to;
    this.#addSaturations();
    this.#truth.endSession({ type: 'rest', from, to });
  }

  impedance(electrode: number, frequencyHz: number): { readonly magnitudeOhm: number; readonly phaseDegrees: number } {
    if (!(Number.isInteger(electrode) && electrode >= 0 && electrode < this.channels)) {
      throw badCall('Bad electrode to measure', String(electrode), `0 to ${this.channels - 1}`);
    }
    return measureImpedance({ seed: this.#seed, electrode }, frequencyHz, this.#impedance);
  }

  setChannelFault(channel: number, fault: ChannelFault): void {
    this.#synth.setChannelFault(channel, fault);
  }

  /** A spike that would have begun before the first sample of a session is left out. */
  #addSpikesUntil(end: number): void {
    const from = this.#activity.taken;
    if (end <= from) return;
    const first = this.#sessionStart + this.#synth.prePeakSamples;
    for (const spike of this.#activity.takeSpikes(from, end)) {
      if (spike.sample < first) continue;
      this.#synth.addSpike(spike.unit, spike.sample);
      this.#truth.add({ type: 'spike', electrode: this.units[spike.unit]!.electrode, ...spike });
    }
  }

  #addSaturations(): void {
    for (const span of this.#synth.takeSaturations()) this.#truth.add({ type: 'saturated', ...span });
  }
}

function hasCurrent({ phases }: Pulse): boolean {
  return phases.some(({ currentUa, durationUs }) => currentUa !== 0 && durationUs > 0);
}

function assertRising(electrodes: readonly number[]): void {
  if (electrodes.every((electrode, k) => k === 0 || electrode > electrodes[k - 1]!)) return;
  throw badCall('Bad stimulated electrodes', electrodes.join(', '), 'rising indices');
}

function requireImpedance(knobs: ImpedanceKnobs): ImpedanceKnobs {
  const { medianOhm, sigma } = knobs;
  if (medianOhm > 0 && Number.isFinite(medianOhm) && sigma >= 0 && sigma <= 3) return knobs;
  throw badCall('Bad impedance', `${medianOhm} Ohm, sigma ${sigma}`, 'a positive number, and from 0 to 3');
}

function badCall(what: string, got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what, got, wanted });
}

function ignore(): void {
  // Nobody asked for the truth.
}
