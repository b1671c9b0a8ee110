import { exponential } from './reproducible-math.js';
import type { ElectrodePosition } from './voltage-settings.js';

/** Channels around an electrode, nearest first, each with exp(-distance / length). */
export interface Reach {
  readonly channels: Int32Array;
  /** 1 at the electrode itself. */
  readonly factors: Float64Array;
}

/** Least distance between two electrodes, in um; 200 for a single one. */
export function pitchOf(positions: readonly ElectrodePosition[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let a = 0; a < positions.length; a++) {
    for (let b = 0; b < a; b++) {
      const square = squareDistance(positions[a]!, positions[b]!);
      if (square < least && square > 0) least = square;
    }
  }
  return Number.isFinite(least) ? Math.sqrt(least) : 200;
}

/**
 * The two commonest differences between the numbers of channels one pitch apart: 1 and the row's length of a grid.
 * 0 where there is none. A pair with another difference counts as far apart.
 */
export function neighbourOffsets(
  positions: readonly ElectrodePosition[],
  pitchUm: number,
): { readonly near: number; readonly far: number } {
  const pairs = new Map<number, number>();
  for (let a = 0; a < positions.length; a++) {
    for (let b = 0; b < a; b++) {
      if (isOnePitch(positions[a]!, positions[b]!, pitchUm)) pairs.set(a - b, (pairs.get(a - b) ?? 0) + 1);
    }
  }
  const commonest = [...pairs].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 2);
  const [near, far] = commonest.map(([offset]) => offset).sort((a, b) => a - b);
  return { near: near ?? 0, far: far ?? 0 };
}

/** True when two electrodes are as close as any on the array, within 5 %. */
export function isOnePitch(a: ElectrodePosition, b: ElectrodePosition, pitchUm: number): boolean {
  return squareDistance(a, b) <= (1.05 * pitchUm) ** 2;
}

/** Finds, once for each electrode, the channels that see at least `least` of what it sees. */
export function createReachTable(
  positions: readonly ElectrodePosition[],
  { lengthUm, least }: { readonly lengthUm: number; readonly least: number },
): (electrode: number) => Reach {
  const known = new Map<number, Reach>();
  // exp(-d / length) >= least, found by halving: there is no reproducible logarithm here.
  let furthest = 0;
  for (let step = 64 * lengthUm; step > lengthUm / 64; step /= 2) {
    if (exponential(-(furthest + step) / lengthUm) >= least) furthest += step;
  }
  return (electrode) => {
    const found = known.get(electrode) ?? reachOf(positions, electrode, { lengthUm, furthestUm: furthest });
    known.set(electrode, found);
    return found;
  };
}

function reachOf(
  positions: readonly ElectrodePosition[],
  electrode: number,
  { lengthUm, furthestUm }: { readonly lengthUm: number; readonly furthestUm: number },
): Reach {
  const centre = positions[electrode]!;
  const seen: { readonly channel: number; readonly square: number }[] = [];
  for (let channel = 0; channel < positions.length; channel++) {
    const square = squareDistance(centre, positions[channel]!);
    if (square <= furthestUm * furthestUm) seen.push({ channel, square });
  }
  seen.sort((a, b) => a.square - b.square || a.channel - b.channel);
  return {
    channels: Int32Array.from(seen, ({ channel }) => channel),
    factors: Float64Array.from(seen, ({ square }) => exponential(-Math.sqrt(square) / lengthUm)),
  };
}

function squareDistance(a: ElectrodePosition, b: ElectrodePosition): number {
  const [x, y] = [a.xUm - b.xUm, a.yUm - b.yUm];
  return x * x + y * y;
}
