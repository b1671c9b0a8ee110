import { MeaError } from '../../protocols/errors.js';
import { isCheckedPattern } from '../../protocols/stimulation/gate.js';
import type { PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import type { StimulusGroup } from './stimulator.js';

/**
 * Numbers of the outputs that groups are fired by, for a device that calls them `output 1` and so on.
 *
 * @throws MeaError `bad-input` for a name that is none, for one twice, and for a group that is not one electrode: the
 *   current of one output would part between several, nobody knows how
 */
export function outputsOf(groups: readonly StimulusGroup[], most: number, device: string): readonly number[] {
  const outputs = groups.map(({ trigger }) => Number(/^output (\d)$/u.exec(trigger)?.[1] ?? 0));
  const isNamed = outputs.every((output) => output >= 1 && output <= most);
  if (!isNamed || new Set(outputs).size !== outputs.length || outputs.length === 0) {
    throw new MeaError('bad-input', {
      what: `The groups of a ${device} are its outputs`,
      got: groups.map(({ trigger }) => trigger).join(', '),
      wanted: `output 1 to output ${most}, each at most once`,
      remedy: 'name them so in the rig file',
    });
  }
  const shared = groups.find(({ electrodes }) => electrodes.length !== 1);
  if (shared !== undefined) {
    throw new MeaError('bad-input', {
      what: `An output of a ${device} drives one electrode`,
      got: `electrodes ${shared.electrodes.join(', ')} on ${shared.trigger}`,
      remedy: 'give each electrode an output of its own',
    });
  }
  return outputs;
}

/**
 * The pulse that a group is to be programmed with; null when the pattern is empty.
 *
 * @throws MeaError `refused` for a pattern that did not pass the gate, for other electrodes than the group's, and when these
 *   do not all get the same pulse
 */
export function pulseOfGroup(pattern: unknown, group: StimulusGroup): readonly PulsePhase[] | null {
  if (!isCheckedPattern(pattern)) {
    throw new MeaError('refused', {
      what: 'Only patterns that passed the safety gate are programmed',
      where: group.trigger,
      remedy: 'let checkPattern check it',
    });
  }
  if (pattern.pulses.length === 0) return null;
  const electrodes = pattern.pulses.map(({ electrode }) => electrode).sort((a, b) => a - b);
  if (electrodes.join() !== group.electrodes.join()) {
    throw new MeaError('refused', {
      what: 'A group is pulsed whole, and nothing else by it',
      got: `electrodes ${electrodes.join(', ')}`,
      wanted: `electrodes ${group.electrodes.join(', ')}`,
      where: group.trigger,
    });
  }
  const [first, ...others] = pattern.pulses;
  const phases = first?.phases ?? [];
  const isSame = others.every((pulse) => JSON.stringify(pulse.phases) === JSON.stringify(phases));
  if (!isSame)
    throw new MeaError('refused', { what: 'A group has one pulse for all its electrodes', where: group.trigger });
  return phases;
}

/**
 * Holds groups that are to be fired against those that there are.
 *
 * @throws MeaError `bad-input` for none, for one twice, and for one that is not there
 */
export function assertGroups(groups: readonly number[], count: number, where: string): void {
  const isThere = groups.every((group) => Number.isInteger(group) && group >= 0 && group < count);
  if (isThere && groups.length > 0 && new Set(groups).size === groups.length) return;
  throw new MeaError('bad-input', {
    what: 'No such groups to fire',
    got: `[${groups.join(', ')}]`,
    wanted: `places from 0 to ${count - 1}, each once`,
    where,
  });
}

/** What is said when a trigger is to be tried while a pulse would leave by it. */
export function isProgrammed(where: string): MeaError {
  return new MeaError('refused', {
    what: 'A program is there, and would leave',
    where,
    remedy: 'switch all off first',
  });
}

/** What is said when something is fired that nobody has programmed. */
export function notProgrammed(where: string): MeaError {
  return new MeaError('refused', {
    what: 'Nothing is programmed',
    where,
    remedy: 'program the pulses of the groups first; switching all off drops them',
  });
}
