import { markup, NO_MARKUP, trustMarkup, type Markup } from './markup.js';
import type { LineStyle, MarkerName } from './palette.js';

/** One entry of a legend: a line as it is drawn, or an area of one colour. */
export interface LegendEntry {
  readonly label: string;
  readonly style: LineStyle;
  readonly area?: true;
}

/** Outlines of the markers around (16, 7), about the size of Plot's. */
const MARKERS: Readonly<Record<MarkerName, string>> = {
  circle: 'M12.8 7a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z',
  square: 'M13.1 4.1h5.8v5.8h-5.8z',
  triangle: 'M16 3l4 7h-8z',
  diamond: 'M16 2.6l2.7 4.4l-2.7 4.4l-2.7 -4.4z',
  cross: 'M14.7 3.2h2.6v2.5h2.5v2.6h-2.5v2.5h-2.6v-2.5h-2.5v-2.6h2.5z',
  star: 'M16 2.4l1.1 3.2h3.4l-2.7 2l1 3.3l-2.8 -2l-2.8 2l1 -3.3l-2.7 -2h3.4z',
};

/** A legend of a figure, as a list that wraps on narrow pages. */
export function renderLegend(entries: readonly LegendEntry[]): Markup {
  if (entries.length === 0) return NO_MARKUP;
  return markup`<ul class="legend">${entries.map((entry) => markup`<li>${swatchOf(entry)}${entry.label}</li>`)}</ul>`;
}

function swatchOf({ style, area }: LegendEntry): Markup {
  const { colour, dash, width = 1.6, marker } = style;
  const dashes = dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
  const line =
    area === true
      ? `<rect x="1" y="2" width="30" height="10" fill="${colour}" fill-opacity="0.3"/>`
      : `<path d="M1 7h30" stroke="${colour}" stroke-width="${width}"${dashes}/>`;
  const symbol = marker === undefined ? '' : `<path d="${MARKERS[marker]}" fill="${colour}"/>`;
  return trustMarkup(
    `<svg class="swatch" width="32" height="14" viewBox="0 0 32 14" aria-hidden="true">${line}${symbol}</svg>`,
  );
}
