import { line, ruleY, text } from '@observablehq/plot';
import type { CultureAnalysis } from '../model/analysis.js';
import { renderTable, type Figure } from './figure.js';
import { formatFixed, listInWords } from './format.js';
import type { Markup } from './markup.js';
import { COLOURS, ensembleStyle } from './palette.js';
import { initialWindow, nameWindow } from './session-window.js';
import {
  BLIND_COLOUR,
  BLIND_LEGEND,
  missingWords,
  STIMULUS_AXIS,
  stimulusMarks,
  windowWords,
} from './stimulus-axis.js';
import { STIMULUS_SPAN_MS, type ElectrodeRaster, type RasterGroup, type StimulusSpikes } from './stimulus-spikes.js';
import { drawPlot } from './svg.js';

/** Height of one trial, pixels. */
const ROW_HEIGHT = 3.5;
/** Rows left free between groups of trials. */
const GAP_ROWS = 3;
const MARGIN = { top: 8, bottom: 38 } as const;

/** Spikes around single stimuli, trial by trial, on the electrodes that told the sources apart best at first. */
export function stimulusRasterFigure({ design }: CultureAnalysis, seen: StimulusSpikes): Figure {
  const { rasters } = seen;
  const groups = rasters[0]?.groups ?? [];
  return {
    title: 'Single trials',
    words: rasterWords(rasters),
    caption: `Each row is a trial, the earliest on top, each tick a spike; source by source the first and the last trials of the experiment with that source alone on. Shaded: the response window, ${windowWords(seen)} after the stimulus; orange: time that the electrode could not see. Of each ensemble the electrodes that preferred its source most in ${nameWindow(initialWindow(design))}, which flatters those trials.${missingWords(seen)}`,
    legend: [BLIND_LEGEND],
    panels: rasters.map((raster) => ({
      title: `Electrode ${raster.electrode}, ensemble ${raster.ensemble + 1}`,
      drawing: drawRaster(raster, seen),
    })),
    table: renderTable({
      caption: 'Spikes per trial in the response window, in the trials that are drawn',
      head: ['Electrode', 'Ensemble', ...groups.map(nameGroup)],
      rows: rasters.map(({ electrode, ensemble, groups: own }) => [
        String(electrode),
        String(ensemble + 1),
        ...own.map((group) => formatFixed(meanCount(group), 2)),
      ]),
    }),
  };
}

function nameGroup({ source, span, rows }: RasterGroup): string {
  return `source ${source + 1} alone, ${span} ${rows.length}`;
}

function meanCount({ rows }: RasterGroup): number {
  return rows.reduce((sum, { count }) => sum + count, 0) / rows.length;
}

function rasterWords(rasters: readonly ElectrodeRaster[]): string {
  const ensembles = [...new Set(rasters.map(({ ensemble }) => ensemble))];
  const parts = ensembles.map((ensemble) => {
    const { electrode, groups } = rasters.find((raster) => raster.ensemble === ensemble)!;
    const own = groups.filter(({ source }) => source === ensemble);
    const [first, last] = own.map((group) => formatFixed(meanCount(group), 2));
    return `from ${first!} to ${last!} on electrode ${electrode} of ensemble ${ensemble + 1}`;
  });
  return `From the first to the last trials drawn with the own source alone on, spikes per trial in the response window go ${listInWords(parts)}.`;
}

interface PlacedGroup extends RasterGroup {
  /** Row of its first trial. */
  readonly top: number;
}

/** A point of a path; a missing one ends a stroke. */
interface Point {
  readonly x: number;
  readonly y: number;
}
type Stroke = readonly [Point, Point, undefined];

function drawRaster({ electrode, ensemble, groups }: ElectrodeRaster, seen: StimulusSpikes): Markup {
  const placed: PlacedGroup[] = [];
  let height = 0;
  for (const group of groups) {
    placed.push({ ...group, top: height });
    height += group.rows.length + GAP_ROWS;
  }
  const rows = Math.max(1, height - GAP_ROWS);
  const strokes = (
    marks: readonly Stroke[],
    style: { readonly stroke: string; readonly strokeWidth: number; readonly strokeOpacity?: number },
  ) =>
    line(marks.flat(), {
      x: (point: Point | undefined) => point?.x ?? null,
      y: (point: Point | undefined) => point?.y ?? null,
      ...style,
    });
  return drawPlot(
    {
      height: MARGIN.top + MARGIN.bottom + Math.round(ROW_HEIGHT * rows),
      marginLeft: 100,
      marginRight: 14,
      marginTop: MARGIN.top,
      marginBottom: MARGIN.bottom,
      x: STIMULUS_AXIS,
      y: { domain: [rows, 0], axis: null },
      marks: [
        ...stimulusMarks(seen),
        strokes(placed.flatMap(blindStrokes), {
          stroke: BLIND_COLOUR,
          strokeWidth: ROW_HEIGHT,
          strokeOpacity: 0.4,
        }),
        ...placed.map((group) =>
          strokes(spikeStrokes(group), { stroke: ensembleStyle(group.source).colour, strokeWidth: 1.1 }),
        ),
        ruleY(
          placed.slice(1).map(({ top }) => top - GAP_ROWS / 2),
          { stroke: COLOURS.grey, strokeOpacity: 0.5 },
        ),
        text(
          placed.filter(({ rows: { length } }) => length > 0),
          {
            x: STIMULUS_SPAN_MS[0],
            y: ({ top, rows: { length } }: PlacedGroup) => top + length / 2,
            text: ({ source, span, rows: { length } }: PlacedGroup) =>
              `source ${source + 1} alone\n${span} ${length === 1 ? 'trial' : `${length} trials`}`,
            textAnchor: 'end',
            dx: -8,
          },
        ),
      ],
    },
    `Spikes on electrode ${electrode} of ensemble ${ensemble + 1} around single stimuli: ${groups.map(nameGroup).join('; ')}`,
  );
}

function spikeStrokes({ rows, top }: PlacedGroup): readonly Stroke[] {
  return rows.flatMap(({ spikesMs }, row) =>
    spikesMs.map((x): Stroke => [{ x, y: top + row + 0.05 }, { x, y: top + row + 0.95 }, undefined]),
  );
}

function blindStrokes({ rows, top }: PlacedGroup): readonly Stroke[] {
  return rows.flatMap(({ blindMs }, row) =>
    blindMs.map(([from, to]): Stroke => [{ x: from, y: top + row + 0.5 }, { x: to, y: top + row + 0.5 }, undefined]),
  );
}
