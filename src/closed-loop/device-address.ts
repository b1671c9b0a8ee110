import type { CombinedAddress, DeviceAddress } from '../../drivers/device-address.js';
import type { RecorderPart, StimulatorPart } from '../../drivers/parts/rig-parts.js';
import { MeaError } from '../../protocols/errors.js';
import type { PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps } from '../../protocols/units.js';
import type { CombinedSection } from './combined-section.js';
import type { Rig } from './rig.js';
import { toTrialPulse } from './signals/signal-settings.js';

/**
 * Where the device of a rig file is.
 *
 * @param stimulates false for a rig that only records: its stimulator is then not even connected to
 * @throws MeaError `bad-input` for the emulator, which is part of the program; for a rig that stimulates without a pulse
 */
export function toDeviceAddress(rig: Rig, { stimulates }: { readonly stimulates: boolean }): DeviceAddress {
  if (rig.address !== undefined) return rig.address;
  if (rig.combined !== undefined) return toParts(rig, rig.combined, { stimulates });
  throw new MeaError('bad-input', {
    what: 'The rig file names no device',
    got: `device: ${rig.device}`,
    wanted: 'mea-link with an address, or combined',
    where: `rig ${rig.name}`,
  });
}

function toParts(
  rig: Rig,
  { recorder, stimulator, sight }: CombinedSection,
  { stimulates }: { readonly stimulates: boolean },
): CombinedAddress {
  const isUsed = stimulates && stimulator !== undefined;
  return {
    type: 'combined',
    recorder: toRecorderPart(recorder),
    stimulator: isUsed ? toStimulatorPart(stimulator) : null,
    sight,
    sampleRateHz: hertz(rig.sampleRateHz),
    phases: isUsed ? phasesOf(rig) : [],
    ...(stimulator?.acceptNoWatchdog !== undefined && { acceptsNoWatchdog: stimulator.acceptNoWatchdog }),
  };
}

/**
 * The parts of a combined rig, the stimulator among them.
 *
 * @throws MeaError `bad-input` for any other rig, and for one without a pulse
 */
export function toCombinedAddress(rig: Rig): CombinedAddress {
  const address = toDeviceAddress(rig, { stimulates: true });
  if (typeof address !== 'string') return address;
  throw new MeaError('bad-input', { what: 'Not a combined rig', got: address, where: `rig ${rig.name}` });
}

function toRecorderPart(section: CombinedSection['recorder']): RecorderPart {
  if (section.type === 'intan-rhx') return section;
  const { heartbeatPort, lineSource, ...part } = section;
  return {
    ...part,
    ...(heartbeatPort !== undefined && { heartbeatPort }),
    ...(lineSource !== undefined && { lineSource }),
  };
}

function toStimulatorPart(section: NonNullable<CombinedSection['stimulator']>): StimulatorPart {
  if (section.type !== 'intan-rhx') return section;
  const { type, groups, triggerBox } = section;
  return { type, groups, ...(triggerBox !== undefined && { triggerBox }) };
}

/** The pulse of a trial, the negative phase first. */
function phasesOf(rig: Rig): readonly PulsePhase[] {
  const { amplitudeUa, phaseWidthUs } = toTrialPulse(rig);
  return [
    { currentUa: microamps(-1 * amplitudeUa), durationUs: phaseWidthUs },
    { currentUa: amplitudeUa, durationUs: phaseWidthUs },
  ];
}
