import { runSilentTrials } from '../tests/helpers/silent-trials.js';
import { printLine } from './measure.js';

// What stimuli leave behind in a culture that is silenced: the whole pipeline with its own noise and threshold, 64 electrodes,
// half of 32 pulsed at a time. Asked for: electrodes seen from 3 ms after the pulse on, pulsed ones from 6 ms, and less
// than one false spike in 1,000 windows of 3 to 100 ms. The number behind the name is the seed.
const TRIALS = 300;
const MODES = ['after-stimulus', 'always'] as const;
const seed = Number(process.argv[2] ?? 1001);

printLine(`seed ${seed}, ${TRIALS} trials`);
const results = runSilentTrials(
  { seed, trials: TRIALS },
  MODES.map((mode) => ({ mode })),
);
results.forEach(({ windows, found, foundLater, pulsedSeenFrom, othersSeenFrom }, i) => {
  const perThousand = (count: number): string => ((1000 * count) / windows).toFixed(2);
  printLine(
    `SALPA ${MODES[i]!}: ${perThousand(found)} in 1,000 windows with a spike 3 to 100 ms after the pulse (${found} of ${windows}), ` +
      `${perThousand(foundLater)} where there is no artefact any more; ` +
      `seen from ${(othersSeenFrom / 20).toFixed(2)} ms on, pulsed ones from ${(pulsedSeenFrom / 20).toFixed(2)} ms`,
  );
});
