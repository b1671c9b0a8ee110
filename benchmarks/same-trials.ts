import { runSameTrials, type LabName } from '../tests/helpers/same-trials.js';
import { printLine } from './measure.js';

// `npm run bench -- same-trials [trials]`: an experiment through the protocols of other makers' devices, and the same through
// MEA-Link; every spike and every count of a trial is compared. 1,280 trials are those of experiments/mix0.yaml and
// two-electrodes.yaml, here without the rests between their sessions.

const [trials = 1280] = process.argv.slice(2).map(Number);
const LABS: readonly LabName[] = ['intan-rhx-pulse-pal', 'open-ephys-stimjim', 'open-ephys-pulse-pal'];
let isSame = true;
for (const name of LABS) {
  const startMs = performance.now();
  const { there, meaLink } = await runSameTrials(name, trials);
  const key = ([sample, electrode]: readonly [number, number]): number => sample * 1024 + electrode;
  const spikes = new Set(meaLink.spikes.map(key));
  const alsoThere = there.spikes.filter((spike) => spikes.has(key(spike))).length;
  const sameTrials = there.trials.filter(({ counts }, k) => counts.join() === meaLink.trials[k]?.counts.join()).length;
  const errors = there.trials.map((trial) => Math.abs(trial.deliveredSample - trial.plannedSample));
  const ofAll = `${alsoThere} of ${there.spikes.length} spikes (${meaLink.spikes.length} through MEA-Link)`;
  const ofTrials = `${sameTrials} of ${there.trials.length} trials`;
  const worst = `a stimulus left at most ${Math.max(...errors)} samples beside its plan`;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  printLine(`same-trials ${name}: ${ofAll} and ${ofTrials} are the same; ${worst}; ${seconds} s`);
  isSame &&=
    alsoThere === there.spikes.length &&
    alsoThere === meaLink.spikes.length &&
    sameTrials === trials &&
    there.trials.length === trials;
}
if (!isSame) process.exitCode = 1;
