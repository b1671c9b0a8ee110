import { GATE_SIGMA, MEDIAN_OF_SIGMA, NOISE_STEPS, type DetectorPlan } from '../detector-settings.js';
import { steadyState } from './filter-sections.js';

/** What was found: columns, channel by channel. */
export interface Float64Findings {
  readonly samples: number[];
  readonly electrodes: number[];
  readonly amplitudesUv: number[];
}

/**
 * The spike detector on raw samples in float64, without masks, rails, references and settling: scipy's form of the
 * filter, levels that change with every fourth sample. The kernels must agree with it in what they find.
 *
 * @param samples (frames, channels); negative spikes are looked for from the first sample on
 * @param noiseUv (channels) to begin with
 */
export function detectInFloat64(plan: DetectorPlan, samples: Int16Array, noiseUv: Float64Array): Float64Findings {
  const found: Float64Findings = { samples: [], electrodes: [], amplitudesUv: [] };
  const frames = samples.length / plan.channels;
  const values = new Float64Array(frames);
  for (let channel = 0; channel < plan.channels; channel++) {
    for (let i = 0; i < frames; i++) values[i] = samples[i * plan.channels + channel]! * plan.gainUv;
    filterInPlace(plan, values);
    searchChannel(plan, values, { channel, noiseUv: noiseUv[channel]!, found });
  }
  return found;
}

/** The same order of operations as `filterSections`, without copies. */
function filterInPlace({ sections }: DetectorPlan, values: Float64Array): void {
  const state = steadyState(sections, values[0]!);
  for (let s = 0; s < sections.length; s++) {
    const { b0, b1, b2, a1, a2 } = sections[s]!;
    let z = state[2 * s]!;
    let w = state[2 * s + 1]!;
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      const y = b0 * x + z;
      z = b1 * x - a1 * y + w;
      w = b2 * x - a2 * y;
      values[i] = y;
    }
  }
}

function searchChannel(
  plan: DetectorPlan,
  values: Float64Array,
  { channel, noiseUv, found }: { readonly channel: number; readonly noiseUv: number; readonly found: Float64Findings },
): void {
  const { threshold, searchFrames, deadFrames, gateFrames, ringFrames, ringSlope } = plan;
  const up = 1 + NOISE_STEPS[3];
  let median = noiseUv * MEDIAN_OF_SIGMA;
  let gateEnd = 0;
  let crossedAt = Number.NEGATIVE_INFINITY;
  let best = 0;
  let bestAt = Number.NEGATIVE_INFINITY;
  let deadEnd = 0;
  let ringEnd = 0;
  let ringLevel = 0;
  for (let i = 0; i < values.length; i++) {
    const y = values[i]!;
    const size = Math.abs(y);
    const since = i - crossedAt;
    if (size > (GATE_SIGMA / MEDIAN_OF_SIGMA) * median) gateEnd = i + gateFrames;
    if (since < searchFrames) {
      if (y < best) {
        best = y;
        bestAt = i;
      }
    } else if (-y > (threshold / MEDIAN_OF_SIGMA) * median) {
      const least = ringLevel * Math.max(0, ringEnd - i);
      if (i >= deadEnd && -y > least && y < values[i - 1]!) {
        crossedAt = i;
        best = y;
        bestAt = i;
        deadEnd = i + deadFrames;
      } else if (-y * ringSlope * ringFrames > least) {
        ringLevel = -y * ringSlope;
        ringEnd = i + ringFrames;
      }
    }
    if (i - crossedAt === searchFrames - 1) {
      found.samples.push(bestAt);
      found.electrodes.push(channel);
      found.amplitudesUv.push(best);
      deadEnd = bestAt + deadFrames;
      ringLevel = -best * ringSlope;
      ringEnd = bestAt + ringFrames;
    }
    if (i % 4 === 0 && i >= gateEnd && i >= deadEnd) median *= size > median ? up : 1 / up;
  }
}
