import { z } from 'zod';
import type { ArrayGeometry } from '../../protocols/array-geometry.js';
import { hertz } from '../../protocols/units.js';

/** Version of the recording's folder; a reader refuses a newer one. */
export const RECORDING_VERSION = 1;

/** Which raw samples are kept. */
export const RAW_POLICIES = ['all', 'stimuli', 'snippets', 'none'] as const;

export type RawPolicy = (typeof RAW_POLICIES)[number];

/** Schema of session.json: what was recorded, with what, from what. */
export const sessionFileSchema = z.object({
  version: z.int().min(1),
  /** Tells recordings apart; random. */
  id: z.string().min(1),
  kind: z.enum(['run', 'record']),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  program: z.object({ meactl: z.string(), node: z.string() }),
  provenance: z.enum(['emulated', 'replayed', 'real']),
  device: z.object({
    name: z.string(),
    serialNumber: z.exactOptional(z.string()),
    bootId: z.exactOptional(z.number()),
  }),
  sampleRateHz: z.number().positive().transform(hertz),
  channels: z.int().min(1),
  /** Absent where no voltages were seen. */
  gainUvPerBit: z.exactOptional(z.number().positive()),
  /** A grid, or the place of each electrode. */
  array: z.union([
    z.object({ rows: z.int().min(1), columns: z.int().min(1), pitchUm: z.number().positive().optional() }),
    z.object({
      positionsUm: z.array(z.tuple([z.number(), z.number()])).min(1),
      pitchUm: z.number().positive(),
      names: z.array(z.string()).optional(),
    }),
  ]),
  raw: z.enum(RAW_POLICIES),
  /** Of the experiment, where it has one. */
  seed: z.exactOptional(z.number()),
  /** As checked, every default filled in. */
  configuration: z.object({ experiment: z.exactOptional(z.unknown()), rig: z.exactOptional(z.unknown()) }),
});

export type SessionFile = Readonly<Omit<z.infer<typeof sessionFileSchema>, 'array'>> & {
  readonly array: ArrayGeometry;
};
