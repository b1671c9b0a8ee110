import { barX, ruleX, text } from '@observablehq/plot';
import type { Comparison, CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { PredictorName } from '../model/comparators.js';
import type { Figure } from './figure.js';
import { renderTable } from './figure.js';
import { formatFixed, formatNumber } from './format.js';
import type { Content, Markup } from './markup.js';
import { COLOURS, type LineStyle } from './palette.js';
import { drawSessionChart, LIMIT_STYLE, nameOfShade, type Series } from './session-chart.js';
import { lastWindow, nameWindow } from './session-window.js';
import { drawPlot } from './svg.js';
import { errorWords, PREDICTOR_NAMES } from './words.js';

const STYLES: Readonly<Record<PredictorName, LineStyle>> = {
  published: { colour: COLOURS.vermillion, width: 2.2, marker: 'circle' },
  constantMean: { colour: COLOURS.ink, dash: '8 4', marker: 'square' },
  frozenWeights: { colour: COLOURS.blue, dash: '4 2', marker: 'triangle' },
  repeatMean: { colour: COLOURS.green, marker: 'diamond' },
  lagOneFilter: { colour: COLOURS.purple, dash: '8 3 2 3', marker: 'cross' },
  empirical: { colour: COLOURS.orange, dash: '3 2', marker: 'star' },
};

const ORDER = ['published', 'constantMean', 'frozenWeights', 'repeatMean', 'empirical', 'lagOneFilter'] as const;

const MEANINGS: Readonly<Record<PredictorName, string>> = {
  published: "the model run on its own output: what this experiment's theory predicts",
  constantMean: "each ensemble's mean over the initial sessions",
  frozenWeights: 'the same model, W as after the calibration',
  repeatMean: 'mean response to the same trial over the initial sessions',
  lagOneFilter: 'the model with W from everything observed before; looks at later responses, so it is no prediction',
  empirical: 'ridge regression on the stimulus',
};

/** Errors of the predicted responses over sessions, with every comparator. */
export function responseErrorFigure({ design }: CultureAnalysis, { comparison }: FittedCulture): Figure {
  const { noiseFloor } = comparison;
  const series = seriesOf(comparison);
  const windowName = nameWindow(lastWindow(design));
  return {
    title: 'Errors of the predicted responses',
    words: errorWords(comparison, windowName),
    caption: `Mean squared error between observed and predicted x in each session; ${nameOfShade(design)}, so that there every predictor has seen the responses it is scored on. ${floorNote(comparison)} The pale bar is no prediction: it looks at later responses.`,
    legend: [
      ...series.map(({ label, style }) => ({ label, style })),
      ...(noiseFloor === undefined ? [] : [{ label: 'noise floor', style: LIMIT_STYLE }]),
    ],
    panels: [
      {
        title: 'errX per session',
        drawing: drawSessionChart({
          design,
          unit: 'mean squared error of x',
          description: `Errors of ${series.length} predictors over ${design.sessions} sessions`,
          fromZero: true,
          series,
          levels: noiseFloor === undefined ? [] : [{ label: 'noise floor', value: noiseFloor, style: LIMIT_STYLE }],
        }),
      },
      { title: `Mean of ${windowName}`, drawing: drawMeans(comparison, windowName) },
    ],
    table: errorTable(comparison, windowName),
  };
}

function floorNote({ noiseFloor, errors }: Comparison): string {
  if (noiseFloor !== undefined) return 'No function of the stimulus can go below the noise floor on average.';
  return errors.repeatMean === undefined
    ? 'Patterns are fresh in every session, so there is neither a repeat mean nor a noise floor.'
    : 'A noise floor needs two later sessions.';
}

/** The errors of the last sessions as bars, with their numbers. */
function drawMeans(comparison: Comparison, windowName: string): Markup {
  const { lastErrors, noiseFloor } = comparison;
  const names = drawnPredictors(comparison);
  const errorOf = (name: PredictorName): number => lastErrors[name]!;
  return drawPlot(
    {
      height: 270,
      marginLeft: 176,
      marginRight: 46,
      marginTop: 26,
      marginBottom: 38,
      x: { label: 'mean squared error of x', labelArrow: 'none', ticks: 4, grid: true, zero: true },
      y: {
        domain: [...names],
        label: null,
        tickSize: 0,
        tickFormat: (name: PredictorName) => labelOf(name, comparison),
      },
      marks: [
        barX(names, {
          x: errorOf,
          y: (name: PredictorName) => name,
          fill: (name: PredictorName) => STYLES[name].colour,
          fillOpacity: (name: PredictorName) => (name === 'lagOneFilter' ? 0.35 : 0.8),
          insetTop: 3,
          insetBottom: 3,
        }),
        text(names, {
          x: errorOf,
          y: (name: PredictorName) => name,
          text: (name: PredictorName) => formatNumber(errorOf(name)),
          textAnchor: 'start',
          dx: 4,
        }),
        ruleX([0], { stroke: 'currentColor', strokeOpacity: 0.5 }),
        ...(noiseFloor === undefined
          ? []
          : [ruleX([noiseFloor], { stroke: LIMIT_STYLE.colour, strokeWidth: 2, strokeDasharray: '1 3' })]),
      ],
    },
    `Errors of ${names.length} predictors in ${windowName}`,
  );
}

/** Predictors that exist; where the empirical one is the repeat mean they are one line. */
function drawnPredictors({ errors, empirical }: Comparison): readonly PredictorName[] {
  return ORDER.filter(
    (name) => errors[name] !== undefined && !(name === 'empirical' && empirical.method === 'repeat-mean'),
  );
}

function labelOf(name: PredictorName, { empirical }: Comparison): string {
  if (name === 'repeatMean' && empirical.method === 'repeat-mean') return 'repeat mean (= empirical)';
  return name === 'empirical' ? 'empirical (ridge)' : PREDICTOR_NAMES[name];
}

function seriesOf(comparison: Comparison): readonly Series[] {
  return drawnPredictors(comparison).flatMap((name) => {
    const values = comparison.errors[name];
    return values === undefined ? [] : [{ label: labelOf(name, comparison), values, style: STYLES[name] }];
  });
}

function errorTable(comparison: Comparison, windowName: string): ReturnType<typeof renderTable> {
  const { lastErrors, noiseFloor } = comparison;
  const reference = lastErrors.constantMean!;
  const rows = drawnPredictors(comparison).map((name): readonly Content[] => {
    const error = lastErrors[name]!;
    return [labelOf(name, comparison), formatNumber(error), formatFixed(1 - error / reference, 2), MEANINGS[name]];
  });
  const floor: readonly Content[] = [
    'noise floor',
    formatNumber(noiseFloor),
    noiseFloor === undefined ? formatNumber(undefined) : formatFixed(1 - noiseFloor / reference, 2),
    'variance between repeats of the same trial',
  ];
  return renderTable({
    caption: `Mean squared error of x in ${windowName}; skill is 1 − error / error of the constant mean`,
    head: ['Predictor', 'error', 'skill', 'what it is'],
    rows: noiseFloor === undefined ? rows : [...rows, floor],
  });
}
