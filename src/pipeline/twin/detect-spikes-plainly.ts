import { normaliseSections } from '../detector-memory.js';
import type { DetectorPlan } from '../detector-settings.js';
import { ChannelTwin } from './channel-twin.js';
import { FilterTwin, type Round } from './filter-twin.js';
import { InputTwin } from './input-twin.js';

/** A whole recording. */
export interface PlainRecording {
  readonly firstSample: number;
  readonly frames: number;
  /** (frames, channels) raw, or (frames, padded channels) raw times the detector's `inputScale`. */
  readonly samples: Int16Array | Float32Array;
  /** (frames, padded channels) 1 where a sample is blind. */
  readonly mask?: Uint8Array;
}

/** What was found in a whole recording. */
export interface PlainFindings {
  /** (spikes) by sample and electrode. */
  readonly samples: Float64Array;
  readonly electrodes: Uint16Array;
  readonly amplitudesUv: Float32Array;
  /** (channels) beginnings and ends of the blind stretches, in turns. */
  readonly blind: readonly (readonly number[])[];
  /** (channels) uV at the end. */
  readonly noiseMedians: Float32Array;
  /** (frames, channels) filtered, after the common reference; uV. */
  readonly filtered: Float64Array;
}

const LANES = 8;

/**
 * The spike detector in plain TypeScript: the readable specification of the kernels. With `Math.fround` all it finds is
 * bit-equal to them; with the identity it is the same in float64.
 */
export function detectSpikesPlainly(
  plan: DetectorPlan,
  recording: PlainRecording,
  round: Round = Math.fround,
): PlainFindings {
  const { channels, epochFrames } = plan;
  const { values, gain } = normaliseSections(plan);
  const scale = round(recording.samples instanceof Int16Array ? gain * plan.gainUv : 1);
  const inputs = Array.from({ length: channels }, () => new InputTwin(plan, new FilterTwin({ values, scale }, round)));
  const twins = Array.from({ length: channels }, (_, c) => new ChannelTwin(plan, c, round));
  const filtered = new Float64Array(recording.frames * channels);
  for (let i = 0; i < recording.frames; i++) {
    const sample = recording.firstSample + i;
    const row = filtered.subarray(i * channels, (i + 1) * channels);
    for (let c = 0; c < channels; c++)
      row[c] = inputs[c]!.step(readInput(plan, recording, { frame: i, c, scale, round }));
    const isSeen = inputs.map(({ isMarked }, c) => !isMarked && !plan.excluded.has(c));
    const reference = referenceOf(plan.reference, row, { isSeen, round });
    for (let c = 0; c < channels; c++) {
      if (plan.reference !== 0) row[c] = round(row[c]! - reference);
      twins[c]!.step(row[c]!, sample, inputs[c]!.isMarked);
    }
    if (sample % epochFrames !== epochFrames - 1) continue;
    for (let c = 0; c < channels; c++) {
      inputs[c]!.endEpoch(!plan.excluded.has(c));
      twins[c]!.endEpoch();
    }
  }
  const found = twins
    .flatMap(({ findings }, c) => findings.samples.map((sample, i) => [sample, c, findings.amplitudesUv[i]!] as const))
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return {
    samples: Float64Array.from(found, ([sample]) => sample),
    electrodes: Uint16Array.from(found, ([, electrode]) => electrode),
    amplitudesUv: Float32Array.from(found, ([, , amplitude]) => amplitude),
    blind: twins.map(({ findings }) => findings.blind),
    noiseMedians: Float32Array.from(twins, ({ median }) => median),
    filtered,
  };
}

function readInput(
  { channels }: DetectorPlan,
  { samples, mask }: PlainRecording,
  at: { readonly frame: number; readonly c: number; readonly scale: number; readonly round: Round },
): { value: number; isMasked: boolean; isAtRail: boolean } {
  const padded = Math.ceil(channels / LANES) * LANES;
  const isRaw = samples instanceof Int16Array;
  const raw = samples[at.frame * (isRaw ? channels : padded) + at.c]!;
  return {
    value: at.round(raw * at.scale),
    isMasked: mask !== undefined && mask[at.frame * padded + at.c] !== 0,
    isAtRail: isRaw && (raw === 32767 || raw === -32768),
  };
}

/** Mean or median over the channels that are seen; 0 where there is none. */
function referenceOf(
  reference: DetectorPlan['reference'],
  row: Float64Array,
  { isSeen, round }: { readonly isSeen: readonly boolean[]; readonly round: Round },
): number {
  const count = isSeen.filter(Boolean).length;
  if (reference === 0 || count === 0) return 0;
  if (reference === 2) {
    const seen = row.filter((_, c) => isSeen[c]!).sort();
    const upper = seen[count >> 1]!;
    return count % 2 === 1 ? upper : round(round(seen[(count >> 1) - 1]! + upper) * 0.5);
  }
  // The order in which eight lanes add up.
  const lanes = new Float64Array(LANES);
  row.forEach((value, c) => {
    if (isSeen[c]!) lanes[c % LANES] = round(lanes[c % LANES]! + value);
  });
  const sums = Array.from({ length: 4 }, (_, l) => round(lanes[l]! + lanes[l + 4]!));
  return round(round(round(sums[0]! + sums[1]!) + round(sums[2]! + sums[3]!)) / count);
}
