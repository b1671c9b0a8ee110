import { rect, text, type PlotOptions } from '@observablehq/plot';
import { leastDistance, type ArrayPlace } from '../../protocols/array-geometry.js';
import type { CultureAnalysis } from '../model/analysis.js';
import type { Figure, Panel } from './figure.js';
import { formatFixed, formatNumber } from './format.js';
import type { Markup } from './markup.js';
import { initialWindow, lastWindow, nameWindow } from './session-window.js';
import { drawPlot } from './svg.js';
import { blindWords } from './words.js';

/** The electrodes of a run as they lie, and what they were given. */
export interface ArrayOfRun {
  /** (electrodes) in whatever distance; y downwards. */
  readonly places: readonly ArrayPlace[];
  /** (electrodes) what each is called on the array, where that is not its number. */
  readonly names?: readonly string[] | undefined;
  /** (electrodes) pulses that were delivered on each in the trials that count. */
  readonly pulses: Float64Array;
  /** Sum of |charge| of one pulse over its phases, nC; undefined where nobody has set the pulse. */
  readonly chargePerPulseNc: number | undefined;
}

/** Maps of the array: what each electrode prefers, at first and at last, what it was given, and what it did not see. */
export function arrayMapFigure(analysis: CultureAnalysis, array: ArrayOfRun): Figure {
  const { preferences, design, blindShares } = analysis;
  const reach = Math.max(0.01, ...Array.from(preferences.first, Math.abs), ...Array.from(preferences.last, Math.abs));
  const isPair = design.sourceCount === 2;
  const colour: PlotOptions['color'] = isPair
    ? { type: 'diverging', scheme: 'PuOr', domain: [-reach, reach], pivot: 0 }
    : { type: 'linear', scheme: 'Oranges', domain: [0, reach] };
  const map = (title: string, values: Float64Array, color: PlotOptions['color']): Panel => ({
    title,
    drawing: drawMap(array, values, { color, title }),
  });
  const preference = isPair ? 'source 1 less source 2' : 'preferred source less the others';
  return {
    title: 'The array',
    words: mapWords(analysis, array),
    caption: `Electrodes as they lie, numbered from 0${isRowByRow(array.places) ? ' row by row' : ' in the order of the rig file'}. Preference: mean count with one source on alone, less the mean with another alone, spikes per trial (${preference}${isPair ? '; orange above zero, purple below' : ''}).`,
    legend: [],
    panels: [
      map(`Preference, ${nameWindow(initialWindow(design))}`, preferences.first, colour),
      map(`Preference, ${nameWindow(lastWindow(design))}`, preferences.last, colour),
      map('Pulses in trials that count', array.pulses, {
        type: 'linear',
        scheme: 'Blues',
        domain: [0, Math.max(1, ...array.pulses)],
      }),
      ...(blindShares === undefined
        ? []
        : [
            map(
              'Blind share of the response windows, %',
              blindShares.map((share) => 100 * share),
              {
                type: 'linear',
                scheme: 'Reds',
                domain: [0, Math.max(1, ...blindShares.map((share) => 100 * share))],
              },
            ),
          ]),
    ],
  };
}

function mapWords({ preferences, blindShares }: CultureAnalysis, { pulses, chargePerPulseNc }: ArrayOfRun): string {
  const prefer = (values: Float64Array): number => values.filter((value) => Math.abs(value) > 0.5).length;
  const most = Math.max(0, ...pulses);
  const charge =
    chargePerPulseNc === undefined
      ? ''
      : `, ${formatNumber((most * chargePerPulseNc) / 1000)} uC in all (${formatNumber(chargePerPulseNc)} nC a pulse, both phases)`;
  const blind = blindShares === undefined ? '' : ` Of blind time: ${blindWords(blindShares)}.`;
  return (
    `${prefer(preferences.first)} electrodes prefer a source by more than half a spike at first, ${prefer(preferences.last)} at last. ` +
    `In the trials that count, the electrode pulsed most often had ${most} pulses${charge}.${blind}`
  );
}

/** Of a map, in px: an array of one column is drawn less tall than it is. */
const MAX_HEIGHT = 900;

/** True where a later electrode lies further down, or as far down and further to the right. */
function isRowByRow(places: readonly ArrayPlace[]): boolean {
  return places.every(({ x, y }, i) => {
    const before = places[i - 1];
    return before === undefined || y > before.y || (y === before.y && x > before.x);
  });
}

/** From the first to the last cell; ticks name rows and columns where there are some. */
function spanOf(at: readonly number[]): { first: number; last: number; length: number; ticks: number[] } {
  const first = Math.min(...at);
  const last = Math.max(...at);
  return { first, last, length: last - first + 1, ticks: at.every(Number.isInteger) ? [first, last] : [] };
}

/** From this share of the scale's end on a cell is dark. */
const DARK_SHARE = 0.6;

interface Cell {
  readonly name: string;
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

function drawMap(
  { places, names }: ArrayOfRun,
  values: Float64Array,
  { color, title }: { readonly color: PlotOptions['color']; readonly title: string },
): Markup {
  const spacing = leastDistance(places);
  const size = spacing > 0 && Number.isFinite(spacing) ? spacing : 1;
  const cells = Array.from(values, (value, electrode): Cell => {
    const { x, y } = places[electrode]!;
    const name = names?.[electrode];
    return {
      name: name === undefined ? `${electrode}` : `${electrode} (${name})`,
      row: y / size,
      column: x / size,
      value,
    };
  });
  const across = spanOf(cells.map(({ column }) => column));
  const down = spanOf(cells.map(({ row }) => row));
  const [columns, rows] = [across.length, down.length];
  const isLabelled = rows * columns <= 100;
  const reach = Math.max(...Array.from(color?.domain ?? [], (end) => Math.abs(Number(end))));
  const isDark = ({ value }: Cell): boolean => Math.abs(value) > DARK_SHARE * reach;
  const label = (value: number): string => (Number.isInteger(value) ? String(value) : formatFixed(value, 1));
  return drawPlot(
    {
      height: 30 + Math.min(MAX_HEIGHT, Math.round((360 * rows) / columns)),
      marginLeft: 30,
      marginRight: 30,
      marginTop: 6,
      marginBottom: 24,
      x: { domain: [across.first - 0.5, across.last + 0.5], ticks: across.ticks, label: null },
      y: { domain: [down.last + 0.5, down.first - 0.5], ticks: down.ticks, label: null },
      ...(color !== undefined && { color }),
      marks: [
        rect(
          cells.filter(({ value }) => Number.isFinite(value)),
          {
            x1: ({ column }: Cell) => column - 0.5,
            x2: ({ column }: Cell) => column + 0.5,
            y1: ({ row }: Cell) => row - 0.5,
            y2: ({ row }: Cell) => row + 0.5,
            fill: 'value',
            inset: 0.5,
            title: ({ name, value }: Cell) => `electrode ${name}: ${formatFixed(value, 2)}`,
          },
        ),
        ...(isLabelled
          ? [
              text(
                cells.filter(({ value }) => Number.isFinite(value)),
                {
                  x: 'column',
                  y: 'row',
                  text: ({ value }: Cell) => label(value),
                  fontSize: 9,
                  fill: (cell: Cell) => (isDark(cell) ? 'white' : 'black'),
                },
              ),
            ]
          : []),
      ],
    },
    `${title}, electrode by electrode`,
  );
}
