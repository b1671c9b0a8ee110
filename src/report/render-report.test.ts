import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { electrodePlaces } from '../../protocols/array-geometry.js';
import { emulateResponses, type EmulatedExperiment } from '../../tests/helpers/response-tables.js';
import { framesOf, trialOf } from '../../tests/helpers/stimulus-frames.js';
import { analyseCulture, type AnalysisMode, type CultureAnalysis } from '../model/analysis.js';
import { renderReport } from './render-report.js';
import { collectStimulusSpikes } from './stimulus-spikes.js';

interface Case {
  readonly experiment: EmulatedExperiment;
  readonly initialSessions: number;
  readonly mode?: AnalysisMode;
}

function analyse({ experiment, initialSessions, mode = 'causal' }: Case): CultureAnalysis {
  const { mixing = 0.25 } = experiment;
  return analyseCulture(emulateResponses(experiment), { mode, initialSessions, mixing, baseline: 'own' });
}

const ordinary: Case = { experiment: { seed: 1, sessions: 12, trialsPerSession: 64 }, initialSessions: 4 };
const silent: Case = {
  experiment: { seed: 2, sessions: 6, trialsPerSession: 32, condition: 'ttx' },
  initialSessions: 2,
};

function reportOf(cultures: readonly { readonly name: string; readonly analysis: CultureAnalysis }[]): string {
  return renderReport({ title: 'A report', provenance: 'emulated', cultures });
}

const ordinaryAnalysis = analyse(ordinary);
const silentAnalysis = analyse(silent);
const page = reportOf([{ name: 'culture', analysis: ordinaryAnalysis }]);

/** What must never be read on a page, and the sign that Plot draws when it warns. */
const UNFIT = /NaN|undefined|Infinity|null|\[object|⚠/;

describe('renderReport', () => {
  it('gives the same bytes for the same analysis', () => {
    expect(reportOf([{ name: 'culture', analysis: analyse(ordinary) }])).toBe(page);
  });

  it('needs no network: no script, no link to elsewhere, and a policy that forbids both', () => {
    const links = page.match(/(?:src|href|action|data)="[^"]*"|url\([^)]*\)|@import[^;]*/g) ?? [];
    expect(links.filter((link) => !link.startsWith('href="#'))).toEqual([]);
    expect(page.replaceAll('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|\/\//);
    expect(page).not.toMatch(/<(?:script|link|iframe|object|embed|img|foreignObject)\b/i);
    expect(page).toContain(
      `http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'`,
    );
  });

  it('names every drawing and gives every figure words and a caption', () => {
    const { document } = parseHTML(page);
    const figures = Array.from(document.querySelectorAll('figure'));
    expect(figures.length).toBe(8);
    for (const figure of figures) {
      expect(figure.querySelectorAll('figcaption, h3, p.words').length).toBe(3);
      expect(figure.querySelector('p.words')?.textContent.length).toBeGreaterThan(40);
    }
    const drawings = Array.from(document.querySelectorAll('svg.plot'));
    expect(drawings.length).toBe(2 + 2 + 3 + 2 + 2 + 2 + 2 + 2);
    for (const drawing of drawings) {
      expect(drawing.getAttribute('role')).toBe('img');
      expect(drawing.getAttribute('aria-label')).toBe(drawing.querySelector('title')?.textContent);
    }
    const ids = Array.from(document.querySelectorAll('[id]'), ({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('maps the array of a run: preferences at first and at last, pulses, and blind time where there is some', () => {
    const pulses = new Float64Array(64).fill(12);
    pulses[3] = 40;
    const places = electrodePlaces({ rows: 8, columns: 8 });
    const array = { places, pulses, chargePerPulseNc: 8 };
    const figuresOf = (analysis: CultureAnalysis, run = array): Element[] => {
      const html = renderReport({ title: 'A', provenance: 'real', cultures: [{ name: 'c', analysis, array: run }] });
      expect(html).not.toMatch(UNFIT);
      return Array.from(parseHTML(html).document.querySelectorAll('figure'));
    };
    const map = figuresOf(ordinaryAnalysis).at(-1)!;
    expect(map.querySelector('h3')?.textContent).toBe('Figure 1.9. The array');
    expect(map.querySelectorAll('svg.plot')).toHaveLength(3);
    // White on dark: 40 of 40, and not 12.
    const numbers = Array.from(map.querySelectorAll('svg.plot')[2]!.querySelectorAll('text'));
    const whites = numbers.filter((number) => number.getAttribute('fill') === 'white');
    expect(whites.map(({ textContent }) => textContent)).toEqual(['40']);
    expect(map.querySelector('p.words')?.textContent).toContain('had 40 pulses, 0.320 uC in all (8.00 nC a pulse');
    const blindShares = new Float64Array(64);
    blindShares[5] = 0.25;
    const blind = figuresOf({ ...ordinaryAnalysis, blindShares }).at(-1)!;
    expect(blind.querySelectorAll('svg.plot')).toHaveLength(4);
    expect(blind.textContent).toContain('1 of 64 electrodes were blind');
    // Also of a culture without ensembles.
    expect(figuresOf(silentAnalysis)).toHaveLength(1);
  });

  it('draws the spikes around the stimuli of a run on voltages, also where there are next to none', async () => {
    const threeSources = analyse({
      experiment: { seed: 5, sessions: 8, trialsPerSession: 128, sourceCount: 3, inputsPerBlock: 10 },
      initialSessions: 3,
    });
    for (const analysis of [ordinaryAnalysis, threeSources]) {
      const { sourceCount } = analysis.design;
      const counts = Array.from({ length: 64 }, () => 0);
      const trials = [trialOf({ sources: '1'.padEnd(sourceCount, '0'), deliveredSample: 20_000, counts })];
      const plan = { analysis, trials, sampleRateHz: 20_000 };
      const spikes = await collectStimulusSpikes(framesOf([]), plan);
      const html = renderReport({ title: 'A', provenance: 'real', cultures: [{ name: 'c', analysis, spikes }] });
      expect(html).not.toMatch(UNFIT);
      const [histograms, rasters] = Array.from(parseHTML(html).document.querySelectorAll('figure')).slice(-2);
      expect(histograms!.querySelector('h3')?.textContent).toContain('Spikes around the stimulus');
      expect(histograms!.querySelectorAll('svg.plot')).toHaveLength(2 * sourceCount);
      expect(histograms!.textContent).not.toContain('could not see');
      expect(rasters!.querySelectorAll('svg.plot')).toHaveLength(6);
      expect(rasters!.querySelectorAll('tbody tr')).toHaveLength(6);
    }
  });

  it('escapes names, notes and facts', () => {
    const evil = `<script>alert("1 & '2'")</script>`;
    const html = renderReport({
      title: evil,
      provenance: 'file',
      cultures: [
        { name: evil, analysis: ordinaryAnalysis },
        { name: evil, analysis: silentAnalysis },
      ],
      notes: [evil],
      facts: [[evil, evil]],
    });
    expect(html).not.toContain('<script');
    expect(html.split('&lt;script&gt;').length - 1).toBeGreaterThanOrEqual(9);
  });

  it('says where the responses come from', () => {
    const of = (provenance: 'emulated' | 'replayed' | 'real' | 'file'): string =>
      renderReport({ title: 'a', provenance, cultures: [] });
    expect(of('emulated')).toContain('no living neurons');
    expect(of('real')).toContain('recorded from a culture');
    expect(of('replayed')).toContain('nothing was stimulated');
    expect(of('file')).toContain('read from a file');
  });

  it('says that an ensemble was not found, without figures and numbers that do not exist', () => {
    const html = reportOf([{ name: 'silent', analysis: silentAnalysis }]);
    expect(html).toContain('Ensemble not found: no electrode prefers source 1 or source 2');
    expect(html).toContain('Evoked rate');
    expect(html).not.toContain('<figure');
    expect(html).not.toMatch(UNFIT);
  });

  it('lists several cultures with links to their sections and a summary', () => {
    const html = reportOf([
      { name: 'first', analysis: ordinaryAnalysis },
      { name: 'second', analysis: silentAnalysis },
    ]);
    const { document } = parseHTML(html);
    const targets = Array.from(document.querySelectorAll('nav a'), (link) => link.getAttribute('href') ?? '');
    expect(targets).toEqual(['#culture-1', '#culture-2']);
    for (const target of targets) expect(document.querySelector(`section${target}`)).not.toBeNull();
    const summary = document.querySelector('.summary')?.textContent ?? '';
    expect(summary).toContain('ensemble not found');
    expect(page).not.toContain('class="summary"');
  });

  it('never calls W more than effective connectivity', () => {
    expect(page).toContain('effective connectivity estimated from responses');
    expect(page.replace('not the strength of a synapse', '')).not.toMatch(/synap/i);
  });

  it.each<Case & { readonly name: string }>([
    { name: 'an ordinary culture', ...ordinary },
    { name: 'off-line analysis', ...ordinary, mode: 'published' },
    { name: 'three sessions', experiment: { seed: 3, sessions: 3, trialsPerSession: 64 }, initialSessions: 1 },
    { name: 'one session to predict', experiment: { seed: 3, sessions: 3, trialsPerSession: 64 }, initialSessions: 2 },
    { name: '200 sessions', experiment: { seed: 4, sessions: 200, trialsPerSession: 32 }, initialSessions: 10 },
    {
      name: 'three sources',
      experiment: { seed: 5, sessions: 8, trialsPerSession: 128, sourceCount: 3, inputsPerBlock: 10 },
      initialSessions: 3,
    },
    {
      name: 'four sources, fresh patterns',
      experiment: {
        seed: 3,
        sessions: 8,
        trialsPerSession: 256,
        sourceCount: 4,
        inputsPerBlock: 8,
        pattern: 'fresh',
        mixing: 0.1,
      },
      initialSessions: 4,
    },
    {
      name: '8 inputs',
      experiment: { seed: 6, sessions: 8, trialsPerSession: 64, inputsPerBlock: 4 },
      initialSessions: 3,
    },
    {
      name: '128 inputs',
      experiment: { seed: 7, sessions: 8, trialsPerSession: 64, inputsPerBlock: 64 },
      initialSessions: 3,
    },
  ])('draws $name without a gap in its numbers, and small', (example) => {
    const analysis = analyse(example);
    expect(analysis.outcome.type).toBe('fitted');
    const html = reportOf([{ name: 'culture', analysis }]);
    expect(html).not.toMatch(UNFIT);
    expect(html.length).toBeLessThan(700_000);
    const hasForecast = example.mode !== 'published' && example.initialSessions >= 3;
    expect(html.split('<figure>').length - 1).toBe(hasForecast ? 8 : 7);
  });
});
