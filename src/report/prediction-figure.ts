import { dot, lineX, ruleY, link, text } from '@observablehq/plot';
import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { Figure } from './figure.js';
import { formatFixed, formatNumber } from './format.js';
import type { Markup } from './markup.js';
import { COLOURS, ensembleStyle, type LineStyle } from './palette.js';
import { PREDICTION_BINS, predictionStatistics, type PredictionStatistics } from './prediction-statistics.js';
import { lastWindow, nameWindow } from './session-window.js';
import { drawPlot, PANEL_WIDTH } from './svg.js';
import { predictionWords } from './words.js';

const DIAGONAL: LineStyle = { colour: COLOURS.ink, dash: '1 3', width: 1.6 };
const CONSTANT: LineStyle = { colour: COLOURS.ink, dash: '8 4', width: 1.4 };
const RELIABILITY: LineStyle = { colour: COLOURS.ink, width: 2 };

/** Observed against predicted responses of the last sessions, every trial counted. */
export function predictionFigure({ design, ensembles }: CultureAnalysis, fitted: FittedCulture): Figure {
  const statistics = ensembles.map((_, a) => predictionStatistics(design, fitted.arrays, a));
  const windowName = nameWindow(lastWindow(design));
  const most = Math.max(...statistics.flatMap(({ cells }) => cells.map(({ trials }) => trials)));
  return {
    title: 'Observed against predicted responses',
    words: predictionWords(fitted.comparison, {
      correlations: statistics.map(({ correlation }) => correlation),
      windowName,
    }),
    caption: `Normalised responses x in ${windowName}, one circle per bin of observed and predicted response, its area the number of trials (largest circle: ${most}). A perfect prediction puts every circle on the dotted diagonal; one without information leaves the mean observed response (full line) as flat as the constant mean.`,
    legend: [
      { label: 'mean observed response to tenths of the trials, by prediction', style: RELIABILITY },
      { label: 'perfect prediction', style: DIAGONAL },
      { label: 'constant mean of the initial sessions', style: CONSTANT },
    ],
    panels: statistics.map((statistic, a) => ({
      title: titleOf(statistic, a),
      drawing: drawPrediction(statistic, a, most),
    })),
  };
}

function titleOf({ correlation, meanSquaredError, constantMeanError }: PredictionStatistics, a: number): string {
  return `Ensemble ${a + 1}: correlation ${formatFixed(correlation, 2)}, squared error ${formatNumber(meanSquaredError)}, constant mean ${formatNumber(constantMeanError)}`;
}

function drawPrediction(statistic: PredictionStatistics, a: number, most: number): Markup {
  const { cells, reliability, constantMean } = statistic;
  const style = ensembleStyle(a);
  const axis = { domain: [0, 1], ticks: 5, grid: true, labelArrow: 'none' } as const;
  return drawPlot(
    {
      height: PANEL_WIDTH - 50,
      marginLeft: 58,
      marginRight: 18,
      marginTop: 26,
      marginBottom: 40,
      x: { ...axis, label: 'predicted response' },
      y: { ...axis, label: 'observed response' },
      r: { type: 'sqrt', domain: [0, most], range: [0.9, (0.62 * (PANEL_WIDTH - 76)) / PREDICTION_BINS] },
      marks: [
        dot(cells, {
          x: 'predicted',
          y: 'observed',
          r: 'trials',
          fill: style.colour,
          fillOpacity: 0.45,
          stroke: style.colour,
          strokeWidth: 0.6,
        }),
        link([0], { x1: 0, y1: 0, x2: 1, y2: 1, ...lineOf(DIAGONAL) }),
        ruleY([constantMean], lineOf(CONSTANT)),
        lineX(reliability, { x: 'predicted', y: 'observed', ...lineOf(RELIABILITY) }),
        dot(reliability, { x: 'predicted', y: 'observed', r: 2.4, fill: 'var(--ink)' }),
        ...(cells.length === 0 ? [text(['no trials'], { frameAnchor: 'middle' })] : []),
      ],
    },
    `Observed against predicted responses of ensemble ${a + 1}`,
  );
}

function lineOf({ colour, dash, width = 1.6 }: LineStyle): {
  stroke: string;
  strokeWidth: number;
  strokeDasharray?: string;
} {
  return { stroke: colour, strokeWidth: width, ...(dash !== undefined && { strokeDasharray: dash }) };
}
