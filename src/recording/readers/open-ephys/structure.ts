import { z } from 'zod';

const rate = z.number().positive().max(1e9);

const channel = z.object({
  channel_name: z.exactOptional(z.string()),
  bit_volts: z.number(),
  units: z.exactOptional(z.string()),
});

const stream = z.object({
  folder_name: z.string(),
  sample_rate: rate,
  num_channels: z.exactOptional(z.int()),
  channels: z.array(channel).min(1).max(100_000),
});

const events = z.object({
  folder_name: z.string(),
  channel_name: z.exactOptional(z.string()),
  sample_rate: z.exactOptional(rate),
});

const spikes = z.object({
  folder: z.exactOptional(z.string()),
  folder_name: z.exactOptional(z.string()),
  name: z.exactOptional(z.string()),
  sample_rate: z.exactOptional(rate),
});

/** What is needed of a `structure.oebin`; all other keys are left alone. */
export const structureSchema = z.object({
  'GUI version': z.exactOptional(z.union([z.string(), z.number()])),
  continuous: z.array(stream).max(1000).default([]),
  events: z.array(events).max(1000).default([]),
  spikes: z.array(spikes).max(100_000).default([]),
});

export type OpenEphysStream = z.output<typeof stream>;
export type OpenEphysEvents = z.output<typeof events>;
export type OpenEphysSpikes = z.output<typeof spikes>;
