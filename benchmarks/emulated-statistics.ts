import { CULTURE_PARAMETER_NAMES } from '../protocols/culture-names.js';
import process from 'node:process';

import { measureEmulatedStatistics } from '../sim-device/emulated-statistics.js';
import { formatStatisticsTable } from '../sim-device/statistics-table.js';

// Emulated cultures beside the reference table: `node dist/benchmarks/emulated-statistics.js [seeds] [first seed]`.
// Six seeds are what the project promises; sixty tell sampling error from a bias.
const count = Number(process.argv[2] ?? 6);
const first = Number(process.argv[3] ?? 1001);
const seeds = Array.from({ length: count }, (_, k) => first + k);
let compared = 0;
let agreed = 0;
for (const parameters of CULTURE_PARAMETER_NAMES) {
  const rows = measureEmulatedStatistics(parameters, seeds);
  process.stdout.write(`${formatStatisticsTable(`${parameters}, seeds ${first}-${first + count - 1}`, rows)}\n\n`);
  compared += rows.filter(({ agrees }) => agrees !== undefined).length;
  agreed += rows.filter(({ agrees }) => agrees === true).length;
}
process.stdout.write(`${agreed} of ${compared} statistics within 15 % of the reference (shares within 0.05)\n`);
