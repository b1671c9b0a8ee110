import { MeaError } from '../../protocols/errors.js';
import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import { checkPattern, type CheckedPattern } from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { PulsePhase, StimPattern } from '../../protocols/stimulation/stim-pattern.js';
import type { Hertz } from '../../protocols/units.js';
import type { StimulusGroup } from './stimulator.js';

/** What a pattern asks of a stimulator that fires groups: which of them, or why it cannot. */
export type GroupChoice =
  | { readonly type: 'groups'; readonly groups: readonly number[] }
  | { readonly type: 'impossible'; readonly message: string };

/**
 * The pulses that each group is programmed with: the same phases on each of its electrodes, as the safety gate let them
 * pass.
 *
 * @throws MeaError `refused` when the gate refuses a group's pulses, naming the group and the broken rules
 */
export function checkGroups(
  groups: readonly StimulusGroup[],
  {
    phases,
    ...context
  }: {
    readonly phases: readonly PulsePhase[];
    readonly profile: SafetyProfile;
    readonly capabilities: StimulationCapabilities;
    readonly sampleRateHz: Hertz;
  },
): readonly CheckedPattern[] {
  return groups.map(({ trigger, electrodes }) => {
    const pulses = electrodes.map((electrode) => ({ electrode, phases }));
    const verdict = checkPattern({ slot: 0, pulses }, { ...context, profileAgeS: 0 });
    if (verdict.type === 'accepted') return verdict.pattern;
    throw new MeaError('refused', {
      what: 'The safety gate refuses the pulses of a group of electrodes',
      got: verdict.refusals.map(({ rule, message }) => `${rule}: ${message}`).join('; '),
      where: `group ${trigger}, electrodes ${electrodes.join(', ')}`,
      remedy: 'change the pulse or the groups in the rig file; the limits are those of the array',
    });
  });
}

/** The groups that together are a pattern: each whole, each with the very pulses that it was programmed with. */
export function chooseGroups(
  pattern: StimPattern,
  { programs, maxTogether }: { readonly programs: readonly CheckedPattern[]; readonly maxTogether: number },
): GroupChoice {
  const asked = new Map(pattern.pulses.map((pulse) => [pulse.electrode, pulse.phases]));
  const groups = programs.flatMap((program, group) =>
    program.pulses.length > 0 && program.pulses.every(({ electrode }) => asked.has(electrode)) ? [group] : [],
  );
  for (const group of groups) {
    for (const { electrode, phases } of programs[group]!.pulses) {
      if (!isSamePulse(phases, asked.get(electrode))) {
        return impossible(`electrode ${electrode} is programmed with another pulse than it is asked for`);
      }
    }
  }
  const fired = new Set(groups.flatMap((group) => programs[group]!.pulses.map(({ electrode }) => electrode)));
  const left = [...asked.keys()].filter((electrode) => !fired.has(electrode));
  if (left.length > 0) return impossible(`no whole group has electrodes ${left.join(', ')} within the pattern`);
  if (groups.length > maxTogether) {
    return impossible(`${groups.length} groups at once: at most ${maxTogether} begin together on this device`);
  }
  return { type: 'groups', groups };
}

function impossible(message: string): GroupChoice {
  return { type: 'impossible', message };
}

function isSamePulse(a: readonly PulsePhase[], b: readonly PulsePhase[] | undefined): boolean {
  if (a.length !== b?.length) return false;
  return a.every((phase, i) => phase.currentUa === b[i]!.currentUa && phase.durationUs === b[i]!.durationUs);
}
