/** What stands where there is no number. */
export const MISSING = '–';

/** Decimal places that leave `digits` significant ones; large numbers keep all of their integer part. */
function placesFor(value: number, digits: number): number {
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return Math.max(0, digits - 1 - magnitude);
}

/**
 * A number for people: `digits` significant digits, a true minus sign, commas from ten thousand on, and a dash where
 * there is no finite number.
 */
export function formatNumber(value: number | undefined, digits = 3): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4) return signed(value, powerOfTen(size));
  return signed(value, groupThousands(size.toFixed(placesFor(size, digits))));
}

/** A number with a fixed number of decimal places, for columns that are compared. */
export function formatFixed(value: number | undefined, places: number): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  const text = Math.abs(value).toFixed(places);
  return signed(Number(text) === 0 ? 0 : value, groupThousands(text));
}

/** A share in per cent, without decimals. */
export function formatShare(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return MISSING;
  return `${formatFixed(100 * share, 0)} %`;
}

/** Nats, to one decimal. */
export function formatNats(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? MISSING : `${formatFixed(value, 1)} nats`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listInWords(items: readonly (string | number)[]): string {
  if (items.length <= 1) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]!}`;
}

/** The same sentence or name with a capital letter. */
export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function signed(value: number, text: string): string {
  return value < 0 ? `−${text}` : text;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function powerOfTen(size: number): string {
  const [digits = '', exponent = ''] = size.toExponential(1).split('e-');
  return `${digits} × 10⁻${exponent.replace(/\d/g, (digit) => SUPERSCRIPTS.charAt(Number(digit)))}`;
}

function groupThousands(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, ',') : whole;
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
