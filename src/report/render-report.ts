import type { LatencyRecord } from '../../protocols/ledger.js';
import type { Provenance } from '../../protocols/trial.js';
import { renderCulture, type CultureSection } from './culture-section.js';
import { renderLatency } from './latency-table.js';
import { markup, NO_MARKUP, type Markup } from './markup.js';
import { renderPage } from './page.js';
import { renderSummary, type SummaryRow } from './summary-table.js';
import { answerWords, provenanceWords } from './words.js';

/** What a report is made of. */
export interface ReportInput {
  readonly title: string;
  /** Where the responses come from; `file`: read from a file that this program did not record. */
  readonly provenance: Provenance | 'file' | 'several';
  readonly cultures: readonly Pick<CultureSection, 'name' | 'analysis' | 'array' | 'spikes'>[];
  /** Paragraphs at the top. */
  readonly notes?: readonly string[];
  /** What was done, as pairs of label and value. */
  readonly facts?: readonly (readonly [label: string, value: string])[];
  /** Host times of a run on a device; absent where there was none. */
  readonly latency?: LatencyRecord | undefined;
}

/**
 * The report as one HTML page that needs nothing else: figures are inline SVG, there is no script, and nothing is
 * fetched. The same input gives the same bytes; host times alone differ from run to run, and only a run on a device has some.
 */
export function renderReport(input: ReportInput): string {
  const { title, provenance, cultures, notes = [], facts = [], latency } = input;
  const rows = cultures.map(({ name, analysis, array, spikes }, i) => ({
    name,
    analysis,
    array,
    spikes,
    anchor: `culture-${i + 1}`,
    number: i + 1,
  }));
  const body = markup`<header>
<h1>${title}</h1>
<p class="provenance">${provenanceWords(provenance)}</p>
${notes.map((note) => markup`<p>${note}</p>\n`)}${renderFacts(facts)}</header>
<main>
${rows.length > 1 ? renderOverview(rows) : NO_MARKUP}${rows.map(renderCulture)}${latency === undefined ? NO_MARKUP : renderLatency(latency)}${renderGlossary()}</main>
`;
  return renderPage(title, body);
}

function renderFacts(facts: readonly (readonly [label: string, value: string])[]): Markup {
  if (facts.length === 0) return NO_MARKUP;
  return markup`<dl class="facts">${facts.map(([label, value]) => markup`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
`;
}

function renderOverview(rows: readonly SummaryRow[]): Markup {
  return markup`<nav aria-label="Cultures"><ol>${rows.map(
    ({ name, anchor, analysis }) =>
      markup`<li><a href="#${anchor}">${name}</a>: ${analysis.outcome.type === 'fitted' ? answerWords(analysis.verdict) : 'ensemble not found'}</li>`,
  )}</ol></nav>
<div class="summary">${renderSummary(rows)}</div>
`;
}

const GLOSSARY = [
  [
    'x',
    'normalised response of an ensemble in [0, 1]; by construction it starts without selectivity, so it shows change',
  ],
  ['W', 'effective connectivity estimated from responses, W1 − W0 in log odds; not the strength of a synapse'],
  [
    'L',
    'variational free energy of a session in nats; W is a running estimate, so L falls while the estimate converges even if nothing changes',
  ],
  ['skill', '1 − error / error of a reference: 1 is perfect, 0 no better, below 0 worse'],
  [
    'static share',
    "the static culture's mean fall of L as a share of the observed one: how much is the estimate converging",
  ],
] as const;

function renderGlossary(): Markup {
  return markup`<section aria-labelledby="words">
<h2 id="words">Words</h2>
<dl class="facts">${GLOSSARY.map(([word, meaning]) => markup`<div><dt>${word}</dt><dd>${meaning}</dd></div>`)}</dl>
</section>
`;
}
