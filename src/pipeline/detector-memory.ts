import type { KernelInstance } from './open-kernels.js';
import { DETECTOR_RECORD, REPORT_WORDS, SECTION_BYTES, SETTINGS_BYTES, writeDetectorWords } from './detector-layout.js';
import {
  FIRST_MEDIAN_UV,
  FLOOR_OF_SILENCE,
  GATE_SIGMA,
  MEDIAN_OF_SIGMA,
  NEVER,
  NOISE_STEPS,
  type DetectorPlan,
} from './detector-settings.js';

/** Where a detector's state lies in the memory of its kernels, in bytes. */
export interface DetectorMemory {
  /** Float32 factor from raw units to the filter's input. */
  readonly inputScale: number;
  readonly settings: number;
  readonly records: number;
  readonly recordBytes: number;
  readonly groups: number;
  readonly reports: number;
  readonly input: number;
  /** Bytes from one raw frame to the next. */
  readonly inputStride: number;
  /** Raw frames that there is room for: whole epochs. */
  readonly inputFrames: number;
  readonly rows: number;
  /** Filtered frames that are kept; bytes from one to the next. */
  readonly historyFrames: number;
  readonly rowBytes: number;
}

/** Bytes of raw samples that one call of the kernels takes, about. */
const INPUT_BYTES = 1 << 18;
const LANES = 8;

/** What else a detector's memory is laid out for. */
export interface DetectorLayout {
  /** Filtered frames that are kept; 0 for none. */
  readonly historyFrames: number;
  /** Input comes as rows of padded channels from an earlier stage; else as blocks, for which there is room here. */
  readonly isFedRows: boolean;
}

/** Reserves and fills the memory of a detector. */
export function layOutDetector(
  kernels: KernelInstance,
  plan: DetectorPlan,
  { historyFrames, isFedRows }: DetectorLayout,
): DetectorMemory {
  const { channels, epochFrames, sections } = plan;
  const groups = Math.ceil(channels / LANES);
  const padded = groups * LANES;
  const isWide = plan.reference !== 0 || historyFrames > 0;
  const history = Math.max(1, Math.ceil(historyFrames / epochFrames)) * epochFrames;
  // Not a multiple of 128, so that records do not share cache sets.
  const recordBytes = Math.ceil((DETECTOR_RECORD.filter + sections.length * SECTION_BYTES) / 128) * 128 + 64;
  const inputStride = 2 * (isFedRows ? padded : channels);
  const epochs = Math.max(1, Math.min(16, Math.floor(INPUT_BYTES / (inputStride * epochFrames))));
  const reportCapacity = Math.max(4096, channels * (2 * epochFrames + 2));
  const rowBytes = isWide ? 4 * padded : 4 * LANES;
  const memory: DetectorMemory = {
    inputScale: inputScaleOf(plan),
    // The number of reports stands behind the settings.
    settings: kernels.allocate(SETTINGS_BYTES + 4),
    records: kernels.allocate(groups * recordBytes),
    recordBytes,
    groups,
    reports: kernels.allocate(4 * REPORT_WORDS * reportCapacity),
    // The last group reads whole vectors, beyond the last frame.
    input: isFedRows ? 0 : kernels.allocate(inputStride * epochs * epochFrames + 64),
    inputStride,
    inputFrames: epochs * epochFrames,
    rows: kernels.allocate(rowBytes * history),
    historyFrames: history,
    rowBytes,
  };
  const others = {
    coefficients: kernels.allocate(16 * sections.length),
    marks: kernels.allocate(padded * epochFrames),
    referenceLanes: kernels.allocate(4 * padded),
    referenceScratch: kernels.allocate(4 * padded),
    inputRows: kernels.allocate(4 * LANES),
    steps: kernels.allocate(8 * NOISE_STEPS.length),
  };
  const { buffer } = kernels.memory;
  const { values } = normaliseSections(plan);
  new Float32Array(buffer, others.coefficients, values.length).set(values);
  new Float32Array(buffer, others.steps, 2 * NOISE_STEPS.length).set(NOISE_STEPS.flatMap(stepFactors));
  const lanes = new Int32Array(buffer, others.referenceLanes, padded);
  for (let c = 0; c < channels; c++) lanes[c] = plan.excluded.has(c) ? 0 : -1;
  const [stage1, stage2, stage3, stage4] = plan.stages;
  writeDetectorWords(
    {
      ...plan,
      ...memory,
      ...others,
      sections: sections.length,
      isPair: Number(isUsualPair(values)),
      reportCapacity,
      stage1,
      stage2,
      stage3,
      stage4,
      isWide: Number(isWide),
      scaleInt16: memory.inputScale,
      gateFactor: GATE_SIGMA / MEDIAN_OF_SIGMA,
      silentLevel: plan.silentLevelUv,
      medianFloor: medianFloorOf(plan),
    },
    new DataView(buffer, memory.settings, SETTINGS_BYTES),
  );
  fillRecords(plan, memory, buffer);
  return memory;
}

/** Median below which no estimate falls, uV. */
export function medianFloorOf({ silentLevelUv }: DetectorPlan): number {
  return Math.max(1e-6, FLOOR_OF_SILENCE * silentLevelUv * MEDIAN_OF_SIGMA);
}

/** Factors of a relative step: up by it, down by as much. */
export function stepFactors(step: number): [number, number] {
  return [1 + step, 1 / (1 + step)];
}

/** Sections with b0 = 1 as (b1, b2, a1, a2), and the gain that was taken out of them. */
export function normaliseSections({ sections }: DetectorPlan): { readonly values: number[]; readonly gain: number } {
  return {
    values: sections.flatMap(({ b0, b1, b2, a1, a2 }) => [b1 / b0, b2 / b0, a1, a2]),
    gain: sections.reduce((product, { b0 }) => product * b0, 1),
  };
}

/** Float32 factor from raw units to the input of the first section with b0 = 1. */
export function inputScaleOf(plan: DetectorPlan): number {
  return Math.fround(normaliseSections(plan).gain * plan.gainUv);
}

/** A low-pass and a high-pass of the second order: numerators (1, 2, 1) and (1, -2, 1). */
function isUsualPair([b1, b2, , , c1, c2, ...others]: readonly number[]): boolean {
  return b1 === 2 && b2 === 1 && c1 === -2 && c2 === 1 && others.length === 2;
}

function fillRecords(plan: DetectorPlan, memory: DetectorMemory, buffer: ArrayBufferLike): void {
  const words = memory.recordBytes / 4;
  const floats = new Float32Array(buffer, memory.records, memory.groups * words);
  const integers = new Int32Array(buffer, memory.records, memory.groups * words);
  for (let c = 0; c < memory.groups * LANES; c++) {
    const at = Math.floor(c / LANES) * words + (c % LANES);
    const isLooked = c < plan.channels && !plan.excluded.has(c);
    const initial = plan.initialNoiseUv?.[c];
    let stage = 0;
    if (c >= plan.channels || initial !== undefined) stage = 3;
    if (initial !== undefined && plan.stages[3] !== NEVER) stage = 4;
    floats[at + DETECTOR_RECORD.median / 4] = initial === undefined ? FIRST_MEDIAN_UV : initial * MEDIAN_OF_SIGMA;
    floats[at + DETECTOR_RECORD.factor / 4] = isLooked ? plan.threshold / MEDIAN_OF_SIGMA : Infinity;
    const [up, down] = stepFactors(NOISE_STEPS[stage]!);
    floats[at + DETECTOR_RECORD.up / 4] = up;
    floats[at + DETECTOR_RECORD.down / 4] = down;
    integers[at + DETECTOR_RECORD.stage / 4] = stage;
  }
  for (let group = 0; group < memory.groups; group++) {
    integers[group * words + DETECTOR_RECORD.settling / 4] = plan.initialNoiseUv === undefined ? 255 : 0;
  }
}
