import { z } from 'zod';

const gain = z.number().refine((value) => value !== 0, 'a gain of 0');

const channel = z.strictObject({
  name: z.string().min(1),
  gainUvPerBit: z.exactOptional(gain),
  offsetUv: z.exactOptional(z.number()),
  electrode: z.exactOptional(z.int().min(0)),
});

/**
 * Schema of the JSON file beside a raw file of int16 samples, little-endian: `name.json` beside `name.dat` or `name.bin`.
 * Microvolts are sample x gainUvPerBit + offsetUv; a channel may say its own.
 */
export const rawSidecarSchema = z.strictObject({
  /** How many channels, or each by name, in the order of the file. */
  channels: z.union([z.int().min(1).max(100_000), z.array(channel).min(1).max(100_000)]),
  sampleRateHz: z.number().positive().max(1e9),
  gainUvPerBit: gain,
  offsetUv: z.number().default(0),
  /** Number of the first frame on the recorder's sample clock. */
  firstSample: z.int().min(0).default(0),
  /** `frames`: all channels of a sample together; `channels`: all samples of a channel together. */
  order: z.enum(['frames', 'channels']).default('frames'),
  /** Bytes before the first sample. */
  headerBytes: z.int().min(0).default(0),
});

export type RawSidecar = z.output<typeof rawSidecarSchema>;
