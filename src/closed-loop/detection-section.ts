import { z } from 'zod';

/** Schema of a rig file's `detection` section: how spikes are found in voltages. Its defaults are the bundled experiments'. */
export const detectionSectionSchema = z
  .strictObject({
    bandHz: z
      .tuple([z.number().positive(), z.number().positive()])
      .default([300, 3000])
      .describe('Edges of the band-pass, Butterworth of second order on either side, in hertz.'),
    threshold: z
      .number()
      .min(0.5)
      .max(1000)
      .default(5)
      .describe("Threshold in multiples of an electrode's noise (standard deviation)."),
    polarity: z.enum(['negative', 'positive', 'both']).default('negative').describe('Which way spikes point.'),
    deadMs: z
      .number()
      .min(0.5)
      .max(1000)
      .default(0.8)
      .describe(
        'Two spikes of an electrode are never closer; evoked bursts have up to 25 in 20 ms, so it is short here.',
      ),
    noise: z
      .enum(['adaptive', 'frozen'])
      .default('adaptive')
      .describe(
        '`adaptive`: thresholds follow the noise; `frozen`: they stand still after `baselineS`. Either way the recording says after each session what they were: an adaptive threshold that drifts over hours looks like learning.',
      ),
    settleS: z
      .number()
      .min(0.1)
      .max(600)
      .default(2)
      .describe('Seconds of signal before a threshold is trusted; until then an electrode is blind.'),
    baselineS: z
      .number()
      .min(0.1)
      .max(86_400)
      .default(10)
      .describe('Seconds of signal after which a frozen threshold stands still; not less than `settleS`.'),
    reference: z
      .enum(['none', 'mean', 'median'])
      .default('none')
      .describe('Taken off every electrode after the band-pass, over the electrodes that can be seen.'),
    excluded: z
      .array(z.int().min(0))
      .default([])
      .describe('Electrodes that are not looked at: no spikes, blind throughout, in no ensemble.'),
  })
  .refine(({ noise, settleS, baselineS }) => noise === 'adaptive' || baselineS >= settleS, {
    path: ['baselineS'],
    error: 'not less than `settleS`',
  })
  .refine(({ bandHz: [low, high] }) => low < high, { path: ['bandHz'], error: 'a lower edge below the upper one' });

/** What a rig without the section goes by. */
export const DEFAULT_DETECTION = detectionSectionSchema.parse({});
