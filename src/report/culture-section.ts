import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import { arrayMapFigure, type ArrayOfRun } from './array-map-figure.js';
import { energyFigure } from './energy-figure.js';
import { renderFigure, type Figure } from './figure.js';
import { forecastFigure } from './forecast-figure.js';
import { capitalise } from './format.js';
import { markup, NO_MARKUP, type Markup } from './markup.js';
import { predictionFigure } from './prediction-figure.js';
import { responseCourseFigure } from './response-course-figure.js';
import { responseErrorFigure } from './response-error-figure.js';
import { stimulusHistogramFigure } from './stimulus-histogram-figure.js';
import { stimulusRasterFigure } from './stimulus-raster-figure.js';
import type { StimulusSpikes } from './stimulus-spikes.js';
import { renderVerdict } from './verdict-box.js';
import { weightCourseFigure } from './weight-course-figure.js';
import { weightErrorFigure } from './weight-error-figure.js';
import { weightMapFigure } from './weight-map-figure.js';
import { notFoundWords } from './words.js';

/** One culture's part of the report. */
export interface CultureSection {
  readonly name: string;
  /** From 1. */
  readonly number: number;
  readonly anchor: string;
  readonly analysis: CultureAnalysis;
  /** Where its electrodes lie and what they were given; undefined where nobody knows. */
  readonly array?: ArrayOfRun | undefined;
  /** Of a run on voltages. */
  readonly spikes?: StimulusSpikes | undefined;
}

const FIGURES = [
  responseCourseFigure,
  predictionFigure,
  weightMapFigure,
  weightCourseFigure,
  responseErrorFigure,
  weightErrorFigure,
  energyFigure,
] as const;

/** A culture's verdict and figures; without its ensembles, why there are none. */
export function renderCulture({ name, number, anchor, analysis, array, spikes }: CultureSection): Markup {
  const { outcome } = analysis;
  const isFitted = outcome.type === 'fitted';
  // Those that not every culture has come last: the others keep their numbers.
  const figures = [
    ...(isFitted ? figuresOf(analysis, outcome) : []),
    ...(array === undefined ? [] : [arrayMapFigure(analysis, array)]),
    ...(spikes === undefined
      ? []
      : [stimulusHistogramFigure(analysis, spikes), stimulusRasterFigure(analysis, spikes)]),
  ].map((figure, i) => renderFigure(figure, `Figure ${number}.${i + 1}`));
  const notFound = isFitted
    ? NO_MARKUP
    : markup`<p class="not-found">${capitalise(notFoundWords(outcome.missing))}.</p>\n`;
  return markup`<section id="${anchor}" aria-labelledby="${anchor}-name">
<h2 id="${anchor}-name">${name}</h2>
${notFound}${renderVerdict(analysis)}${figures}</section>
`;
}

function figuresOf(analysis: CultureAnalysis, fitted: FittedCulture): readonly Figure[] {
  const { forecast } = fitted;
  return [
    ...FIGURES.map((figure) => figure(analysis, fitted)),
    ...(forecast === undefined ? [] : [forecastFigure(analysis, forecast)]),
  ];
}
