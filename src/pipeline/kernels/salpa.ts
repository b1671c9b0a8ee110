// Blanking of stimuli and SALPA (Wagenaar & Potter 2002, J. Neurosci. Methods 120:113), eight channels at a time.
import {
  AWAKE,
  BAD_LEFT,
  ENDLESS,
  FADE_AT,
  GROUPS,
  GUARD_LEFT,
  HALF_WINDOW,
  HELD,
  MANY,
  MOMENTS,
  ONE_SIDED,
  PHASE,
  RAIL_GUARD,
  RAW,
  RECORD_BYTES,
  RECORDS,
  RUN,
  setting,
  VALID,
  WAITING,
} from './salpa-layout';
import { finish, isBad, select, takeBad, takeGood } from './salpa-lanes';
import { slideMoments, sumMoments } from './salpa-moments';
import { isOffRail, passThrough, runSteady, spread } from './salpa-steady';

/** Rows [row, end) are new. Returns how many of the last rows are not settled yet; -1: none, and no group is awake. */
export function handleArtefacts(at: usize, row: i32, end: i32): i32 {
  let open = -1;
  for (let group = 0; group < setting(at, GROUPS); group++) {
    const record = recordOf(at, group);
    handleGroup(at, group, record, row, end);
    if (load<i32>(record + AWAKE)) open = max(open, openRows(at, record));
  }
  return open;
}

/** Where no group is awake: 1 when rows [row, end) may pass as they are, and then they have. */
export function passQuietly(at: usize, row: i32, end: i32): i32 {
  if (!isOffRail(at, row, end)) return 0;
  for (let group = 0; group < setting(at, GROUPS); group++) addRun(recordOf(at, group), end - row, 0);
  return 1;
}

/** No more rows come after `row` - 1, or not the next ones: gives what is open. */
export function finishArtefacts(at: usize, row: i32): void {
  for (let group = 0; group < setting(at, GROUPS); group++) {
    const record = recordOf(at, group);
    for (let lane = 0; lane < 8; lane++) {
      if (load<i32>(record + PHASE + ((<usize>lane) << 2)) != VALID) continue;
      select(at, record, group, lane);
      requireMoments(at, record, group, row);
      finish(row);
    }
  }
}

/** Starts afresh, each channel in `phase`; limits stay. */
export function restartArtefacts(at: usize, phase: i32): void {
  for (let group = 0; group < setting(at, GROUPS); group++) {
    const record = recordOf(at, group);
    for (let lane: usize = 0; lane < 8; lane++) {
      const word = record + (lane << 2);
      store<i32>(word, phase, PHASE);
      store<i32>(word, 0, RUN);
      store<i32>(word, 0, FADE_AT);
      store<i32>(word, 0, BAD_LEFT);
      store<i32>(word, 0, GUARD_LEFT);
      store<f32>(word, 0, HELD);
    }
    store<i32>(record, phase == RAW ? 0 : 1, AWAKE);
    store<i32>(record, 0, MOMENTS);
  }
}

function recordOf(at: usize, group: i32): usize {
  return <usize>setting(at, RECORDS) + <usize>group * RECORD_BYTES;
}

/** More good samples, save for the channels that are stuck at the rail. */
function addRun(record: usize, rows: i32, stuck: i32): void {
  const many = i32x4.splat(MANY);
  const held = spread(stuck);
  const low = v128.andnot(i32x4.splat(rows), i32x4.extend_low_i16x8_s(held));
  const high = v128.andnot(i32x4.splat(rows), i32x4.extend_high_i16x8_s(held));
  v128.store(record, i32x4.min_s(i32x4.add(v128.load(record, RUN), low), many), RUN);
  v128.store(record, i32x4.min_s(i32x4.add(v128.load(record, RUN + 16), high), many), RUN + 16);
}

function handleGroup(at: usize, group: i32, record: usize, first: i32, end: i32): void {
  let row = first;
  while (row < end) {
    row = runFast(at, group, record, row, end);
    if (row == end) return;
    if (!load<i32>(record + AWAKE)) {
      store<i32>(record, 1, AWAKE);
      store<i32>(record, 0, MOMENTS);
    }
    takeRow(at, group, record, row);
    row++;
  }
}

/** Channels at the rail, and the phase of the others: set by `steadyRows`. */
let stuck: i32 = 0;
let common: i32 = RAW;

/** As many rows as can be run fast; returns the first one that cannot, or `end`. */
function runFast(at: usize, group: i32, record: usize, row: i32, end: i32): i32 {
  const rows = steadyRows(at, record, end - row);
  if (rows == 0) return row;
  let stop: i32;
  if (common == VALID) {
    stop = runSteady(at, group, record, row, row + rows, stuck);
    if (!setting(at, ENDLESS)) addFade(record, stop - row);
  } else {
    stop = passThrough(at, group, record, row, row + rows, stuck);
    if (stop > row) store<i32>(record, 0, MOMENTS);
  }
  addRun(record, stop - row, stuck);
  return stop;
}

/** How many rows all channels keep their phase, if none comes to the rail or leaves it; 0 when they have several. */
function steadyRows(at: usize, record: usize, rows: i32): i32 {
  let least = rows;
  stuck = 0;
  common = -1;
  for (let lane: usize = 0; lane < 8; lane++) {
    const word = record + (lane << 2);
    const phase = load<i32>(word, PHASE);
    if (phase == WAITING) {
      // As it is after a sample at the rail: it stays so after another one.
      if (load<i32>(word, RUN) != 0 || load<i32>(word, BAD_LEFT) != setting(at, RAIL_GUARD)) return 0;
      stuck |= 1 << (<i32>lane);
      continue;
    }
    if ((load<i32>(word, BAD_LEFT) | load<i32>(word, GUARD_LEFT)) != 0) return 0;
    if (common >= 0 && phase != common) return 0;
    common = phase;
    if (phase == VALID) least = min(least, -load<i32>(word, FADE_AT));
  }
  if (common != VALID) {
    common = RAW;
    return rows;
  }
  if (setting(at, ONE_SIDED)) return stuck == 0 && load<i32>(record + MOMENTS) == 4 ? least : 0;
  return load<i32>(record + MOMENTS) >= 3 ? least : 0;
}

function addFade(record: usize, rows: i32): void {
  const added = i32x4.splat(rows);
  v128.store(record, i32x4.add(v128.load(record, FADE_AT), added), FADE_AT);
  v128.store(record, i32x4.add(v128.load(record, FADE_AT + 16), added), FADE_AT + 16);
}

/** One row, channel by channel. */
function takeRow(at: usize, group: i32, record: usize, row: i32): void {
  const window = 2 * setting(at, HALF_WINDOW);
  let bad = 0;
  let needed = 0;
  for (let lane = 0; lane < 8; lane++) {
    select(at, record, group, lane);
    const word = record + ((<usize>lane) << 2);
    const phase = load<i32>(word, PHASE);
    if (isBad(row)) {
      bad |= 1 << lane;
      // What is open is given before the moments move on.
      if (phase == VALID) requireMoments(at, record, group, row);
      takeBad(row);
    } else if (phase == VALID) needed = max(needed, 3);
    else if (phase == WAITING && load<i32>(word, RUN) >= window) needed = 4;
  }
  if (needed > 0 && setting(at, ONE_SIDED)) needed = 4;
  if (load<i32>(record + MOMENTS) >= max(needed, 3)) slideMoments(at, record, group, row);
  else if (needed > 0) sumMoments(at, record, group, row);
  for (let lane = 0; lane < 8; lane++) {
    if (bad & (1 << lane)) continue;
    select(at, record, group, lane);
    takeGood(row);
  }
  if (isAsleep(record)) store<i32>(record, 0, AWAKE);
}

/** All four moments of the window that ends before `row`. */
function requireMoments(at: usize, record: usize, group: i32, row: i32): void {
  if (load<i32>(record + MOMENTS) < 4) sumMoments(at, record, group, row - 1);
}

function isAsleep(record: usize): bool {
  for (let lane: usize = 0; lane < 8; lane++) {
    const word = record + (lane << 2);
    if (load<i32>(word, PHASE) != RAW || load<i32>(word, BAD_LEFT) > 0) return false;
  }
  return true;
}

/** Most rows at the end that a channel of the group has not given yet. */
function openRows(at: usize, record: usize): i32 {
  if (setting(at, ONE_SIDED)) return 0;
  const n = setting(at, HALF_WINDOW);
  let open = 0;
  for (let lane: usize = 0; lane < 8; lane++) {
    const word = record + (lane << 2);
    const phase = load<i32>(word, PHASE);
    if (phase == VALID) open = max(open, n);
    else if (phase == WAITING) open = max(open, min(load<i32>(word, RUN), 2 * n));
  }
  return open;
}
