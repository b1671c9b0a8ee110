import { rectX, ruleX, type Markish, type PlotOptions } from '@observablehq/plot';
import { formatFixed } from './format.js';
import type { LegendEntry } from './legend.js';
import { COLOURS } from './palette.js';
import { STIMULUS_SPAN_MS, type StimulusSpikes } from './stimulus-spikes.js';

/** The axis of time around a stimulus. */
export const STIMULUS_AXIS = {
  domain: [STIMULUS_SPAN_MS[0], STIMULUS_SPAN_MS[1]],
  label: 'ms from the onset of the stimulus',
  labelArrow: 'none',
  ticks: [-50, -25, 0, 25, 50, 75, 100],
  tickFormat: (ms: number) => formatFixed(ms, 0),
} satisfies PlotOptions['x'];

/** The response window, shaded, and the onset of the stimulus. */
export function stimulusMarks({ responseWindowMs }: StimulusSpikes): readonly Markish[] {
  return [
    rectX([responseWindowMs], {
      x1: ([from]: readonly [number, number]) => from,
      x2: ([, to]: readonly [number, number]) => to,
      fill: 'currentColor',
      fillOpacity: 0.08,
    }),
    ruleX([0], { stroke: 'currentColor', strokeOpacity: 0.5, strokeDasharray: '1 3' }),
  ];
}

/** The response window in words. */
export function windowWords({ responseWindowMs: [from, to] }: StimulusSpikes): string {
  return `${formatFixed(from, 0)} to ${formatFixed(to, 0)} ms`;
}

/** Of time that could not be seen. */
export const BLIND_COLOUR = COLOURS.orange;
export const BLIND_LEGEND: LegendEntry = { label: 'could not be seen', style: { colour: BLIND_COLOUR }, area: true };

/** What the page says of trials that it cannot show; nothing where there are none. */
export function missingWords({ missing }: StimulusSpikes): string {
  return missing === 0 ? '' : ` The recording does not hold the spikes of ${missing} trials, which are left out.`;
}
