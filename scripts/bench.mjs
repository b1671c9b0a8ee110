// `npm run bench [-- NAME...]`: the benchmarks, compiled, one process each, after what the machine can do right now. Without
// names: those of the model, the experiment, the pipeline and the loop, about five minutes. The others take longer.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

bootstrap();
// Numbers go to the benchmark: how many seeds, and the first of them.
const numbers = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
const names = process.argv.slice(2).filter((argument) => !numbers.includes(argument));
const usual = ['model', 'experiment', 'detector', 'pipeline', 'loop-latency', 'gate', 'raw-experiment'];
for (const name of ['machine', ...(names.length > 0 ? names : usual)]) {
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
