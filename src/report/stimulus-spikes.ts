import type { CultureAnalysis } from '../model/analysis.js';
import { singleSourceState, stateCountOf } from '../model/states.js';
import { initialWindow, lastWindow } from './session-window.js';
import {
  spikesAroundTrials,
  type SpikeFrame,
  type SpikesAroundTrial,
  type StimulusTrial,
} from './spikes-around-trials.js';

/** What is looked at around a delivered stimulus, ms. */
export const STIMULUS_SPAN_MS = [-50, 100] as const;
/** Bins of 1 ms. */
export const STIMULUS_BINS = STIMULUS_SPAN_MS[1] - STIMULUS_SPAN_MS[0];
/** Rows of a raster, all sources and both ends of the experiment together. */
const RASTER_ROWS = 80;
/** Rasters of all ensembles together, at most, as far as each has one. */
const RASTERS = 6;

/** The initial sessions, or trials; or the last ones. */
export type Span = 'first' | 'last';

/** Spikes of the electrodes of one ensemble in one state of the sources, over the trials of some sessions. */
export interface StimulusHistogram {
  readonly ensemble: number;
  readonly state: number;
  readonly span: Span;
  readonly trials: number;
  /** (STIMULUS_BINS) spikes, all trials and electrodes together */
  readonly spikes: Float64Array;
  /** (STIMULUS_BINS) time that there was, and that was seen, s, all trials and electrodes together */
  readonly timeS: Float64Array;
  readonly seenS: Float64Array;
}

/** One trial on one electrode, in ms from the delivered stimulus. */
export interface RasterRow {
  readonly spikesMs: readonly number[];
  readonly blindMs: readonly (readonly [from: number, to: number])[];
  /** Spikes in the response window. */
  readonly count: number;
}

/** Trials with one source on alone: the first or the last of the experiment. */
export interface RasterGroup {
  readonly source: number;
  readonly span: Span;
  readonly rows: readonly RasterRow[];
}

/** One electrode and its trials. */
export interface ElectrodeRaster {
  readonly ensemble: number;
  readonly electrode: number;
  readonly groups: readonly RasterGroup[];
}

/** The spikes around the stimuli of a run on voltages, as the report shows them. */
export interface StimulusSpikes {
  readonly histograms: readonly StimulusHistogram[];
  readonly rasters: readonly ElectrodeRaster[];
  readonly responseWindowMs: readonly [from: number, to: number];
  /** Trials that were wanted and whose spikes the recording does not hold. */
  readonly missing: number;
}

/** What the spikes are sorted by. */
export interface StimulusPlan {
  readonly analysis: Pick<CultureAnalysis, 'design' | 'ensembles' | 'preferences'>;
  /** Those that count, in their order. */
  readonly trials: readonly StimulusTrial[];
  readonly sampleRateHz: number;
}

/**
 * Sorts the spikes of a run by ensemble, state and time around the stimulus, and keeps those of a few electrodes and trials
 * one by one. One pass over the spikes; memory does not grow with them.
 */
export async function collectStimulusSpikes(
  frames: AsyncIterable<SpikeFrame>,
  plan: StimulusPlan,
): Promise<StimulusSpikes> {
  const { analysis, sampleRateHz } = plan;
  const { sessions } = analysis.design;
  const trials = plan.trials.filter(({ session }) => session < sessions);
  const groups = chooseTrials(trials, analysis.design.sourceCount);
  const histograms = openHistograms(analysis);
  const rasters = chooseElectrodes(analysis).map((electrode) => ({
    ...electrode,
    groups: groups.map(({ source, span }): GrowingGroup => ({ source, span, rows: [] })),
  }));
  const chosen = new Set(groups.flatMap((group) => [...group.trials]));
  const wanted = trials.filter((trial) => chosen.has(trial) || spanOf(trial, analysis) !== undefined);
  const edges = binEdges(sampleRateHz);
  let missing = wanted.length;
  for await (const seen of spikesAroundTrials(frames, wanted, [edges.at(0)!, edges.at(-1)!])) {
    missing -= 1;
    addToHistograms(histograms, seen, { analysis, edges, sampleRateHz });
    for (const [g, group] of groups.entries()) {
      if (!group.trials.has(seen.trial)) continue;
      for (const { electrode, groups: own } of rasters) own[g]!.rows.push(toRow(seen, electrode, sampleRateHz));
    }
  }
  const [first] = trials;
  const toMs = (sample: number): number => ((sample - first!.deliveredSample) * 1000) / sampleRateHz;
  return {
    histograms: histograms.flat(2),
    rasters,
    responseWindowMs: first === undefined ? [0, 0] : [toMs(first.window[0]), toMs(first.window[1])],
    missing,
  };
}

/** (STIMULUS_BINS + 1) first sample of each bin from the delivered one, and the first after the last. */
function binEdges(sampleRateHz: number): Int32Array {
  return Int32Array.from({ length: STIMULUS_BINS + 1 }, (_, bin) =>
    Math.ceil(((STIMULUS_SPAN_MS[0] + bin) * sampleRateHz) / 1000),
  );
}

interface GrowingGroup extends RasterGroup {
  readonly rows: RasterRow[];
}

interface ChosenTrials {
  readonly source: number;
  readonly span: Span;
  readonly trials: ReadonlySet<StimulusTrial>;
}

/** The first and the last trials with each source alone; none of them in both. */
function chooseTrials(trials: readonly StimulusTrial[], sourceCount: number): readonly ChosenTrials[] {
  const limit = Math.floor(RASTER_ROWS / (2 * sourceCount));
  return Array.from({ length: sourceCount }, (_, source) => {
    const state = singleSourceState(source, sourceCount);
    const alone = trials.filter(({ sources }) => Number.parseInt(sources, 2) === state);
    const first = Math.min(limit, Math.ceil(alone.length / 2));
    return [
      { source, span: 'first' as const, trials: new Set(alone.slice(0, first)) },
      { source, span: 'last' as const, trials: new Set(alone.slice(Math.max(first, alone.length - limit))) },
    ];
  }).flat();
}

/** The electrodes of each ensemble that preferred its source most in the initial sessions, side by side. */
function chooseElectrodes({
  ensembles,
  preferences,
  design,
}: StimulusPlan['analysis']): readonly { readonly ensemble: number; readonly electrode: number }[] {
  const perEnsemble = Math.max(1, Math.floor(RASTERS / ensembles.length));
  // Of two sources a preference is the first's less the second's, of more the own one's less the others'.
  const preferenceOf = (electrode: number, ensemble: number): number =>
    (design.sourceCount === 2 && ensemble === 1 ? -1 : 1) * preferences.first[electrode]!;
  const ranked = ensembles.map((members, ensemble) =>
    members.toSorted((a, b) => preferenceOf(b, ensemble) - preferenceOf(a, ensemble) || a - b),
  );
  return Array.from({ length: perEnsemble }, (_, rank) =>
    ranked.flatMap((members, ensemble) => {
      const electrode = members[rank];
      return electrode === undefined ? [] : [{ ensemble, electrode }];
    }),
  ).flat();
}

interface GrowingHistogram extends StimulusHistogram {
  trials: number;
}

/** [span][ensemble][state] */
type Histograms = readonly (readonly (readonly GrowingHistogram[])[])[];

function openHistograms({ ensembles, design }: StimulusPlan['analysis']): Histograms {
  return (['first', 'last'] as const).map((span) =>
    ensembles.map((_, ensemble) =>
      Array.from({ length: stateCountOf(design.sourceCount) }, (__, state) => ({
        ensemble,
        state,
        span,
        trials: 0,
        spikes: new Float64Array(STIMULUS_BINS),
        timeS: new Float64Array(STIMULUS_BINS),
        seenS: new Float64Array(STIMULUS_BINS),
      })),
    ),
  );
}

function spanOf({ session }: StimulusTrial, { design }: StimulusPlan['analysis']): Span | undefined {
  if (session < initialWindow(design).end) return 'first';
  return session >= lastWindow(design).first ? 'last' : undefined;
}

interface Sorting extends Pick<StimulusPlan, 'analysis' | 'sampleRateHz'> {
  readonly edges: Int32Array;
}

function addToHistograms(
  histograms: Histograms,
  { trial, spikes, blind }: SpikesAroundTrial,
  { analysis, edges, sampleRateHz }: Sorting,
): void {
  const span = spanOf(trial, analysis);
  if (span === undefined) return;
  const state = Number.parseInt(trial.sources, 2);
  for (const [ensemble, members] of analysis.ensembles.entries()) {
    const into = histograms[span === 'first' ? 0 : 1]![ensemble]![state]!;
    const isMember = new Set(members);
    into.trials += 1;
    for (let bin = 0; bin < STIMULUS_BINS; bin++) {
      const seconds = ((edges[bin + 1]! - edges[bin]!) * members.length) / sampleRateHz;
      into.timeS[bin]! += seconds;
      into.seenS[bin]! += seconds;
    }
    for (const [i, electrode] of spikes.electrodes.entries()) {
      if (isMember.has(electrode)) into.spikes[binOf(spikes.samples[i]!, sampleRateHz)]! += 1;
    }
    for (const [i, electrode] of blind.electrodes.entries()) {
      if (!isMember.has(electrode)) continue;
      const [from, to] = [blind.from[i]!, blind.to[i]!];
      for (let bin = binOf(from, sampleRateHz); bin < STIMULUS_BINS && edges[bin]! < to; bin++) {
        const samples = Math.min(to, edges[bin + 1]!) - Math.max(from, edges[bin]!);
        into.seenS[bin]! -= samples / sampleRateHz;
      }
    }
  }
}

function binOf(sample: number, sampleRateHz: number): number {
  return Math.floor((sample * 1000) / sampleRateHz) - STIMULUS_SPAN_MS[0];
}

function toRow({ trial, spikes, blind }: SpikesAroundTrial, electrode: number, sampleRateHz: number): RasterRow {
  const toMs = (sample: number): number => (sample * 1000) / sampleRateHz;
  return {
    spikesMs: spikes.samples.filter((_, i) => spikes.electrodes[i] === electrode).map(toMs),
    blindMs: blind.electrodes.flatMap((blinded, i) =>
      blinded === electrode ? [[toMs(blind.from[i]!), toMs(blind.to[i]!)] as const] : [],
    ),
    count: trial.counts[electrode]!,
  };
}
