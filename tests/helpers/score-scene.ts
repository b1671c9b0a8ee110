import { sampleIndex } from '../../protocols/units.js';
import { createSpikePipeline, type SpikePipelineSettings } from '../../src/pipeline/spike-pipeline.js';
import { FindingsLog, scoreElectrode, type ElectrodeFindings } from './score-spikes.js';
import { SCENE_GAIN_UV, SCENE_LEVELS, SCENE_RATE_HZ, type ScoredScene } from './scored-scene.js';

/** Nothing counts before: the noise may take so long to settle. */
const SETTLED = 5 * SCENE_RATE_HZ;
const BLOCK = 500;
/** Default threshold in units of the noise: spikes that reach it are asked for, and an electrode's own, however small. */
const THRESHOLD = 5;
/** Dead time of the default settings, and how far a spike may be found from where it is. */
const DEAD_FRAMES = 40;
const WITHIN_FRAMES = 10;

/** What a pipeline made of a scene. */
export interface SceneFindings {
  readonly electrodes: readonly ElectrodeFindings[];
  /** What the noise is estimated at over what it is, less 1: mean over channels and time from 5 s on. */
  readonly noiseBias: number;
  /** Share of electrodes and time from 5 s on that could not be seen. */
  readonly blindShare: number;
}

/** How well spikes were found on electrodes whose own units are of one level. */
export interface LevelScore {
  readonly level: number;
  /** Spikes of the electrode's own units in the truth, a second and electrode. */
  readonly perSecond: number;
  readonly truth: number;
  /** Of them, the share that was found. */
  readonly recall: number;
  /** Of all that was found on these electrodes and is right or wrong, the share that is right. */
  readonly precision: number;
  readonly wrong: number;
  /** Wrong, but within 0.5 ms of a spike that the dead time took from the truth. */
  readonly wrongButReal: number;
  /** Spikes, its neighbours' too, that a blind stretch hid, or may have cut off. */
  readonly hidden: number;
  /** Found, but of neighbours' spikes below the threshold, or blind ones: neither right nor wrong. */
  readonly ignored: number;
}

/** The whole pipeline over a scene, with its defaults unless told otherwise. */
export function detectScene(scene: ScoredScene, special: Partial<SpikePipelineSettings> = {}): SceneFindings {
  const { channels, frames, samples, marks, sigmaUv } = scene;
  const settings = { channels, sampleRateHz: SCENE_RATE_HZ, gainUv: SCENE_GAIN_UV, ...special };
  const pipeline = createSpikePipeline(settings);
  const log = new FindingsLog(channels);
  let [bias, count] = [0, 0];
  for (const mark of marks) pipeline.mark(mark);
  for (let at = 0; at < frames; at += BLOCK) {
    const block = samples.subarray(at * channels, (at + BLOCK) * channels);
    log.add(pipeline.push({ firstSample: sampleIndex(at), frames: BLOCK, channels, samples: block }));
    if (at < SETTLED) continue;
    pipeline.noiseUv().forEach((noise, c) => (bias += noise / sigmaUv[c]! - 1));
    count += channels;
  }
  log.add(pipeline.end());
  const { electrodes } = log;
  return { electrodes, noiseBias: bias / count, blindShare: shareBlind(electrodes, frames) };
}

function shareBlind(electrodes: readonly ElectrodeFindings[], frames: number): number {
  let blindFrames = 0;
  for (const { blind } of electrodes) {
    for (let i = 0; i < blind.length; i += 2) blindFrames += Math.max(0, blind[i + 1]! - Math.max(SETTLED, blind[i]!));
  }
  return blindFrames / (electrodes.length * (frames - SETTLED));
}

/**
 * Recall and precision by level. Truth on an electrode are the spikes of all units, its own and its neighbours', whose
 * own filtered peak there reaches the threshold (its own of level 4 all the same), outside blind stretches, without those
 * within the dead time of the last one kept. A level's recall is that of the electrode's own units, its precision that of all that was found.
 */
export function scoreLevels(scene: ScoredScene, { electrodes }: SceneFindings): LevelScore[] {
  const scores = scene.spikes.map((spikes, e) =>
    scoreElectrode(electrodes[e]!, spikes, {
      deadFrames: DEAD_FRAMES,
      withinFrames: WITHIN_FRAMES,
      leastLevel: Math.min(scene.levels[e]!, THRESHOLD),
      sigmaUv: scene.sigmaUv[e]!,
      from: SETTLED,
    }),
  );
  return SCENE_LEVELS.map((level) => {
    const group = scores.filter((_, e) => scene.levels[e] === level);
    const all = group.flatMap(({ truth }) => truth);
    const own = all.filter((spike) => spike.level > 0.999 * level);
    const wrong = group.flatMap(({ falsely }) => falsely);
    const right = all.filter(({ isFound }) => isFound).length;
    return {
      level,
      perSecond: own.length / group.length / ((scene.frames - SETTLED) / SCENE_RATE_HZ),
      truth: own.length,
      recall: own.filter(({ isFound }) => isFound).length / own.length,
      precision: right / (right + wrong.length),
      wrong: wrong.length,
      wrongButReal: wrong.filter(({ isReal }) => isReal).length,
      hidden: group.reduce((sum, { hidden }) => sum + hidden.length, 0),
      ignored: group.reduce((sum, { ignored }) => sum + ignored, 0),
    };
  });
}

/** Spikes of 8 times the noise and more, 3 (on pulsed electrodes 6) to 100 ms after a pulse. */
export interface LatencyScore {
  /** Kept in the truth, seen or not; blind ones; seen ones that were found. */
  readonly spikes: number;
  readonly blind: number;
  readonly found: number;
}

/** How many of the spikes soon after the pulses were seen and found. */
export function scoreAfterPulses(scene: ScoredScene, { electrodes }: SceneFindings): LatencyScore {
  let [spikes, blind, found] = [0, 0, 0];
  scene.spikes.forEach((list, e) => {
    const findings = electrodes[e]!;
    const settings = {
      deadFrames: DEAD_FRAMES,
      withinFrames: WITHIN_FRAMES,
      leastLevel: THRESHOLD,
      sigmaUv: 1,
      from: SETTLED,
    };
    const { truth, hidden } = scoreElectrode(findings, list, settings);
    const isDue = (sample: number): boolean => isAfterPulse(scene, e, sample);
    const seen = truth.filter(({ sample, level }) => level >= 8 && isDue(sample));
    const unseen = hidden.filter(({ sample, level }) => level >= 8 && isDue(sample));
    spikes += seen.length + unseen.length;
    blind += unseen.length;
    found += seen.filter(({ isFound }) => isFound).length;
  });
  return { spikes, blind, found };
}

function isAfterPulse({ marks }: ScoredScene, electrode: number, sample: number): boolean {
  const mark = marks.findLast((other) => other.sample <= sample);
  if (mark === undefined || sample < SETTLED) return false;
  const after = sample - mark.sample - mark.durationSamples;
  return after >= (mark.electrodes.includes(electrode) ? 120 : 60) && after < 2000;
}
