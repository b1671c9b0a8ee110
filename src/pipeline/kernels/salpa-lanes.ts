// One channel, one sample: everything around blanks, which is seldom, and so may be slow.
import {
  ACTIVE_SAMPLES,
  BAD_LEFT,
  BLIND,
  CENTRE,
  CENTRE_GAIN,
  EDGE_GUARD,
  END_WEIGHTS,
  ENDLESS,
  EVEN,
  FADE_AT,
  FADE_SAMPLES,
  FADE_TABLE,
  GAIN,
  GUARD_LEFT,
  HALF_WINDOW,
  HELD,
  HOLD_SAMPLES,
  INPUT,
  LIMIT,
  MANY,
  ODD,
  ONE_SIDED,
  OUTPUT,
  PHASE,
  PROBE_SAMPLES,
  PROBE_WEIGHTS,
  RAIL_GUARD,
  RAIL_HIGH,
  RAIL_LOW,
  RAW,
  real,
  RUN,
  setting,
  stride,
  SUBTRACTS,
  VALID,
  W0,
  W1,
  W2,
  W3,
  WAITING,
} from './salpa-layout';

// The channel that is being worked on: its settings, its group's record, its number in the group, its column.
let at: usize = 0;
let record: usize = 0;
let lane: usize = 0;
let lane4: usize = 0;
let input: usize = 0;
let output: usize = 0;
let blind: usize = 0;
let step: usize = 0;

/** Says which channel the other functions work on. */
export function select(settings: usize, groupRecord: usize, group: i32, inGroup: i32): void {
  at = settings;
  record = groupRecord;
  lane = <usize>inGroup;
  lane4 = lane << 2;
  const channel = ((<usize>group) << 3) + lane;
  input = <usize>setting(at, INPUT) + (channel << 1);
  output = <usize>setting(at, OUTPUT) + (channel << 2);
  blind = <usize>setting(at, BLIND) + channel;
  step = stride(at);
}

function sample(row: i32): i32 {
  return load<i16>(input + <usize>row * step);
}

function put(row: i32, value: f32, isBlind: i32): void {
  store<f32>(output + <usize>row * (step << 1), value);
  store<u8>(blind + <usize>row * (step >> 1), isBlind);
}

function word(field: usize): i32 {
  return load<i32>(record + field + lane4);
}

function setWord(field: usize, value: i32): void {
  store<i32>(record + field + lane4, value);
}

function rawUv(row: i32): f32 {
  return <f32>(<f64>sample(row) * real(at, GAIN));
}

/** True when the channel's sample is at the rail, or has been a moment ago, or is blanked. */
export function isBad(row: i32): bool {
  const value = sample(row);
  return word(BAD_LEFT) > 0 || value <= setting(at, RAIL_LOW) || value >= setting(at, RAIL_HIGH);
}

/** Takes a bad sample: what the last fit still can give before it, then the held level, blind. */
export function takeBad(row: i32): void {
  const phase = word(PHASE);
  if (phase == VALID) finish(row);
  if (phase == RAW) store<f32>(record + HELD + lane4, meanUv(row));
  setWord(PHASE, WAITING);
  setWord(RUN, 0);
  const value = sample(row);
  const isAtRail = value <= setting(at, RAIL_LOW) || value >= setting(at, RAIL_HIGH);
  const left = word(BAD_LEFT);
  setWord(BAD_LEFT, (isAtRail ? max(left, setting(at, RAIL_GUARD) + 1) : left) - 1);
  put(row, load<f32>(record + HELD + lane4), 1);
}

/** Takes a good sample; the moments hold for the window that ends with it, as far as the channel needs them. */
export function takeGood(row: i32): void {
  const run = min(word(RUN) + 1, MANY);
  setWord(RUN, run);
  if (!setting(at, SUBTRACTS)) setWord(PHASE, RAW);
  const phase = word(PHASE);
  if (phase == RAW) put(row, rawUv(row), 0);
  else if (phase == VALID) takeValid(row);
  else {
    put(row, load<f32>(record + HELD + lane4), 1);
    if (run > 2 * setting(at, HALF_WINDOW) && isFitting(row)) acquire(row);
  }
}

/** The fit's outputs up to the sample before `row`, with the last window that has no bad sample in it. */
export function finish(row: i32): void {
  const n = setting(at, HALF_WINDOW);
  if (!setting(at, ONE_SIDED)) followCubic(row - n, row, row - 1 - n);
  const share = shareAt(word(FADE_AT));
  if (share == 1) return;
  const mean = meanUv(row);
  const held = load<f32>(record + HELD + lane4);
  store<f32>(record + HELD + lane4, share == 0 ? mean : mean + share * (held - mean));
}

/** Residuals of the first samples of the window that ends with `row`, summed: small enough? */
function isFitting(row: i32): bool {
  const first = row - 2 * setting(at, HALF_WINDOW);
  let sum = 0;
  for (let i = 0; i < setting(at, PROBE_SAMPLES); i++) sum += sample(first + i);
  return Math.abs(<f64>sum - weigh(PROBE_WEIGHTS)) <= <f64>load<f32>(record + LIMIT + lane4);
}

function weigh(weights: usize): f64 {
  const w0 = <f64>load<i32>(record + W0 + lane4);
  const w1 = <f64>load<i32>(record + W1 + lane4);
  const w2 = load<f64>(record + W2 + (lane << 3));
  const w3 = load<f64>(record + W3 + (lane << 3));
  return (
    real(at, weights) * w0 + real(at, weights + 8) * w1 + (real(at, weights + 16) * w2 + real(at, weights + 24) * w3)
  );
}

/** The window that ends with `row` fits: gives what can be given now. */
function acquire(row: i32): void {
  const n = setting(at, HALF_WINDOW);
  const guard = setting(at, EDGE_GUARD);
  setWord(PHASE, VALID);
  if (setting(at, ONE_SIDED)) {
    setWord(FADE_AT, fadeFrom(word(RUN) - 1));
    setWord(GUARD_LEFT, guard);
    takeValid(row);
    return;
  }
  const first = row - 2 * n;
  setWord(FADE_AT, fadeFrom(word(RUN) - 1 - 2 * n));
  followCubic(first, row - n + 1, row - n);
  for (let i = 0; i < guard; i++) store<u8>(blind + <usize>(first + i) * (step >> 1), 1);
  if (word(PHASE) == RAW) passUntil(row - n + 1, row + 1);
}

/** Where in the fade an output is that lies so many samples after the last bad one, if it is the first one. */
function fadeFrom(since: i32): i32 {
  return setting(at, ENDLESS) ? -MANY : min(since - setting(at, ACTIVE_SAMPLES), 0);
}

/** The next sample of a channel that has a fit. */
function takeValid(row: i32): void {
  const n = setting(at, HALF_WINDOW);
  const isOneSided = setting(at, ONE_SIDED);
  let left: f32;
  let target = row;
  if (isOneSided) left = <f32>((<f64>sample(row) - weigh(END_WEIGHTS)) * real(at, GAIN));
  else {
    target = row - n;
    const w0 = <f64>load<i32>(record + W0 + lane4);
    const w2 = load<f64>(record + W2 + (lane << 3));
    const divisor = real(at, CENTRE + 8);
    const inside = divisor * <f64>sample(target) - (real(at, CENTRE) * w0 - 15 * w2);
    left = <f32>(inside * real(at, CENTRE_GAIN));
  }
  give(target, left);
  if (word(PHASE) == RAW) passUntil(target + 1, row + 1);
}

/** Outputs rows [from, to) from the cubic of the present window around `centre`. */
function followCubic(from: i32, to: i32, centre: i32): void {
  const w0 = <f64>load<i32>(record + W0 + lane4);
  const w1 = <f64>load<i32>(record + W1 + lane4);
  const w2 = load<f64>(record + W2 + (lane << 3));
  const w3 = load<f64>(record + W3 + (lane << 3));
  const a0 = real(at, EVEN) * w0 + real(at, EVEN + 8) * w2;
  const a1 = real(at, ODD) * w1 + real(at, ODD + 8) * w3;
  const a2 = real(at, EVEN + 8) * w0 + real(at, EVEN + 16) * w2;
  const a3 = real(at, ODD + 8) * w1 + real(at, ODD + 16) * w3;
  for (let row = from; row < to; row++) {
    const t = <f64>(row - centre);
    const fit = ((a3 * t + a2) * t + a1) * t + a0;
    give(row, <f32>((<f64>sample(row) - fit) * real(at, GAIN)));
    if (word(PHASE) == RAW) {
      passUntil(row + 1, to);
      return;
    }
  }
}

/** One output, faded where it is due; RAW when the next one is not subtracted any more. */
function give(row: i32, left: f32): void {
  const fadeAt = word(FADE_AT);
  const level = left + load<f32>(record + HELD + lane4);
  const guard = word(GUARD_LEFT);
  const share = shareAt(fadeAt);
  const raw = rawUv(row);
  put(row, share == 1 ? level : share == 0 ? raw : raw + share * (level - raw), guard > 0 ? 1 : 0);
  if (guard > 0) setWord(GUARD_LEFT, guard - 1);
  if (setting(at, ENDLESS)) return;
  setWord(FADE_AT, fadeAt + 1);
  if (fadeAt + 1 >= setting(at, FADE_SAMPLES) && guard <= 1) setWord(PHASE, RAW);
}

function shareAt(fadeAt: i32): f32 {
  if (fadeAt < 0) return 1;
  if (fadeAt >= setting(at, FADE_SAMPLES)) return 0;
  return load<f32>(<usize>setting(at, FADE_TABLE) + ((<usize>fadeAt) << 2));
}

function passUntil(from: i32, to: i32): void {
  for (let row = from; row < to; row++) put(row, rawUv(row), 0);
}

/** Mean of the good samples before `row`, as many as are held by. */
function meanUv(row: i32): f32 {
  const count = min(setting(at, HOLD_SAMPLES), word(RUN));
  if (count == 0) return 0;
  let sum = 0;
  for (let i = row - count; i < row; i++) sum += sample(i);
  return <f32>((<f64>sum / <f64>count) * real(at, GAIN));
}
