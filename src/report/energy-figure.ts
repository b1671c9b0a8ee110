import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { EnergyCurve } from '../model/surrogates.js';
import type { Figure } from './figure.js';
import { renderTable } from './figure.js';
import { capitalise, formatFixed, MISSING } from './format.js';
import type { Content, Markup } from './markup.js';
import { COLOURS, type LineStyle } from './palette.js';
import { drawSessionChart, nameOfShade } from './session-chart.js';
import { lastWindow, nameWindow } from './session-window.js';
import { energyWords, unlearnedWords } from './words.js';

const OBSERVED: LineStyle = { colour: COLOURS.vermillion, width: 2.2, marker: 'circle' };
const STATIC: LineStyle = { colour: COLOURS.sky, dash: '8 3', width: 2 };
const REVERSED: LineStyle = { colour: COLOURS.purple, dash: '3 2', marker: 'triangle' };
const SHUFFLED: LineStyle = { colour: COLOURS.green, dash: '8 3 2 3', marker: 'cross' };
const ROLLED: LineStyle = { colour: COLOURS.ink, marker: 'square' };
const UNLEARNED: LineStyle = { colour: COLOURS.grey, dash: '1 3', width: 2 };

/** Free energy over sessions, with what remains of its fall when something is taken away. */
export function energyFigure({ design }: CultureAnalysis, { arrays, energy }: FittedCulture): Figure {
  const { sessions, initialSessions } = design;
  const { observed, surrogates } = energy;
  const below = Float64Array.from(arrays.freeEnergy, (value, t) => arrays.unlearnedFreeEnergy[t]! - value);
  const lastName = nameWindow(lastWindow(design));
  const staticCurves = surrogates.staticCulture.map(({ freeEnergy }) => freeEnergy);
  return {
    title: 'Free energy L and its surrogates',
    words: `${energyWords(energy, lastName)} ${unlearnedWords(below[sessions - 1]!, sessions)}`,
    caption: `L is the sum over ensembles and trials of a session, in nats. Surrogates take one thing away each. Static culture: the sessions after the first ${initialSessions} are drawn anew from them, so that nothing changes; band: all ${staticCurves.length} draws (L is high where a draw is a very early session, which later W fits badly). Reversed: sessions in backward order. Shuffled: later sessions in random order. Rolled: responses shifted against stimuli by some trials. ${capitalise(nameOfShade(design))}.`,
    legend: [
      { label: 'observed', style: OBSERVED },
      { label: 'static culture, mean', style: STATIC },
      { label: 'static culture, all draws', style: STATIC, area: true },
      { label: 'reversed', style: REVERSED },
      { label: `shuffled, mean of ${surrogates.shuffled.length}`, style: SHUFFLED },
      { label: `rolled, mean of ${surrogates.rolled.length}`, style: ROLLED },
      { label: 'W = 0', style: UNLEARNED },
    ],
    panels: [
      {
        title: 'L per session',
        drawing: drawSessionChart({
          design,
          unit: 'L (nats per session)',
          description: `Free energy over ${sessions} sessions with its surrogates`,
          fromZero: false,
          bands: [
            {
              label: 'static culture',
              lower: combine(staticCurves, (values) => Math.min(...values)),
              upper: combine(staticCurves, (values) => Math.max(...values)),
              colour: COLOURS.sky,
            },
          ],
          series: [
            { label: 'W = 0', values: arrays.unlearnedFreeEnergy, style: UNLEARNED },
            { label: 'rolled', values: meanCurve(surrogates.rolled), style: ROLLED },
            { label: 'reversed', values: surrogates.reversed.freeEnergy, style: REVERSED },
            { label: 'shuffled', values: meanCurve(surrogates.shuffled), style: SHUFFLED },
            { label: 'static culture', values: combine(staticCurves, meanOf), style: STATIC },
            { label: 'observed', values: observed.freeEnergy, style: OBSERVED },
          ],
        }),
      },
      {
        title: 'Nats below W = 0',
        drawing: drawSessionChart({
          design,
          unit: 'L with W = 0, less L (nats)',
          description: `How far the free energy lies below that with W = 0 over ${sessions} sessions`,
          fromZero: true,
          series: [{ label: 'observed', values: below, style: OBSERVED }],
        }),
      },
    ],
    table: fallTable(energy, lastName),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Session by session, one number out of all curves. */
function combine(curves: readonly Float64Array[], reduce: (values: readonly number[]) => number): Float64Array {
  return Float64Array.from(curves[0] ?? [], (_, t) => reduce(curves.map((curve) => curve[t]!)));
}

function meanCurve(curves: readonly EnergyCurve[]): Float64Array {
  return combine(
    curves.map(({ freeEnergy }) => freeEnergy),
    meanOf,
  );
}

function fallTable({ observed, surrogates }: FittedCulture['energy'], lastName: string): Markup {
  const row = (label: string, curves: readonly EnergyCurve[], hasSelectivity = true): readonly Content[] => {
    const falls = curves.map(({ fall }) => fall);
    const range =
      curves.length === 1 ? MISSING : `${formatFixed(Math.min(...falls), 1)} to ${formatFixed(Math.max(...falls), 1)}`;
    const selectivity = hasSelectivity ? formatFixed(meanOf(curves.map((curve) => curve.selectivity)), 3) : MISSING;
    return [label, formatFixed(meanOf(falls), 1), range, selectivity];
  };
  return renderTable({
    caption: `Fall of L from session 1 to ${lastName} (mean), nats, and selectivity in x there`,
    head: ['Curve', 'fall', 'range', 'selectivity in x'],
    rows: [
      row('observed', [observed]),
      row('static culture', surrogates.staticCulture),
      row('reversed', [surrogates.reversed]),
      row('shuffled', surrogates.shuffled),
      // rolling breaks the pairing that a selectivity would be about
      row('rolled', surrogates.rolled, false),
    ],
  });
}
