import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds } from '../../protocols/units.js';

/** Steps of the digital-to-analogue converter and of the pulse timer. */
export interface OutputSteps {
  readonly currentStepUa: number;
  readonly timeStepUs: number;
}

/** The pulses that the outputs really make of those asked for: currents and durations in whole steps. */
export function quantisePulses(pulses: readonly Pulse[], steps: OutputSteps): readonly Pulse[] {
  return pulses.map(({ electrode, phases }) => ({
    electrode,
    phases: phases.map(({ currentUa, durationUs }) => ({
      currentUa: microamps(roundTo(currentUa, steps.currentStepUa)),
      durationUs: microseconds(roundTo(durationUs, steps.timeStepUs)),
    })),
  }));
}

function roundTo(value: number, step: number): number {
  return Math.sign(value) * Math.round(Math.abs(value) / step) * step;
}
