// Where the artefact stage keeps things. The TypeScript side (artefact/salpa-memory.ts) repeats the offsets.

/** Settings: i32 words, then f64. Buffers are rows of all channels, padded to groups of 8; row r of each is one sample. */
export const GROUPS: usize = 0;
export const HALF_WINDOW: usize = 4;
export const INPUT: usize = 8;
export const OUTPUT: usize = 12;
export const BLIND: usize = 16;
export const RECORDS: usize = 20;
export const FADE_TABLE: usize = 24;
/** 1: a fit is subtracted; 0: blanking alone. */
export const SUBTRACTS: usize = 28;
export const ONE_SIDED: usize = 32;
/** 1: the fit is never faded out. */
export const ENDLESS: usize = 36;
export const RAIL_LOW: usize = 40;
export const RAIL_HIGH: usize = 44;
export const RAIL_GUARD: usize = 48;
export const PROBE_SAMPLES: usize = 52;
export const EDGE_GUARD: usize = 56;
export const ACTIVE_SAMPLES: usize = 60;
export const FADE_SAMPLES: usize = 64;
export const HOLD_SAMPLES: usize = 68;
export const GAIN: usize = 72;
export const EVEN: usize = 80;
export const ODD: usize = 104;
export const CENTRE: usize = 128;
/** Gain over the second of the numbers before. */
export const CENTRE_GAIN: usize = 144;
export const PROBE_WEIGHTS: usize = 152;
export const END_WEIGHTS: usize = 184;

/** One record a group of 8 channels. Moments 0 and 1 are i32, 2 and 3 integers in f64, of the window that ends last. */
export const RECORD_BYTES: usize = 448;
export const W0: usize = 0;
export const W1: usize = 32;
export const W2: usize = 64;
export const W3: usize = 128;
/** i32 a channel: WAITING, VALID or RAW. */
export const PHASE: usize = 192;
/** i32 a channel: samples since the last blank one. */
export const RUN: usize = 224;
/** i32 a channel: samples that the next output lies behind the beginning of the fade; negative before. */
export const FADE_AT: usize = 256;
/** i32 a channel: samples still to be blanked. */
export const BAD_LEFT: usize = 288;
/** i32 a channel: samples still blind although a fit was taken. */
export const GUARD_LEFT: usize = 320;
/** f32 a channel: the level that is held, uV. */
export const HELD: usize = 352;
/** f32 a channel: largest sum of first residuals, raw units. */
export const LIMIT: usize = 384;
/** i32: 0 when all channels are RAW and nothing is to be blanked. */
export const AWAKE: usize = 416;
/** i32: how many of the moments hold: 0, 3 (W0 to W2) or 4. */
export const MOMENTS: usize = 420;

/** Blind: at the rail, blanked, or no window fits yet. */
export const WAITING: i32 = 0;
/** A fit is subtracted. */
export const VALID: i32 = 1;
/** Samples pass as they are. */
export const RAW: i32 = 2;

/** Counters stay here: far beyond what they are compared with. */
export const MANY: i32 = 1 << 30;

export function setting(at: usize, field: usize): i32 {
  return load<i32>(at + field);
}

export function real(at: usize, field: usize): f64 {
  return load<f64>(at + field);
}

/** Bytes of a row of int16. */
export function stride(at: usize): usize {
  return (<usize>load<i32>(at + GROUPS)) << 4;
}
