import { z } from 'zod';

const bandSchema = z.union([
  z.object({
    type: z.literal('cascade'),
    lowHz: z.number(),
    highHz: z.number(),
    highPassOrder: z.number().default(2),
    lowPassOrder: z.number().default(2),
  }),
  z.object({ type: z.literal('band-pass'), lowHz: z.number(), highHz: z.number(), order: z.number() }),
]);

const vectorsSchema = z.array(
  z.object({
    band: bandSchema,
    sampleRateHz: z.number(),
    /** (sections, 6) b0, b1, b2, 1, a1, a2. */
    sections: z.array(z.array(z.number()).length(6)),
    input: z.array(z.number()),
    start: z.array(z.number()),
    output: z.array(z.number()),
    frequenciesHz: z.array(z.number()),
    gains: z.array(z.number()),
  }),
);

/** A band-pass as scipy designed and applied it: what tests/interop/band_pass_vectors.py prints. */
export type BandPassVector = z.infer<typeof vectorsSchema>[number];

/** Reads what the script printed. */
export function parseBandPassVectors(text: string): BandPassVector[] {
  const parsed: unknown = JSON.parse(text);
  return vectorsSchema.parse(parsed);
}
