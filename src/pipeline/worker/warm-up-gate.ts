import type { StimulationCapabilities } from '../../../protocols/mea-link/messages.js';
import { confirmDelivery, createStimHistory } from '../../../protocols/stimulation/gate-history.js';
import { checkPattern, checkStimulus } from '../../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../../protocols/stimulation/safety-profile.js';
import type { StimPattern } from '../../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../../protocols/units.js';

const SAMPLE_RATE_HZ = 20_000;

/** Of no array, and for no device: nothing that is checked under it can be sent, because no driver gets to see it. */
const PROFILE: SafetyProfile = {
  name: 'warm-up',
  source: 'made up; no stimulus is ever delivered under it',
  electrodes: [{ electrode: 0, areaUm2: 1000, impedanceOhm: 1000, masked: false }],
  impedanceAgeS: seconds(0),
  maxImpedanceAgeS: seconds(1e6),
  maxCurrentUa: microamps(1),
  minPhaseUs: microseconds(100),
  maxPhaseUs: microseconds(100),
  maxPhases: 2,
  maxChargePerPhaseNc: 1,
  maxChargeDensityUcPerCm2: 1000,
  maxImbalance: 0.005,
  netChargeBudgetNc: 1,
  leadingPolarity: 'either',
  minInterphaseGapUs: microseconds(0),
  complianceV: 1,
  minIntervalMs: milliseconds(1),
  maxRateHz: hertz(10),
  maxDuty: 1,
  maxChargePerSecondNc: 10,
  maxSimultaneous: 1,
  maxSummedCurrentUa: microamps(1),
  maxStimuliPerSession: 1e9,
  maxChargePerSessionNc: 1e9,
};

const CAPABILITIES: StimulationCapabilities = {
  electrodes: [0],
  currentStepUa: 0.1,
  maxCurrentUa: 1,
  timeStepUs: 10,
  maxPhases: 2,
  slots: 1,
  queueLength: 1,
  scheduling: 'at-sample',
  delivery: 'acknowledged',
  maxAheadMs: 1000,
};

const PATTERN: StimPattern = {
  slot: 0,
  pulses: [
    {
      electrode: 0,
      phases: [
        { currentUa: microamps(-1), durationUs: microseconds(100) },
        { currentUa: microamps(1), durationUs: microseconds(100) },
      ],
    },
  ],
};

/**
 * Lets the gate check so many stimuli that the engine has compiled it when the first one comes. The gate is a pure function:
 * its verdicts are thrown away, and nothing knows of them.
 *
 * @returns how many it accepted: all
 */
export function warmUpGate(rounds: number): number {
  const context = { profile: PROFILE, capabilities: CAPABILITIES, sampleRateHz: SAMPLE_RATE_HZ, profileAgeS: 0 };
  const checked = checkPattern(PATTERN, context);
  if (checked.type === 'refused') return 0;
  const arming = { armed: true, untilSample: Infinity };
  let history = createStimHistory();
  let accepted = 0;
  for (let round = 1; round <= rounds; round++) {
    // A second apart, about as stimuli are: the account stays as short as it will be.
    const nowSample = round * SAMPLE_RATE_HZ;
    const verdict = checkStimulus(
      { stimulusId: round, pattern: checked.pattern, at: { type: 'sample', sample: nowSample + 100 } },
      { ...context, nowSample, arming, history },
    );
    if (verdict.type === 'refused') continue;
    history = confirmDelivery(verdict.history, { stimulusId: round, sample: nowSample + 100 });
    accepted += 1;
  }
  return accepted;
}
