// `npm run -s mea-sim -- ARGS`: the emulator from a checkout. Relative paths mean the folder npm was called in.
import { bootstrap, root, runNode } from './bootstrap.mjs';
import { join } from 'node:path';

bootstrap();
process.exitCode = await runNode([join(root, 'dist/sim-device/main.js'), ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
});
