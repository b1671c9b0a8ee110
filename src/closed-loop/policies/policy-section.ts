import { z } from 'zod';

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
  .optional()
  .describe('SHA-256 of its patterns. Filled in when a run begins; other patterns are refused.');

/** Schema of the `policy` section of an experiment file: what decides the patterns. */
export const policySchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('mixed-source').describe('Hidden sources by coin, mixed into the inputs.') }),
    z.strictObject({
      type: z.literal('random').describe('Every electrode by itself: a control without sources.'),
      probability: z.number().min(0).max(1).default(0.5).describe('Of a pulse, per electrode and trial.'),
    }),
    z.strictObject({
      type: z.literal('shuffled').describe('The mixed-source pattern, each electrode permuted over trials.'),
    }),
    z.strictObject({
      type: z.literal('pattern-file').describe('Patterns from a file.'),
      file: z.string().min(1).describe('A .csv or .json file, relative to the experiment file.'),
      sha256,
    }),
    z.strictObject({
      type: z.literal('yoked').describe('The patterns of another run, trial by trial.'),
      run: z.string().min(1).describe('Folder of the other run, relative to the experiment file.'),
      sha256,
    }),
    z.strictObject({
      type: z.literal('active').describe('The pattern from which the model expects to learn most about A.'),
      candidates: z.int().min(1).max(1024).default(16).describe('Mixtures drawn for each source state.'),
      states: z
        .enum(['drawn', 'chosen'])
        .default('drawn')
        .describe('`drawn`: source states by coin, as published; `chosen`: all states compete.'),
    }),
    z.strictObject({
      type: z.literal('external').describe('Another program decides, over ZeroMQ.'),
      address: z
        .string()
        .regex(
          /^tcp:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d+$/,
          'tcp://127.0.0.1:PORT, an address of this machine alone',
        )
        .default('tcp://127.0.0.1:5577')
        .describe('Where meactl waits for the program.'),
      connectS: z.number().positive().max(3600).default(30).describe('Longest time until the program has connected.'),
      deadlineMs: z.number().positive().max(3_600_000).default(200).describe('Longest time for an answer.'),
      fallback: z
        .enum(['mixed-source', 'random', 'shuffled'])
        .default('mixed-source')
        .describe('Decides where the answer is missing or bad.'),
    }),
  ],
  {
    error: 'a type: mixed-source, random, shuffled, pattern-file, yoked, active or external',
  },
);
