import type { SpikeBatch } from '../../src/pipeline/spike-batch.js';
import type { SeenSpike } from './scored-scene.js';

/** What a pipeline found on one electrode. */
export interface ElectrodeFindings {
  readonly samples: number[];
  /** Without their sign, uV. */
  readonly sizesUv: number[];
  /** Beginnings and ends of blind stretches, in turns. */
  readonly blind: number[];
}

/** What it found on all of them: spikes and blind stretches of batches that follow each other. */
export class FindingsLog {
  readonly electrodes: readonly ElectrodeFindings[];

  constructor(channels: number) {
    this.electrodes = Array.from({ length: channels }, () => ({ samples: [], sizesUv: [], blind: [] }));
  }

  add({ samples, electrodes, amplitudesUv, blind }: SpikeBatch): void {
    samples.forEach((sample, i) => {
      const findings = this.electrodes[electrodes[i]!]!;
      findings.samples.push(sample);
      findings.sizesUv.push(Math.abs(amplitudesUv[i]!));
    });
    blind.electrodes.forEach((electrode, i) => {
      const spans = this.electrodes[electrode]!.blind;
      if (spans.at(-1) === blind.from[i]!) spans.pop();
      else spans.push(blind.from[i]!);
      spans.push(blind.to[i]!);
    });
  }
}

/** How spikes and truth are held against each other; all in samples. */
export interface ScoreSettings {
  readonly deadFrames: number;
  readonly withinFrames: number;
  /** Spikes of this level and above are asked for; smaller ones are real, but found or not as it comes. */
  readonly leastLevel: number;
  readonly sigmaUv: number;
  /** Nothing before this sample counts. */
  readonly from: number;
}

/** One electrode's score. */
export interface ElectrodeScore {
  /** Truth: level of each spike, and whether it was found. */
  readonly truth: { readonly level: number; readonly isFound: boolean; readonly sample: number }[];
  /** Found where no spike of the truth was left: size over noise, and whether any spike at all is near. */
  readonly falsely: { readonly level: number; readonly isReal: boolean; readonly sample: number }[];
  /** Spikes that are asked for, but could not be seen. */
  readonly hidden: readonly SeenSpike[];
  /** Found, and of spikes too small to be asked for, or blind: neither right nor wrong. */
  readonly ignored: number;
}

/** Spikes without those closer than the dead time to the last one that was kept. */
export function dropClose<T extends { readonly sample: number }>(spikes: readonly T[], deadFrames: number): T[] {
  let last = Number.NEGATIVE_INFINITY;
  return spikes.filter(({ sample }) => {
    if (sample - last < deadFrames) return false;
    last = sample;
    return true;
  });
}

/** True at samples in a blind stretch of a list of beginnings and ends. */
function isBlindAt(blind: readonly number[], sample: number): boolean {
  let [low, high] = [0, blind.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blind[middle]! > sample) high = middle;
    else low = middle + 1;
  }
  return low % 2 === 1;
}

/**
 * Matches what was found with the truth of an electrode, one to one, nearest pairs first. Truth are the spikes of
 * `leastLevel` and above that are not blind, without those in the dead time of the last one kept. A spike within reach of
 * a blind stretch, which may hide its beginning, is truth if it was found.
 */
export function scoreElectrode(
  findings: ElectrodeFindings,
  spikes: readonly SeenSpike[],
  { deadFrames, withinFrames, leastLevel, sigmaUv, from }: ScoreSettings,
): ElectrodeScore {
  const { samples, sizesUv, blind } = findings;
  const isAtEdge = ({ sample }: SeenSpike): boolean =>
    isBlindAt(blind, sample - withinFrames) || isBlindAt(blind, sample + withinFrames);
  const isFound = ({ sample }: SeenSpike): boolean => samples.some((at) => Math.abs(at - sample) <= withinFrames);
  const isSeen = (spike: SeenSpike): boolean =>
    spike.sample >= from && !isBlindAt(blind, spike.sample) && (!isAtEdge(spike) || isFound(spike));
  const asked = spikes.filter((spike) => spike.level >= leastLevel && isSeen(spike));
  const truth = dropClose(asked, deadFrames);
  const match = matchNearest(truth, samples, withinFrames);
  const found = new Set(match);
  const others = spikes.filter((spike) => spike.level < leastLevel || !isSeen(spike));
  const isNear = (list: readonly SeenSpike[], sample: number): boolean =>
    list.some((spike) => Math.abs(spike.sample - sample) <= withinFrames);
  const unmatched = samples.flatMap((sample, i) => (found.has(i) || sample < from ? [] : [{ sample, i }]));
  const falsely = unmatched.filter(({ sample }) => !isNear(others, sample));
  return {
    truth: truth.map(({ level, sample }, t) => ({ level, sample, isFound: match[t]! >= 0 })),
    falsely: falsely.map(({ sample, i }) => ({
      sample,
      level: sizesUv[i]! / sigmaUv,
      isReal: isNear(asked, sample),
    })),
    hidden: spikes.filter((spike) => spike.level >= leastLevel && spike.sample >= from && !isSeen(spike)),
    ignored: unmatched.length - falsely.length,
  };
}

/** For each spike of the truth the index of what was found for it, or -1. Both rise. */
function matchNearest(truth: readonly SeenSpike[], samples: readonly number[], withinFrames: number): number[] {
  const pairs: { readonly distance: number; readonly t: number; readonly i: number }[] = [];
  let first = 0;
  truth.forEach(({ sample }, t) => {
    while (first < samples.length && samples[first]! < sample - withinFrames) first++;
    for (let i = first; i < samples.length && samples[i]! <= sample + withinFrames; i++) {
      pairs.push({ distance: Math.abs(samples[i]! - sample), t, i });
    }
  });
  pairs.sort((a, b) => a.distance - b.distance);
  const match = truth.map(() => -1);
  const taken = new Set<number>();
  for (const { t, i } of pairs) {
    if (match[t]! >= 0 || taken.has(i)) continue;
    match[t] = i;
    taken.add(i);
  }
  return match;
}
