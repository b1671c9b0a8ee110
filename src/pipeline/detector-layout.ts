/** Fields of a channel group's record, in bytes from its start: the same as in kernels/detect-layout.ts. */
export const DETECTOR_RECORD = {
  held: 0,
  median: 32,
  quiet: 64,
  peak: 96,
  up: 128,
  down: 160,
  limit: 224,
  factor: 256,
  gateLeft: 288,
  shutFor: 320,
  deadLeft: 352,
  searchLeft: 384,
  best: 416,
  ringLeft: 512,
  guardLeft: 544,
  railRun: 576,
  silent: 608,
  seen: 640,
  stage: 672,
  blind: 704,
  started: 736,
  active: 768,
  careful: 772,
  settling: 780,
  crest: 784,
  shutNow: 816,
  filter: 848,
} as const;

/** Bytes of one section's state in a record. */
export const SECTION_BYTES = 64;

/** Words of the settings, in order: the same as `takeSettings` in kernels/detect-layout.ts reads. */
const SETTINGS = [
  ['channels', 'i32'],
  ['sections', 'i32'],
  ['recordBytes', 'i32'],
  ['records', 'i32'],
  ['coefficients', 'i32'],
  ['isPair', 'i32'],
  ['epochFrames', 'i32'],
  ['rows', 'i32'],
  ['marks', 'i32'],
  ['reports', 'i32'],
  ['reportCapacity', 'i32'],
  ['polarity', 'i32'],
  ['searchFrames', 'i32'],
  ['deadFrames', 'i32'],
  ['ringFrames', 'i32'],
  ['gateFrames', 'i32'],
  ['releaseFrames', 'i32'],
  ['guardFrames', 'i32'],
  ['railGuardFrames', 'i32'],
  ['railSamples', 'i32'],
  ['silentEpochs', 'i32'],
  ['stage1', 'i32'],
  ['stage2', 'i32'],
  ['stage3', 'i32'],
  ['stage4', 'i32'],
  ['reference', 'i32'],
  ['referenceLanes', 'i32'],
  ['referenceScratch', 'i32'],
  ['inputRows', 'i32'],
  ['isWide', 'i32'],
  ['historyFrames', 'i32'],
  ['scaleInt16', 'f32'],
  ['gateFactor', 'f32'],
  ['ringSlope', 'f32'],
  ['silentLevel', 'f32'],
  ['medianFloor', 'f32'],
  ['steps', 'i32'],
  ['inputStride', 'i32'],
] as const;

/** The settings of the kernels, one number a word; frames are samples of one channel, levels uV. */
export type DetectorWords = Readonly<Record<(typeof SETTINGS)[number][0], number>>;

/** Bytes of the settings. */
export const SETTINGS_BYTES = 4 * SETTINGS.length;

/** Writes the settings where the kernels read them. */
export function writeDetectorWords(words: DetectorWords, view: DataView): void {
  SETTINGS.forEach(([name, type], i) => {
    if (type === 'f32') view.setFloat32(4 * i, words[name], true);
    else view.setInt32(4 * i, words[name], true);
  });
}

/** Kinds of reports. */
export const REPORT = { spike: 0, blind: 1, seen: 2 } as const;

/** Words of 4 bytes in a report: frame, channel, kind (int32), voltage (float32). */
export const REPORT_WORDS = 4;
