import { z } from 'zod';

const memberSchema = z.strictObject({
  result: z.string().min(1).describe('File of results, relative to the study file.'),
  culture: z.int().min(0).optional().describe('Index of one culture in the file; all of them by default.'),
  batch: z.string().min(1).optional().describe('Plating or lab day; cultures are compared within their batch.'),
  exclude: z.string().min(1).optional().describe('Why the culture is left out.'),
});

/** Schema of a study file: which stored results are compared. */
export const studySchema = z.strictObject({
  version: z.literal(1).describe('Version of this file format.'),
  groups: z.record(z.string().min(1), z.array(memberSchema).min(1)).describe('Cultures of every group.'),
});

/** One entry of a study file. */
export type StudyMember = z.infer<typeof memberSchema>;
