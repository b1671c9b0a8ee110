/** A number for a person: four significant digits at most, no trailing zeros. */
export function format(value: number): string {
  return round(value, 4);
}

/** `3.2 nC per phase, limit 3 nC`: with as many digits as it takes to tell the two numbers apart. */
export function describeOver(value: number, limit: number, unit: string): string {
  return describePair(value, limit, { unit, bound: 'limit' });
}

/** `40 us, at least 100 us`: as `describeOver`. */
export function describeUnder(value: number, least: number, unit: string): string {
  return describePair(value, least, { unit, bound: 'at least' });
}

function describePair(value: number, bound: number, words: { readonly unit: string; readonly bound: string }): string {
  let digits = 4;
  while (digits < 15 && round(value, digits) === round(bound, digits)) digits++;
  const symbol = words.unit.split(' ', 1).join('');
  return `${round(value, digits)} ${words.unit}, ${words.bound} ${round(bound, digits)} ${symbol}`;
}

function round(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}
