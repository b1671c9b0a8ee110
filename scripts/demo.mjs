// `npm run demo`: a full emulated experiment with its report and an exact replay. `-- --quick`: a short one. `-- --raw`:
// the short one on voltages, every sample synthesised, filtered and searched.
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

const options = process.argv.slice(2);
const unknown = options.filter((option) => option !== '--quick' && option !== '--raw');
if (unknown.length > 0) {
  say(`demo: got ${unknown.join(' ')}, expected nothing, --quick or --raw`);
  process.exit(2);
}
bootstrap();
const isRaw = options.includes('--raw');
const experiment = isRaw || options.includes('--quick') ? 'quick' : 'isomura2023';
const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
const out = join('recordings', `demo-${experiment}-${stamp}`);
const main = join(root, 'dist/src/cli/main.js');

say(`an emulated culture, the experiment ${experiment}${isRaw ? ' on voltages, a minute or more' : ''}:`);
const rig = isRaw ? ['--rig', 'emulated-voltages'] : [];
const ran = await runNode([main, 'run', experiment, ...rig, '--out', out]);
if (ran !== 0) process.exit(ran);
say('the recording, repeated and compared:');
const replayed = await runNode([main, 'replay', out]);
if (replayed !== 0) process.exit(replayed);
process.stdout.write(`The report is at ${join(root, out, 'report.html')}\n`);
