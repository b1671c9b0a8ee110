// The common reference: the mean or the median of the array's channels that can be seen, taken off every channel.
import { CREST, groups, MARKED, marks, recordBytes, records, referenceLanes, referenceScratch, rowBytes } from './detect-layout';

/** The common reference is a mean. */
export const MEAN: i32 = 1;

/** Takes the reference off frames of the tile; rows and marks of all groups lie side by side. */
export function subtractReference(mode: i32, out: usize, position: i32, frames: i32): void {
  for (let i = 0; i < frames; i++) {
    const row = out + <usize>i * rowBytes;
    const mark = marks + <usize>(position + i) * ((<usize>groups) << 3);
    subtract(row, mode == MEAN ? meanOf(row, mark) : medianOf(row, mark));
  }
}

/** -1 in the lanes of half a group that enter the reference in this frame. */
@inline
function lanesOf(group: i32, mark: usize, half: usize): v128 {
  const lanes = v128.load(referenceLanes + ((<usize>group) << 5) + (half << 4));
  if (load<i32>(records + <usize>group * recordBytes, MARKED) == 0) return lanes;
  const wide = v128.load_ext<u8>(mark + ((<usize>group) << 3));
  const isMarked = i32x4.gt_s(half == 0 ? i32x4.extend_low_i16x8_s(wide) : i32x4.extend_high_i16x8_s(wide), i32x4.splat(0));
  return v128.andnot(lanes, isMarked);
}

function meanOf(row: usize, mark: usize): f32 {
  let sumA = f32x4.splat(0);
  let sumB = f32x4.splat(0);
  let count = i32x4.splat(0);
  for (let group = 0; group < groups; group++) {
    const at = row + ((<usize>group) << 5);
    const lanesA = lanesOf(group, mark, 0);
    const lanesB = lanesOf(group, mark, 1);
    sumA = f32x4.add(sumA, v128.and(v128.load(at), lanesA));
    sumB = f32x4.add(sumB, v128.and(v128.load(at, 16), lanesB));
    count = i32x4.sub(count, i32x4.add(lanesA, lanesB));
  }
  const channels =
    i32x4.extract_lane(count, 0) + i32x4.extract_lane(count, 1) + i32x4.extract_lane(count, 2) + i32x4.extract_lane(count, 3);
  if (channels == 0) return 0;
  const sum = f32x4.add(sumA, sumB);
  const total =
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
  return total / <f32>channels;
}

function medianOf(row: usize, mark: usize): f32 {
  let count = 0;
  for (let group = 0; group < groups; group++) {
    const at = row + ((<usize>group) << 5);
    for (let half: usize = 0; half < 2; half++) {
      const bits = i32x4.bitmask(lanesOf(group, mark, half));
      for (let lane = 0; lane < 4; lane++) {
        if (((bits >> lane) & 1) == 0) continue;
        store<f32>(referenceScratch + ((<usize>count) << 2), load<f32>(at + (half << 4) + ((<usize>lane) << 2)));
        count++;
      }
    }
  }
  if (count == 0) return 0;
  const upper = select(count >> 1, count);
  if (count & 1) return upper;
  // Everything left of the upper middle is no larger: the lower middle is the largest of it.
  let lower = load<f32>(referenceScratch);
  for (let i = 1; i < count >> 1; i++) lower = max(lower, load<f32>(referenceScratch + ((<usize>i) << 2)));
  return (lower + upper) * 0.5;
}

/** The value of a rank, by Hoare's selection in the scratch. */
function select(rank: i32, count: i32): f32 {
  let left = 0;
  let right = count - 1;
  while (left < right) {
    const pivot = load<f32>(referenceScratch + ((<usize>((left + right) >> 1)) << 2));
    let i = left;
    let j = right;
    while (i <= j) {
      while (load<f32>(referenceScratch + ((<usize>i) << 2)) < pivot) i++;
      while (load<f32>(referenceScratch + ((<usize>j) << 2)) > pivot) j--;
      if (i > j) break;
      const kept = load<f32>(referenceScratch + ((<usize>i) << 2));
      store<f32>(referenceScratch + ((<usize>i) << 2), load<f32>(referenceScratch + ((<usize>j) << 2)));
      store<f32>(referenceScratch + ((<usize>j) << 2), kept);
      i++;
      j--;
    }
    if (rank <= j) right = j;
    else if (rank >= i) left = i;
    else break;
  }
  return load<f32>(referenceScratch + ((<usize>rank) << 2));
}

function subtract(row: usize, value: f32): void {
  const reference = f32x4.splat(value);
  for (let group = 0; group < groups; group++) {
    const at = row + ((<usize>group) << 5);
    const record = records + <usize>group * recordBytes;
    const a = f32x4.sub(v128.load(at), reference);
    const b = f32x4.sub(v128.load(at, 16), reference);
    v128.store(at, a);
    v128.store(at, b, 16);
    v128.store(record, f32x4.pmax(v128.load(record, CREST), f32x4.abs(a)), CREST);
    v128.store(record, f32x4.pmax(v128.load(record, CREST + 16), f32x4.abs(b)), CREST + 16);
  }
}
