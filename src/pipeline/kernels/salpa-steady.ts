// The common cases, for speed: eight channels that are all subtracted in full, or all as they are, row after row, until
// one comes to the rail. `stuck` has a bit for each channel that is at the rail and stays there: held and blind.
import {
  BLIND,
  CENTRE,
  CENTRE_GAIN,
  END_WEIGHTS,
  GAIN,
  GROUPS,
  HALF_WINDOW,
  HELD,
  INPUT,
  MOMENTS,
  ONE_SIDED,
  OUTPUT,
  RAIL_HIGH,
  RAIL_LOW,
  real,
  setting,
  stride,
  W0,
  W1,
  W2,
  W3,
} from './salpa-layout';
import { nextCube, pairs, toF64High } from './salpa-moments';

/** All bits of the channels of `stuck` in an i16x8. */
export function spread(stuck: i32): v128 {
  const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  return i16x8.eq(v128.and(i16x8.splat(<i16>stuck), bits), bits);
}

/** True when other channels are at the rail than before. */
function isChanged(values: v128, low: v128, high: v128, stuck: v128): bool {
  return v128.any_true(v128.xor(v128.or(i16x8.le_s(values, low), i16x8.ge_s(values, high)), stuck));
}

/** Rows [row, end) of a group; the moments hold for the window before. Returns the row at which it stopped. */
export function runSteady(at: usize, group: i32, record: usize, row: i32, end: i32, stuck: i32): i32 {
  if (setting(at, ONE_SIDED)) return runAtEnd(at, group, record, row, end);
  return runAtCentre(at, group, record, row, end, stuck);
}

/** What the stuck channels of a row give, each by itself: their row is N ahead of the others'. */
function holdStuck(record: usize, target: usize, mask: usize, stuck: i32): void {
  for (let bits = stuck; bits != 0; bits &= bits - 1) {
    const lane = <usize>ctz(bits);
    store<f32>(target + (lane << 2), load<f32>(record + (lane << 2), HELD));
    store<u8>(mask + lane, 1);
  }
}

/** (divisor V - (scale W0 - 15 W2)) x gain / divisor of four channels, plus what is held. */
function leaveCentre(at: usize, values: v128, w0: v128, w2Low: v128, w2High: v128, held: v128): v128 {
  const scale = v128.load64_splat(at + CENTRE);
  const divisor = v128.load64_splat(at + CENTRE + 8);
  const gain = v128.load64_splat(at + CENTRE_GAIN);
  const fifteen = f64x2.splat(15);
  const low = f64x2.sub(
    f64x2.mul(divisor, f64x2.convert_low_i32x4_s(values)),
    f64x2.sub(f64x2.mul(scale, f64x2.convert_low_i32x4_s(w0)), f64x2.mul(fifteen, w2Low)),
  );
  const high = f64x2.sub(
    f64x2.mul(divisor, toF64High(values)),
    f64x2.sub(f64x2.mul(scale, toF64High(w0)), f64x2.mul(fifteen, w2High)),
  );
  const left = v128.shuffle<i64>(
    f32x4.demote_f64x2_zero(f64x2.mul(low, gain)),
    f32x4.demote_f64x2_zero(f64x2.mul(high, gain)),
    0,
    2,
  );
  return f32x4.add(left, held);
}

function runAtCentre(at: usize, group: i32, record: usize, row: i32, end: i32, stuck: i32): i32 {
  const n = setting(at, HALF_WINDOW);
  const step = stride(at);
  const window = <usize>(2 * n + 1) * step;
  const lag = <usize>n * step;
  let source = <usize>setting(at, INPUT) + ((<usize>group) << 4) + <usize>row * step;
  let target = <usize>setting(at, OUTPUT) + ((<usize>group) << 5) + <usize>(row - n) * (step << 1);
  let mask = <usize>setting(at, BLIND) + ((<usize>group) << 3) + <usize>(row - n) * (step >> 1);
  const railLow = i16x8.splat(<i16>setting(at, RAIL_LOW));
  const railHigh = i16x8.splat(<i16>setting(at, RAIL_HIGH));
  const stuckAll = spread(stuck);
  const stuckLow = i32x4.extend_low_i16x8_s(stuckAll);
  const stuckHigh = i32x4.extend_high_i16x8_s(stuckAll);
  const stuckBytes = i64x2.extract_lane(i8x16.narrow_i16x8_s(stuckAll, stuckAll), 0);
  const ahead = <usize>n * (step >> 1);
  const first = pairs(1, -1);
  const second = pairs(n, n + 1);
  const third = pairs(n * n, -(n + 1) * (n + 1));
  const heldA = v128.load(record, HELD);
  const heldB = v128.load(record, HELD + 16);
  let w0a = v128.load(record, W0);
  let w0b = v128.load(record, W0 + 16);
  let w1a = v128.load(record, W1);
  let w1b = v128.load(record, W1 + 16);
  let w2a = v128.load(record, W2);
  let w2b = v128.load(record, W2 + 16);
  let w2c = v128.load(record, W2 + 32);
  let w2d = v128.load(record, W2 + 48);
  let now = row;
  for (; now < end; now++) {
    const entering = v128.load(source);
    if (isChanged(entering, railLow, railHigh, stuckAll)) break;
    const leaving = v128.load(source - window);
    const a = v128.shuffle<i16>(entering, leaving, 0, 8, 1, 9, 2, 10, 3, 11);
    const b = v128.shuffle<i16>(entering, leaving, 4, 12, 5, 13, 6, 14, 7, 15);
    const da = i32x4.sub(i32x4.add(i32x4.dot_i16x8_s(a, third), w0a), i32x4.shl(w1a, 1));
    const db = i32x4.sub(i32x4.add(i32x4.dot_i16x8_s(b, third), w0b), i32x4.shl(w1b, 1));
    w2a = f64x2.add(w2a, f64x2.convert_low_i32x4_s(da));
    w2b = f64x2.add(w2b, toF64High(da));
    w2c = f64x2.add(w2c, f64x2.convert_low_i32x4_s(db));
    w2d = f64x2.add(w2d, toF64High(db));
    w1a = i32x4.add(i32x4.sub(w1a, w0a), i32x4.dot_i16x8_s(a, second));
    w1b = i32x4.add(i32x4.sub(w1b, w0b), i32x4.dot_i16x8_s(b, second));
    w0a = i32x4.add(w0a, i32x4.dot_i16x8_s(a, first));
    w0b = i32x4.add(w0b, i32x4.dot_i16x8_s(b, first));
    const middle = v128.load(source - lag);
    const left = leaveCentre(at, i32x4.extend_low_i16x8_s(middle), w0a, w2a, w2b, heldA);
    const right = leaveCentre(at, i32x4.extend_high_i16x8_s(middle), w0b, w2c, w2d, heldB);
    if (stuck == 0) {
      v128.store(target, left);
      v128.store(target, right, 16);
      store<i64>(mask, 0);
    } else {
      v128.store(target, v128.bitselect(v128.load(target), left, stuckLow));
      v128.store(target, v128.bitselect(v128.load(target, 16), right, stuckHigh), 16);
      store<i64>(mask, load<i64>(mask) & stuckBytes);
      holdStuck(record, target + ahead * 4, mask + ahead, stuck);
    }
    source += step;
    target += step << 1;
    mask += step >> 1;
  }
  v128.store(record, w0a, W0);
  v128.store(record, w0b, W0 + 16);
  v128.store(record, w1a, W1);
  v128.store(record, w1b, W1 + 16);
  v128.store(record, w2a, W2);
  v128.store(record, w2b, W2 + 16);
  v128.store(record, w2c, W2 + 32);
  v128.store(record, w2d, W2 + 48);
  // The cubes were left behind; they are added up anew when a whole cubic is needed.
  if (now > row) store<i32>(record + MOMENTS, 3);
  return now;
}

function runAtEnd(at: usize, group: i32, record: usize, row: i32, end: i32): i32 {
  const step = stride(at);
  const window = <usize>(2 * setting(at, HALF_WINDOW) + 1) * step;
  let source = <usize>setting(at, INPUT) + ((<usize>group) << 4) + <usize>row * step;
  let target = <usize>setting(at, OUTPUT) + ((<usize>group) << 5) + <usize>row * (step << 1);
  let mask = <usize>setting(at, BLIND) + ((<usize>group) << 3) + <usize>row * (step >> 1);
  const railLow = i16x8.splat(<i16>setting(at, RAIL_LOW));
  const railHigh = i16x8.splat(<i16>setting(at, RAIL_HIGH));
  let now = row;
  for (; now < end; now++) {
    const entering = v128.load(source);
    if (v128.any_true(v128.or(i16x8.le_s(entering, railLow), i16x8.ge_s(entering, railHigh)))) break;
    const leaving = v128.load(source - window);
    v128.store(target, leaveEnd(at, record, v128.shuffle<i16>(entering, leaving, 0, 8, 1, 9, 2, 10, 3, 11), 0));
    v128.store(target, leaveEnd(at, record, v128.shuffle<i16>(entering, leaving, 4, 12, 5, 13, 6, 14, 7, 15), 16), 16);
    store<i64>(mask, 0);
    source += step;
    target += step << 1;
    mask += step >> 1;
  }
  return now;
}

/** Moments of four channels moved on by a sample, and what the fit leaves of that sample. */
function leaveEnd(at: usize, record: usize, both: v128, half: usize): v128 {
  const n = setting(at, HALF_WINDOW);
  const low = record + half;
  const wide = record + (half << 1);
  const w0 = v128.load(low, W0);
  const w1 = v128.load(low, W1);
  const w2Low = v128.load(wide, W2);
  const w2High = v128.load(wide, W2 + 16);
  const entering = i32x4.shr_s(i32x4.shl(both, 16), 16);
  const leaving = i32x4.shr_s(both, 16);
  const lower = i32x4.sub(i32x4.mul(w1, i32x4.splat(3)), w0);
  const enteringLow = f64x2.convert_low_i32x4_s(entering);
  const enteringHigh = toF64High(entering);
  const w3Low = nextCube(
    v128.load(wide, W3),
    w2Low,
    f64x2.convert_low_i32x4_s(lower),
    enteringLow,
    f64x2.convert_low_i32x4_s(leaving),
    n,
  );
  const w3High = nextCube(v128.load(wide, W3 + 16), w2High, toF64High(lower), enteringHigh, toF64High(leaving), n);
  const third = i32x4.sub(i32x4.add(i32x4.dot_i16x8_s(both, pairs(n * n, -(n + 1) * (n + 1))), w0), i32x4.shl(w1, 1));
  const nextLow = f64x2.add(w2Low, f64x2.convert_low_i32x4_s(third));
  const nextHigh = f64x2.add(w2High, toF64High(third));
  const next1 = i32x4.add(i32x4.sub(w1, w0), i32x4.dot_i16x8_s(both, pairs(n, n + 1)));
  const next0 = i32x4.add(w0, i32x4.dot_i16x8_s(both, pairs(1, -1)));
  v128.store(low, next0, W0);
  v128.store(low, next1, W1);
  v128.store(wide, nextLow, W2);
  v128.store(wide, nextHigh, W2 + 16);
  v128.store(wide, w3Low, W3);
  v128.store(wide, w3High, W3 + 16);
  const a = subtractEnd(
    at,
    enteringLow,
    f64x2.convert_low_i32x4_s(next0),
    f64x2.convert_low_i32x4_s(next1),
    nextLow,
    w3Low,
  );
  const b = subtractEnd(at, enteringHigh, toF64High(next0), toF64High(next1), nextHigh, w3High);
  return f32x4.add(v128.shuffle<i64>(a, b, 0, 2), v128.load(low, HELD));
}

function subtractEnd(at: usize, values: v128, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  const fit = f64x2.add(
    f64x2.add(
      f64x2.mul(v128.load64_splat(at + END_WEIGHTS), w0),
      f64x2.mul(v128.load64_splat(at + END_WEIGHTS + 8), w1),
    ),
    f64x2.add(
      f64x2.mul(v128.load64_splat(at + END_WEIGHTS + 16), w2),
      f64x2.mul(v128.load64_splat(at + END_WEIGHTS + 24), w3),
    ),
  );
  return f32x4.demote_f64x2_zero(f64x2.mul(f64x2.sub(values, fit), v128.load64_splat(at + GAIN)));
}

/** Copies rows of a group as they are, until other channels are at the rail; returns that row, or `end`. */
export function passThrough(at: usize, group: i32, record: usize, row: i32, end: i32, stuck: i32): i32 {
  const step = stride(at);
  let source = <usize>setting(at, INPUT) + ((<usize>group) << 4) + <usize>row * step;
  let target = <usize>setting(at, OUTPUT) + ((<usize>group) << 5) + <usize>row * (step << 1);
  let mask = <usize>setting(at, BLIND) + ((<usize>group) << 3) + <usize>row * (step >> 1);
  const railLow = i16x8.splat(<i16>setting(at, RAIL_LOW));
  const railHigh = i16x8.splat(<i16>setting(at, RAIL_HIGH));
  const gain = f32x4.splat(<f32>real(at, GAIN));
  const stuckAll = spread(stuck);
  let now = row;
  for (; now < end; now++) {
    const values = v128.load(source);
    if (isChanged(values, railLow, railHigh, stuckAll)) break;
    v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(values)), gain));
    v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(values)), gain), 16);
    store<i64>(mask, 0);
    if (stuck != 0) holdStuck(record, target, mask, stuck);
    source += step;
    target += step << 1;
    mask += step >> 1;
  }
  return now;
}

/** 1 when no sample of rows [row, end) is at the rail, all channels. */
export function isOffRail(at: usize, row: i32, end: i32): i32 {
  const railLow = i16x8.splat(<i16>setting(at, RAIL_LOW));
  const railHigh = i16x8.splat(<i16>setting(at, RAIL_HIGH));
  const groups = <usize>setting(at, GROUPS);
  const input = <usize>setting(at, INPUT);
  const last = input + <usize>end * (groups << 4);
  for (let source = input + <usize>row * (groups << 4); source < last; source += groups << 4) {
    let low = i16x8.splat(32767);
    let high = i16x8.splat(-32768);
    for (let group: usize = 0; group < groups; group++) {
      const values = v128.load(source + (group << 4));
      low = i16x8.min_s(low, values);
      high = i16x8.max_s(high, values);
    }
    if (v128.any_true(v128.or(i16x8.le_s(low, railLow), i16x8.ge_s(high, railHigh)))) return 0;
  }
  return 1;
}
