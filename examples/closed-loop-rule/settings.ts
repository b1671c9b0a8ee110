import type { Capabilities } from '../../protocols/mea-link/messages.js';
import type { StimPattern } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds, milliseconds } from '../../protocols/units.js';
import type { FireRuleOptions } from '../../src/pipeline/rules/fire-rule.js';
import type { SignalPipeline } from '../../src/pipeline/signal-pipeline.js';
import { createSpikePipeline } from '../../src/pipeline/spike-pipeline.js';

/** When 3 of these 8 electrodes fire within 20 ms, at most twice a second and a hundred times in all. */
export const EXAMPLE_RULE: Omit<FireRuleOptions, 'sampleRateHz'> = {
  electrodes: [1, 3, 5, 7, 8, 10, 12, 14],
  withinMs: milliseconds(20),
  minimum: 3,
  refractoryMs: milliseconds(250),
  maxPerSecond: 2,
  maxTriggers: 100,
};

/** One biphasic pulse on electrode 0: values for the emulator, of no real array. */
export const EXAMPLE_PATTERN: StimPattern = {
  slot: 0,
  pulses: [
    {
      electrode: 0,
      phases: [
        { currentUa: microamps(-20), durationUs: microseconds(200) },
        { currentUa: microamps(20), durationUs: microseconds(200) },
      ],
    },
  ],
};

/**
 * The detector of this example, for the device that it is connected to: spikes of five times the noise, artefacts fitted
 * and taken off where a stimulus has been. For the first second and a half it learns the noise and sees nothing.
 */
export function exampleDetector({ channels, sampleRateHz, gainUvPerBit }: Capabilities): () => SignalPipeline {
  return () =>
    createSpikePipeline({
      channels,
      sampleRateHz,
      gainUv: gainUvPerBit,
      noise: { mode: 'adaptive', settleMs: 1500 },
    });
}
