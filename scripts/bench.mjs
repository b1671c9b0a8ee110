// `npm run bench [-- NAME...]`: the benchmarks, compiled, one process each. Without names: model and experiment.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

bootstrap();
// Numbers go to the benchmark: how many seeds, and the first of them.
const numbers = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
const names = process.argv.slice(2).filter((argument) => !numbers.includes(argument));
for (const name of names.length > 0 ? names : ['model', 'experiment']) {
  const file = join(root, 'dist/benchmarks', `${name}.js`);
  if (!existsSync(file)) {
    say(
      `bench: got ${name}, expected model, experiment, verdict, plasticity-gains, emulated-statistics, emulated-pipeline, emulated-signal, signal-statistics, salpa, detector or dead-man`,
    );
    process.exit(2);
  }
  const code = await runNode([file, ...numbers]);
  if (code !== 0) process.exit(code);
}
