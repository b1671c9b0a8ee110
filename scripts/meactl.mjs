// `npm run -s meactl -- ARGS`: the program from a checkout. Relative paths mean the folder npm was called in.
import { bootstrap, root, runNode } from './bootstrap.mjs';
import { join } from 'node:path';

bootstrap();
process.exitCode = await runNode([join(root, 'dist/src/cli/main.js'), ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
});
