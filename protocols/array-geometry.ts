/** Electrodes in full rows, numbered row by row from 0. */
export interface ArrayGrid {
  readonly rows: number;
  readonly columns: number;
  /** Distance between neighbours; undefined where nobody has said it. */
  readonly pitchUm?: number | undefined;
}

/** Electrodes that fill no grid, each where it lies. */
export interface PlacedArray {
  /** (electrodes) x to the right, y the way that rows are counted, in micrometres. */
  readonly positionsUm: readonly (readonly [xUm: number, yUm: number])[];
  /** Distance between neighbours, above 0. */
  readonly pitchUm: number;
  /** (electrodes) what each is called on the array. */
  readonly names?: readonly string[] | undefined;
}

/** The electrodes of an array: how many, and where each is as far as it is known. */
export type ArrayGeometry = ArrayGrid | PlacedArray;

/** A place on an array. */
export interface ArrayPlace {
  readonly x: number;
  readonly y: number;
}

/** Number of electrodes. */
export function countElectrodes(array: ArrayGeometry): number {
  return 'rows' in array ? array.rows * array.columns : array.positionsUm.length;
}

/** (electrodes) places in distances between neighbours: whole numbers on a grid, column and row. */
export function electrodePlaces(array: ArrayGeometry): readonly ArrayPlace[] {
  if ('rows' in array) {
    return Array.from({ length: array.rows * array.columns }, (_, electrode) => ({
      x: electrode % array.columns,
      y: Math.floor(electrode / array.columns),
    }));
  }
  return array.positionsUm.map(([x, y]) => ({ x: x / array.pitchUm, y: y / array.pitchUm }));
}

/** (electrodes) positions in micrometres; undefined where the distance between neighbours is not known. */
export function electrodePositionsUm(array: ArrayGeometry): readonly ArrayPlace[] | undefined {
  if (!('rows' in array)) return array.positionsUm.map(([x, y]) => ({ x, y }));
  const { pitchUm } = array;
  if (pitchUm === undefined) return undefined;
  return electrodePlaces(array).map(({ x, y }) => ({ x: x * pitchUm, y: y * pitchUm }));
}

/** The array with more rows where a recording has more channels than it has electrodes; no other array can grow. */
export function withRoomFor(array: ArrayGeometry, channels: number): ArrayGeometry {
  if (!('rows' in array)) return array;
  return { ...array, rows: Math.max(array.rows, Math.ceil(channels / array.columns)) };
}

/** (electrodes) what each is called on the array; undefined where it is its number. */
export function electrodeNames(array: ArrayGeometry): readonly string[] | undefined {
  return 'rows' in array ? undefined : array.names;
}

/** An array in a few words. */
export function describeArray(array: ArrayGeometry): string {
  return 'rows' in array ? `${array.rows} x ${array.columns} electrodes` : `${array.positionsUm.length} electrodes`;
}

/** Least distance between two places; 0 where two are the same, Infinity with less than two. */
export function leastDistance(places: readonly ArrayPlace[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let a = 0; a < places.length; a++) {
    for (let b = 0; b < a; b++) {
      const x = places[a]!.x - places[b]!.x;
      const y = places[a]!.y - places[b]!.y;
      least = Math.min(least, x * x + y * y);
    }
  }
  return Math.sqrt(least);
}
