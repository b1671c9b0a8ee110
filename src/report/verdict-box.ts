import type { CultureAnalysis } from '../model/analysis.js';
import type { FirstAndLast, Verdict } from '../model/verdict.js';
import { renderTable } from './figure.js';
import { capitalise, formatFixed, formatNumber, listInWords, MISSING } from './format.js';
import { markup, NO_MARKUP, type Content, type Markup } from './markup.js';
import { initialWindow, lastWindow, nameWindow } from './session-window.js';
import { answerWords, baselineWords, blindWords, choiceWords, phiNote, reasonWords, stabilityWords } from './words.js';

/** The answer, why, the numbers behind it, and what the analysis stands on. */
export function renderVerdict(analysis: CultureAnalysis): Markup {
  const { verdict } = analysis;
  const kind = verdict.answer.replace(' ', '-');
  return markup`<div class="verdict ${kind}">
<p class="answer"><span>Verdict:</span> ${answerWords(verdict)}</p>
<p>${capitalise(reasonWords(verdict))}.</p>
${verdictTable(analysis)}<p class="small">Electrodes are chosen on odd trials of the initial sessions and scored on even trials; the interval is taken over electrodes, so that drift, which moves them apart, is not taken for learning. Index: (own − other) / (own + other).</p>
</div>
<dl class="facts">${factsOf(analysis).map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`;
}

function verdictTable({ verdict, design }: CultureAnalysis): Markup {
  if (!Number.isFinite(verdict.counts.gain)) return NO_MARKUP;
  const early = nameWindow({ first: 0, end: Math.ceil(design.initialSessions / 2) });
  const late = nameWindow(lastWindow(design));
  const row = (label: string, { first, last, gain }: FirstAndLast, places: number): readonly Content[] => [
    label,
    formatFixed(first, places),
    formatFixed(last, places),
    formatFixed(gain, places),
  ];
  return renderTable({
    caption: 'Preference for the own source, mean over ensembles',
    head: ['Measure', early, late, 'gain', '95 % interval of the gain'],
    rows: [
      [...row('raw counts: own − other, spikes per trial', verdict.counts, 2), MISSING],
      [...row('selectivity index', verdict.index, 3), intervalOf(verdict)],
    ],
  });
}

function intervalOf({ gainInterval: [lower, upper] }: Verdict): string {
  return Number.isFinite(lower) && Number.isFinite(upper)
    ? `${formatFixed(lower, 3)} to ${formatFixed(upper, 3)}`
    : MISSING;
}

function factsOf(analysis: CultureAnalysis): readonly (readonly [name: string, value: Content])[] {
  const { design, ensembles, outcome, stability, verdict, mode } = analysis;
  const fitted = outcome.type === 'fitted' ? outcome : undefined;
  return [
    [
      'Analysis',
      mode === 'published'
        ? 'published (off-line, looks at all sessions)'
        : 'causal (calibrated on the initial sessions alone)',
    ],
    [
      'Data',
      `${design.sessions} sessions of ${design.trialsPerSession} trials, ${design.sourceCount} sources, ${design.sourceCount * design.inputsPerBlock} inputs, ${analysis.electrodeCount} electrodes, mixing ${Number(design.mixing.toFixed(3))}`,
    ],
    ...ensembles.map((members, a) => [`Ensemble ${a + 1}`, membersOf(members)] as const),
    ['Electrodes that ensembles may hold', choiceWords(analysis)],
    ...(analysis.blindShares === undefined ? [] : [['Blind time', blindWords(analysis.blindShares)] as const]),
    ['Electrodes scored for the verdict', listInWords(verdict.electrodes)],
    ...(fitted === undefined
      ? []
      : [['Choice of electrodes', stabilityWords(stability, design.initialSessions)] as const]),
    [
      'Evoked rate',
      `${formatNumber(analysis.evokedRate)} spikes per trial, mean over all electrodes and the initial sessions`,
    ],
    ...(fitted === undefined
      ? []
      : [
          [
            'Selectivity in x',
            `${formatFixed(fitted.initialSelectivity, 3)} in ${nameWindow(initialWindow(design))}, ${formatFixed(fitted.energy.observed.selectivity, 3)} in ${nameWindow(lastWindow(design))} (own source on, less off); it starts at 0 by construction, so read it beside the raw counts`,
          ] as const,
          ['Baseline B', baselineWords(fitted.baseline)] as const,
          [
            'Threshold factors',
            `phi1 ${listOf(fitted.phi.phi1)}, phi0 ${listOf(fitted.phi.phi0)} nats; ${phiNote(fitted.baseline)}`,
          ] as const,
        ]),
  ];
}

function membersOf(members: readonly number[]): string {
  if (members.length === 0) return 'not found';
  return `${members.length} ${members.length === 1 ? 'electrode' : 'electrodes'} (numbered from 0): ${members.join(', ')}`;
}

function listOf(values: Float64Array): string {
  return listInWords(Array.from(values, (value) => formatFixed(value, 3)));
}
