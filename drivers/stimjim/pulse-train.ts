import { MeaError } from '../../protocols/errors.js';
import type { PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import {
  MAX_STAGES,
  MIN_STAGE_US,
  type StimJimMode,
  type StimJimStage,
  type StimJimTrain,
} from '../../protocols/stimjim/commands.js';

/** The phases of each output; null where it gives nothing. */
export type OutputPhases = readonly [readonly PulsePhase[] | null, readonly PulsePhase[] | null];

/** Its end is looked for once a period: so long after the trigger its measurements come. */
const PERIOD_US = 20_000;

/**
 * A train of one pulse: stages of both outputs, which change together, once.
 *
 * @param whenOff what an output is that gives nothing in this train
 * @throws MeaError `refused` when the phases of the two make more stages, or shorter ones, than the device has
 */
export function toPulseTrain(
  n: number,
  outputs: OutputPhases,
  { whenOff, where }: { readonly whenOff: 'high-z' | 'grounded'; readonly where: string },
): StimJimTrain {
  const stages = toStages(outputs);
  const shortest = Math.min(...stages.map(({ durationUs }) => durationUs));
  const pulseUs = stages.reduce((sum, { durationUs }) => sum + durationUs, 0);
  if (stages.length > MAX_STAGES || shortest < MIN_STAGE_US || pulseUs > PERIOD_US / 2) {
    throw new MeaError('refused', {
      what: 'The StimJim makes no pulse of these phases',
      got: `${stages.length} stages, the shortest of ${shortest} us, ${pulseUs} us in all`,
      wanted: `at most ${MAX_STAGES} stages of at least ${MIN_STAGE_US} us, ${PERIOD_US / 2} us in all`,
      where,
      remedy: 'let the phases of both outputs change at the same times',
    });
  }
  const modeOf = (phases: readonly PulsePhase[] | null): StimJimMode => (phases === null ? whenOff : 'current');
  return { n, modes: [modeOf(outputs[0]), modeOf(outputs[1])], periodUs: PERIOD_US, durationUs: pulseUs, stages };
}

/** A train that gives nothing, whatever starts it. */
export function toHarmlessTrain(n: number, whenOff: 'high-z' | 'grounded'): StimJimTrain {
  const stages: readonly StimJimStage[] = [{ amplitudes: [0, 0], durationUs: 100 }];
  return { n, modes: [whenOff, whenOff], periodUs: PERIOD_US, durationUs: 100, stages };
}

function toStages(outputs: OutputPhases): readonly StimJimStage[] {
  const edges = new Set<number>();
  for (const phases of outputs) {
    let atUs = 0;
    for (const { durationUs } of phases ?? []) edges.add((atUs += durationUs));
  }
  let fromUs = 0;
  return Array.from(edges)
    .sort((a, b) => a - b)
    .map((toUs) => {
      const amplitudes = [currentAt(outputs[0], fromUs), currentAt(outputs[1], fromUs)] as const;
      const stage = { amplitudes, durationUs: toUs - fromUs };
      fromUs = toUs;
      return stage;
    });
}

function currentAt(phases: readonly PulsePhase[] | null, atUs: number): number {
  let endUs = 0;
  for (const { currentUa, durationUs } of phases ?? []) {
    endUs += durationUs;
    if (atUs < endUs) return currentUa;
  }
  return 0;
}
