// A channel in which something happens: blindness, noise, crossings, peaks.
import {
  BEST,
  BEST_AGE,
  BLIND,
  DEAD_LEFT,
  deadFrames,
  DOWN,
  GATE,
  GATE_LEFT,
  gateFrames,
  groups,
  LIMIT,
  marks,
  MEDIAN,
  polarity,
  releaseFrames,
  report,
  REPORT_BLIND,
  REPORT_SEEN,
  REPORT_SPIKE,
  RING_LEFT,
  RING_LEVEL,
  ringFrames,
  ringSlope,
  rowBytes,
  SEARCH_LEFT,
  searchFrames,
  SEEN,
  SETTLING,
  SHUT_FOR,
  SHUT_NOW,
  STAGE,
  STAGE_SETTLED,
  UP,
} from './detect-layout';
import { NOISE_STRIDE } from './noise';

/** Medians as they were before the tile, (8) float32. */
export const MEDIANS_BEFORE: usize = memory.data(32, 16);
/** A byte a frame, a bit a channel: where |y| is beyond the gate, and where a threshold is crossed. Up to 64 frames. */
const GATE_BITS: usize = memory.data(64, 16);
const LIMIT_BITS: usize = memory.data(64, 16);
/** Bits of the frames that move the noise, for a tile that begins an epoch. */
const NOISE_FRAMES: u64 = 0x1111111111111111;

@inline
function heightOf(value: f32): f32 {
  return polarity < 0 ? -value : polarity > 0 ? value : abs(value);
}

@inline
function heightsOf(values: v128): v128 {
  return polarity < 0 ? f32x4.neg(values) : polarity > 0 ? values : f32x4.abs(values);
}

/** -1 in the int16 lanes of a frame that exceed the gate (sizes) or the threshold (heights). */
@inline
function beyond(a: v128, b: v128, levelA: v128, levelB: v128): v128 {
  return i16x8.narrow_i32x4_s(f32x4.gt(a, levelA), f32x4.gt(b, levelB));
}

/** Finds where a group's frames are beyond gate and threshold. */
export function findLoud(record: usize, rows: usize, frames: i32): void {
  const gateA = v128.load(record, GATE);
  const gateB = v128.load(record, GATE + 16);
  const limitA = v128.load(record, LIMIT);
  const limitB = v128.load(record, LIMIT + 16);
  let at = rows;
  // Two frames at a time; where there is but one, the other is what memory holds, and is not looked at.
  for (let i = 0; i < frames; i += 2) {
    const next = i + 1 < frames ? at + rowBytes : at;
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(next);
    const d = v128.load(next, 16);
    const gates = i8x16.narrow_i16x8_s(
      beyond(f32x4.abs(a), f32x4.abs(b), gateA, gateB),
      beyond(f32x4.abs(c), f32x4.abs(d), gateA, gateB),
    );
    const limits = i8x16.narrow_i16x8_s(
      beyond(heightsOf(a), heightsOf(b), limitA, limitB),
      beyond(heightsOf(c), heightsOf(d), limitA, limitB),
    );
    store<u16>(GATE_BITS + <usize>i, <u16>i8x16.bitmask(gates));
    store<u16>(LIMIT_BITS + <usize>i, <u16>i8x16.bitmask(limits));
    at += rowBytes << 1;
  }
}

/** Bits [0, count). */
@inline
function below(count: i32): u64 {
  return count >= 64 ? ~(<u64>0) : (<u64>1 << <u64>max(count, 0)) - 1;
}

/** One channel's bit of every frame. */
function bitsOf(bytes: usize, lane: i32, frames: i32): u64 {
  const shift = 7 - lane;
  let bits = <u64>i8x16.bitmask(i8x16.shl(v128.load(bytes), shift));
  if (frames > 16) bits |= <u64>i8x16.bitmask(i8x16.shl(v128.load(bytes, 16), shift)) << 16;
  if (frames > 32) {
    bits |= <u64>i8x16.bitmask(i8x16.shl(v128.load(bytes, 32), shift)) << 32;
    bits |= <u64>i8x16.bitmask(i8x16.shl(v128.load(bytes, 48), shift)) << 48;
  }
  return bits & below(frames);
}

/** A channel that is seen throughout the tile, event by event. 1 when the next tile must be looked at as well. */
export function scanSeen(record: usize, channel: i32, rows: usize, position: i32, frames: i32, base: i32): i32 {
  const lane = channel & 7;
  const at = record + ((<usize>lane) << 2);
  const isSettling = load<i32>(at, STAGE) < STAGE_SETTLED;
  if (isSettling != (load<i32>(at, BLIND) != 0)) {
    store<i32>(at, i32(isSettling), BLIND);
    report(base, channel, isSettling ? REPORT_BLIND : REPORT_SEEN, 0);
  }
  if (load<i32>(record, SETTLING) != 0) store<i32>(at, load<i32>(at, SEEN) + frames, SEEN);
  const shut = shutGate(at, lane, frames) | findSpikes(at, channel, rows, frames, base);
  moveMedian(at, lane, rows, position, frames, shut);
  const left = load<i32>(at, GATE_LEFT) | load<i32>(at, DEAD_LEFT) | load<i32>(at, SEARCH_LEFT) | load<i32>(at, RING_LEFT);
  return i32((left | load<i32>(at, BEST) | load<i32>(at, BLIND)) != 0);
}

/** Frames in which the noise gate is shut. */
function shutGate(at: usize, lane: i32, frames: i32): u64 {
  const left = load<i32>(at, GATE_LEFT);
  let shut = below(left);
  let loud = bitsOf(GATE_BITS, lane, frames);
  if (loud == 0) {
    if (left > 0) store<i32>(at, max(left - frames, 0), GATE_LEFT);
    return shut;
  }
  const last = 63 - <i32>clz(loud);
  store<i32>(at, max(gateFrames - (frames - last), 0), GATE_LEFT);
  while (loud != 0) {
    const first = ctz(loud);
    shut |= below(gateFrames) << first;
    if (<i32>first + gateFrames >= frames) break;
    loud &= loud - 1;
  }
  return shut;
}

/** Crossings and peaks; gives the frames of dead time. */
function findSpikes(at: usize, channel: i32, rows: usize, frames: i32, base: i32): u64 {
  const deadLeft = load<i32>(at, DEAD_LEFT);
  const ringLeft = load<i32>(at, RING_LEFT);
  let searchLeft = load<i32>(at, SEARCH_LEFT);
  const crossings = bitsOf(LIMIT_BITS, channel & 7, frames);
  if ((deadLeft | ringLeft | searchLeft) == 0 && crossings == 0) {
    store<f32>(at, 0, BEST);
    return 0;
  }
  let best = load<f32>(at, BEST);
  let bestAge = load<i32>(at, BEST_AGE);
  let ringLevel = load<f32>(at, RING_LEVEL);
  let deadEnd = deadLeft;
  let ringEnd = ringLeft;
  let dead = below(deadLeft);
  let isSearching = searchLeft > 0;
  // Where no search goes on: the sample before the tile if it was beyond the threshold, else 0.
  const before = heightOf(best);
  let i = 0;
  while (true) {
    if (isSearching) {
      const end = min(frames, i + searchLeft);
      searchLeft -= end - i;
      let height = heightOf(best);
      for (; i < end; i++) {
        const y = load<f32>(rows + <usize>i * rowBytes);
        bestAge++;
        if (heightOf(y) > height) {
          best = y;
          height = heightOf(y);
          bestAge = 0;
        }
      }
      if (searchLeft > 0) break;
      const peak = i - 1 - bestAge;
      report(base + peak, channel, REPORT_SPIKE, best);
      ringLevel = abs(best) * ringSlope;
      deadEnd = peak + deadFrames;
      ringEnd = peak + ringFrames;
      dead |= below(deadEnd) & ~below(i);
      isSearching = false;
    }
    let left = crossings & ~below(i);
    while (left != 0) {
      i = <i32>ctz(left);
      const row = rows + <usize>i * rowBytes;
      const height = heightOf(load<f32>(row));
      const least = ringLevel * <f32>max(ringEnd - i, 0);
      if (i >= deadEnd && height > least && height > (i > 0 ? heightOf(load<f32>(row - rowBytes)) : before)) break;
      // What is in the dead time rings, too.
      const level = height * ringSlope;
      if (level * <f32>ringFrames > least) {
        ringLevel = level;
        ringEnd = i + ringFrames;
      }
      left &= left - 1;
    }
    if (left == 0) break;
    best = load<f32>(rows + <usize>i * rowBytes);
    bestAge = 0;
    searchLeft = searchFrames - 1;
    deadEnd = i + deadFrames;
    ringEnd = i + ringFrames;
    dead |= below(deadFrames) << i;
    isSearching = true;
    i++;
  }
  if (!isSearching) best = (crossings >> <u64>(frames - 1)) & 1 ? load<f32>(rows + <usize>(frames - 1) * rowBytes) : 0;
  store<i32>(at, searchLeft, SEARCH_LEFT);
  store<f32>(at, best, BEST);
  store<i32>(at, bestAge, BEST_AGE);
  store<f32>(at, ringLevel, RING_LEVEL);
  store<i32>(at, max(deadEnd - frames, 0), DEAD_LEFT);
  store<i32>(at, max(ringEnd - frames, 0), RING_LEFT);
  return dead;
}

/** Moves the median by the frames in which the gate is open, or by all where it has been shut for too long. */
function moveMedian(at: usize, lane: i32, rows: usize, position: i32, frames: i32, shutFrames: u64): void {
  let shut = shutFrames;
  const up = load<f32>(at, UP);
  const down = load<f32>(at, DOWN);
  let median = load<f32>(MEDIANS_BEFORE + ((<usize>lane) << 2));
  shut &= below(frames);
  store<i32>(at, load<i32>(at, SHUT_NOW) + <i32>popcnt(shut), SHUT_NOW);
  if (load<i32>(at, SHUT_FOR) > releaseFrames) shut = 0;
  let open = ~shut & below(frames);
  open &= NOISE_FRAMES << ((NOISE_STRIDE - position) & (NOISE_STRIDE - 1));
  while (open != 0) {
    const y = load<f32>(rows + <usize>ctz(open) * rowBytes);
    median *= abs(y) > median ? up : down;
    open &= open - 1;
  }
  store<f32>(at, median, MEDIAN);
}

/** A channel that is blind in part of the tile, sample by sample. 1 when the next tile must be looked at as well. */
export function scanMarked(record: usize, group: i32, lane: i32, rows: usize, position: i32, frames: i32, base: i32): i32 {
  const at = record + ((<usize>lane) << 2);
  const channel = (group << 3) + lane;
  const isSettling = load<i32>(at, STAGE) < STAGE_SETTLED;
  const gate = load<f32>(at, GATE);
  const limit = load<f32>(at, LIMIT);
  const up = load<f32>(at, UP);
  const down = load<f32>(at, DOWN);
  const isCounting = i32(load<i32>(record, SETTLING) != 0);
  let median = load<f32>(MEDIANS_BEFORE + ((<usize>lane) << 2));
  let gateLeft = load<i32>(at, GATE_LEFT);
  const isReleased = load<i32>(at, SHUT_FOR) > releaseFrames;
  let shutNow = load<i32>(at, SHUT_NOW);
  let deadLeft = load<i32>(at, DEAD_LEFT);
  let searchLeft = load<i32>(at, SEARCH_LEFT);
  let isSearching = searchLeft > 0;
  let best = load<f32>(at, BEST);
  let bestAge = load<i32>(at, BEST_AGE);
  let ringLevel = load<f32>(at, RING_LEVEL);
  let ringLeft = load<i32>(at, RING_LEFT);
  let seen = load<i32>(at, SEEN);
  let wasBlind = load<i32>(at, BLIND) != 0;
  const padded = (<usize>groups) << 3;
  let mark = marks + <usize>position * padded + <usize>channel;
  let from = rows;
  for (let i = 0; i < frames; i++) {
    const y = load<f32>(from);
    from += rowBytes;
    const isBlind = load<u8>(mark) != 0;
    mark += padded;
    if ((isBlind || isSettling) != wasBlind) {
      wasBlind = !wasBlind;
      // A search that is cut off has found nothing: it was not looked at from the crossing on.
      if (wasBlind) report(base + i - (searchLeft > 0 ? searchFrames - searchLeft : 0), channel, REPORT_BLIND, 0);
      else report(base + i, channel, REPORT_SEEN, 0);
    }
    if (isBlind) {
      gateLeft = 0;
      deadLeft = 0;
      searchLeft = 0;
      isSearching = false;
      ringLeft = 0;
      best = 0;
      continue;
    }
    seen += isCounting;
    const size = abs(y);
    const height = polarity < 0 ? -y : polarity > 0 ? y : size;
    if (size > gate) gateLeft = gateFrames;
    if (searchLeft > 0) {
      bestAge++;
      if (height > heightOf(best)) {
        best = y;
        bestAge = 0;
      }
      searchLeft--;
    } else if (height > limit) {
      const least = ringLevel * <f32>ringLeft;
      const level = height * ringSlope;
      if (deadLeft == 0 && height > least && height > heightOf(best)) {
        best = y;
        bestAge = 0;
        searchLeft = searchFrames - 1;
        deadLeft = deadFrames;
        ringLeft = ringFrames;
        isSearching = true;
      } else if (level * <f32>ringFrames > least) {
        ringLevel = level;
        ringLeft = ringFrames;
      }
    }
    if (isSearching && searchLeft == 0) {
      report(base + i - bestAge, channel, REPORT_SPIKE, best);
      ringLevel = abs(best) * ringSlope;
      deadLeft = deadFrames - bestAge;
      ringLeft = max(ringFrames - bestAge, 0);
      isSearching = false;
    }
    if (!isSearching) best = height > limit ? y : 0;
    const isShut = gateLeft > 0 || deadLeft > 0;
    shutNow += i32(isShut);
    if (((position + i) & (NOISE_STRIDE - 1)) == 0 && (!isShut || isReleased)) {
      median *= size > median ? up : down;
    }
    if (gateLeft > 0) gateLeft--;
    if (deadLeft > 0) deadLeft--;
    if (ringLeft > 0) ringLeft--;
  }
  store<f32>(at, median, MEDIAN);
  store<i32>(at, gateLeft, GATE_LEFT);
  store<i32>(at, shutNow, SHUT_NOW);
  store<i32>(at, deadLeft, DEAD_LEFT);
  store<i32>(at, searchLeft, SEARCH_LEFT);
  store<f32>(at, best, BEST);
  store<i32>(at, bestAge, BEST_AGE);
  store<f32>(at, ringLevel, RING_LEVEL);
  store<i32>(at, ringLeft, RING_LEFT);
  store<i32>(at, seen, SEEN);
  store<i32>(at, i32(wasBlind), BLIND);
  return i32((gateLeft | deadLeft | searchLeft | ringLeft | i32(best != 0) | i32(wasBlind)) != 0);
}
