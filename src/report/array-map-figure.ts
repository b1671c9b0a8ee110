import { rect, text, type PlotOptions } from '@observablehq/plot';
import type { CultureAnalysis } from '../model/analysis.js';
import type { Figure, Panel } from './figure.js';
import { formatFixed, formatNumber } from './format.js';
import type { Markup } from './markup.js';
import { initialWindow, lastWindow, nameWindow } from './session-window.js';
import { drawPlot } from './svg.js';
import { blindWords } from './words.js';

/** The electrodes of a run as they lie, row by row, and what they were given. */
export interface ArrayOfRun {
  readonly rows: number;
  readonly columns: number;
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
    caption: `Electrodes as they lie, numbered from 0 row by row. Preference: mean count with one source on alone, less the mean with another alone, spikes per trial (${preference}${isPair ? '; orange above zero, purple below' : ''}).`,
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

interface Cell {
  readonly electrode: number;
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

function drawMap(
  { rows, columns }: ArrayOfRun,
  values: Float64Array,
  { color, title }: { readonly color: PlotOptions['color']; readonly title: string },
): Markup {
  const cells = Array.from(values, (value, electrode): Cell => ({
    electrode,
    row: Math.floor(electrode / columns),
    column: electrode % columns,
    value,
  }));
  const isLabelled = rows * columns <= 100;
  const label = (value: number): string => (Number.isInteger(value) ? String(value) : formatFixed(value, 1));
  return drawPlot(
    {
      height: 30 + Math.round((360 * rows) / columns),
      marginLeft: 30,
      marginRight: 30,
      marginTop: 6,
      marginBottom: 24,
      x: { domain: [-0.5, columns - 0.5], ticks: [0, columns - 1], label: null },
      y: { domain: [rows - 0.5, -0.5], ticks: [0, rows - 1], label: null },
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
            title: ({ electrode, value }: Cell) => `electrode ${electrode}: ${formatFixed(value, 2)}`,
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
                  fontSize: 8,
                  fill: 'black',
                  stroke: 'white',
                  strokeWidth: 2,
                },
              ),
            ]
          : []),
      ],
    },
    `${title}, electrode by electrode`,
  );
}
