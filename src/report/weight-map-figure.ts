import { rect, ruleX, text, type PlotOptions } from '@observablehq/plot';
import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { ExperimentDesign } from '../model/model-run.js';
import type { Figure } from './figure.js';
import { formatFixed } from './format.js';
import { markup, type Markup } from './markup.js';
import { sessionTicks } from './session-chart.js';
import { drawPlot, PANEL_WIDTH } from './svg.js';
import { weightAgreement, weightsAt, type WeightKind } from './weight-statistics.js';
import { weightMapWords } from './words.js';

const MARGIN_LEFT = 80;
const MARGIN_RIGHT = 8;

/** The same scale in every map and its legend: purple below zero, orange above, white at zero. */
function colourScale(reach: number): NonNullable<PlotOptions['color']> {
  return { type: 'diverging', scheme: 'PuOr', domain: [-reach, reach], pivot: 0 };
}

/** Effective connectivity estimated from responses, ensembles x inputs, observed beside predicted, in the last session. */
export function weightMapFigure({ design }: CultureAnalysis, { arrays }: FittedCulture): Figure {
  const session = design.sessions - 1;
  const observed = weightsAt(design, arrays, { kind: 'observed', session });
  const predicted = weightsAt(design, arrays, { kind: 'predicted', session });
  const reach = Math.max(0.01, ...Array.from(observed, Math.abs), ...Array.from(predicted, Math.abs));
  const panel = (kind: WeightKind, weights: Float64Array): { title: string; drawing: Markup } => ({
    title: kind === 'observed' ? 'Estimated from observed responses' : "The model's prediction",
    drawing: drawMap(design, weights, { reach, kind }),
  });
  return {
    title: `Effective connectivity W in session ${session + 1}`,
    words: weightMapWords({ ...weightAgreement(design, arrays), session: session + 1 }),
    caption: `W = W1 − W0, effective connectivity estimated from responses, in log odds: how much a pulse on an input (columns) speaks for the ensemble's source (rows) being on. ${hasMinusMarks(observed.length / design.sourceCount) ? 'A minus marks negative values; gaps' : 'Gaps'} separate the blocks of inputs that mostly follow source 1 to ${design.sourceCount}.`,
    legend: [],
    scale: drawScale(reach),
    panels: [panel('observed', observed), panel('predicted', predicted)],
  };
}

interface Cell {
  readonly ensemble: number;
  readonly input: number;
  readonly value: number;
}

function drawMap(
  design: ExperimentDesign,
  weights: Float64Array,
  { reach, kind }: { readonly reach: number; readonly kind: WeightKind },
): Markup {
  const { sourceCount: n, inputsPerBlock } = design;
  const inputs = n * inputsPerBlock;
  const cells = Array.from(weights, (value, i): Cell => ({
    ensemble: Math.floor(i / inputs),
    input: i % inputs,
    value,
  }));
  const blocks = Array.from({ length: n - 1 }, (_, k) => (k + 1) * inputsPerBlock + 0.5);
  return drawPlot(
    {
      height: 52 + 34 * n,
      marginLeft: MARGIN_LEFT,
      marginRight: MARGIN_RIGHT,
      marginTop: 6,
      marginBottom: 40,
      x: {
        domain: [0.5, inputs + 0.5],
        ticks: sessionTicks(inputs),
        label: 'input',
        labelArrow: 'none',
        labelAnchor: 'right',
      },
      y: {
        domain: [n + 0.5, 0.5],
        ticks: Array.from({ length: n }, (_, a) => a + 1),
        tickFormat: (a: number) => `ensemble ${a}`,
        tickSize: 0,
        label: null,
      },
      color: colourScale(reach),
      marks: [
        rect(cells, {
          x1: ({ input }: Cell) => input + 0.5,
          x2: ({ input }: Cell) => input + 1.5,
          y1: ({ ensemble }: Cell) => ensemble + 0.5,
          y2: ({ ensemble }: Cell) => ensemble + 1.5,
          fill: 'value',
          inset: cellWidth(inputs) < 6 ? 0 : 0.5,
          title: ({ ensemble, input, value }: Cell) =>
            `ensemble ${ensemble + 1}, input ${input + 1}: W = ${formatFixed(value, 3)}`,
        }),
        ...markNegative(cells, { reach, inputs }),
        ruleX(blocks, { stroke: 'var(--page)', strokeWidth: 4 }),
      ],
    },
    `W of every ensemble and input in session ${design.sessions}, ${kind}`,
  );
}

function cellWidth(inputs: number): number {
  return (PANEL_WIDTH - MARGIN_LEFT - MARGIN_RIGHT) / inputs;
}

function hasMinusMarks(inputs: number): boolean {
  return cellWidth(inputs) >= 7;
}

/** A minus in every negative cell that has room for it, dark on light cells and light on dark ones. */
function markNegative(
  cells: readonly Cell[],
  { reach, inputs }: { readonly reach: number; readonly inputs: number },
): ReturnType<typeof text>[] {
  if (!hasMinusMarks(inputs)) return [];
  return [
    text(
      cells.filter(({ value }) => value < 0),
      {
        x: ({ input }: Cell) => input + 1,
        y: ({ ensemble }: Cell) => ensemble + 1,
        text: () => '−',
        fontSize: 8,
        fill: ({ value }: Cell) => (-value > 0.6 * reach ? 'white' : 'black'),
      },
    ),
  ];
}

const SCALE_CELLS = 41;

/** The colour scale as a row of cells: Plot's own ramp needs a canvas. */
function drawScale(reach: number): Markup {
  const width = (2 * reach) / SCALE_CELLS;
  const cells = Array.from({ length: SCALE_CELLS }, (_, i) => -reach + (i + 0.5) * width);
  const drawing = drawPlot(
    {
      width: 300,
      height: 48,
      marginLeft: 20,
      marginRight: 20,
      marginTop: 4,
      marginBottom: 30,
      x: { domain: [-reach, reach], ticks: 5, label: null },
      color: colourScale(reach),
      marks: [
        rect(cells, {
          x1: (centre: number) => centre - width / 2,
          x2: (centre: number) => centre + width / 2,
          fill: (centre: number) => centre,
        }),
      ],
    },
    `Colours of W from ${formatFixed(-reach, 2)} to ${formatFixed(reach, 2)}`,
  );
  return markup`<div class="scale"><span>W (log odds)</span>${drawing}</div>`;
}
