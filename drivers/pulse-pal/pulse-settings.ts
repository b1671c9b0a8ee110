import { MeaError } from '../../protocols/errors.js';
import { HARMLESS_CHANNEL, type PulsePalChannel } from '../../protocols/pulse-pal/settings.js';
import { MAX_VOLTS } from '../../protocols/pulse-pal/values.js';
import type { PulsePhase } from '../../protocols/stimulation/stim-pattern.js';

/**
 * What an output is programmed with to give one pulse and no second one: its train is as long as the pulse.
 *
 * @param phases one phase, or two with nothing or a gap between them
 * @throws MeaError `refused` for a pulse of another shape, or one that the isolator would need more than 10 V for
 */
export function toPulseChannel(
  phases: readonly PulsePhase[],
  { uaPerVolt, where }: { readonly uaPerVolt: number; readonly where: string },
): PulsePalChannel {
  const [first, ...rest] = phases;
  const gap = rest.length === 2 && rest[0]?.currentUa === 0 ? rest[0] : undefined;
  const second = gap === undefined ? rest[0] : rest[1];
  const isShape = first !== undefined && first.currentUa !== 0 && second?.currentUa !== 0 && rest.length <= 2;
  if (!isShape || (rest.length === 2 && gap === undefined)) {
    throw new MeaError('refused', {
      what: 'The Pulse Pal makes no pulse of this shape',
      got: phases.map(({ currentUa, durationUs }) => `${currentUa} uA for ${durationUs} us`).join(', '),
      wanted: 'one phase, or two with a gap or none between them',
      where,
    });
  }
  const toVolts = (phase: PulsePhase): number => voltsOf(phase, uaPerVolt, where);
  const trainUs = phases.reduce((sum, { durationUs }) => sum + durationUs, 0);
  return {
    ...HARMLESS_CHANNEL,
    isBiphasic: second !== undefined,
    phase1Volts: toVolts(first),
    phase2Volts: second === undefined ? 0 : toVolts(second),
    phase1Us: first.durationUs,
    interPhaseUs: gap?.durationUs ?? 0,
    phase2Us: second?.durationUs ?? HARMLESS_CHANNEL.phase2Us,
    trainUs,
  };
}

/** A line that is raised to 5 V for a moment. */
export function toLineChannel(widthUs: number): PulsePalChannel {
  return { ...HARMLESS_CHANNEL, phase1Volts: 5, phase1Us: widthUs, trainUs: widthUs };
}

function voltsOf({ currentUa }: PulsePhase, uaPerVolt: number, where: string): number {
  const volts = currentUa / uaPerVolt;
  if (Math.abs(volts) <= MAX_VOLTS) return volts;
  throw new MeaError('refused', {
    what: 'The isolator would need more than the Pulse Pal gives',
    got: `${volts.toFixed(3)} V for ${currentUa} uA`,
    wanted: `at most ${MAX_VOLTS} V: ${MAX_VOLTS * uaPerVolt} uA`,
    where,
    remedy: 'a smaller current, or a larger range of the isolator',
  });
}
