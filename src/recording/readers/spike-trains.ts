import type { SpikeTrain } from '../../../protocols/recording/recorded-file.js';
import type { OpenedParts } from './opened-parts.js';
import type { ReaderLimits } from './reader-options.js';

/** True when so many more spikes may be loaded; otherwise what is left out is written down. */
export function hasRoomForSpikes(
  parts: OpenedParts,
  limits: ReaderLimits,
  more: { count: number; what: string },
): boolean {
  const loaded = parts.spikes.reduce((sum, { timesS }) => sum + timesS.length, 0);
  if (loaded + more.count <= limits.spikes) return true;
  parts.unread.push(`${more.what}: ${more.count} spikes, more than are kept (${limits.spikes} of a file)`);
  return false;
}

/** Spikes of many units, one after another as they came, by unit. */
export function splitByUnit(timesS: Float64Array, units: Float64Array): ReadonlyMap<number, Float64Array> {
  const counts = new Map<number, number>();
  for (const unit of units) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  const trains = new Map(
    Array.from(counts.keys())
      .sort((a, b) => a - b)
      .map((unit) => [unit, new Float64Array(counts.get(unit)!)]),
  );
  const filled = new Map<number, number>();
  units.forEach((unit, k) => {
    const at = filled.get(unit) ?? 0;
    trains.get(unit)![at] = timesS[k]!;
    filled.set(unit, at + 1);
  });
  return trains;
}

/** A train whose times rise, as files do not promise. */
export function toTrain(name: string, timesS: Float64Array, electrode?: number): SpikeTrain {
  const isRising = timesS.every((time, k) => k === 0 || timesS[k - 1]! <= time);
  return {
    name,
    ...(electrode !== undefined && { electrode }),
    timesS: isRising ? timesS : timesS.toSorted(),
  };
}
