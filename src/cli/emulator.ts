import type { Experiment } from '../closed-loop/experiment.js';
import { stimulatedElectrodes, type Rig } from '../closed-loop/rig.js';
import { hertz, milliseconds } from '../../protocols/units.js';
import type { ResumableSource } from '../../protocols/trial.js';
import { MeaError } from '../../protocols/errors.js';

/**
 * Opens the bundled emulator. This is the only file of src that loads it, and only when no rig is given or the rig says
 * `device: emulator`; the source itself fixes the provenance to `emulated`.
 *
 * @throws MeaError `bad-input` for a rig that the emulator cannot be
 */
export async function openEmulator(experiment: Experiment, rig: Rig): Promise<ResumableSource> {
  const { createEmulatedCultureSource, RESPONSE_WINDOW_MS } =
    await import('../../sim-device/emulated-culture-source.js');
  const [first, end] = rig.responseWindowMs;
  if (first !== RESPONSE_WINDOW_MS[0] || end !== RESPONSE_WINDOW_MS[1]) {
    throw new MeaError('bad-input', {
      what: 'The emulated culture gives its counts for one response window only',
      got: `${first} to ${end} ms`,
      wanted: `${RESPONSE_WINDOW_MS[0]} to ${RESPONSE_WINDOW_MS[1]} ms`,
      where: `rig ${rig.name}, responseWindowMs`,
    });
  }
  const inputs = stimulatedElectrodes(rig);
  return createEmulatedCultureSource({
    ...experiment.culture,
    seed: experiment.seed,
    electrodes: rig.array.rows * rig.array.columns,
    inputs: inputs.length,
    stimulatedElectrodes: inputs,
    sampleRateHz: hertz(rig.sampleRateHz),
    trialPeriodMs: milliseconds(experiment.trialPeriodS * 1000),
  });
}
