// The band-pass: second-order sections in direct form II transposed, eight channels at a time. The gain is taken out of
// the sections (b0 = 1) and lies, with the step from raw units to uV, in one factor on the input.
import { coefficients, FILTER, HELD, isPair, PEAK, rowBytes, sections } from './detect-layout';

/** Raw int16, all seen: frames of `channels`. */
export const INT16: i32 = 0;
/** float32, scaled already: frames of padded channels. */
export const FLOAT: i32 = 1;

/** State below this is taken for zero, lest it becomes denormal, which some machines are slow at. */
const NOTHING: f32 = 1e-20;

// What is read is a type: f32 is scaled already, i16 raw, i8 raw of a group with less than eight channels. Not a number,
// because equal code for several numbers is folded into one loop that asks for the number at every sample.
@inline
function readLow<T>(at: usize, lanes: v128, scale: v128): v128 {
  if (isFloat<T>()) return v128.load(at);
  if (sizeof<T>() == 2) return f32x4.mul(f32x4.convert_i32x4_s(v128.load_ext<i16>(at)), scale);
  const raw = v128.and(v128.load(at), lanes);
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(raw)), scale);
}

@inline
function readHigh<T>(at: usize, lanes: v128, scale: v128): v128 {
  if (isFloat<T>()) return v128.load(at, 16);
  if (sizeof<T>() == 2) return f32x4.mul(f32x4.convert_i32x4_s(v128.load_ext<i16>(at, 8)), scale);
  const raw = v128.and(v128.load(at), lanes);
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(raw)), scale);
}

@inline
function coefficient(section: i32, index: usize): v128 {
  return v128.load32_splat(coefficients + ((<usize>section) << 4) + (index << 2));
}

/** True when an int16 of a group is at the rail. A pass of its own: the filter needs all registers there are. */
function isAtRail(source: usize, stride: usize, frames: i32, lanes: v128): bool {
  let high = i16x8.splat(0);
  let low = i16x8.splat(0);
  let from = source;
  let i = 0;
  for (; i + 4 <= frames; i += 4) {
    const a = v128.load(from);
    const b = v128.load(from + stride);
    const c = v128.load(from + (stride << 1));
    const d = v128.load(from + (stride << 1) + stride);
    high = i16x8.max_s(high, i16x8.max_s(i16x8.max_s(a, b), i16x8.max_s(c, d)));
    low = i16x8.min_s(low, i16x8.min_s(i16x8.min_s(a, b), i16x8.min_s(c, d)));
    from += stride << 2;
  }
  for (; i < frames; i++) {
    const raw = v128.load(from);
    high = i16x8.max_s(high, raw);
    low = i16x8.min_s(low, raw);
    from += stride;
  }
  const rails = v128.or(i16x8.eq(high, i16x8.splat(32767)), i16x8.eq(low, i16x8.splat(-32768)));
  return v128.any_true(v128.and(rails, lanes));
}

/**
 * The usual band-pass in one pass: a low-pass and a high-pass of the second order, whose numerators are (1, 2, 1) and
 * (1, -2, 1), so that nothing has to be multiplied for them.
 */
function filterPair<T>(
  record: usize,
  source: usize,
  stride: usize,
  out: usize,
  frames: i32,
  lanes: v128,
  scale: v128,
): void {
  const a10 = coefficient(0, 2);
  const a20 = coefficient(0, 3);
  const a11 = coefficient(1, 2);
  const a21 = coefficient(1, 3);
  const state = record + FILTER;
  let z0A = v128.load(state, 0);
  let z0B = v128.load(state, 16);
  let w0A = v128.load(state, 32);
  let w0B = v128.load(state, 48);
  let z1A = v128.load(state, 64);
  let z1B = v128.load(state, 80);
  let w1A = v128.load(state, 96);
  let w1B = v128.load(state, 112);
  let peakA = v128.load(record, PEAK);
  let peakB = v128.load(record, PEAK + 16);
  const rowStep = rowBytes;
  let from = source;
  let to = out;
  for (let i = 0; i < frames; i++) {
    const xA = readLow<T>(from, lanes, scale);
    const uA = f32x4.add(xA, z0A);
    z0A = f32x4.sub(f32x4.add(f32x4.add(xA, xA), w0A), f32x4.mul(a10, uA));
    w0A = f32x4.sub(xA, f32x4.mul(a20, uA));
    const yA = f32x4.add(uA, z1A);
    z1A = f32x4.sub(f32x4.sub(w1A, f32x4.add(uA, uA)), f32x4.mul(a11, yA));
    w1A = f32x4.sub(uA, f32x4.mul(a21, yA));
    v128.store(to, yA);
    peakA = f32x4.pmax(peakA, f32x4.abs(yA));
    const xB = readHigh<T>(from, lanes, scale);
    const uB = f32x4.add(xB, z0B);
    z0B = f32x4.sub(f32x4.add(f32x4.add(xB, xB), w0B), f32x4.mul(a10, uB));
    w0B = f32x4.sub(xB, f32x4.mul(a20, uB));
    const yB = f32x4.add(uB, z1B);
    z1B = f32x4.sub(f32x4.sub(w1B, f32x4.add(uB, uB)), f32x4.mul(a11, yB));
    w1B = f32x4.sub(uB, f32x4.mul(a21, yB));
    v128.store(to, yB, 16);
    peakB = f32x4.pmax(peakB, f32x4.abs(yB));
    from += stride;
    to += rowStep;
  }
  v128.store(record, peakA, PEAK);
  v128.store(record, peakB, PEAK + 16);
  v128.store(state, z0A, 0);
  v128.store(state, z0B, 16);
  v128.store(state, w0A, 32);
  v128.store(state, w0B, 48);
  v128.store(state, z1A, 64);
  v128.store(state, z1B, 80);
  v128.store(state, w1A, 96);
  v128.store(state, w1B, 112);
}

/** The largest |y| of the epoch so far. */
function updatePeaks(record: usize, out: usize, frames: i32): void {
  let peakA = v128.load(record, PEAK);
  let peakB = v128.load(record, PEAK + 16);
  let at = out;
  for (let i = 0; i < frames; i++) {
    peakA = f32x4.pmax(peakA, f32x4.abs(v128.load(at)));
    peakB = f32x4.pmax(peakB, f32x4.abs(v128.load(at, 16)));
    at += rowBytes;
  }
  v128.store(record, peakA, PEAK);
  v128.store(record, peakB, PEAK + 16);
}

/** Any sections, one pass each, in place after the first: what the pair does, for every other design. */
function filterCascade<T>(
  record: usize,
  source: usize,
  stride: usize,
  out: usize,
  frames: i32,
  lanes: v128,
  scale: v128,
): void {
  let from = source;
  let to = out;
  for (let i = 0; i < frames; i++) {
    v128.store(to, readLow<T>(from, lanes, scale));
    v128.store(to, readHigh<T>(from, lanes, scale), 16);
    from += stride;
    to += rowBytes;
  }
  for (let section = 0; section < sections; section++) filterSection(section, record, out, frames);
  updatePeaks(record, out, frames);
}

function filterSection(section: i32, record: usize, out: usize, frames: i32): void {
  const b1 = coefficient(section, 0);
  const b2 = coefficient(section, 1);
  const a1 = coefficient(section, 2);
  const a2 = coefficient(section, 3);
  const state = record + FILTER + ((<usize>section) << 6);
  let zA = v128.load(state, 0);
  let zB = v128.load(state, 16);
  let wA = v128.load(state, 32);
  let wB = v128.load(state, 48);
  let at = out;
  for (let i = 0; i < frames; i++) {
    const xA = v128.load(at);
    const xB = v128.load(at, 16);
    const yA = f32x4.add(xA, zA);
    const yB = f32x4.add(xB, zB);
    zA = f32x4.sub(f32x4.add(f32x4.mul(b1, xA), wA), f32x4.mul(a1, yA));
    zB = f32x4.sub(f32x4.add(f32x4.mul(b1, xB), wB), f32x4.mul(a1, yB));
    wA = f32x4.sub(f32x4.mul(b2, xA), f32x4.mul(a2, yA));
    wB = f32x4.sub(f32x4.mul(b2, xB), f32x4.mul(a2, yB));
    v128.store(at, yA);
    v128.store(at, yB, 16);
    at += rowBytes;
  }
  v128.store(state, zA, 0);
  v128.store(state, zB, 16);
  v128.store(state, wA, 32);
  v128.store(state, wB, 48);
}

/** Filters raw frames of a group to `out`. True when a channel was at the rail: nothing was done then. */
export function filterInt16(
  record: usize,
  source: usize,
  stride: usize,
  out: usize,
  frames: i32,
  channels: i32,
  scale: f32,
): bool {
  const factor = f32x4.splat(scale);
  // The last group reaches into the next frame.
  const lanes = i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>channels));
  if (isAtRail(source, stride, frames, lanes)) return true;
  if (isPair == 0) filterCascade<i8>(record, source, stride, out, frames, lanes, factor);
  else if (channels < 8) filterPair<i8>(record, source, stride, out, frames, lanes, factor);
  else filterPair<i16>(record, source, stride, out, frames, lanes, factor);
  return false;
}

/** Filters scaled float32 frames of a group to `out`. */
export function filterFloat(record: usize, source: usize, stride: usize, out: usize, frames: i32): void {
  const unused = f32x4.splat(1);
  if (isPair != 0) filterPair<f32>(record, source, stride, out, frames, unused, unused);
  else filterCascade<f32>(record, source, stride, out, frames, unused, unused);
}

/** Puts one channel's filter into the steady state of a constant input. */
export function settleFilter(record: usize, lane: i32, input: f32): void {
  let x = input;
  const at = (<usize>lane) << 2;
  store<f32>(record + at, x, HELD);
  for (let section = 0; section < sections; section++) {
    const from = coefficients + ((<usize>section) << 4);
    const b1 = load<f32>(from, 0);
    const b2 = load<f32>(from, 4);
    const a1 = load<f32>(from, 8);
    const a2 = load<f32>(from, 12);
    const y = x * ((<f32>1 + b1 + b2) / (<f32>1 + a1 + a2));
    const state = record + FILTER + ((<usize>section) << 6) + at;
    store<f32>(state, y - x, 0);
    store<f32>(state, b2 * x - a2 * y, 32);
    x = y;
  }
}

/** State of channels in the given lanes that is too small to matter becomes zero. */
export function flushFilter(record: usize, lanesA: v128, lanesB: v128): void {
  const end = record + FILTER + ((<usize>sections) << 6);
  const nothing = f32x4.splat(NOTHING);
  for (let at = record + FILTER; at < end; at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    v128.store(at, v128.andnot(a, v128.and(lanesA, f32x4.lt(f32x4.abs(a), nothing))));
    v128.store(at, v128.andnot(b, v128.and(lanesB, f32x4.lt(f32x4.abs(b), nothing))), 16);
  }
}
