// Moments W_k = sum t^k V over the 2N + 1 samples of a window, t = -N..N: integers, exact, whatever the way to them.
import { HALF_WINDOW, INPUT, MOMENTS, setting, stride, W0, W1, W2, W3 } from './salpa-layout';

export function toF64High(values: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i64>(values, values, 1, 1));
}

/** Two int16 side by side in each 32-bit lane. */
export function pairs(first: i32, second: i32): v128 {
  return i32x4.splat((second << 16) | (first & 0xffff));
}

/** All four moments of the window that ends with `row`, added up anew. */
export function sumMoments(at: usize, record: usize, group: i32, row: i32): void {
  const n = setting(at, HALF_WINDOW);
  const step = stride(at);
  let source = <usize>setting(at, INPUT) + ((<usize>group) << 4) + <usize>(row - 2 * n) * step;
  let w0a = i32x4.splat(0);
  let w0b = i32x4.splat(0);
  let w1a = i32x4.splat(0);
  let w1b = i32x4.splat(0);
  for (let k: usize = 0; k < 64; k += 16) {
    v128.store(record + k, f64x2.splat(0), W2);
    v128.store(record + k, f64x2.splat(0), W3);
  }
  for (let t = -n; t <= n; t++) {
    const values = v128.load(source);
    const a = i32x4.extend_low_i16x8_s(values);
    const b = i32x4.extend_high_i16x8_s(values);
    const ta = i32x4.mul(a, i32x4.splat(t));
    const tb = i32x4.mul(b, i32x4.splat(t));
    w0a = i32x4.add(w0a, a);
    w0b = i32x4.add(w0b, b);
    w1a = i32x4.add(w1a, ta);
    w1b = i32x4.add(w1b, tb);
    addPowers(record, ta, <f64>t);
    addPowers(record + 32, tb, <f64>t);
    source += step;
  }
  v128.store(record, w0a, W0);
  v128.store(record, w0b, W0 + 16);
  v128.store(record, w1a, W1);
  v128.store(record, w1b, W1 + 16);
  store<i32>(record + MOMENTS, 4);
}

/** t V of four channels, times t and times t squared. */
function addPowers(record: usize, values: v128, t: f64): void {
  const low = f64x2.mul(f64x2.convert_low_i32x4_s(values), f64x2.splat(t));
  const high = f64x2.mul(toF64High(values), f64x2.splat(t));
  v128.store(record, f64x2.add(v128.load(record, W2), low), W2);
  v128.store(record, f64x2.add(v128.load(record, W2 + 16), high), W2 + 16);
  v128.store(record, f64x2.add(v128.load(record, W3), f64x2.mul(low, f64x2.splat(t))), W3);
  v128.store(record, f64x2.add(v128.load(record, W3 + 16), f64x2.mul(high, f64x2.splat(t))), W3 + 16);
}

/** From the window that ends before `row` to the one that ends with it, for the moments that hold. */
export function slideMoments(at: usize, record: usize, group: i32, row: i32): void {
  const n = setting(at, HALF_WINDOW);
  const step = stride(at);
  const source = <usize>setting(at, INPUT) + ((<usize>group) << 4) + <usize>row * step;
  const entering = v128.load(source);
  const leaving = v128.load(source - <usize>(2 * n + 1) * step);
  const isWhole = load<i32>(record + MOMENTS) == 4;
  slideHalf(record, v128.shuffle<i16>(entering, leaving, 0, 8, 1, 9, 2, 10, 3, 11), n, 0, isWhole);
  slideHalf(record, v128.shuffle<i16>(entering, leaving, 4, 12, 5, 13, 6, 14, 7, 15), n, 16, isWhole);
}

/** Four channels of a group; `both` has the entering and the leaving sample of each side by side. */
function slideHalf(record: usize, both: v128, n: i32, half: usize, isWhole: bool): void {
  const low = record + half;
  const wide = record + (half << 1);
  const w0 = v128.load(low, W0);
  const w1 = v128.load(low, W1);
  if (isWhole) slideCubes(wide, w0, w1, both, n);
  const second = i32x4.sub(i32x4.add(i32x4.dot_i16x8_s(both, pairs(n * n, -(n + 1) * (n + 1))), w0), i32x4.shl(w1, 1));
  v128.store(wide, f64x2.add(v128.load(wide, W2), f64x2.convert_low_i32x4_s(second)), W2);
  v128.store(wide, f64x2.add(v128.load(wide, W2 + 16), toF64High(second)), W2 + 16);
  v128.store(low, i32x4.add(i32x4.sub(w1, w0), i32x4.dot_i16x8_s(both, pairs(n, n + 1))), W1);
  v128.store(low, i32x4.add(w0, i32x4.dot_i16x8_s(both, pairs(1, -1))), W0);
}

function slideCubes(wide: usize, w0: v128, w1: v128, both: v128, n: i32): void {
  const entering = i32x4.shr_s(i32x4.shl(both, 16), 16);
  const leaving = i32x4.shr_s(both, 16);
  // 3 W1 - W0: at most 3 * 32768 * 126 * 127 + 32768 * 253 < 2^31.
  const lower = i32x4.sub(i32x4.mul(w1, i32x4.splat(3)), w0);
  v128.store(
    wide,
    nextCube(
      v128.load(wide, W3),
      v128.load(wide, W2),
      f64x2.convert_low_i32x4_s(lower),
      f64x2.convert_low_i32x4_s(entering),
      f64x2.convert_low_i32x4_s(leaving),
      n,
    ),
    W3,
  );
  v128.store(
    wide,
    nextCube(
      v128.load(wide, W3 + 16),
      v128.load(wide, W2 + 16),
      toF64High(lower),
      toF64High(entering),
      toF64High(leaving),
      n,
    ),
    W3 + 16,
  );
}

/** W3 - 3 W2 + 3 W1 - W0 + N^3 V(entering) + (N + 1)^3 V(leaving); `lower` is 3 W1 - W0. */
export function nextCube(w3: v128, w2: v128, lower: v128, entering: v128, leaving: v128, n: i32): v128 {
  const inside = f64x2.sub(f64x2.add(w3, lower), f64x2.mul(w2, f64x2.splat(3)));
  return f64x2.add(
    inside,
    f64x2.add(
      f64x2.mul(entering, f64x2.splat(<f64>(n * n * n))),
      f64x2.mul(leaving, f64x2.splat(<f64>((n + 1) * (n + 1) * (n + 1)))),
    ),
  );
}
