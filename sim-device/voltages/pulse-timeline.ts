import type { Pulse, PulsePhase } from '../../protocols/stimulation/stim-pattern.js';

/** The same current on some electrodes from sample `first` to the one before `end`. */
export interface CurrentSpan {
  readonly first: number;
  readonly end: number;
  readonly currentUa: number;
  readonly electrodes: readonly number[];
}

/** The end of pulses: from `sample` on they decay; `currentUa` is that of the last phase with current. */
export interface PulseEnd {
  readonly sample: number;
  readonly currentUa: number;
  readonly electrodes: readonly number[];
}

/** What pulses that begin together do, sample by sample. */
export interface PulseTimeline {
  readonly spans: readonly CurrentSpan[];
  readonly ends: readonly PulseEnd[];
}

/**
 * Lays pulses that begin at `sample` on the sample grid. A sample stands for the time up to the next one and shows the
 * mean current of that time, so that no phase is too short to be seen. Pulses without current are left out.
 */
export function planPulses(pulses: readonly Pulse[], sample: number, sampleRateHz: number): PulseTimeline {
  const spans: CurrentSpan[] = [];
  const ends: PulseEnd[] = [];
  for (const { phases, electrodes } of groupByShape(pulses)) {
    const last = phases.findLastIndex(({ currentUa, durationUs }) => currentUa !== 0 && durationUs > 0);
    if (last < 0) continue;
    const currents = sampleCurrents(phases.slice(0, last + 1), sampleRateHz);
    let from = 0;
    for (let i = 1; i <= currents.length; i++) {
      if (i < currents.length && currents[i] === currents[from]) continue;
      const currentUa = currents[from]!;
      if (currentUa !== 0) spans.push({ first: sample + from, end: sample + i, currentUa, electrodes });
      from = i;
    }
    ends.push({ sample: sample + currents.length, currentUa: phases[last]!.currentUa, electrodes });
  }
  return { spans, ends };
}

function groupByShape(
  pulses: readonly Pulse[],
): Iterable<{ readonly phases: readonly PulsePhase[]; readonly electrodes: number[] }> {
  const groups = new Map<string, { readonly phases: readonly PulsePhase[]; readonly electrodes: number[] }>();
  for (const { electrode, phases } of pulses) {
    const key = phases.map(({ currentUa, durationUs }) => `${currentUa}:${durationUs}`).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { phases, electrodes: [electrode] });
    else group.electrodes.push(electrode);
  }
  return groups.values();
}

/** Mean current of each sample from the pulse's begin on. */
function sampleCurrents(phases: readonly PulsePhase[], sampleRateHz: number): Float64Array {
  const inSamples = (us: number): number => (us * sampleRateHz) / 1e6;
  const totalUs = phases.reduce((sum, { durationUs }) => sum + durationUs, 0);
  const currents = new Float64Array(Math.ceil(inSamples(totalUs)));
  let beganUs = 0;
  for (const { currentUa, durationUs } of phases) {
    const [from, to] = [inSamples(beganUs), inSamples(beganUs + durationUs)];
    for (let i = Math.floor(from); i < to; i++) {
      const share = Math.min(to, i + 1) - Math.max(from, i);
      currents[i] = currents[i]! + currentUa * share;
    }
    beganUs += durationUs;
  }
  return currents;
}
