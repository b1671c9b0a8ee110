import type { KernelInstance } from '../open-kernels.js';
import type { ArtefactPlan } from './artefact-settings.js';
import { createFade, createLocalCubic, weighMoments, weighProbe } from './local-cubic.js';

/** Channels in a group: the lanes of an i16x8. */
const GROUP_CHANNELS = 8;

/** Fields of a group's record, in 32-bit words from its start: the same as in kernels/salpa-layout.ts. */
const WORDS = 112;
const BAD_LEFT = 72;
const LIMIT = 96;
const AWAKE = 104;
const MOMENTS = 105;

const SETTINGS_BYTES = 256;

/** Numbers of phases in the kernels. */
export const PHASE = { waiting: 0, raw: 2 } as const;

/** Where the stage's rows are; row r of each buffer belongs to the same sample. */
export interface SalpaMemory {
  /** Byte offset of the settings: the first argument of every kernel. */
  readonly settings: number;
  /** Channels of a row: the given ones and as many as fill the last group. */
  readonly paddedChannels: number;
  readonly rows: number;
  /** Byte offsets: int16 samples, float32 output, u8 blind. */
  readonly input: number;
  readonly output: number;
  readonly blind: number;
  readonly records: number;
}

/** What the memory is laid out for. */
export interface SalpaLayout {
  readonly plan: ArtefactPlan;
  readonly channels: number;
  /** Float32 factor from raw units to the output. */
  readonly outputScale: number;
  readonly rows: number;
}

/** Lays out a stage's memory and writes its settings there. */
export function layOutSalpa(kernels: KernelInstance, { plan, channels, outputScale, rows }: SalpaLayout): SalpaMemory {
  const groups = Math.ceil(channels / GROUP_CHANNELS);
  const paddedChannels = groups * GROUP_CHANNELS;
  const settings = kernels.allocate(SETTINGS_BYTES);
  const memory: SalpaMemory = {
    settings,
    paddedChannels,
    rows,
    input: kernels.allocate(2 * rows * paddedChannels),
    output: kernels.allocate(4 * rows * paddedChannels),
    blind: kernels.allocate(rows * paddedChannels),
    records: kernels.allocate(4 * WORDS * groups),
  };
  const fade = createFade(plan.fade);
  const fadeTable = kernels.allocate(4 * Math.max(1, fade.length));
  new Float32Array(kernels.memory.buffer, fadeTable, fade.length).set(fade);
  new Int32Array(kernels.memory.buffer, settings, 18).set([
    ...[groups, plan.halfWindow, memory.input, memory.output, memory.blind, memory.records, fadeTable],
    ...[Number(plan.mode !== 'blank'), Number(plan.form === 'one-sided'), Number(plan.mode === 'always')],
    ...[plan.railLow, plan.railHigh, plan.railGuard, plan.probeSamples, plan.edgeGuard],
    ...[plan.active, plan.fade, plan.hold],
  ]);
  const cubic = createLocalCubic(plan.halfWindow);
  new Float64Array(kernels.memory.buffer, settings + 72, 18).set([
    ...[outputScale, ...cubic.even, ...cubic.odd, ...cubic.centre, outputScale / cubic.centre[1]],
    ...weighProbe(cubic, plan.probeSamples),
    ...weighMoments(cubic, [plan.halfWindow]),
  ]);
  return memory;
}

/** Blanks each channel for at least so many samples from the next row on, and wakes all groups. */
export function blankChannels(kernels: KernelInstance, memory: SalpaMemory, counts: Uint32Array): void {
  const records = borrowRecords(kernels, memory);
  for (let group = 0; group < records.length; group += WORDS) {
    for (let lane = 0; lane < GROUP_CHANNELS; lane++) {
      const at = group + BAD_LEFT + lane;
      records[at] = Math.max(records[at]!, counts[(group / WORDS) * GROUP_CHANNELS + lane]!);
    }
    if (records[group + AWAKE] === 1) continue;
    records[group + AWAKE] = 1;
    records[group + MOMENTS] = 0;
  }
}

/** Sets the largest sum of first residuals of each channel, raw units. */
export function setProbeLimits(kernels: KernelInstance, memory: SalpaMemory, limits: Float32Array): void {
  const records = new Float32Array(kernels.memory.buffer, memory.records, recordWords(memory));
  limits.forEach((limit, channel) => {
    records[WORDS * Math.floor(channel / GROUP_CHANNELS) + LIMIT + (channel % GROUP_CHANNELS)] = limit;
  });
}

/** Takes the last rows before `row` to the beginning, so that there is room behind them. */
export function moveRows(kernels: KernelInstance, memory: SalpaMemory, last: { row: number; count: number }): void {
  const bytes = new Uint8Array(kernels.memory.buffer);
  const from = last.row - last.count;
  for (const [offset, size] of [
    [memory.input, 2],
    [memory.output, 4],
    [memory.blind, 1],
  ] as const) {
    const rowBytes = size * memory.paddedChannels;
    bytes.copyWithin(offset, offset + from * rowBytes, offset + last.row * rowBytes);
  }
}

function borrowRecords(kernels: KernelInstance, memory: SalpaMemory): Int32Array {
  return new Int32Array(kernels.memory.buffer, memory.records, recordWords(memory));
}

function recordWords({ paddedChannels }: SalpaMemory): number {
  return (WORDS * paddedChannels) / GROUP_CHANNELS;
}
