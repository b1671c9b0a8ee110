import { areaY, dot, lineY, rectX, ruleX, ruleY, type Markish } from '@observablehq/plot';
import type { ExperimentDesign } from '../model/model-run.js';
import type { Markup } from './markup.js';
import { COLOURS, type LineStyle } from './palette.js';
import { drawPlot } from './svg.js';

/** One line of a chart over sessions. */
export interface Series {
  readonly label: string;
  /** (T) values; sessions without a finite one are gaps. */
  readonly values: ArrayLike<number>;
  readonly style: LineStyle;
  /** First session (from 0) to draw; 0 by default. */
  readonly from?: number;
}

/** A range of values per session. */
export interface Band {
  readonly label: string;
  readonly lower: ArrayLike<number>;
  readonly upper: ArrayLike<number>;
  readonly colour: string;
}

/** A constant. */
export interface Level {
  readonly label: string;
  readonly value: number;
  readonly style: LineStyle;
}

export interface SessionChart {
  readonly design: ExperimentDesign;
  /** What the vertical axis shows, with its unit. */
  readonly unit: string;
  /** The chart in words, its accessible name. */
  readonly description: string;
  readonly series: readonly Series[];
  readonly bands?: readonly Band[];
  readonly levels?: readonly Level[];
  /** True where zero belongs on the axis. */
  readonly fromZero: boolean;
  /** Values that the axis must reach, so that panels can be compared. */
  readonly reach?: readonly number[];
}

/** Draws values over sessions, initial sessions shaded, markers at some sessions so that lines are known without colour. */
export function drawSessionChart(chart: SessionChart): Markup {
  const { design, series, bands = [], levels = [] } = chart;
  const { sessions, initialSessions } = design;
  const marks: Markish[] = [
    rectX([initialSessions], { x1: 0.5, x2: (end: number) => end + 0.5, fill: 'currentColor', fillOpacity: 0.07 }),
    ...bands.map((band) => drawBand(band, sessions)),
    ...(chart.fromZero ? [ruleY([0], { stroke: 'currentColor', strokeOpacity: 0.5 })] : []),
    ...levels.map(({ value, style }) => ruleY([value], strokeOf(style))),
    ...series.flatMap((line, i) => drawSeries(line, { sessions, place: i / Math.max(1, series.length) })),
    // on top, so that the frame's end of the calibration is seen through every line
    ruleX([initialSessions + 0.5], { stroke: 'currentColor', strokeOpacity: 0.35, strokeDasharray: '1 3' }),
  ];
  return drawPlot(
    {
      height: 270,
      marginLeft: 62,
      marginRight: 14,
      marginTop: 26,
      marginBottom: 38,
      x: {
        domain: [0.5, sessions + 0.5],
        label: 'session',
        ticks: sessionTicks(sessions),
        tickFormat: String,
        labelArrow: 'none',
      },
      y: { domain: extentOf(chart), label: chart.unit, grid: true, nice: true, ticks: 6, labelArrow: 'none' },
      marks,
    },
    chart.description,
  );
}

/** Sessions to label: 1, round numbers, and the last where there is room for it. */
export function sessionTicks(sessions: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => sessions / size <= 6) ?? 1000;
  const ticks = [1];
  for (let session = step === 1 ? 2 : step; session <= sessions; session += step) ticks.push(session);
  return ticks.filter((session, i) => i === 0 || session - 1 >= step / 2 || step === 1);
}

function drawBand({ lower, upper, colour }: Band, sessions: number): Markish {
  return areaY(
    Array.from({ length: sessions }, (_, t) => t),
    {
      x: (t: number) => t + 1,
      y1: (t: number) => lower[t],
      y2: (t: number) => upper[t],
      fill: colour,
      fillOpacity: 0.3,
    },
  );
}

function drawSeries(
  { values, style, from = 0 }: Series,
  { sessions, place }: { readonly sessions: number; readonly place: number },
): Markish[] {
  const points = Array.from({ length: sessions - from }, (_, i) => from + i);
  const finite = points.filter((t) => Number.isFinite(values[t]!));
  const channels = { x: (t: number) => t + 1, y: (t: number) => (Number.isFinite(values[t]!) ? values[t] : null) };
  const line = lineY(points, { ...channels, ...strokeOf(style) });
  if (style.marker === undefined) return [line];
  const markers = dot(markedSessions(finite, place), {
    ...channels,
    symbol: style.marker,
    fill: style.colour,
    stroke: 'var(--page)',
    strokeWidth: 0.6,
    r: 3.6,
  });
  return [line, markers];
}

/** Some of the sessions, spread evenly; other series have theirs elsewhere, so that markers do not hide each other. */
function markedSessions(sessions: readonly number[], place: number): number[] {
  const step = Math.max(1, Math.ceil(sessions.length / 8));
  const offset = Math.floor(place * step);
  return sessions.filter((_, i) => i % step === offset);
}

function strokeOf({ colour, dash, width = 1.6 }: LineStyle): {
  stroke: string;
  strokeWidth: number;
  strokeDasharray?: string;
} {
  return { stroke: colour, strokeWidth: width, ...(dash !== undefined && { strokeDasharray: dash }) };
}

/** Smallest and largest value drawn, never an empty range. */
function extentOf({ series, bands = [], levels = [], fromZero, reach = [] }: SessionChart): [number, number] {
  const values = [
    ...series.flatMap((line) => Array.from(line.values).slice(line.from ?? 0)),
    ...bands.flatMap(({ lower, upper }) => [...Array.from(lower), ...Array.from(upper)]),
    ...levels.map(({ value }) => value),
    ...reach,
    ...(fromZero ? [0] : []),
  ].filter(Number.isFinite);
  if (values.length === 0) return [0, 1];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const least = Math.max(1e-5, 1e-3 * Math.abs(high));
  return high - low < least ? [low, low + least] : [low, high];
}

/** What the page says of the shaded part of every chart. */
export function nameOfShade({ initialSessions }: ExperimentDesign): string {
  return initialSessions === 1
    ? 'shaded: session 1, which calibrates the model'
    : `shaded: sessions 1–${initialSessions}, which calibrate the model`;
}

/** The look of a constant that is a limit rather than a course. */
export const LIMIT_STYLE: LineStyle = { colour: COLOURS.grey, dash: '1 3', width: 2 };
