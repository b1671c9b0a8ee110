import { electrodePlaces } from '../../../protocols/array-geometry.js';
import { MeaError } from '../../../protocols/errors.js';
import type { SafetyProfile } from '../../../protocols/stimulation/safety-profile.js';
import { microamps, microseconds, milliseconds } from '../../../protocols/units.js';
import type { RigLoopSettings } from '../../pipeline/worker/rig-settings.js';
import type { Experiment } from '../experiment.js';
import { excludedElectrodes, stimulatedElectrodes, toGeometry, type Rig } from '../rig.js';
import type { SignalSourceOptions, TrialPulse } from './signal-source.js';

/** The first trial comes so long after the noise of every electrode is known. */
const AFTER_SETTLING_MS = 1000;
/** Length of a block, in ms. */
const BLOCK_MS = 10;

/** How a rig's voltages are looked at. */
export function toLoopSettings(rig: Rig): RigLoopSettings {
  const { responseWindowMs, detection, artefact, combined } = rig;
  const [first, end] = responseWindowMs;
  const { bandHz, threshold, polarity, deadMs, reference } = detection;
  return {
    detector: {
      band: { type: 'cascade', lowHz: bandHz[0], highHz: bandHz[1] },
      threshold,
      polarity,
      deadMs,
      reference,
      excluded: excludedElectrodes(rig),
      noise: {
        mode: detection.noise,
        settleMs: 1000 * detection.settleS,
        baselineMs: 1000 * Math.max(detection.settleS, detection.baselineS),
      },
    },
    ...(artefact !== undefined && {
      delivery: {
        aboveUv: artefact.aboveUv,
        // Distances count in pitches here.
        reachUm: artefact.reachPitches,
        positions: electrodePlaces(toGeometry(rig)).map(({ x, y }) => ({ xUm: x, yUm: y })),
      },
    }),
    windows: {
      responseMs: [milliseconds(first), milliseconds(end)],
      ...(combined !== undefined && { toleranceMs: milliseconds(combined.toleranceMs) }),
    },
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
    ...(rig.combined !== undefined && { toleranceMs: milliseconds(rig.combined.toleranceMs) }),
    safetyProfile: profile,
    blockFrames: Math.round((BLOCK_MS * rig.sampleRateHz) / 1000),
    settleMs: milliseconds(1000 * settledAfterS(rig) + AFTER_SETTLING_MS),
  };
}

/** Thresholds are those of the experiment after so long. */
function settledAfterS({ detection }: Rig): number {
  return detection.noise === 'frozen' ? detection.baselineS : detection.settleS;
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
