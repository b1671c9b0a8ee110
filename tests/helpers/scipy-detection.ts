import { z } from 'zod';

const detectionSchema = z.object({
  noiseUv: z.array(z.number()),
  samples: z.array(z.number()),
  electrodes: z.array(z.number()),
  amplitudesUv: z.array(z.number()),
});

/** What tests/interop/detect_spikes.py prints; spikes electrode by electrode. */
export type ScipyDetection = z.infer<typeof detectionSchema>;

/** Reads what the script printed. */
export function parseScipyDetection(text: string): ScipyDetection {
  const parsed: unknown = JSON.parse(text);
  return detectionSchema.parse(parsed);
}
