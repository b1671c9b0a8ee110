// `npm run demo`: a full emulated experiment with its report and an exact replay. `-- --quick`: a short one.
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

const options = process.argv.slice(2);
const unknown = options.filter((option) => option !== '--quick');
if (unknown.length > 0) {
  say(`demo: got ${unknown.join(' ')}, expected nothing or --quick`);
  process.exit(2);
}
bootstrap();
const experiment = options.includes('--quick') ? 'quick' : 'isomura2023';
const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
const out = join('recordings', `demo-${experiment}-${stamp}`);
const main = join(root, 'dist/src/cli/main.js');

say(`an emulated culture, the experiment ${experiment}:`);
const ran = await runNode([main, 'run', experiment, '--out', out]);
if (ran !== 0) process.exit(ran);
say('the recording, repeated and compared:');
const replayed = await runNode([main, 'replay', out]);
if (replayed !== 0) process.exit(replayed);
process.stdout.write(`The report is at ${join(root, out, 'report.html')}\n`);
