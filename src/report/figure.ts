import { renderLegend, type LegendEntry } from './legend.js';
import { markup, NO_MARKUP, type Content, type Markup } from './markup.js';

/** One drawing of a figure and what stands above it. */
export interface Panel {
  readonly title: string;
  /** Where panels show different things. */
  readonly legend?: readonly LegendEntry[];
  readonly drawing: Markup;
}

export interface Figure {
  readonly title: string;
  /** What the data say, one sentence or two, computed from them. */
  readonly words: string;
  /** How to read the figure. */
  readonly caption: string;
  readonly panels: readonly Panel[];
  readonly legend: readonly LegendEntry[];
  /** A legend of another kind, e.g. of a colour scale. */
  readonly scale?: Markup;
  readonly table?: Markup;
}

/** A figure: title, plain words, legend, panels side by side, caption, and its numbers as a table. */
export function renderFigure({ title, words, caption, panels, legend, scale, table }: Figure, label: string): Markup {
  return markup`<figure>
<h3>${label}. ${title}</h3>
<p class="words">${words}</p>
${renderLegend(legend)}${scale ?? NO_MARKUP}
<div class="panels">${panels.map(
    (panel) => markup`
<div class="panel"><p class="panel-title">${panel.title}</p>${renderLegend(panel.legend ?? [])}${panel.drawing}</div>`,
  )}
</div>
<figcaption>${caption}</figcaption>
${table ?? NO_MARKUP}
</figure>
`;
}

export interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  /** Cells; the first of a row is its header. */
  readonly rows: readonly (readonly Content[])[];
}

/** A table that scrolls by itself where the page is too narrow for it. */
export function renderTable({ caption, head, rows }: Table): Markup {
  return markup`<div class="table" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${head.map((cell) => markup`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...rest]) => markup`
<tr><th scope="row">${first ?? ''}</th>${rest.map((cell) => markup`<td>${cell}</td>`)}</tr>`,
  )}
</tbody></table></div>
`;
}
