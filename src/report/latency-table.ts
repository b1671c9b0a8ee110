import type { LatencyRecord } from '../../protocols/ledger.js';
import type { StageLatency } from '../../protocols/trial.js';
import { renderTable } from './figure.js';
import { formatNumber } from './format.js';
import { markup, NO_MARKUP, type Content, type Markup } from './markup.js';

const STAGES = [
  ['detect', 'block received to its spikes settled'],
  ['decide', 'spikes settled to stimulus decided: trials are decided long before they are due'],
  ['send', 'decided to given to the driver, gate included'],
  ['acknowledge', 'given to the driver to answered by the device'],
  ['loop', 'block received to command given to the driver'],
  ['trial', 'block received to trial result'],
] as const;

/** Where the time of a run on a device went, in milliseconds. Nothing that was decided depends on it. */
export function renderLatency({ stagesUs }: LatencyRecord): Markup {
  if (stagesUs === undefined) return NO_MARKUP;
  const row = (name: string, { count, median, p99, max }: StageLatency): readonly Content[] => [
    name,
    String(count),
    ...[median, p99, max].map((us) => formatNumber(us / 1000)),
  ];
  return markup`<section aria-labelledby="latency">
<h2 id="latency">Latency</h2>
<div class="summary">${renderTable({
    caption: 'Host times of every step, in ms, over the whole run; percentiles over its newest 4096',
    head: ['Step', 'count', 'median', '99 %', 'largest'],
    rows: STAGES.map(([stage, name]) => row(name, stagesUs[stage])),
  })}</div>
</section>
`;
}
