import { MeaError } from '../../protocols/errors.js';
import { checkRange, type SpikeDetectorSettings } from './detector-settings.js';
import type { DuplicateRule } from './spike-queue.js';

/**
 * For each electrode those within the radius, from the positions.
 *
 * @throws MeaError `bad-input` for a number of positions that is not that of the channels, or a radius that is none
 */
export function findNeighbours({
  channels,
  sampleRateHz,
  duplicates,
}: Pick<SpikeDetectorSettings, 'channels' | 'sampleRateHz' | 'duplicates'>): DuplicateRule | undefined {
  if (duplicates === undefined) return undefined;
  const { positions, radiusUm, withinMs = 0.3 } = duplicates;
  checkRange('duplicates.radiusUm', radiusUm, [0, 1e6]);
  checkRange('duplicates.withinMs', withinMs, [0, 10]);
  if (positions.length !== channels) {
    throw new MeaError('bad-input', {
      what: 'Each electrode needs its position, to tell neighbours',
      got: `${positions.length} positions`,
      wanted: String(channels),
    });
  }
  const neighbours = positions.map((own, i) =>
    Int32Array.from(
      positions.flatMap((other, j) =>
        i !== j && Math.hypot(own.xUm - other.xUm, own.yUm - other.yUm) <= radiusUm ? [j] : [],
      ),
    ),
  );
  return { neighbours, withinFrames: Math.round((withinMs * sampleRateHz) / 1000) };
}
