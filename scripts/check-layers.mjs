// The layer check. It fails as well when the checker saw fewer modules than the tree has: with a compiler it does not
// understand, dependency-cruiser reads nothing and finds nothing wrong.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';

const FOLDERS = ['protocols', 'drivers', 'src', 'sim-device', 'tests', 'benchmarks'];
const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { withFileTypes: true, recursive: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.ts') && !(entry.parentPath ?? entry.path).includes('kernels'),
  ),
);
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const run = spawnSync(
  process.execPath,
  [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...FOLDERS],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  },
);
let result;
try {
  result = JSON.parse(run.stdout);
} catch {
  process.stderr.write(`the layer check did not run:\n${run.stderr}${run.stdout.slice(0, 2000)}\n`);
  process.exit(1);
}
const seen = result.modules.filter(({ source }) => FOLDERS.some((folder) => source.startsWith(`${folder}/`))).length;
const { violations } = result.summary;
for (const { rule, from, to } of violations) process.stderr.write(`${rule.name}: ${from} -> ${to}\n`);
if (seen < files.length) {
  process.stderr.write(`the layer check saw ${seen} modules of ${files.length}: it cannot be trusted\n`);
  process.exit(1);
}
if (violations.length > 0) process.exit(1);
process.stdout.write(
  `layers: ${seen} modules, ${result.summary.totalDependenciesCruised} dependencies, no violation\n`,
);
