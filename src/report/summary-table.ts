import type { CultureAnalysis, EnergyEvidence, FittedCulture } from '../model/analysis.js';
import type { FirstAndLast } from '../model/verdict.js';
import { renderTable } from './figure.js';
import { formatFixed, formatShare, MISSING } from './format.js';
import { markup, type Content, type Markup } from './markup.js';
import { answerWords } from './words.js';

/** A culture of the report and the place of its section. */
export interface SummaryRow {
  readonly name: string;
  readonly anchor: string;
  readonly analysis: CultureAnalysis;
}

/** All cultures of a report, a row each: what they did, then how well that was predicted. */
export function renderSummary(rows: readonly SummaryRow[]): Markup {
  return markup`${renderLearning(rows)}${renderErrors(rows)}`;
}

function renderLearning(rows: readonly SummaryRow[]): Markup {
  return renderTable({
    caption: 'All cultures: ensembles, verdict and free energy',
    head: [
      'culture',
      'electrodes per ensemble',
      'choice stable',
      'verdict',
      'own − other, first → last (spikes per trial)',
      'fall of L (nats)',
      'static share of it',
      'beats every static draw',
    ],
    rows: rows.map((row): readonly Content[] => {
      const { ensembles, outcome, verdict } = row.analysis;
      const isFitted = outcome.type === 'fitted';
      return [
        linkTo(row),
        ensembles.length === 0 ? MISSING : ensembles.map((members) => members.length).join('/'),
        stabilityMark(row.analysis),
        isFitted ? answerWords(verdict) : 'ensemble not found',
        courseOf(verdict.counts),
        ...(isFitted ? energyCells(outcome.energy) : [MISSING, MISSING, MISSING]),
      ];
    }),
  });
}

function renderErrors(rows: readonly SummaryRow[]): Markup {
  return renderTable({
    caption:
      'All cultures: mean squared error of x over the last sessions, error of q in the last session, skill of the published prediction against the constant mean',
    head: [
      'culture',
      'published',
      'constant mean',
      'frozen W',
      'repeat mean',
      'lag-1 filter',
      'noise floor',
      'errW',
      'errW, W constant',
      'skill',
    ],
    rows: rows.map((row): readonly Content[] => {
      const { outcome } = row.analysis;
      return [
        linkTo(row),
        ...(outcome.type === 'fitted' ? errorCells(outcome) : Array.from({ length: 9 }, () => MISSING)),
      ];
    }),
  });
}

function linkTo({ anchor, name }: SummaryRow): Markup {
  return markup`<a href="#${anchor}">${name}</a>`;
}

function stabilityMark({ design, outcome, stability }: CultureAnalysis): string {
  if (design.initialSessions < 2 || outcome.type !== 'fitted') return MISSING;
  return stability.stable ? 'yes' : 'no';
}

function courseOf({ first, last }: FirstAndLast): string {
  return Number.isFinite(first) && Number.isFinite(last)
    ? `${formatFixed(first, 2)} → ${formatFixed(last, 2)}`
    : MISSING;
}

function energyCells({ observed, staticShare, beatsStatic }: EnergyEvidence): readonly string[] {
  if (!(observed.fall > 0)) return [formatFixed(observed.fall, 0), MISSING, 'no fall'];
  return [formatFixed(observed.fall, 0), formatShare(staticShare), beatsStatic ? 'yes' : 'no'];
}

function errorCells({ comparison, arrays }: FittedCulture): readonly string[] {
  const { lastErrors, noiseFloor, constantWeightsErrW, skill } = comparison;
  return [
    formatFixed(lastErrors.published, 3),
    formatFixed(lastErrors.constantMean, 3),
    formatFixed(lastErrors.frozenWeights, 3),
    formatFixed(lastErrors.repeatMean, 3),
    formatFixed(lastErrors.lagOneFilter, 3),
    formatFixed(noiseFloor, 3),
    formatFixed(arrays.errW[arrays.errW.length - 1], 3),
    formatFixed(constantWeightsErrW, 3),
    formatFixed(skill.publishedAgainstMean, 2),
  ];
}
