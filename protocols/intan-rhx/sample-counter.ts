const WRAP = 2 ** 32;

/**
 * The full index of a counter of 32 bits, on the assumption that it only rises, and by less than 2^31 from one look to the
 * next.
 *
 * @param previous full index at the last look; null at the first
 * @returns the full index; undefined where the counter went back
 */
export function extendCounter(previous: number | null, low32: number): number | undefined {
  if (previous === null) return low32;
  const ahead = (low32 - (previous % WRAP) + WRAP) % WRAP;
  return ahead < WRAP / 2 ? previous + ahead : undefined;
}
