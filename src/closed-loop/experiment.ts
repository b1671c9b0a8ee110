import { z } from 'zod';
import { CULTURE_CONDITIONS, CULTURE_PARAMETER_NAMES, PLASTICITY_NAMES } from '../../protocols/culture-names.js';
import { ELECTRODE_CHOICES } from '../model/electrode-choice.js';
import { policySchema } from './policies/policy-section.js';
import type { ExperimentDesign } from '../model/model-run.js';
import { stopSectionSchema } from './stop-section.js';

const CONFIRMATION = z.enum(['confirmed', 'unconfirmed']);

const NAME = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'a name of letters, digits, dot, dash and underscore');

const mixing = z
  .number()
  .min(0)
  .max(1)
  .describe("Probability that an input follows another source than its own block's: 0, 0.25 and 0.5 in the paper.");
const parameters = z.enum(CULTURE_PARAMETER_NAMES).describe('Parameter set of the emulated culture.');
const plasticity = z.enum(PLASTICITY_NAMES).describe('Its plasticity rule.');
const condition = z
  .enum(CULTURE_CONDITIONS)
  .describe('`apv` freezes plasticity, `drift-only` also doubles drift, `ttx` silences.');

const cultureSchema = z.strictObject({
  parameters: parameters.default('ctrl'),
  plasticity: plasticity.default('free-energy'),
  condition: condition.default('none'),
});

const armSchema = z.strictObject({
  name: NAME.describe('Name of the arm, of its folder and of its group in the comparison.'),
  mixing: mixing.optional().describe("In place of the experiment's."),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe("In place of the experiment's."),
  policy: policySchema.optional().describe("In place of the experiment's; its keys are the same."),
  culture: z
    .strictObject({
      parameters: parameters.optional(),
      plasticity: plasticity.optional(),
      condition: condition.optional(),
    })
    .optional()
    .describe("In place of the experiment's, key by key."),
});

/** Schema of an experiment file: one source for the type, the check, its messages and docs/experiment-file.md. */
export const experimentSchema = z
  .strictObject({
    version: z.literal(1).describe('Version of this file format.'),
    name: NAME.describe('Name of the experiment; names its recordings.'),
    description: z.string().default('').describe('What the experiment is for.'),
    sources: z.int().min(2).max(4).default(2).describe('Number of hidden sources.'),
    mixing,
    inputsPerBlock: z.int().min(1).max(512).default(16).describe('Stimulated electrodes per source.'),
    patterns: z
      .enum(['frozen', 'fresh'])
      .default('frozen')
      .describe('`frozen`: one pattern repeated in every session, as published; `fresh`: a new one each session.'),
    sessions: z.int().min(2).max(10_000).default(100).describe('Number of sessions.'),
    trials: z.int().min(4).max(100_000).default(256).describe('Trials per session.'),
    initialSessions: z
      .int()
      .min(1)
      .default(10)
      .describe('Sessions that calibrate the model; the others are predicted from them.'),
    trialPeriodS: z.number().min(0.1).max(3600).default(1).describe('Time from one stimulus to the next, in seconds.'),
    maxRepeats: z
      .int()
      .min(0)
      .max(1000)
      .default(3)
      .describe(
        'How often a trial is carried out again that does not count: its stimulus late, refused or missing, or its response window not seen. One more failure ends the run.',
      ),
    maxGapS: z
      .number()
      .min(0)
      .max(86_400)
      .default(30)
      .describe(
        'Longest gap between two trials of a session, in seconds beyond `trialPeriodS`: after a longer one the session begins anew, and its trials so far do not count.',
      ),
    rest: z
      .strictObject({
        seconds: z.number().min(0).max(86_400).default(244).describe('Rest between two sessions.'),
        status: CONFIRMATION.default('unconfirmed').describe('Whether somebody has checked the figure in the source.'),
      })
      .default({ seconds: 244, status: 'unconfirmed' })
      .describe('Rest after each session but the last.'),
    seed: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .default(1)
      .describe('Seed of the patterns, and of the culture where it is emulated.'),
    baseline: z
      .union([z.literal('own'), z.number().positive()])
      .default('own')
      .describe(
        "Baseline B in spikes per trial: `own`, the culture's own mean over the initial sessions, or a number.",
      ),
    ensembleElectrodes: z
      .enum(ELECTRODE_CHOICES)
      .default('seen')
      .describe(
        'Electrodes that an ensemble may hold: `seen`, those that missed at most 1 % of their response windows in the initial sessions; `all`; `never-pulsed`, of the seen ones those that no stimulus used.',
      ),
    treatment: z
      .strictObject({
        drug: z.string().min(1).max(100).describe('What is given to the culture.'),
        concentrationUm: z.number().positive().describe('Its concentration in the medium, in micromoles per litre.'),
        washInS: z
          .number()
          .min(0)
          .max(604_800)
          .describe('Seconds from its application to the first stimulus, at least.'),
      })
      .optional()
      .describe(
        'A treatment of a culture on a rig: a fact that a person confirms, with `--treatment-lot` and `--treatment-applied`. The emulator has conditions instead, under `culture`.',
      ),
    stop: stopSectionSchema
      .default({})
      .describe('Rules that end the experiment before its last session, after a session; each is off where absent.'),
    culture: cultureSchema
      .default({ parameters: 'ctrl', plasticity: 'free-energy', condition: 'none' })
      .describe('Which culture the emulator holds; ignored on a rig.'),
    policy: policySchema
      .optional()
      .describe('What decides the patterns: `mixed-source` where there is no such section (docs/policies.md).'),
    arms: z
      .array(armSchema)
      .min(2)
      .optional()
      .describe('Variants that are run one after the other and compared, each in a folder of its own.'),
  })
  .refine((experiment) => experiment.initialSessions < experiment.sessions, {
    path: ['initialSessions'],
    error: 'fewer than `sessions`, so that sessions remain to predict',
  })
  .refine(({ arms }) => arms === undefined || new Set(arms.map(({ name }) => name)).size === arms.length, {
    path: ['arms'],
    error: 'arms of different names',
  })
  .refine(({ policy, trialPeriodS }) => policy?.type !== 'external' || policy.deadlineMs <= trialPeriodS * 500, {
    path: ['policy', 'deadlineMs'],
    error: 'at most half of `trialPeriodS`, so that the stimulus can still be scheduled',
  });

/** A checked experiment, every default filled in. */
export type Experiment = Readonly<z.infer<typeof experimentSchema>>;

/** False where patterns are decided on responses, so that nobody knows those of later sessions. */
export function isKnownAhead({ policy }: Experiment): boolean {
  return policy?.type !== 'active' && policy?.type !== 'external';
}

/** One arm's experiment: that of the file with what the arm puts in its place, and without arms. */
export function toArmExperiment(experiment: Experiment, index: number): Experiment {
  const { arms, ...whole } = experiment;
  const { name, culture, ...changed } = arms![index]!;
  return experimentSchema.parse({
    ...whole,
    ...changed,
    name: `${whole.name}-${name}`,
    culture: { ...whole.culture, ...culture },
  });
}

/** What the model needs to know of an experiment. */
export function toDesign(experiment: Experiment): ExperimentDesign {
  return {
    sessions: experiment.sessions,
    trialsPerSession: experiment.trials,
    initialSessions: experiment.initialSessions,
    sourceCount: experiment.sources,
    inputsPerBlock: experiment.inputsPerBlock,
    mixing: experiment.mixing,
  };
}
