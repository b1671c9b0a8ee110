import type { CultureParameterName } from '../../protocols/culture-names.js';
import { openRandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import type { ActivityKnobs } from '../../sim-device/rig/activity-settings.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { createReachTable } from '../../sim-device/voltages/array-geometry.js';
import { DEFAULT_SPIKE_LENGTH_UM } from '../../sim-device/voltages/voltage-settings.js';
import { createSpikePipeline } from '../../src/pipeline/spike-pipeline.js';
import { biphasicPulse } from './emulated-voltages.js';
import { dropClose, FindingsLog } from './score-spikes.js';
import { correlate } from './signal-statistics.js';

const RATE_HZ = 20_000;
const SETTLING_SECONDS = 5;
const BLOCK = 1000;
/** 0.8 ms, the dead time of the bundled experiments. */
const DEAD_FRAMES = 16;
const WITHIN_FRAMES = 10;
/** 10 to 30 ms after the stimulus. */
const WINDOW = [200, 600] as const;
/** Raw peaks that the filter leaves 4 and 6 times the noise of, about: it takes a third of a spike, and the noise is 5 uV. */
const [SUMMED_UV, SMALL_UV] = [30, 45];
/** Raw peak that the filter leaves once the noise of. */
const SIGMA_UV = 7.5;
/** Of the pipeline, in multiples of the noise, where nothing else is said. */
const THRESHOLD = 5;

/** How large units are. */
export type AmplitudeKnobs = Partial<Pick<ActivityKnobs, 'amplitudeMedianUv' | 'amplitudeSigma' | 'amplitudeRangeUv'>>;

/** Which culture, how often stimulated. */
export interface EvokedSettings {
  readonly seed: number;
  readonly trials: number;
  readonly parameters: CultureParameterName;
  readonly amplitudes: AmplitudeKnobs;
  /** In multiples of the noise. */
  readonly threshold?: number;
}

/** Counts of one electrode and trial: all its units' spikes, those that the dead time leaves, what was found. */
export interface CountPair {
  readonly raw: number;
  readonly thinned: number;
  readonly counted: number;
}

/** What evoked bursts were counted as. */
export interface EvokedCounts {
  /** Over trials, between `thinned` and `counted`, of each electrode on which both vary. */
  readonly correlations: readonly number[];
  /**
   * The same for a detector that noise alone deceives: it finds a spike when its peak, with noise upon it, reaches the threshold,
   * however close others and whatever neighbours do. More cannot be asked of a threshold.
   */
  readonly attainable: readonly number[];
  readonly pairs: readonly CountPair[];
  /** Whose the found spikes were, and why others were missed. */
  readonly kinds: SpikeKinds;
}

interface SpikeKinds {
  right: number;
  dropped: number;
  neighbours: number;
  others: number;
  readonly missed: { small: number; crowded: number; others: number };
}

interface UnitSpike {
  readonly sample: number;
  readonly uv: number;
}

/** Stimulates an emulated culture once a second, and counts what it answers. */
export function countEvoked(settings: EvokedSettings): EvokedCounts {
  const { seed, trials, parameters, amplitudes, threshold = THRESHOLD } = settings;
  const fired: { readonly sample: number; readonly unit: number }[] = [];
  const rig = createEmulatedRig({
    culture: { parameters, plasticity: 'free-energy', condition: 'none', seed },
    activity: amplitudes,
    onTruth: (record) => {
      if (record.type === 'spike') fired.push(record);
    },
  });
  const { channels } = rig;
  const pipeline = createSpikePipeline({
    channels,
    sampleRateHz: RATE_HZ,
    gainUv: rig.gainUvPerBit,
    deadMs: 0.8,
    threshold,
  });
  const random = openRandomStream(seed, 'evoked-patterns');
  const stimuli = Array.from({ length: trials }, (_, trial) => (SETTLING_SECONDS + trial + 0.5) * RATE_HZ);
  for (const sample of stimuli) {
    const electrodes = rig.stimulatedElectrodes.filter(() => random.integer(2) === 1);
    pipeline.mark({ sample: sampleIndex(sample), electrodes, durationSamples: 8 });
    rig.deliver(
      electrodes.map((electrode) => biphasicPulse(electrode)),
      sample,
    );
  }
  const log = new FindingsLog(channels);
  for (let at = 0; at < (SETTLING_SECONDS + trials) * RATE_HZ; at += BLOCK) {
    log.add(pipeline.push({ firstSample: sampleIndex(at), frames: BLOCK, channels, samples: rig.render(BLOCK) }));
  }
  log.add(pipeline.end());
  const own: UnitSpike[][] = rig.positions.map(() => []);
  const neighbours: UnitSpike[][] = rig.positions.map(() => []);
  const reach = createReachTable(rig.positions, { lengthUm: DEFAULT_SPIKE_LENGTH_UM, least: 1e-2 });
  for (const { sample, unit } of fired) {
    const { electrode, amplitudeUv } = rig.units[unit]!;
    const { channels: seeing, factors } = reach(electrode);
    own[electrode]!.push({ sample, uv: amplitudeUv });
    seeing.forEach((channel, k) => {
      if (channel !== electrode) neighbours[channel]!.push({ sample, uv: amplitudeUv * factors[k]! });
    });
  }
  return compare(own, { neighbours, found: log.electrodes.map(({ samples }) => samples), stimuli, threshold });
}

interface Findings {
  readonly neighbours: readonly (readonly UnitSpike[])[];
  readonly found: readonly (readonly number[])[];
  readonly stimuli: readonly number[];
  readonly threshold: number;
}

function compare(
  own: readonly (readonly UnitSpike[])[],
  { neighbours, found, stimuli, threshold }: Findings,
): EvokedCounts {
  const kinds: SpikeKinds = {
    right: 0,
    dropped: 0,
    neighbours: 0,
    others: 0,
    missed: { small: 0, crowded: 0, others: 0 },
  };
  const pairs: CountPair[] = [];
  const correlations: number[] = [];
  const attainable: number[] = [];
  const noise = openRandomStream(1, 'noise upon peaks');
  own.forEach((spikes, e) => {
    const kept = dropClose(spikes, DEAD_FRAMES);
    const seen = dropClose(
      spikes.filter(({ uv }) => uv / SIGMA_UV + noise.normal() >= threshold),
      DEAD_FRAMES,
    );
    const best: number[] = [];
    const rows = stimuli.map((stimulus): CountPair => {
      const isInside = (sample: number): boolean => sample >= stimulus + WINDOW[0] && sample < stimulus + WINDOW[1];
      best.push(seen.filter(({ sample }) => isInside(sample)).length);
      const all = spikes.filter(({ sample }) => isInside(sample));
      const truth = kept.filter(({ sample }) => isInside(sample));
      const counted = found[e]!.filter(isInside);
      const around = neighbours[e]!.filter(({ sample }) => isInside(sample));
      explain({ all, truth, counted, around }, kinds);
      return { raw: all.length, thinned: truth.length, counted: counted.length };
    });
    pairs.push(...rows);
    const truth = Float64Array.from(rows, ({ thinned }) => thinned);
    const counts = Float64Array.from(rows, ({ counted }) => counted);
    // NaN where one of them does not vary.
    const correlation = correlate(truth, counts);
    if (!Number.isNaN(correlation)) correlations.push(correlation);
    const bound = correlate(truth, Float64Array.from(best));
    if (!Number.isNaN(bound)) attainable.push(bound);
  });
  return { correlations, attainable, pairs, kinds };
}

interface WindowOfElectrode {
  readonly all: readonly UnitSpike[];
  readonly truth: readonly UnitSpike[];
  readonly counted: readonly number[];
  readonly around: readonly UnitSpike[];
}

/** Sorts what was found and missed in a window by what it was; a spike may explain two findings. */
function explain({ all, truth, counted, around }: WindowOfElectrode, kinds: SpikeKinds): void {
  const isNear = (spikes: readonly UnitSpike[], at: number): boolean =>
    spikes.some(({ sample }) => Math.abs(sample - at) <= WITHIN_FRAMES);
  for (const at of counted) {
    const summedUv = around.filter(({ sample }) => Math.abs(sample - at) <= 4).reduce((sum, { uv }) => sum + uv, 0);
    if (isNear(truth, at)) kinds.right++;
    else if (isNear(all, at)) kinds.dropped++;
    else if (summedUv > SUMMED_UV) kinds.neighbours++;
    else kinds.others++;
  }
  for (const { sample, uv } of truth) {
    if (counted.some((at) => Math.abs(sample - at) <= WITHIN_FRAMES)) continue;
    const isCrowded = all.some((other) => other.sample !== sample && Math.abs(other.sample - sample) < 30);
    kinds.missed[uv < SMALL_UV ? 'small' : isCrowded ? 'crowded' : 'others']++;
  }
}
