import { countElectrodes, electrodeNames, electrodePlaces } from '../../protocols/array-geometry.js';
import type { LatencyRecord, RearmedRecord, StoppedRecord, TrialUncountedRecord } from '../../protocols/ledger.js';
import type { Provenance, TrialSourceDescription } from '../../protocols/trial.js';
import type { ResponseTable } from '../../protocols/responses.js';
import type { FallbackCounts } from '../closed-loop/run-experiment.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { toGeometry, type Rig } from '../closed-loop/rig.js';
import { describeStop } from '../closed-loop/stop-rules.js';
import type { ArrayOfRun } from '../report/array-map-figure.js';
import type { NamedAnalysis } from '../report/fit-output.js';
import { capitalise } from '../report/format.js';
import { renderReport } from '../report/render-report.js';
import { provenanceWords } from '../report/words.js';
import type { StimulusSpikes } from '../report/stimulus-spikes.js';
import { describeFallbacks } from './analysis-output.js';

/** The electrodes of a rig, and the pulses that the trials of a table gave them. */
export function toArrayOfRun(rig: Rig, table: ResponseTable): ArrayOfRun {
  const array = toGeometry(rig);
  const pulses = new Float64Array(countElectrodes(array));
  const { inputs, inputCount, stimulatedElectrodes = [] } = table;
  for (let i = 0; i < inputs.length; i++) {
    const electrode = stimulatedElectrodes[i % inputCount];
    if (electrode !== undefined) pulses[electrode]! += inputs[i]!;
  }
  const { amplitudeUa, phaseWidthUs } = rig.pulse;
  const chargePerPulseNc =
    amplitudeUa === null || phaseWidthUs === null ? undefined : (2 * amplitudeUa * phaseWidthUs) / 1000;
  return { places: electrodePlaces(array), names: electrodeNames(array), pulses, chargePerPulseNc };
}

/**
 * The report of a run. But for the host times of a device it depends on experiment, source and responses alone, so the same
 * seed gives the same bytes.
 */
export function reportOfRun(run: {
  readonly experiment: Experiment;
  readonly source: TrialSourceDescription;
  readonly analysis: NamedAnalysis;
  /** Where electrodes lie, and what they were given. */
  readonly array: ArrayOfRun;
  /** Around stimuli; a run on counts has none. */
  readonly spikes?: StimulusSpikes | undefined;
  readonly fallbacks?: FallbackCounts | undefined;
  /** Shown where a device took its time. */
  readonly latency?: LatencyRecord | undefined;
  /** The stop rule that ended it. */
  readonly stopped?: StoppedRecord | undefined;
  readonly rearmings?: readonly RearmedRecord[] | undefined;
  readonly uncounted?: readonly TrialUncountedRecord[] | undefined;
}): string {
  const {
    experiment,
    source,
    analysis,
    array,
    spikes,
    fallbacks,
    latency,
    stopped,
    rearmings = [],
    uncounted = [],
  } = run;
  const { culture } = experiment;
  const emulated = source.provenance === 'emulated';
  return renderReport({
    title: experiment.name,
    provenance: source.provenance,
    notes: experiment.policy?.type === 'active' ? [ACTIVE_NOTE] : [],
    latency,
    cultures: [
      {
        name: emulated ? `emulated ${culture.parameters}, seed ${experiment.seed}` : experiment.name,
        analysis: analysis.analysis,
        array,
        spikes,
      },
    ],
    facts: [
      ['Experiment', experiment.description === '' ? experiment.name : experiment.description],
      [
        'Sessions',
        `${experiment.sessions} of ${experiment.trials} trials, ${experiment.initialSessions} of them initial`,
      ],
      ...(stopped === undefined ? [] : [['Ended early', capitalise(describeStop(stopped))] as const]),
      ...(uncounted.length === 0 ? [] : [['Did not count', describeUncounted(uncounted)] as const]),
      ...(rearmings.length === 0 ? [] : [['Armed again', describeRearmings(rearmings)] as const]),
      ['Sources', `${experiment.sources}, mixing ${experiment.mixing}, patterns ${experiment.patterns}`],
      ...policyFacts(experiment, fallbacks),
      ['Rest', `${experiment.rest.seconds} s between sessions (${experiment.rest.status})`],
      ['Device', source.device],
      ...(emulated
        ? [
            [
              'Culture',
              `parameters ${culture.parameters}, plasticity ${culture.plasticity}, condition ${culture.condition}, seed ${experiment.seed}`,
            ] as const,
          ]
        : []),
    ],
  });
}

/** What did not go out as asked and was carried out again, by reason. */
function describeUncounted(uncounted: readonly TrialUncountedRecord[]): string {
  const reasons = [...new Set(uncounted.map(({ reason }) => reason))].sort();
  const each = reasons.map((reason) => `${uncounted.filter((other) => other.reason === reason).length} ${reason}`);
  const limited = [...new Set(uncounted.flatMap(({ doubt }) => doubt?.limited ?? []))].sort((a, b) => a - b);
  const where = limited.length === 0 ? '' : `; compliance voltage reached on electrodes ${limited.join(', ')}`;
  return `${uncounted.length} deliveries, each carried out again: ${each.join(', ')}${where}`;
}

const REARMING_CAUSES = {
  'main-stalled': 'the program had stood still',
  'armed-time': 'heartbeats had come too late',
} as const satisfies Record<RearmedRecord['cause'], string>;

function describeRearmings(rearmings: readonly RearmedRecord[]): string {
  const each = rearmings.map(
    ({ session, trial, cause }) => `before trial ${trial + 1} of session ${session + 1} (${REARMING_CAUSES[cause]})`,
  );
  return `${rearmings.length} times, as the person who armed it had allowed: ${each.join('; ')}`;
}

/** Benchmark `active` measured it; docs/policies.md has the numbers. */
const ACTIVE_NOTE =
  'The active policy chooses patterns by what the model expects to learn about A. On emulated cultures this does not help: to the same error of A it needs 0.97 of the trials of fresh mixed-source patterns (median of 10 seeds, the model’s own plasticity rule, error after 50 sessions), where at most 0.9 was asked for.';

function policyFacts(
  { policy }: Experiment,
  fallbacks: FallbackCounts | undefined,
): readonly (readonly [label: string, value: string])[] {
  if (policy === undefined) return [];
  const { type, ...settings } = policy;
  const words = Object.entries(settings).map(([key, value]) => `, ${key} ${value}`);
  const missed = fallbacks === undefined ? [] : [['Fallback', describeFallbacks(fallbacks)] as const];
  return [['Policy', `${type}${words.join('')}`], ...missed];
}

/** A culture of a fit, and the spikes around its stimuli where it is a recorded run on voltages. */
export interface FittedForReport extends NamedAnalysis {
  readonly spikes: StimulusSpikes | undefined;
  /** Of a recording of this program; `file` for a file of responses. */
  readonly provenance: Provenance | 'file';
}

/** Words above a fit of several files. */
export interface FitHeadings {
  readonly title: string;
  /** (file) */
  readonly names: ReadonlyMap<string, string>;
}

/** The report of a fit. */
export function reportOfFit(analyses: readonly FittedForReport[], headings?: FitHeadings): string {
  const origins = new Set(analyses.map(({ provenance }) => provenance));
  const [only] = origins;
  return renderReport({
    title: headings?.title ?? 'Fit of recorded responses',
    provenance: origins.size === 1 ? only! : 'several',
    cultures: analyses.map(({ file, index, analysis, spikes }) => ({
      name: headings?.names.get(file) ?? `${file}, culture ${index}`,
      analysis,
      spikes,
    })),
    facts:
      origins.size === 1
        ? []
        : analyses.map(({ file, provenance }) => [`Origin of ${file}`, provenanceWords(provenance)] as const),
  });
}
