import type { ArrayGeometry, PlacedArray } from '../../protocols/array-geometry.js';

/** Arrays whose geometry is known by name. */
export const ARRAY_LAYOUTS = ['8x8', 'mcs-60', 'maxone'] as const;

/** Sites of a MaxOne: 120 rows of 220, 17.5 um apart; a recording routes at most 1024 of them. */
export const MAXONE = { columns: 220, sites: 220 * 120, pitchUm: 17.5, mostRouted: 1024 } as const;

/** Distance between neighbours of the 60-electrode array, um: that of its most common sort. */
const MCS_PITCH_UM = 200;

/**
 * The array of 60 electrodes of Multi Channel Systems: 8 x 8 without its corners. Names have the column as their first digit
 * and the row as their second, both from 1; electrodes are numbered from 0 as their names rise, column by column.
 */
export function layOutMcs60(): PlacedArray {
  const cells = Array.from({ length: 64 }, (_, i) => ({ column: Math.floor(i / 8), row: i % 8 })).filter(
    ({ column, row }) => !(column % 7 === 0 && row % 7 === 0),
  );
  return {
    positionsUm: cells.map(({ column, row }) => [column * MCS_PITCH_UM, row * MCS_PITCH_UM] as const),
    pitchUm: MCS_PITCH_UM,
    names: cells.map(({ column, row }) => `${column + 1}${row + 1}`),
  };
}

/** Number of the electrode `15`, the large reference of the arrays of that maker that have one inside (`iR`). */
export const MCS_REFERENCE = 3;

/**
 * The routed sites of a MaxOne.
 *
 * @param sites number of the site of each electrode, as its maker counts them: row by row from 0
 */
export function layOutMaxOne(sites: readonly number[]): PlacedArray {
  const { columns, pitchUm } = MAXONE;
  return {
    positionsUm: sites.map((site) => [(site % columns) * pitchUm, Math.floor(site / columns) * pitchUm] as const),
    pitchUm,
    names: sites.map(String),
  };
}

/** 64 electrodes in rows of eight, the distance between them as far as it is known. */
export function layOutSquare64(pitchUm: number | undefined): ArrayGeometry {
  return { rows: 8, columns: 8, ...(pitchUm !== undefined && { pitchUm }) };
}
