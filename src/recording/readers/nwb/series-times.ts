import { MeaError } from '../../../../protocols/errors.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { needDataset, readNumber } from '../hdf5/dataset-reading.js';
import type { Stretch } from '../find-stretches.js';

/** When the frames of a series were taken. */
export interface SeriesTimes {
  readonly rateHz: number;
  readonly stretches: readonly Stretch[];
  readonly unread: readonly string[];
}

/** Frames from which the rate is taken, where each has its own time. */
const RATE_FRAMES = 1001;
/** Time stamps that are read at once. */
const PIECE = 2 ** 20;
const MAX_STRETCHES = 10_000;

/**
 * Reads the times of a series: a start and a rate, or a time for each frame. A step of more than one and a half samples is a gap.
 *
 * @throws MeaError `bad-format` when it says neither, or times go back
 */
export async function readTimes(file: Hdf5File, series: string, frames: number): Promise<SeriesTimes> {
  const rate = (await file.attributes(`${series}/starting_time`)).rate;
  const start = await readNumber(file, `${series}/starting_time`);
  if (typeof rate === 'number' && rate > 0 && start !== undefined && Number.isFinite(start))
    return { rateHz: rate, stretches: whole(frames, Math.round(start * rate)), unread: [] };
  return readTimeStamps(file, `${series}/timestamps`, frames);
}

async function readTimeStamps(file: Hdf5File, path: string, frames: number): Promise<SeriesTimes> {
  const { shape, size } = await needDataset(file, path);
  if (shape.length !== 1 || shape[0] !== frames || frames < 2)
    throw bad(
      { what: 'No time for each frame', got: `(${shape.join(', ')})`, wanted: `${frames}, at least 2` },
      file,
      path,
    );
  const head = await readFloats(file, path, [0, Math.min(frames, RATE_FRAMES)]);
  const steps = head.subarray(1).map((time, k) => time - head[k]!);
  const step = steps.sort()[Math.floor(steps.length / 2)]!;
  if (!(step > 0))
    throw bad({ what: 'Times that do not rise', got: `a step of ${step} s`, wanted: 'above 0' }, file, path);
  const rateHz = roundRate(1 / step);
  const first = Math.round(head[0]! * rateHz);
  if (frames * size > file.limits.scanBytes)
    return { rateHz, stretches: whole(frames, first), unread: [`${path}: ${frames} times were not searched for gaps`] };
  return { rateHz, stretches: await findGaps({ file, path, frames, rateHz }), unread: [] };
}

/** Times are rounded in the file; a rate that is whole but for that is taken for whole. */
function roundRate(rate: number): number {
  const whole = Math.round(rate);
  return Math.abs(rate - whole) < rate * 1e-6 ? whole : rate;
}

interface TimeScan {
  readonly file: Hdf5File;
  readonly path: string;
  readonly frames: number;
  readonly rateHz: number;
}

async function findGaps({ file, path, frames, rateHz }: TimeScan): Promise<Stretch[]> {
  const starts: { from: number; first: number }[] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (let from = 0; from < frames; from += PIECE) {
    const times = await readFloats(file, path, [from, Math.min(frames, from + PIECE)]);
    for (let k = 0; k < times.length; k++) {
      const step = (times[k]! - before) * rateHz;
      if (!(step > 0))
        throw bad({ what: 'Times that do not rise', got: `${times[k]!} s at frame ${from + k}` }, file, path);
      if (step > 1.5) starts.push({ from: from + k, first: Math.round(times[k]! * rateHz) });
      before = times[k]!;
    }
    if (starts.length > MAX_STRETCHES) throw bad({ what: 'Too many gaps', got: String(starts.length) }, file, path);
  }
  return starts.map((part, k) => ({ ...part, to: starts[k + 1]?.from ?? frames }));
}

async function readFloats(file: Hdf5File, path: string, range: readonly [number, number]): Promise<Float64Array> {
  return Float64Array.from<number | bigint>(await file.numbers(path, [range]), Number);
}

function whole(frames: number, first: number): Stretch[] {
  return [{ from: 0, to: frames, first }];
}

function bad(
  details: { what: string; got: string; wanted?: string },
  { path: file }: Hdf5File,
  path: string,
): MeaError {
  return new MeaError('bad-format', { ...details, where: `${file}, ${path}` });
}
