// Noise of each channel: a multiplicative tracker of the median of |y|. Every fourth sample of an epoch moves it.
import {
  CAREFUL,
  CREST,
  DOWN,
  epoch,
  FACTOR,
  GATE,
  gateFactor,
  GUARD_LEFT,
  LIMIT,
  MEDIAN,
  medianFloor,
  PEAK,
  QUIET,
  reference,
  releaseFrames,
  SEEN,
  SETTLING,
  SHUT_FOR,
  SHUT_NOW,
  SILENT,
  silentEpochs,
  silentLevel,
  stage1,
  stage2,
  stage3,
  stage4,
  STAGE,
  STAGE_FROZEN,
  STAGE_GATED,
  STAGE_SETTLED,
  steps,
  rowBytes,
  UP,
} from './detect-layout';
import { flushFilter } from './filter';

/** Frames of an epoch at a multiple of this move the median. */
export const NOISE_STRIDE: i32 = 4;
/** Largest |y| of an epoch, uV, below which a filter may be brought to rest. */
const FAINT: f32 = 1e-3;
/** Weight of an open frame against a shut one. */
const OPEN_WEIGHT: i32 = 3;

/** Moves the medians of a group by frames from `position` of the epoch on; all are seen, no gate is shut. */
export function trackNoise(record: usize, out: usize, position: i32, frames: i32): void {
  let medianA = v128.load(record, MEDIAN);
  let medianB = v128.load(record, MEDIAN + 16);
  const upA = v128.load(record, UP);
  const upB = v128.load(record, UP + 16);
  const downA = v128.load(record, DOWN);
  const downB = v128.load(record, DOWN + 16);
  const first = (NOISE_STRIDE - position) & (NOISE_STRIDE - 1);
  let at = out + <usize>first * rowBytes;
  const stride = rowBytes * NOISE_STRIDE;
  for (let i = first; i < frames; i += NOISE_STRIDE) {
    const isAboveA = f32x4.gt(f32x4.abs(v128.load(at)), medianA);
    const isAboveB = f32x4.gt(f32x4.abs(v128.load(at, 16)), medianB);
    medianA = f32x4.mul(medianA, v128.bitselect(upA, downA, isAboveA));
    medianB = f32x4.mul(medianB, v128.bitselect(upB, downB, isAboveB));
    at += stride;
  }
  v128.store(record, medianA, MEDIAN);
  v128.store(record, medianB, MEDIAN + 16);
}

/** At the end of an epoch: levels from the medians, channels without a signal, stages of those not settled. */
export function endEpoch(record: usize): void {
  if (load<i32>(record, SETTLING) != 0) countSeen(record);
  const level = f32x4.splat(max(silentLevel, FAINT));
  const faintA = f32x4.lt(v128.load(record, PEAK), level);
  const faintB = f32x4.lt(v128.load(record, PEAK + 16), level);
  const silent = v128.or(v128.load(record, SILENT), v128.load(record, SILENT + 16));
  if (v128.any_true(v128.or(v128.or(faintA, faintB), silent))) updateSilence(record);
  v128.store(record, i32x4.splat(0), PEAK);
  v128.store(record, i32x4.splat(0), PEAK + 16);
  if (reference != 0) {
    v128.store(record, i32x4.splat(0), CREST);
    v128.store(record, i32x4.splat(0), CREST + 16);
  }
  const shutNow = v128.or(v128.load(record, SHUT_NOW), v128.load(record, SHUT_NOW + 16));
  const shutFor = v128.or(v128.load(record, SHUT_FOR), v128.load(record, SHUT_FOR + 16));
  if (v128.any_true(v128.or(shutNow, shutFor))) updateRelease(record);
  if (load<i32>(record, SETTLING) != 0) updateLevels(record);
  else updateSettledLevels(record);
}

/** Levels from the medians of channels that are all settled. */
function updateSettledLevels(record: usize): void {
  const least = f32x4.splat(medianFloor);
  const factor = f32x4.splat(gateFactor);
  const medianA = f32x4.pmax(v128.load(record, MEDIAN), least);
  const medianB = f32x4.pmax(v128.load(record, MEDIAN + 16), least);
  const gateA = f32x4.mul(medianA, factor);
  const gateB = f32x4.mul(medianB, factor);
  const limitA = f32x4.mul(medianA, v128.load(record, FACTOR));
  const limitB = f32x4.mul(medianB, v128.load(record, FACTOR + 16));
  v128.store(record, medianA, MEDIAN);
  v128.store(record, medianB, MEDIAN + 16);
  v128.store(record, gateA, GATE);
  v128.store(record, gateB, GATE + 16);
  v128.store(record, limitA, LIMIT);
  v128.store(record, limitB, LIMIT + 16);
  v128.store(record, f32x4.pmin(gateA, limitA), QUIET);
  v128.store(record, f32x4.pmin(gateB, limitB), QUIET + 16);
}

/** Levels from the medians, and from how far they are settled. */
export function updateLevels(record: usize): void {
  for (let half: usize = 0; half < 32; half += 16) {
    const at = record + half;
    const median = f32x4.pmax(v128.load(at, MEDIAN), f32x4.splat(medianFloor));
    v128.store(at, median, MEDIAN);
    const stage = v128.load(at, STAGE);
    const none = f32x4.splat(Infinity);
    const gate = f32x4.mul(median, f32x4.splat(gateFactor));
    const gates = v128.bitselect(none, gate, i32x4.lt_s(stage, i32x4.splat(STAGE_GATED)));
    const limit = f32x4.mul(median, v128.load(at, FACTOR));
    const limits = v128.bitselect(none, limit, i32x4.lt_s(stage, i32x4.splat(STAGE_SETTLED)));
    v128.store(at, gates, GATE);
    v128.store(at, limits, LIMIT);
    v128.store(at, f32x4.pmin(gates, limits), QUIET);
  }
}

/**
 * A gate that is shut for most of the time tells of an estimate that is far too low, which it would keep so: shut frames
 * count up, open ones down by three, and beyond `releaseFrames` the noise is looked at all the same.
 */
function updateRelease(record: usize): void {
  for (let half: usize = 0; half < 32; half += 16) {
    const at = record + half;
    const now = v128.load(at, SHUT_NOW);
    const before = v128.load(at, SHUT_FOR);
    const change = i32x4.sub(i32x4.mul(now, i32x4.splat(1 + OPEN_WEIGHT)), i32x4.splat(OPEN_WEIGHT * epoch));
    const after = i32x4.max_s(i32x4.add(before, change), i32x4.splat(0));
    v128.store(at, i32x4.min_s(after, i32x4.splat(releaseFrames + epoch)), SHUT_FOR);
    v128.store(at, i32x4.splat(0), SHUT_NOW);
  }
}

/** Channels without a signal: their filters come to rest, and they are dead after a while. */
function updateSilence(record: usize): void {
  const faint = f32x4.splat(FAINT);
  flushFilter(record, f32x4.lt(v128.load(record, PEAK), faint), f32x4.lt(v128.load(record, PEAK + 16), faint));
  const level = f32x4.splat(silentLevel);
  for (let half: usize = 0; half < 32; half += 16) {
    const at = record + half;
    const isLooked = f32x4.lt(v128.load(at, FACTOR), f32x4.splat(Infinity));
    const isSilent = v128.and(f32x4.lt(v128.load(at, PEAK), level), isLooked);
    const before = v128.load(at, SILENT);
    // While the input is held its silence says nothing.
    const isGuarded = i32x4.gt_s(v128.load(at, GUARD_LEFT), i32x4.splat(0));
    const limit = i32x4.splat(silentEpochs);
    const counted = v128.and(i32x4.min_s(i32x4.add(before, i32x4.splat(1)), limit), isSilent);
    const after = v128.bitselect(before, counted, v128.and(isGuarded, isSilent));
    v128.store(at, after, SILENT);
    const isDead = v128.or(i32x4.eq(before, limit), i32x4.eq(after, limit));
    if (v128.any_true(isDead)) store<i32>(record, 1, CAREFUL);
  }
}

/** No count of seen samples grows beyond this, and no stage begins later: the same as in src/pipeline/detector-settings.ts. */
const MAX_SEEN: i32 = 1 << 30;

/** Counts what the estimates have seen, and takes them from stage to stage. */
function countSeen(record: usize): void {
  let settling = 0;
  const lastStage = stage4 == i32.MAX_VALUE ? STAGE_SETTLED : STAGE_FROZEN;
  for (let lane = 0; lane < 8; lane++) {
    const at = record + ((<usize>lane) << 2);
    const stage = load<i32>(at, STAGE);
    // A channel that is dead from the start keeps its group counting, for days.
    const seen = min(load<i32>(at, SEEN), MAX_SEEN);
    store<i32>(at, seen, SEEN);
    const next = stageOf(seen);
    if (next != stage) enterStage(at, next);
    if (next < lastStage) settling |= 1 << lane;
  }
  store<i32>(record, settling, SETTLING);
}

function stageOf(seen: i32): i32 {
  return i32(seen >= stage1) + i32(seen >= stage2) + i32(seen >= stage3) + i32(seen >= stage4);
}

/** Puts a channel's estimate into a stage. */
export function enterStage(at: usize, stage: i32): void {
  store<i32>(at, stage, STAGE);
  store<f32>(at, load<f32>(steps + ((<usize>stage) << 3), 0), UP);
  store<f32>(at, load<f32>(steps + ((<usize>stage) << 3), 4), DOWN);
}
