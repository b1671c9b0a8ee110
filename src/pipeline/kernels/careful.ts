// Input that cannot be taken as it is: masks, rails, guards, first samples. Frame by frame and channel by channel. At the
// rail the last value before it is held; masked rows hold already what bridges them.
import {
  CAREFUL,
  channels,
  GUARD_LEFT,
  guardFrames,
  groups,
  HELD,
  inputRows,
  MARKED,
  marks,
  RAIL_RUN,
  railGuardFrames,
  railSamples,
  rowBytes,
  scaleInt16,
  SILENT,
  silentEpochs,
  STARTED,
} from './detect-layout';
import { filterFloat, INT16, settleFilter } from './filter';

/** Filters frames of a group to `out`, bridging what cannot be seen, and marks it. */
export function filterCarefully(
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
  const lanes = min(8, channels - (group << 3));
  const padded = (<usize>groups) << 3;
  let from = source;
  let to = out;
  let maskAt: usize = mask == 0 ? <usize>0 : mask + ((<usize>group) << 3);
  let markAt = marks + <usize>position * padded + ((<usize>group) << 3);
  let isMarked = 0;
  for (let lane = lanes; lane < 8; lane++) store<f32>(inputRows + ((<usize>lane) << 2), 0);
  for (let i = 0; i < frames; i++) {
    store<u64>(markAt, 0);
    for (let lane = 0; lane < lanes; lane++) {
      const isMasked = maskAt != 0 && load<u8>(maskAt + <usize>lane) != 0;
      const mark = takeInput(kind, record, lane, from, isMasked);
      store<u8>(markAt + <usize>lane, <u8>mark);
      isMarked |= mark;
    }
    filterFloat(record, inputRows, 0, to, 1);
    from += stride;
    to += rowBytes;
    markAt += padded;
    if (maskAt != 0) maskAt += padded;
  }
  store<i32>(record, isMarked, MARKED);
  store<i32>(record, careOf(record, lanes), CAREFUL);
}

/** Puts one channel's input into `inputRows`; 1 when its output is blind. */
function takeInput(kind: i32, record: usize, lane: i32, source: usize, isMasked: bool): i32 {
  const at = record + ((<usize>lane) << 2);
  let isBlind = isMasked;
  let guard = guardFrames;
  let value: f32 = 0;
  if (kind == INT16) {
    const raw = <i32>load<i16>(source + ((<usize>lane) << 1));
    const run = raw == 32767 || raw == -32768 ? min(load<i32>(at, RAIL_RUN) + 1, railSamples + 1) : 0;
    store<i32>(at, run, RAIL_RUN);
    if (run > railSamples) {
      isBlind = true;
      guard = railGuardFrames;
    }
    value = isBlind ? load<f32>(at, HELD) : <f32>raw * scaleInt16;
  } else {
    value = load<f32>(source + ((<usize>lane) << 2));
  }
  let guardLeft = load<i32>(at, GUARD_LEFT);
  let mark = 1;
  if (isBlind) {
    guardLeft = max(guardLeft, guard);
  } else {
    if (load<i32>(at, STARTED) == 0) {
      settleFilter(record, lane, value);
      store<i32>(at, 1, STARTED);
    }
    store<f32>(at, value, HELD);
    if (load<i32>(at, SILENT) >= silentEpochs) guardLeft = railGuardFrames;
    else if (guardLeft > 0) guardLeft--;
    else mark = 0;
  }
  store<i32>(at, guardLeft, GUARD_LEFT);
  store<f32>(inputRows + ((<usize>lane) << 2), value);
  return mark;
}

/** Every channel of the group can be seen, and its input be taken as it is. */
export const NO_CARE: i32 = 0;
/** Input has to be looked at sample by sample. */
export const CARE: i32 = 1;
/** All of it can be taken as it is, but some channels are dead. */
export const DEAD_CHANNELS: i32 = 2;

/** What care a group needs whose input is neither masked nor at the rail. */
export function careOf(record: usize, lanes: i32): i32 {
  let care = NO_CARE;
  for (let lane = 0; lane < lanes; lane++) {
    const at = record + ((<usize>lane) << 2);
    if (load<i32>(at, STARTED) == 0 || load<i32>(at, RAIL_RUN) != 0) return CARE;
    if (load<i32>(at, SILENT) >= silentEpochs) care = DEAD_CHANNELS;
    else if (load<i32>(at, GUARD_LEFT) != 0) return CARE;
  }
  return care;
}

/** Marks the dead channels of a group in frames of the tile; nobody else is marked. */
export function markDead(record: usize, group: i32, lanes: i32, position: i32, frames: i32): void {
  let pattern: u64 = 0;
  for (let lane = 0; lane < lanes; lane++) {
    const at = record + ((<usize>lane) << 2);
    if (load<i32>(at, SILENT) < silentEpochs) continue;
    store<i32>(at, railGuardFrames, GUARD_LEFT);
    pattern |= (<u64>1) << (<u64>lane << 3);
  }
  const padded = (<usize>groups) << 3;
  let markAt = marks + <usize>position * padded + ((<usize>group) << 3);
  for (let i = 0; i < frames; i++) {
    store<u64>(markAt, pattern);
    markAt += padded;
  }
  store<i32>(record, 1, MARKED);
}
