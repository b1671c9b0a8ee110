import type { DeviceAbility } from '../../drivers/parts/device-ability.js';
import { MeaError } from '../../protocols/errors.js';
import { toArmExperiment, type Experiment } from './experiment.js';
import { stimulatedElectrodes, type Rig } from './rig.js';

/** Whether a device can carry out an experiment, and how or why not. */
export interface DeviceFit {
  readonly verdict: 'exact' | 'approximate' | 'impossible';
  readonly reason: string;
}

/**
 * Inputs that always do the same: each set can be one group of electrodes. Without mixing, all inputs of a block follow
 * their source; every other policy or mixing moves each input by itself.
 *
 * @returns sets of input numbers, rising; together they are all inputs
 */
export function inputsThatGoTogether(experiment: Experiment): readonly (readonly number[])[] {
  const variants = experiment.arms?.map((_, index) => toArmExperiment(experiment, index)) ?? [experiment];
  const { sources, inputsPerBlock } = experiment;
  const isWhole = variants.every(
    ({ mixing, policy }) => mixing === 0 && (policy === undefined || policy.type === 'mixed-source'),
  );
  if (!isWhole) return Array.from({ length: sources * inputsPerBlock }, (_, input) => [input]);
  return Array.from({ length: sources }, (_, block) =>
    Array.from({ length: inputsPerBlock }, (__, i) => block * inputsPerBlock + i),
  );
}

/** Holds what an experiment needs against what a device can. All its inputs may be on in one trial. */
export function fitDevice(experiment: Experiment, { stimulation }: DeviceAbility): DeviceFit {
  if (stimulation === null) return { verdict: 'impossible', reason: 'it only records: put a stimulator beside it' };
  const { groups, electrodesPerGroup, together, togetherLimit, scheduling } = stimulation;
  const units = inputsThatGoTogether(experiment);
  const needed = units.length;
  if (groups !== null && needed > groups) {
    return { verdict: 'impossible', reason: `${needed} groups of electrodes are needed, it has ${groups}` };
  }
  const largest = Math.max(...units.map(({ length }) => length));
  if (groups !== null && electrodesPerGroup !== null && largest > electrodesPerGroup) {
    return {
      verdict: 'impossible',
      reason: `groups of ${largest} electrodes are needed, an output drives ${electrodesPerGroup}`,
    };
  }
  if (together !== null && needed > together) {
    const limit = togetherLimit === undefined ? '' : `: ${togetherLimit}`;
    return { verdict: 'impossible', reason: `${needed} groups must begin together, ${together} can${limit}` };
  }
  if (scheduling === 'at-sample') return { verdict: 'exact', reason: 'every stimulus leaves at its sample' };
  return {
    verdict: 'approximate',
    reason: 'a stimulus leaves near its sample, as soon as it is triggered; where it left is seen and recorded',
  };
}

/**
 * Refuses an experiment that a combined rig's groups cannot carry out, before anything is connected to.
 *
 * @throws MeaError `bad-input` naming the electrodes of which no whole group can be made, or what cannot begin together
 */
export function assertRigFits(experiment: Experiment, rig: Rig): void {
  const stimulator = rig.combined?.stimulator;
  if (rig.combined === undefined) return;
  const where = `experiment ${experiment.name}, rig ${rig.name}`;
  if (stimulator === undefined) {
    throw new MeaError('bad-input', {
      what: 'The experiment stimulates, and the rig only records',
      where,
      remedy: 'name a stimulator in the rig file, or use meactl record',
    });
  }
  const electrodes = stimulatedElectrodes(rig);
  const needed = inputsThatGoTogether(experiment);
  let fired = 0;
  for (const inputs of needed) {
    const unit = new Set(inputs.map((input) => electrodes[input]));
    const whole = stimulator.groups.filter((group) => group.electrodes.every((electrode) => unit.has(electrode)));
    fired += whole.length;
    const covered = new Set(whole.flatMap((group) => group.electrodes));
    const left = [...unit].filter((electrode) => electrode === undefined || !covered.has(electrode));
    if (left.length === 0) continue;
    throw new MeaError('bad-input', {
      what: 'The groups of the stimulator cannot make the patterns of the experiment',
      got: `no group that fires nothing but electrodes ${left.join(', ')}`,
      wanted: `${needed.length} sets of electrodes that can be fired apart, of ${inputs.length} each`,
      where,
      remedy: 'change the groups, or take an experiment that fits the device: meactl devices --experiments lists them',
    });
  }
  const byKeys = stimulator.type === 'intan-rhx' && stimulator.triggerBox === undefined;
  if (!byKeys || fired < 2) return;
  throw new MeaError('bad-input', {
    what: 'The stimulator cannot begin several groups together',
    got: `${fired} groups that one trial may need, each with a key of its own`,
    wanted: 'a trigger box that raises lines together',
    where,
    remedy: 'add a triggerBox to the stimulator in the rig file, and let groups be fired by its lines',
  });
}
