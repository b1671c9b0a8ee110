// `npm run docs`: writes the pages made from schemas and the snapshot of the public API anew.
import { join } from 'node:path';
import { bootstrap, root, runNode } from './bootstrap.mjs';

bootstrap();
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.exitCode = await runNode([
  vitest,
  'run',
  'tests/docs.test.ts',
  'tests/device-fits.test.ts',
  'tests/public-api.test.ts',
  '--update',
]);
