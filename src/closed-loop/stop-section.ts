import { z } from 'zod';

const inARow = z.int().min(1).default(3).describe('Sessions in a row that it takes.');

/** Schema of an experiment file's `stop` section: rules that end an experiment after a session. All are off by default. */
export const stopSectionSchema = z.strictObject({
  selectivityReached: z
    .exactOptional(
      z.strictObject({
        measure: z
          .enum(['counts', 'x'])
          .default('counts')
          .describe(
            '`counts`: only the own source on less only another on, spikes per trial, as `selectivity` of the ledger; `x`: own source on less off, in normalised responses, which start near 0.',
          ),
        atLeast: z.number().describe('Reached when the mean over ensembles is not below this.'),
        sessions: inARow,
      }),
    )
    .describe('Ends it when the culture tells the sources apart well enough; after the initial sessions.'),
  drift: z
    .exactOptional(
      z
        .strictObject({
          meanCountShare: z
            .exactOptional(z.number().positive())
            .describe("Most that the mean count may depart from the initial sessions', as a share of it."),
          selectivity: z
            .exactOptional(z.number().positive())
            .describe(
              "Most that the ensembles' selectivity may depart from the initial sessions', spikes per trial, either way.",
            ),
          sessions: inARow,
        })
        .refine(({ meanCountShare, selectivity }) => meanCountShare !== undefined || selectivity !== undefined, {
          error: '`meanCountShare`, `selectivity` or both',
        }),
    )
    .describe('Ends it when the culture is no longer the one that was calibrated; after the initial sessions.'),
  deadCulture: z
    .exactOptional(
      z
        .strictObject({
          meanCountBelow: z
            .exactOptional(z.number().positive())
            .describe('Dead when the mean count per electrode and trial is below this.'),
          silentShareAbove: z
            .exactOptional(z.number().min(0).max(1))
            .describe(
              'Dead when more than this share of the electrodes had no spike in the session; blind ones aside.',
            ),
          sessions: inARow,
        })
        .refine(
          ({ meanCountBelow, silentShareAbove }) => meanCountBelow !== undefined || silentShareAbove !== undefined,
          { error: '`meanCountBelow`, `silentShareAbove` or both' },
        ),
    )
    .describe('Ends it when the culture no longer answers; from the first session on.'),
});

/** Stop rules of an experiment; a rule that is absent is off. */
export type StopSection = Readonly<z.infer<typeof stopSectionSchema>>;
