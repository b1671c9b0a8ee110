import { test } from 'vitest';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';
const d = temporaryFolder('t');
test('t', async () => {
  writeFileSync(join(d, 'e.yaml'), smallExperimentFile());
  writeFileSync(join(d, 'e2.yaml'), smallExperimentFile({ inputsPerBlock: 1 }));
  writeFileSync(join(d, 'rig.yaml'), JSON.stringify({ version: 1, name: 'r', device: 'emulator', array: { rows: 3, columns: 3 }, stimulated: { electrodes: [0, 1], status: 'unconfirmed' }, pulse: { amplitudeUa: null, phaseWidthUs: null, status: 'unconfirmed' } }));
  for (let i = 0; i < 5; i++) {
    let t = performance.now();
    await runCli(['run', join(d, 'e.yaml'), '--out', join(d, `o${i}`), '--no-report']);
    console.log('small', performance.now() - t);
    t = performance.now();
    const r = await runCli(['run', join(d, 'e2.yaml'), '--rig', join(d, 'rig.yaml'), '--out', join(d, `p${i}`), '--no-report']);
    console.log('tiny', performance.now() - t, r);
  }
});
