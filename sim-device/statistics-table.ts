import type { StatisticComparison } from './emulated-statistics.js';

/** Prints comparisons as a table of fixed columns, one statistic a line; `rows` as they were measured. */
export function formatStatisticsTable(title: string, rows: readonly StatisticComparison[]): string {
  const head = [pad(title, 32), 'emulated', '(s.e.)', 'reference', 'ratio', 'agrees'];
  const lines = rows.map(({ label, measured, standardError, reference, agrees }) => [
    pad(label, 32),
    measured.toFixed(3),
    `(${standardError.toFixed(3)})`,
    reference === undefined ? '-' : reference.toFixed(3),
    reference === undefined ? '-' : (measured / reference).toFixed(2),
    agrees === undefined ? '-' : agrees ? 'yes' : 'NO',
  ]);
  return [head, ...lines]
    .map(([first, ...rest]) => `${first}${rest.map((cell) => cell.padStart(11)).join('')}`)
    .join('\n');
}

function pad(text: string, width: number): string {
  return text.padEnd(width);
}
