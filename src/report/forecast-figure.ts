import type { CultureAnalysis } from '../model/analysis.js';
import type { ScoredForecast } from '../model/forecast-score.js';
import type { Figure } from './figure.js';
import { capitalise, formatFixed } from './format.js';
import { COLOURS, type LineStyle } from './palette.js';
import { drawSessionChart, nameOfShade } from './session-chart.js';
import { forecastWords } from './words.js';

const OBSERVED: LineStyle = { colour: COLOURS.ink, width: 1.8, marker: 'circle' };
const PUBLISHED: LineStyle = { colour: COLOURS.vermillion, dash: '8 4', width: 2, marker: 'square' };
const EMPIRICAL: LineStyle = { colour: COLOURS.blue, dash: '3 2', width: 2, marker: 'triangle' };

/** Selectivity forecast from the initial sessions with its bands, and what came. */
export function forecastFigure({ design }: CultureAnalysis, forecast: ScoredForecast): Figure {
  const { band, initial, later } = forecast;
  const level = `${formatFixed(100 * band.level, 0)} %`;
  const start = design.initialSessions;
  const padded = (values: readonly number[]): number[] => [
    ...Array.from({ length: start }, () => Number.NaN),
    ...values,
  ];
  const courses = initial.map((values, a) => [...values, ...later[a]!]);
  const edges = [band.published, band.empirical].flatMap(({ low, high }) => [...low.flat(), ...high.flat()]);
  return {
    title: 'Forecast of selectivity and what came',
    words: forecastWords(forecast),
    caption: `Selectivity in x of each session: mean response with the ensemble's own source on, less the mean with it off. Everything but the line of what was observed was fixed at the end of the calibration. ${capitalise(nameOfShade(design))}. The published prediction runs on its own output; the empirical forecast says that the culture goes on as in the last session of the calibration. Both bands are the middle ${level} of ${band.draws} futures with the drift and the noise that the calibration showed; that of the published prediction also learns from the calibration's sessions drawn anew.${band.isKnownAhead ? '' : ' What later sessions would show was not known; the stimuli of the calibration stand in for it.'} Sessions follow each other closely, so that a culture that drifts out of a band stays out for long: on average over cultures, not in each, a band can hold its share.`,
    legend: [
      { label: 'observed', style: OBSERVED },
      { label: 'published prediction', style: PUBLISHED },
      { label: `its ${level} band`, style: PUBLISHED, area: true },
      { label: 'empirical forecast', style: EMPIRICAL },
      { label: `its ${level} band`, style: EMPIRICAL, area: true },
    ],
    panels: courses.map((observed, a) => ({
      title: `Ensemble ${a + 1}`,
      drawing: drawSessionChart({
        design,
        unit: 'selectivity in x',
        description: `Selectivity of ensemble ${a + 1} as forecast and as observed over ${design.sessions} sessions`,
        fromZero: true,
        // both panels on one scale
        reach: [...edges, ...courses.flat().filter(Number.isFinite)],
        bands: [
          {
            label: 'empirical forecast',
            lower: padded(band.empirical.low[a]!),
            upper: padded(band.empirical.high[a]!),
            colour: COLOURS.blue,
          },
          {
            label: 'published prediction',
            lower: padded(band.published.low[a]!),
            upper: padded(band.published.high[a]!),
            colour: COLOURS.vermillion,
          },
        ],
        series: [
          { label: 'published prediction', values: padded(band.published.centre[a]!), style: PUBLISHED },
          { label: 'empirical forecast', values: padded(band.empirical.centre[a]!), style: EMPIRICAL },
          { label: 'observed', values: observed, style: OBSERVED },
        ],
      }),
    })),
  };
}
