import { MeaError } from '../../../protocols/errors.js';

/** Frames [from, to) of a file whose counter runs on by one from frame to frame. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** The counter at `from`. */
  readonly first: number;
}

/** More gaps than this are no recording. */
const MAX_STRETCHES = 10_000;

/**
 * Finds where the sample counter of a file jumps. It asks for few counters: between two frames as far apart as their
 * counters nothing is missing, since a counter does not go back.
 *
 * @param frames in the file
 * @param counterAt reads the counter of one frame
 * @throws MeaError `bad-format` when the counter goes back, or jumps more often than a recorder would; what `counterAt` throws
 */
export async function findStretches(
  frames: number,
  counterAt: (frame: number) => Promise<number>,
  where: string,
): Promise<Stretch[]> {
  if (frames === 0) return [];
  /** First frames after a jump, with their counters. */
  const starts: { frame: number; counter: number }[] = [];
  const search = async (
    low: { frame: number; counter: number },
    high: { frame: number; counter: number },
  ): Promise<void> => {
    const missing = high.counter - low.counter - (high.frame - low.frame);
    if (missing === 0) return;
    if (!(missing > 0)) throw goesBack(low, high, where);
    if (high.frame - low.frame === 1) {
      if (starts.push(high) > MAX_STRETCHES) throw tooMany(where);
      return;
    }
    const frame = Math.floor((low.frame + high.frame) / 2);
    const middle = { frame, counter: await counterAt(frame) };
    await search(low, middle);
    await search(middle, high);
  };
  const first = { frame: 0, counter: await counterAt(0) };
  await search(first, { frame: frames - 1, counter: await counterAt(frames - 1) });
  return [first, ...starts].map(({ frame, counter }, k) => ({
    from: frame,
    to: starts[k]?.frame ?? frames,
    first: counter,
  }));
}

function goesBack(low: { frame: number; counter: number }, high: typeof low, where: string): MeaError {
  return new MeaError('bad-format', {
    what: 'The sample counter goes back',
    got: `${high.counter} at frame ${high.frame} after ${low.counter} at frame ${low.frame}`,
    wanted: 'a counter that rises',
    where,
    remedy: 'the file is damaged, or two recordings were joined in it',
  });
}

function tooMany(where: string): MeaError {
  return new MeaError('bad-format', {
    what: 'The sample counter jumps too often',
    got: `more than ${MAX_STRETCHES} gaps`,
    wanted: 'a recording',
    where,
  });
}
