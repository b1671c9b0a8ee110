// Where the spike detector keeps its settings and its state. src/pipeline/detector-layout.ts repeats the offsets.

/** Channels in a group: two vectors of four float32. */
export const LANES: i32 = 8;

// One record a group. A field is 8 words of 4 bytes, one a channel.
/** f32 scaled input that a blind stretch is bridged with. */
export const HELD: usize = 0;
/** f32 running median of |y| in uV. */
export const MEDIAN: usize = 32;
/** f32 |y| beyond which a tile of this channel is looked at sample by sample. */
export const QUIET: usize = 64;
/** f32 largest |y| of the epoch so far. */
export const PEAK: usize = 96;
/** f32 factors of the median's step up and down. */
export const UP: usize = 128;
export const DOWN: usize = 160;
/** f32 |y| that shuts the noise gate. */
export const GATE: usize = 192;
/** f32 threshold, positive. */
export const LIMIT: usize = 224;
/** f32 threshold in medians; infinite where nothing shall be found. */
export const FACTOR: usize = 256;
/** i32 frames for which the gate stays shut, and how much longer than open it has been (see endEpoch). */
export const GATE_LEFT: usize = 288;
export const SHUT_FOR: usize = 320;
/** i32 frames left of the dead time and of the search for the peak. */
export const DEAD_LEFT: usize = 352;
export const SEARCH_LEFT: usize = 384;
/** f32 voltage of a search's extremum so far, else of the last frame if it was beyond the threshold (0 if not); i32 frames since. */
export const BEST: usize = 416;
export const BEST_AGE: usize = 448;
/** f32 size that a crossing must exceed while the filter rings, for each of the i32 frames left of that. */
export const RING_LEVEL: usize = 480;
export const RING_LEFT: usize = 512;
/** i32 frames left of the guard after a blind stretch. */
export const GUARD_LEFT: usize = 544;
/** i32 samples on end at the rail. */
export const RAIL_RUN: usize = 576;
/** i32 epochs on end without a signal. */
export const SILENT: usize = 608;
/** i32 samples that the noise estimate has seen, counted until it is settled. */
export const SEEN: usize = 640;
/** i32 stage of the noise estimate: 0 coarse, 1 open, 2 gated, 3 settled, 4 frozen. */
export const STAGE: usize = 672;
/** i32 1 while the channel is blind, for its reports. */
export const BLIND: usize = 704;
/** i32 0 until the filter has had its first sample. */
export const STARTED: usize = 736;
/** i32 of the group: bits of the channels that must be looked at in any case. */
export const ACTIVE: usize = 768;
/** i32 of the group: not 0 when the input must be looked at sample by sample. */
export const CAREFUL: usize = 772;
/** i32 of the group: 1 when the tile's blind marks are filled in. */
export const MARKED: usize = 776;
/** i32 of the group: bits of the channels that are not settled yet. */
export const SETTLING: usize = 780;
/** f32 largest |y| of the epoch so far after the common reference. */
export const CREST: usize = 784;
/** i32 frames of this epoch in which the gate was shut. */
export const SHUT_NOW: usize = 816;
/** f32 state of the sections, (sections, 2, 8). */
export const FILTER: usize = 848;

export const STAGE_GATED: i32 = 2;
export const STAGE_SETTLED: i32 = 3;
export const STAGE_FROZEN: i32 = 4;

/** What a report says; its record is i32 frame, i32 channel, i32 kind, f32 voltage. */
export const REPORT_SPIKE: i32 = 0;
export const REPORT_BLIND: i32 = 1;
export const REPORT_SEEN: i32 = 2;
export const REPORT_BYTES: usize = 16;

export let channels: i32 = 0;
export let groups: i32 = 0;
export let sections: i32 = 0;
export let recordBytes: usize = 0;
export let records: usize = 0;
/** (sections, 4) float32 b1, b2, a1, a2 of sections with b0 = 1; the gain is in `scale`. */
export let coefficients: usize = 0;
/** 1 when there are two sections, both with b2 = 1. */
export let isPair: i32 = 0;
/** Frames of an epoch: levels change at its end only. */
export let epoch: i32 = 0;
/** (epochs in `rows`) filtered frames; `rowBytes` from one to the next. */
export let rows: usize = 0;
export let rowBytes: usize = 0;
/** (epoch, padded channels) u8: 1 where a channel is blind. */
export let marks: usize = 0;
export let reports: usize = 0;
export let reportCapacity: i32 = 0;
export let polarity: i32 = 0;
export let searchFrames: i32 = 0;
export let deadFrames: i32 = 0;
export let ringFrames: i32 = 0;
export let gateFrames: i32 = 0;
export let releaseFrames: i32 = 0;
export let guardFrames: i32 = 0;
export let railGuardFrames: i32 = 0;
export let railSamples: i32 = 0;
export let silentEpochs: i32 = 0;
/** Seen samples at which the stages 1, 2, 3, 4 begin. */
export let stage1: i32 = 0;
export let stage2: i32 = 0;
export let stage3: i32 = 0;
export let stage4: i32 = 0;
/** 0 none, 1 mean, 2 median. */
export let reference: i32 = 0;
/** (padded channels) i32: -1 for channels that enter the reference. */
export let referenceLanes: usize = 0;
/** Scratch of the median: (padded channels) float32. */
export let referenceScratch: usize = 0;
/** (epoch, 8) float32: scaled input of a group that is looked at sample by sample. */
export let inputRows: usize = 0;
/** 1 when the filtered frames of all groups are kept side by side. */
export let isWide: i32 = 0;
/** Filtered frames that are kept, whole epochs. */
export let historyFrames: i32 = 0;
/** From raw units to the input of the first section; float32 input has it in it. */
export let scaleInt16: f32 = 0;
export let gateFactor: f32 = 0;
export let ringSlope: f32 = 0;
export let silentLevel: f32 = 0;
export let medianFloor: f32 = 0;
/** (5, 2) float32: steps up and down of the stages. */
export let steps: usize = 0;
/** Bytes from one raw int16 frame to the next. */
export let inputStride: usize = 0;

/** Bytes of the settings. */
export const SETTINGS_BYTES: usize = 152;

let reportCount: i32 = 0;

/** Takes the settings of a detector: words in the order of `SETTINGS` in src/pipeline/detector-layout.ts. */
export function takeSettings(at: usize): void {
  channels = load<i32>(at, 0);
  groups = (channels + LANES - 1) >> 3;
  sections = load<i32>(at, 4);
  recordBytes = load<u32>(at, 8);
  records = load<u32>(at, 12);
  coefficients = load<u32>(at, 16);
  isPair = load<i32>(at, 20);
  epoch = load<i32>(at, 24);
  rows = load<u32>(at, 28);
  marks = load<u32>(at, 32);
  reports = load<u32>(at, 36);
  reportCapacity = load<i32>(at, 40);
  polarity = load<i32>(at, 44);
  searchFrames = load<i32>(at, 48);
  deadFrames = load<i32>(at, 52);
  ringFrames = load<i32>(at, 56);
  gateFrames = load<i32>(at, 60);
  releaseFrames = load<i32>(at, 64);
  guardFrames = load<i32>(at, 68);
  railGuardFrames = load<i32>(at, 72);
  railSamples = load<i32>(at, 76);
  silentEpochs = load<i32>(at, 80);
  stage1 = load<i32>(at, 84);
  stage2 = load<i32>(at, 88);
  stage3 = load<i32>(at, 92);
  stage4 = load<i32>(at, 96);
  reference = load<i32>(at, 100);
  referenceLanes = load<u32>(at, 104);
  referenceScratch = load<u32>(at, 108);
  inputRows = load<u32>(at, 112);
  isWide = load<i32>(at, 116);
  historyFrames = load<i32>(at, 120);
  scaleInt16 = load<f32>(at, 124);
  gateFactor = load<f32>(at, 128);
  ringSlope = load<f32>(at, 132);
  silentLevel = load<f32>(at, 136);
  medianFloor = load<f32>(at, 140);
  steps = load<u32>(at, 144);
  inputStride = load<u32>(at, 148);
  rowBytes = isWide != 0 ? (<usize>groups) << 5 : 32;
  reportCount = 0;
}

/** Adds a report; whoever calls has seen to it that there is room. */
export function report(frame: i32, channel: i32, kind: i32, voltage: f32): void {
  const at = reports + <usize>reportCount * REPORT_BYTES;
  store<i32>(at, frame, 0);
  store<i32>(at, channel, 4);
  store<i32>(at, kind, 8);
  store<f32>(at, voltage, 12);
  reportCount++;
}

/** Reports of the last call. */
export function countReports(): i32 {
  return reportCount;
}
