// `npm run bench [-- NAME...]`: the benchmarks, compiled, one process each. Without names: model and experiment.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

bootstrap();
// Numbers go to the benchmark: how many seeds, and the first of them.
const numbers = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
const names = process.argv.slice(2).filter((argument) => !numbers.includes(argument));
for (const name of names.length > 0 ? names : ['model', 'experiment']) {
  const file = join(root, 'dist/benchmarks', `${name}.js`);
  if (!existsSync(file)) {
    const known = readdirSync(join(root, 'benchmarks'))
      .filter((entry) => entry.endsWith('.ts') && entry !== 'measure.ts')
      .map((entry) => entry.slice(0, -3));
    say(`bench: got ${name}, expected one of ${known.sort().join(', ')}`);
    process.exit(2);
  }
  const code = await runNode([file, ...numbers]);
  if (code !== 0) process.exit(code);
}
