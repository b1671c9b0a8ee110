import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import { renderTable } from './figure.js';
import { formatFixed, formatNumber, formatShare, MISSING } from './format.js';
import { markup, type Content, type Markup } from './markup.js';
import { answerWords } from './words.js';

const HEAD = [
  'Culture',
  'electrodes',
  'verdict',
  'own − other, first → last (spikes per trial)',
  'fall of L (nats)',
  'static share of the fall',
  'MSE published',
  'constant mean',
  'frozen W',
  'repeat mean',
  'lag-1',
  'noise floor',
  'errW',
  'errW, W constant',
  'skill of published against constant mean',
  'electrodes stable',
];

/** A culture of the report and the place of its section. */
export interface SummaryRow {
  readonly name: string;
  readonly anchor: string;
  readonly analysis: CultureAnalysis;
}

/** All cultures of a report, a row each. */
export function renderSummary(rows: readonly SummaryRow[]): Markup {
  return renderTable({
    caption: 'All cultures; errors are means over the last sessions',
    head: HEAD,
    rows: rows.map(toRow),
  });
}

function toRow({ name, anchor, analysis }: SummaryRow): readonly Content[] {
  const { verdict, ensembles, stability, outcome } = analysis;
  const { first, last } = verdict.counts;
  const shared = [
    markup`<a href="#${anchor}">${name}</a>`,
    ensembles.map((members) => members.length).join('/'),
    outcome.type === 'fitted' ? answerWords(verdict) : 'ensemble not found',
    Number.isFinite(first) && Number.isFinite(last) ? `${formatFixed(first, 2)} → ${formatFixed(last, 2)}` : MISSING,
  ];
  const fitted = outcome.type === 'fitted' ? fittedCells(outcome) : Array.from({ length: 11 }, () => MISSING);
  return [...shared, ...fitted, stability.stable ? 'yes' : 'no'];
}

function fittedCells({ energy, comparison, arrays }: FittedCulture): readonly string[] {
  const { lastErrors, noiseFloor, constantWeightsErrW, skill } = comparison;
  const { fall } = energy.observed;
  return [
    formatFixed(fall, 0),
    fall > 0 ? `${formatShare(energy.staticShare)}${energy.beatsStatic ? ', beaten' : ''}` : MISSING,
    formatFixed(lastErrors.published, 3),
    formatFixed(lastErrors.constantMean, 3),
    formatFixed(lastErrors.frozenWeights, 3),
    formatFixed(lastErrors.repeatMean, 3),
    formatFixed(lastErrors.lagOneFilter, 3),
    formatFixed(noiseFloor, 3),
    formatNumber(arrays.errW[arrays.errW.length - 1]),
    formatNumber(constantWeightsErrW),
    formatFixed(skill.publishedAgainstMean, 2),
  ];
}
