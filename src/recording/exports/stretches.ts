import type { RecordingContents } from '../recording-contents.js';

/** A stretch of raw samples where all are written one after the other. */
export interface Stretch {
  /** Of the file, from 0. */
  readonly firstFrame: number;
  readonly firstSample: number;
  readonly frames: number;
}

/** The stretches of a recording in the order in which they are written. */
export function listStretches({ signals }: RecordingContents): Stretch[] {
  let firstFrame = 0;
  return signals.map(({ signal: { firstSample, frames } }) => {
    const stretch = { firstFrame, firstSample, frames };
    firstFrame += frames;
    return stretch;
  });
}

/** True where the recorder's clock only rises from one stretch to the next, so that a sample lies in one at most. */
export function isRising(stretches: readonly Stretch[]): boolean {
  return stretches.every(({ firstSample }, i) => {
    const before = stretches[i - 1];
    return before === undefined || firstSample >= before.firstSample + before.frames;
  });
}

/** The frame of a sample; undefined outside of all stretches, which must rise. */
export function findFrame(stretches: readonly Stretch[], sample: number): number | undefined {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { firstFrame, firstSample, frames } = stretches[middle]!;
    if (sample < firstSample) high = middle;
    else if (sample >= firstSample + frames) low = middle + 1;
    else return firstFrame + sample - firstSample;
  }
  return undefined;
}
