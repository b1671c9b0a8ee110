import { plot, type PlotOptions } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeHtml, trustMarkup, type Markup } from './markup.js';

/** Width of one panel: two stand side by side on a page, one fills a telephone. */
export const PANEL_WIDTH = 430;

/** The server's document in which Plot draws; it holds no state that a drawing depends on. */
const drawing = parseHTML('<!doctype html><html><body></body></html>').document;

/** Attributes whose numbers are coordinates. */
const COORDINATES = /( (?:x|y|x1|x2|y1|y2|cx|cy|r|dx|dy|d|points|transform|width|height)=")([^"]*)"/g;

/**
 * Draws with Plot and gives the SVG as text for a page: coordinates rounded to a tenth of a pixel, Plot's own style
 * element left to the page's style sheet, and the description as its accessible name.
 *
 * @param description what the drawing shows, for people who cannot see it
 */
export function drawPlot(options: PlotOptions, description: string): Markup {
  const svg = plot({ width: PANEL_WIDTH, ...options, document: drawing, figure: false });
  for (const style of Array.from(svg.querySelectorAll('style'))) style.remove();
  for (const part of Array.from(svg.querySelectorAll('[aria-label], [aria-hidden], [aria-description]'))) {
    for (const name of ['aria-label', 'aria-hidden', 'aria-description']) part.removeAttribute(name);
  }
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute('class', 'plot');
  svg.setAttribute('aria-label', description);
  svg.removeAttribute('fill');
  const text = svg.outerHTML.replace(COORDINATES, (_, name: string, value: string) => `${name}${roundNumbers(value)}"`);
  return trustMarkup(text.replace('>', `><title>${escapeHtml(description)}</title>`));
}

function roundNumbers(value: string): string {
  return value.replace(/-?\d*\.\d+(?:e-?\d+)?/g, (number) => String(Math.round(Number(number) * 10) / 10));
}
