// The spike detector: tile by tile (an epoch or what there is of it), group by group. Where nothing of a group comes near
// a level, only the filter and the noise are at work; else the channels concerned are gone through one by one.
import {
  ACTIVE,
  CAREFUL,
  channels,
  CREST,
  epoch,
  groups,
  HELD,
  historyFrames,
  inputStride,
  isWide,
  MARKED,
  marks,
  MEDIAN,
  PEAK,
  QUIET,
  recordBytes,
  records,
  reference,
  reportCapacity,
  countReports,
  rowBytes,
  rows,
  scaleInt16,
  SETTINGS_BYTES,
  SETTLING,
  takeSettings,
} from './detect-layout';
import { CARE, careOf, DEAD_CHANNELS, filterCarefully, markDead, NO_CARE } from './careful';
import { filterFloat, filterInt16, INT16 } from './filter';
import { endEpoch, trackNoise, updateLevels } from './noise';
import { subtractReference } from './reference';
import { findLoud, MEDIANS_BEFORE, scanMarked, scanSeen } from './scan';

/**
 * Detects in `frames` frames. kind 0: raw int16 (frames, channels); 1: scaled float32 (frames, padded channels). `mask` is 0
 * or u8 (frames, padded channels). `position` is the first frame's place in its epoch, `row` its row in the history.
 * Returns the frames done: fewer when the reports are full; take them and call again. How many reports there are is
 * written behind the settings.
 */
export function runDetector(settings: usize, kind: i32, input: usize, mask: usize, frames: i32, position: i32, row: i32): i32 {
  takeSettings(settings);
  const stride = kind == INT16 ? inputStride : (<usize>groups) << 5;
  const padded = (<usize>groups) << 3;
  let done = 0;
  let place = position;
  let rowAt = row;
  while (done < frames) {
    const count = min(frames - done, epoch - place);
    if (reportCapacity - countReports() < channels * (2 * count + 2)) break;
    const out = rows + <usize>(isWide != 0 ? rowAt : place) * rowBytes;
    const source = input + <usize>done * stride;
    const maskAt: usize = mask == 0 ? <usize>0 : mask + <usize>done * padded;
    const isEnd = place + count == epoch;
    for (let group = 0; group < groups; group++) {
      const record = records + <usize>group * recordBytes;
      const rowsOut = isWide != 0 ? out + ((<usize>group) << 5) : out;
      filterGroup(kind, record, group, source, stride, maskAt, rowsOut, place, count);
      if (reference != 0) continue;
      detectGroup(record, group, rowsOut, place, count, done);
      if (isEnd) endEpoch(record);
    }
    if (reference != 0) {
      subtractReference(reference, out, place, count);
      for (let group = 0; group < groups; group++) {
        const record = records + <usize>group * recordBytes;
        detectGroup(record, group, out + ((<usize>group) << 5), place, count, done);
        if (isEnd) endEpoch(record);
      }
    }
    done += count;
    place = isEnd ? 0 : place + count;
    rowAt = rowAt + count >= historyFrames ? 0 : rowAt + count;
  }
  store<i32>(settings, countReports(), SETTINGS_BYTES);
  return done;
}

/** Makes the levels anew after the medians or stages were written from outside. */
export function updateAllLevels(settings: usize): void {
  takeSettings(settings);
  for (let group = 0; group < groups; group++) updateLevels(records + <usize>group * recordBytes);
}

function filterGroup(
  kind: i32,
  record: usize,
  group: i32,
  source: usize,
  stride: usize,
  mask: usize,
  out: usize,
  position: i32,
  frames: i32,
): void {
  const at = source + (kind == INT16 ? (<usize>group) << 4 : (<usize>group) << 5);
  const lanes = min(8, channels - (group << 3));
  // Guards and silences may have changed since: what care is needed is asked anew.
  const care = load<i32>(record, CAREFUL) == NO_CARE ? NO_CARE : careOf(record, lanes);
  const isPlain = care != CARE && (mask == 0 || !isAnyMasked(mask, group, frames));
  if (isPlain && filterPlainly(kind, record, at, stride, out, frames, lanes)) {
    store<i32>(record, care, CAREFUL);
    if (care == DEAD_CHANNELS) markDead(record, group, lanes, position, frames);
    else store<i32>(record, 0, MARKED);
    return;
  }
  filterCarefully(kind, record, group, at, stride, mask, out, position, frames);
}

/** Filters input as it is. False when a channel was at the rail: nothing was done then. */
function filterPlainly(kind: i32, record: usize, at: usize, stride: usize, out: usize, frames: i32, lanes: i32): bool {
  if (kind != INT16) {
    filterFloat(record, at, stride, out, frames);
    return true;
  }
  if (filterInt16(record, at, stride, out, frames, lanes, scaleInt16)) return false;
  hold(record, at + <usize>(frames - 1) * stride);
  return true;
}

/** Keeps the last frame's input, should what follows be at the rail. */
@inline
function hold(record: usize, last: usize): void {
  const raw = v128.load(last);
  const scale = f32x4.splat(scaleInt16);
  v128.store(record, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(raw)), scale), HELD);
  v128.store(record, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(raw)), scale), HELD + 16);
}

function isAnyMasked(mask: usize, group: i32, frames: i32): bool {
  const padded = (<usize>groups) << 3;
  let at = mask + ((<usize>group) << 3);
  let any: u64 = 0;
  for (let i = 0; i < frames; i++) {
    any |= load<u64>(at);
    at += padded;
  }
  return any != 0;
}

function detectGroup(record: usize, group: i32, out: usize, position: i32, frames: i32, base: i32): void {
  const crest = reference != 0 ? CREST : PEAK;
  const isLoudA = f32x4.gt(v128.load(record + crest), v128.load(record, QUIET));
  const isLoudB = f32x4.gt(v128.load(record + crest, 16), v128.load(record, QUIET + 16));
  const valid = (1 << min(8, channels - (group << 3))) - 1;
  let bits = load<i32>(record, ACTIVE) | i32x4.bitmask(isLoudA) | (i32x4.bitmask(isLoudB) << 4);
  bits |= load<i32>(record, SETTLING);
  const marked = load<i32>(record, MARKED) != 0 ? markedLanes(group, position, frames) : 0;
  bits = (bits | marked) & valid;
  if (bits == 0) {
    trackNoise(record, out, position, frames);
    return;
  }
  v128.store(MEDIANS_BEFORE, v128.load(record, MEDIAN));
  v128.store(MEDIANS_BEFORE, v128.load(record, MEDIAN + 16), 16);
  if (bits != valid) trackNoise(record, out, position, frames);
  if (bits != marked) findLoud(record, out, frames);
  let active = 0;
  while (bits != 0) {
    const lane = ctz(bits);
    bits &= bits - 1;
    const isMarked = (marked >> lane) & 1;
    const at = out + ((<usize>lane) << 2);
    const isActive = isMarked
      ? scanMarked(record, group, lane, at, position, frames, base)
      : scanSeen(record, (group << 3) + lane, at, position, frames, base);
    active |= isActive << lane;
  }
  store<i32>(record, active, ACTIVE);
}

function markedLanes(group: i32, position: i32, frames: i32): i32 {
  const padded = (<usize>groups) << 3;
  let at = marks + <usize>position * padded + ((<usize>group) << 3);
  let any: u64 = 0;
  for (let i = 0; i < frames; i++) {
    any |= load<u64>(at);
    at += padded;
  }
  let bits = 0;
  for (let lane = 0; lane < 8; lane++) bits |= i32(((any >> (lane << 3)) & 255) != 0) << lane;
  return bits;
}

