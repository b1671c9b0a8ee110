import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { Figure } from './figure.js';
import type { LegendEntry } from './legend.js';
import { COLOURS, ensembleStyle, type LineStyle } from './palette.js';
import { drawSessionChart, nameOfShade, type Series } from './session-chart.js';
import { constantWeightsErrors } from './weight-statistics.js';
import { likelihoodErrorWords, weightErrorWords } from './words.js';

const PREDICTED: LineStyle = { colour: COLOURS.vermillion, width: 2.2, marker: 'circle' };
const CONSTANT: LineStyle = { colour: COLOURS.ink, dash: '8 4', marker: 'square' };

/** Errors of the predicted weights beside those of weights that stay, and of the belief about A. */
export function weightErrorFigure({ design }: CultureAnalysis, { arrays, comparison }: FittedCulture): Figure {
  const last = design.sessions - 1;
  const likelihood = likelihoodSeries(design.sourceCount, design.sessions, arrays.errA);
  const meanAt = (session: number): number =>
    likelihood.reduce((sum, { values }) => sum + values[session]!, 0) / likelihood.length;
  const words = [
    weightErrorWords({
      errW: arrays.errW[last]!,
      constantErrW: comparison.constantWeightsErrW,
      session: design.sessions,
    }),
    likelihoodErrorWords({ first: meanAt(0), last: meanAt(last), session: design.sessions }),
  ];
  return {
    title: 'Errors of the weights',
    words: words.join(' '),
    caption: `Left: errW, squared difference between predicted and observed q (the probabilities behind W), relative to observed q squared, beside the same for weights that stay as calibrated; it is small even for a poor prediction, so only the comparison counts. Right: errA, the same between observed q and the probabilities that generated the stimuli; ${nameOfShade(design)}.`,
    legend: [],
    panels: [
      {
        title: 'errW per session',
        legend: [
          { label: 'predicted W', style: PREDICTED },
          { label: 'W stays as calibrated', style: CONSTANT },
        ],
        drawing: drawSessionChart({
          design,
          unit: 'relative squared error of q',
          description: `errW of the prediction and of constant weights over ${design.sessions} sessions`,
          fromZero: true,
          series: [
            { label: 'predicted W', values: arrays.errW, style: PREDICTED },
            { label: 'W stays', values: constantWeightsErrors(design, arrays), style: CONSTANT },
          ],
        }),
      },
      {
        title: 'errA per session',
        legend: likelihood.map(({ label, style }): LegendEntry => ({ label, style })),
        drawing: drawSessionChart({
          design,
          unit: 'relative squared error of q against A',
          description: `errA of every ensemble over ${design.sessions} sessions`,
          fromZero: true,
          series: likelihood,
        }),
      },
    ],
  };
}

function likelihoodSeries(sourceCount: number, sessions: number, errA: Float64Array): readonly Series[] {
  return Array.from({ length: 2 * sourceCount }, (_, i): Series => {
    const a = i % sourceCount;
    const isOn = i < sourceCount;
    return {
      label: `${isOn ? 'q1' : 'q0'} of ensemble ${a + 1}`,
      values: errA.subarray(i * sessions, (i + 1) * sessions),
      style: isOn ? ensembleStyle(a) : { ...ensembleStyle(a), dash: '5 3' },
    };
  });
}
