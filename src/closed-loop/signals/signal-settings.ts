import { MeaError } from '../../../protocols/errors.js';
import type { SafetyProfile } from '../../../protocols/stimulation/safety-profile.js';
import { microamps, microseconds, milliseconds } from '../../../protocols/units.js';
import type { RigLoopSettings } from '../../pipeline/worker/rig-settings.js';
import type { Experiment } from '../experiment.js';
import { stimulatedElectrodes, type Rig } from '../rig.js';
import type { SignalSourceOptions, TrialPulse } from './signal-source.js';

/** Time for the noise of every electrode to be known: the pipeline is blind until then, and one second more. */
const NOISE_SETTLE_MS = 2000;
const SETTLE_MS = 3000;
/** Evoked bursts have up to 25 spikes of one electrode in 20 ms. */
const DEAD_MS = 0.8;
/** Length of a block, in ms. */
const BLOCK_MS = 10;

/** How the bundled experiments look at voltages. */
export function toLoopSettings({ responseWindowMs }: Rig): RigLoopSettings {
  const [first, end] = responseWindowMs;
  return {
    detector: { deadMs: DEAD_MS, noise: { mode: 'adaptive', settleMs: NOISE_SETTLE_MS } },
    windows: { responseMs: [milliseconds(first), milliseconds(end)] },
  };
}

/** How trials are carried out, but for the pulse. */
export function toSourceOptions({
  experiment,
  rig,
  profile,
}: {
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly profile: SafetyProfile;
}): Omit<SignalSourceOptions, 'pulse'> {
  const [first, end] = rig.responseWindowMs;
  return {
    stimulatedElectrodes: stimulatedElectrodes(rig),
    responseWindowMs: [milliseconds(first), milliseconds(end)],
    trialPeriodMs: milliseconds(experiment.trialPeriodS * 1000),
    safetyProfile: profile,
    blockFrames: Math.round((BLOCK_MS * rig.sampleRateHz) / 1000),
    settleMs: milliseconds(SETTLE_MS),
  };
}

/**
 * The pulse of a rig file.
 *
 * @throws MeaError `bad-input` while nobody has set it: no pulse has a default
 */
export function toTrialPulse({ name, pulse }: Rig): TrialPulse {
  const { amplitudeUa, phaseWidthUs } = pulse;
  if (amplitudeUa === null || phaseWidthUs === null) {
    throw new MeaError('bad-input', {
      what: 'The rig file does not say what pulse to deliver',
      got: `amplitudeUa ${amplitudeUa}, phaseWidthUs ${phaseWidthUs}`,
      wanted: 'both as numbers, within the limits of its safety section',
      where: `rig ${name}, pulse`,
      remedy: 'take them from your protocol: the published amplitude and width were not found in any source at hand',
    });
  }
  return { amplitudeUa: microamps(amplitudeUa), phaseWidthUs: microseconds(phaseWidthUs) };
}
