import type { GapCause, StreamCheck } from '../../drivers/mea-link/device-event.js';
import type { FaultName } from '../../sim-device/faults/fault-settings.js';
import type { Scenario } from './run-scenario.js';

/** What must come of a scenario. */
export interface Expectation {
  /** Causes of the gaps that are reported; none by default. */
  readonly gapCauses?: readonly GapCause[];
  /** What the comparison at the end of the acquisition says. */
  readonly verdict?: StreamCheck['verdict'];
  /** Events that must have come, at least so often. */
  readonly events?: Readonly<Record<string, number>>;
  /** Each fault must have been applied at least so often, or the scenario proves nothing. */
  readonly applied: Partial<Readonly<Record<FaultName, number>>>;
}

/** Scenarios with the ledger that is expected of them; later parts of the program add theirs. */
export const SCENARIOS: readonly (Scenario & { readonly expect: Expectation })[] = [
  {
    name: 'a link without faults loses nothing',
    seed: 1,
    faults: [],
    framing: 'length',
    durationMs: 2000,
    expect: { verdict: 'complete', applied: {} },
  },
  {
    name: 'frames that are dropped are sent again',
    seed: 2,
    faults: ['drop=0.02'],
    framing: 'cobs',
    durationMs: 5000,
    expect: { verdict: 'complete', applied: { drop: 40 } },
  },
  {
    name: 'frames that are damaged or cut short are sent again',
    seed: 3,
    faults: ['corrupt=0.02', 'truncate=0.02'],
    framing: 'length',
    durationMs: 5000,
    expect: { verdict: 'complete', events: { 'bad-frame': 40 }, applied: { corrupt: 40, truncate: 40 } },
  },
  {
    name: 'frames that come twice or out of order are put right',
    seed: 4,
    faults: ['duplicate=0.05', 'reorder=0.05'],
    framing: 'cobs',
    durationMs: 5000,
    expect: { verdict: 'complete', applied: { duplicate: 100, reorder: 100 } },
  },
  {
    name: 'disconnects shorter than the ring lose nothing',
    seed: 5,
    faults: ['disconnect=1500:200'],
    framing: 'length',
    durationMs: 20_000,
    ringMs: 5000,
    expect: { verdict: 'complete', events: { 'link-lost': 8, 'link-restored': 8 }, applied: { disconnect: 10 } },
  },
  {
    name: 'a disconnect longer than the ring is a gap with both its ends',
    seed: 6,
    faults: ['disconnect=1500:600'],
    framing: 'length',
    durationMs: 8000,
    ringMs: 100,
    expect: {
      verdict: 'gaps-reported',
      gapCauses: ['ring-overrun'],
      events: { 'sample-jump': 1 },
      applied: { disconnect: 2 },
    },
  },
  {
    name: 'a half-open link is found and replaced, and loses nothing',
    seed: 7,
    faults: ['half-open=1500:400'],
    framing: 'cobs',
    durationMs: 10_000,
    expect: { verdict: 'complete', events: { 'link-lost': 3, 'link-restored': 3 }, applied: { 'half-open': 3 } },
  },
  {
    name: 'a data lane that stands still catches up',
    seed: 8,
    faults: ['stall=500:300'],
    framing: 'length',
    durationMs: 5000,
    expect: { verdict: 'complete', applied: { stall: 4 } },
  },
  {
    name: 'counters that pass 2^32 are followed',
    seed: 9,
    faults: ['counter-wrap=500', 'drop=0.01'],
    framing: 'cobs',
    durationMs: 3000,
    expect: { verdict: 'complete', applied: { 'counter-wrap': 1, drop: 10 } },
  },
  {
    name: 'a clock that steps is told from samples that are missing',
    seed: 10,
    faults: ['clock-step=800:77'],
    framing: 'length',
    durationMs: 5000,
    expect: { verdict: 'complete', events: { 'sample-jump': 3, fault: 3 }, applied: { 'clock-step': 3 } },
  },
  {
    name: 'a brown-out ends the acquisition and says so',
    seed: 12,
    faults: ['brown-out=2000:100'],
    framing: 'length',
    durationMs: 3000,
    expect: { gapCauses: ['restart'], events: { 'device-restarted': 1 }, applied: { 'brown-out': 1 } },
  },
  {
    name: 'replies that are slow or lost are asked for again',
    seed: 13,
    faults: ['slow-ack=0.5:150', 'drop=0.2'],
    framing: 'cobs',
    durationMs: 2000,
    expect: { verdict: 'complete', applied: { 'slow-ack': 1, drop: 100 } },
  },
];
