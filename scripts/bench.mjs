// `npm run bench [-- NAME...]`: the benchmarks, compiled, one process each. Without names: model and experiment.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

bootstrap();
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
for (const name of names.length > 0 ? names : ['model', 'experiment']) {
  const file = join(root, 'dist/benchmarks', `${name}.js`);
  if (!existsSync(file)) {
    say(`bench: got ${name}, expected model, experiment, verdict or emulated-statistics`);
    process.exit(2);
  }
  const code = await runNode([file, ...options]);
  if (code !== 0) process.exit(code);
}
