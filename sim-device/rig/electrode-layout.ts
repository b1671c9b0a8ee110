import { MeaError } from '../../protocols/errors.js';
import type { ElectrodePosition } from '../voltages/voltage-settings.js';

/** Electrodes row by row on a grid (pitch 200 um by default), or each where it is said to be. */
export type ArrayGeometry =
  | { readonly rows: number; readonly columns: number; readonly pitchUm?: number | undefined }
  | { readonly positions: readonly ElectrodePosition[] };

/** Distance between neighbours on the grid unless another is asked for. */
const DEFAULT_PITCH_UM = 200;
/** Most channels of an emulated array. */
const MAX_CHANNELS = 4096;

/**
 * Positions of the electrodes by index: on a grid row by row from 0, the first row at y = 0.
 *
 * @throws MeaError `bad-input` for a geometry that cannot be, or for less than 1 or more than 4096 electrodes
 */
export function layOutElectrodes(geometry: ArrayGeometry): readonly ElectrodePosition[] {
  if ('positions' in geometry) return copyPositions(geometry.positions);
  const { rows, columns, pitchUm = DEFAULT_PITCH_UM } = geometry;
  if (!(Number.isInteger(rows) && rows >= 1 && Number.isInteger(columns) && columns >= 1)) {
    throw badArray(`${rows} rows of ${columns} electrodes`, 'whole numbers of at least 1');
  }
  if (!(pitchUm > 0 && Number.isFinite(pitchUm))) throw badArray(`a pitch of ${pitchUm} um`, 'a positive distance');
  requireChannels(rows * columns);
  return Array.from({ length: rows * columns }, (_, e) => ({
    xUm: (e % columns) * pitchUm,
    yUm: Math.floor(e / columns) * pitchUm,
  }));
}

/** Distance of two electrodes in micrometres. */
export function measureDistanceUm(a: ElectrodePosition, b: ElectrodePosition): number {
  const x = a.xUm - b.xUm;
  const y = a.yUm - b.yUm;
  return Math.sqrt(x * x + y * y);
}

function copyPositions(positions: readonly ElectrodePosition[]): readonly ElectrodePosition[] {
  requireChannels(positions.length);
  const odd = positions.find(({ xUm, yUm }) => !(Number.isFinite(xUm) && Number.isFinite(yUm)));
  if (odd !== undefined) throw badArray(`a position of (${odd.xUm}, ${odd.yUm}) um`, 'finite numbers');
  return positions.map(({ xUm, yUm }) => ({ xUm, yUm }));
}

function requireChannels(channels: number): void {
  if (channels >= 1 && channels <= MAX_CHANNELS) return;
  throw badArray(`${channels} electrodes`, `from 1 to ${MAX_CHANNELS}`);
}

function badArray(got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: 'Bad electrode array', got, wanted });
}
