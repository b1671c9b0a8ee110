import type { StimulationCapabilities } from '../protocols/mea-link/messages.js';
import { createStimHistory } from '../protocols/stimulation/gate-history.js';
import { checkPattern, checkStimulus, type GateContext } from '../protocols/stimulation/gate.js';
import { hertz } from '../protocols/units.js';
import { ARMED, CAPABILITIES } from '../tests/helpers/stimuli.js';
import { createBalancedPulse, createWideProfile } from '../tests/helpers/wide-profile.js';
import { medianOf, printLine } from './measure.js';

// `npm run bench -- gate`: what the safety gate costs for a stimulus that it accepts, in microseconds, as a part of a session
// in which the same electrodes are pulsed again and again: the history has what left in the last two seconds. `checked`
// patterns were held against the limits before, as those in a device's slots are; `plain` ones come with the command. The
// best round tells what it costs, the median what else the machine does. A trial of the experiment is one stimulus a second.
const ROUNDS = 60;
const CHECKS = 500;
const SAMPLE_RATE_HZ = 20_000;

interface Scene {
  readonly electrodes: number;
  readonly pattern: 'checked' | 'plain';
  readonly stimuliPerSecond: number;
}

const SCENES: readonly Scene[] = [1, 32].flatMap((electrodes) =>
  [1, 20].flatMap((stimuliPerSecond) =>
    (['checked', 'plain'] as const).map((pattern) => ({ electrodes, pattern, stimuliPerSecond })),
  ),
);

/** Microseconds for each check, one number for each round of `CHECKS`. */
function timeGate({ electrodes, pattern, stimuliPerSecond }: Scene): readonly number[] {
  const stimulated = Array.from({ length: electrodes }, (_, electrode) => electrode);
  const profile = createWideProfile(stimulated, {
    maxStimuliPerSession: 1e9,
    maxChargePerSessionNc: 1e12,
    maxSimultaneous: 32,
    maxRateHz: hertz(200),
  });
  const capabilities: StimulationCapabilities = { ...CAPABILITIES, electrodes: stimulated };
  const asked = { slot: 0, pulses: stimulated.map((electrode) => createBalancedPulse(electrode)) };
  const held = checkPattern(asked, { profile, capabilities, sampleRateHz: SAMPLE_RATE_HZ, profileAgeS: 0 });
  if (held.type === 'refused') throw new Error(JSON.stringify(held.refusals));
  let context: GateContext = {
    profile,
    capabilities,
    sampleRateHz: SAMPLE_RATE_HZ,
    profileAgeS: 0,
    nowSample: 0,
    arming: ARMED,
    history: createStimHistory(),
  };
  let stimulusId = 0;
  return Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    for (let k = 0; k < CHECKS; k++) {
      stimulusId += 1;
      const sample = Math.round((stimulusId * SAMPLE_RATE_HZ) / stimuliPerSecond);
      const command = {
        stimulusId,
        pattern: pattern === 'checked' ? held.pattern : asked,
        at: { type: 'sample', sample },
      };
      const verdict = checkStimulus(command, { ...context, nowSample: sample - 200 });
      if (verdict.type === 'refused') throw new Error(JSON.stringify(verdict.refusals));
      context = { ...context, history: verdict.history };
    }
    return ((performance.now() - started) * 1000) / CHECKS;
  });
}

printLine('electrodes  stimuli/s  pattern   us per check: best round, median');
for (const scene of SCENES) {
  // The first third warms up.
  const times = timeGate(scene).slice(ROUNDS / 3);
  const { electrodes, stimuliPerSecond, pattern } = scene;
  const place = `${String(electrodes).padStart(10)}  ${String(stimuliPerSecond).padStart(9)}  ${pattern.padEnd(8)}`;
  printLine(
    `${place}  ${Math.min(...times)
      .toFixed(2)
      .padStart(6)}  ${medianOf(times).toFixed(2).padStart(6)}`,
  );
}
