import { lineY, rectX, ruleY } from '@observablehq/plot';
import type { CultureAnalysis } from '../model/analysis.js';
import { renderTable, type Figure, type Panel } from './figure.js';
import { formatFixed, formatNumber, listInWords, MISSING } from './format.js';
import type { Markup } from './markup.js';
import type { LineStyle } from './palette.js';
import { categoryOf, RESPONSE_CATEGORIES, type ResponseCategory } from './response-categories.js';
import { CATEGORY_STYLES, nameCategory } from './response-category-names.js';
import { initialWindow, lastWindow, nameWindow } from './session-window.js';
import {
  BLIND_COLOUR,
  BLIND_LEGEND,
  missingWords,
  STIMULUS_AXIS,
  stimulusMarks,
  windowWords,
} from './stimulus-axis.js';
import {
  STIMULUS_BINS,
  STIMULUS_SPAN_MS,
  type Span,
  type StimulusHistogram,
  type StimulusSpikes,
} from './stimulus-spikes.js';
import { drawPlot } from './svg.js';

/** A bin is drawn where at least this share of its time was seen. */
const LEAST_SEEN = 0.25;

/** Histograms of one ensemble in one kind of state, added up. */
interface Course {
  readonly category: ResponseCategory;
  readonly trials: number;
  /** (STIMULUS_BINS) */
  readonly spikes: Float64Array;
  readonly timeS: Float64Array;
  readonly seenS: Float64Array;
}

/** Spikes around the stimulus, ensemble by ensemble, by the state of the sources: in the first sessions and in the last ones. */
export function stimulusHistogramFigure({ design, ensembles }: CultureAnalysis, seen: StimulusSpikes): Figure {
  const { sourceCount } = design;
  const names = { first: nameWindow(initialWindow(design)), last: nameWindow(lastWindow(design)) };
  const found = ensembles.flatMap((members, ensemble) => (members.length > 0 ? [ensemble] : []));
  const coursesOf = (ensemble: number, span: Span): readonly Course[] =>
    addUp(
      seen.histograms.filter((histogram) => histogram.ensemble === ensemble && histogram.span === span),
      { ensemble, sourceCount },
    );
  const shown = found.map((ensemble) => ({
    ensemble,
    first: coursesOf(ensemble, 'first'),
    last: coursesOf(ensemble, 'last'),
  }));
  const all = shown.flatMap(({ first, last }) => [...first, ...last]);
  const top = Math.max(1, ...all.flatMap((course) => ratesOf(course).filter(Number.isFinite)));
  const panelOf = (ensemble: number, span: Span, courses: readonly Course[]): Panel => ({
    title: `Ensemble ${ensemble + 1}, ${names[span]}`,
    drawing: drawHistogram(courses, seen, {
      top,
      description: `Spikes of ensemble ${ensemble + 1} around the stimulus by source state, ${names[span]}`,
    }),
  });
  return {
    title: 'Spikes around the stimulus',
    words: histogramWords(shown, seen),
    caption: `Spikes per second and electrode in bins of 1 ms, of the time that was seen, by which sources were on. Shaded: the response window, ${windowWords(seen)} after the stimulus. Orange, the stronger the larger the share: time that could not be seen, as around a pulse; bins of which less than ${formatFixed(100 * LEAST_SEEN, 0)} % were seen have no line.${missingWords(seen)}`,
    legend: [
      ...(shown[0]?.first ?? []).map(({ category }) => ({
        label: nameCategory(category, sourceCount),
        style: lineStyleOf(category),
      })),
      BLIND_LEGEND,
    ],
    panels: shown.flatMap(({ ensemble, first, last }) => [
      panelOf(ensemble, 'first', first),
      panelOf(ensemble, 'last', last),
    ]),
    table: renderTable({
      caption: `Spikes per second and electrode, ${names.first} → ${names.last}; the peak is the highest bin of the response window`,
      head: ['Sources on', 'trials', `${-STIMULUS_SPAN_MS[0]} ms before`, 'in the window', 'peak', 'its time, ms'],
      rows: shown.flatMap(({ ensemble, first, last }) =>
        first.map((course, i) => {
          const before = numbersOf(course, seen);
          const after = numbersOf(last[i]!, seen);
          return [
            `Ensemble ${ensemble + 1}: ${nameCategory(course.category, sourceCount)}`,
            ...before.map((number, column) => `${number} → ${after[column]!}`),
          ];
        }),
      ),
    }),
  };
}

function addUp(
  histograms: readonly StimulusHistogram[],
  { ensemble, sourceCount }: { readonly ensemble: number; readonly sourceCount: number },
): readonly Course[] {
  return RESPONSE_CATEGORIES.flatMap((category) => {
    const members = histograms.filter(({ state }) => categoryOf(state, ensemble, sourceCount) === category);
    if (members.length === 0) return [];
    const sum = (valuesOf: (histogram: StimulusHistogram) => Float64Array): Float64Array =>
      Float64Array.from({ length: STIMULUS_BINS }, (_, bin) =>
        members.reduce((total, histogram) => total + valuesOf(histogram)[bin]!, 0),
      );
    return [
      {
        category,
        trials: members.reduce((total, { trials }) => total + trials, 0),
        spikes: sum(({ spikes }) => spikes),
        timeS: sum(({ timeS }) => timeS),
        seenS: sum(({ seenS }) => seenS),
      },
    ];
  });
}

/** (STIMULUS_BINS) spikes per second and electrode; NaN where too little was seen */
function ratesOf({ spikes, timeS, seenS }: Course): number[] {
  return Array.from(spikes, (count, bin) =>
    seenS[bin]! > 0 && seenS[bin]! >= LEAST_SEEN * timeS[bin]! ? count / seenS[bin]! : Number.NaN,
  );
}

/** Spikes per second and electrode from one time to another, of the time that was seen. */
function meanRate({ spikes, seenS }: Course, [fromMs, toMs]: readonly [number, number]): number {
  const sum = (values: Float64Array): number =>
    values
      .subarray(Math.round(fromMs) - STIMULUS_SPAN_MS[0], Math.round(toMs) - STIMULUS_SPAN_MS[0])
      .reduce((total, value) => total + value, 0);
  return sum(spikes) / sum(seenS);
}

/** (STIMULUS_BINS) share of the time that was not seen */
function blindShares(courses: readonly Course[]): number[] {
  const sum = (bin: number, valuesOf: (course: Course) => Float64Array): number =>
    courses.reduce((total, course) => total + valuesOf(course)[bin]!, 0);
  return Array.from({ length: STIMULUS_BINS }, (_, bin) => {
    const time = sum(bin, ({ timeS }) => timeS);
    // Sums of samples: what is less than a sample in a million is rounding.
    const share = time === 0 ? 0 : 1 - sum(bin, ({ seenS }) => seenS) / time;
    return share > 1e-6 ? share : 0;
  });
}

/** Steps are thin and close: dashes alone tell them apart, without markers. */
function lineStyleOf(category: ResponseCategory): LineStyle {
  const { colour, dash } = CATEGORY_STYLES[category];
  return { colour, width: dash === undefined ? 1.8 : 1.3, ...(dash !== undefined && { dash }) };
}

interface Blind {
  readonly share: number;
  readonly bin: number;
}

interface Drawing {
  readonly top: number;
  readonly description: string;
}

function drawHistogram(courses: readonly Course[], seen: StimulusSpikes, { top, description }: Drawing): Markup {
  const blind = blindShares(courses).flatMap((share, bin): Blind[] => (share > 0 ? [{ share, bin }] : []));
  const start = STIMULUS_SPAN_MS[0];
  return drawPlot(
    {
      height: 250,
      marginLeft: 52,
      marginRight: 14,
      marginTop: 26,
      marginBottom: 38,
      x: STIMULUS_AXIS,
      y: {
        domain: [0, top],
        label: 'spikes per second and electrode',
        grid: true,
        nice: true,
        ticks: 5,
        labelArrow: 'none',
      },
      marks: [
        ...stimulusMarks(seen),
        rectX(blind, {
          x1: ({ bin }: Blind) => start + bin,
          x2: ({ bin }: Blind) => start + bin + 1,
          fill: BLIND_COLOUR,
          fillOpacity: ({ share }: Blind) => 0.6 * share,
        }),
        ruleY([0], { stroke: 'currentColor', strokeOpacity: 0.5 }),
        ...courses
          .filter(({ trials }) => trials > 0)
          .map((course) => {
            const { colour, dash, width } = lineStyleOf(course.category);
            return lineY(ratesOf(course), {
              x: (_: number, bin: number) => start + bin + 0.5,
              y: (rate: number) => (Number.isFinite(rate) ? rate : null),
              curve: 'step',
              stroke: colour,
              ...(width !== undefined && { strokeWidth: width }),
              ...(dash !== undefined && { strokeDasharray: dash }),
            });
          }),
      ],
    },
    description,
  );
}

interface ShownEnsemble {
  readonly ensemble: number;
  readonly first: readonly Course[];
  readonly last: readonly Course[];
}

function histogramWords(shown: readonly ShownEnsemble[], seen: StimulusSpikes): string {
  const parts = shown.map(({ ensemble, first, last }) => {
    const rateOf = (courses: readonly Course[]): string => {
      const own = courses.find(({ category }) => category === 'own');
      return own === undefined ? MISSING : formatNumber(meanRate(own, seen.responseWindowMs));
    };
    return `from ${rateOf(first)} to ${rateOf(last)} in ensemble ${ensemble + 1}`;
  });
  const courses = shown.flatMap(({ first, last }) => [...first, ...last]);
  return (
    `With the own source alone on, spikes per second and electrode in the response window go ${listInWords(parts)}, from the first sessions to the last. ` +
    blindWordsOf(blindShares(courses), seen)
  );
}

function blindWordsOf(shares: readonly number[], { responseWindowMs }: StimulusSpikes): string {
  const blindMs = shares.reduce((sum, share) => sum + share, 0);
  if (blindMs === 0) return 'Electrodes of ensembles could see all of the time.';
  const last = shares.findLastIndex((share) => share > 0) + 1 + STIMULUS_SPAN_MS[0];
  const [from, to] = responseWindowMs.map((ms) => Math.round(ms) - STIMULUS_SPAN_MS[0]);
  const inWindow = shares.slice(from, to).reduce((sum, share) => sum + share, 0) / (to! - from!);
  return (
    `Electrodes of ensembles could not see ${formatNumber(blindMs)} ms of the ${STIMULUS_BINS} ms on average, the latest ${formatFixed(last, 0)} ms after the stimulus, ` +
    `and ${inWindow === 0 ? 'none' : `${formatNumber(100 * inWindow)} %`} of the response window.`
  );
}

/** Trials, rate before the stimulus, rate in the window, and the highest rate in the window with its time. */
function numbersOf(course: Course, { responseWindowMs }: StimulusSpikes): readonly string[] {
  const [from, to] = responseWindowMs.map(Math.round);
  const rates = ratesOf(course).slice(from! - STIMULUS_SPAN_MS[0], to! - STIMULUS_SPAN_MS[0]);
  const peak = Math.max(...rates.filter(Number.isFinite), 0);
  const at = from! + rates.indexOf(peak);
  return [
    String(course.trials),
    formatNumber(meanRate(course, [STIMULUS_SPAN_MS[0], 0])),
    formatNumber(meanRate(course, responseWindowMs)),
    formatNumber(peak),
    peak > 0 ? `${at}–${at + 1}` : MISSING,
  ];
}
