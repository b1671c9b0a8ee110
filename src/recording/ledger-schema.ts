import { z } from 'zod';
import { hertz, milliseconds } from '../../protocols/units.js';
import { STOP_MEASURES, STOP_RULES, type LatencyRecord, type LedgerRecord } from '../../protocols/ledger.js';

const index = z.int().min(0);
const numbers = z.array(z.number());
const spikeCounts = z.array(z.int().min(0).max(65_535));
const fractions = z.array(z.number().min(0).max(1));
const leftOut = z.exactOptional(z.object({ blind: z.array(index), pulsed: z.array(index) }));
const digits = z.string().regex(/^[01]+$/);

const sourceDescription = z.object({
  provenance: z.enum(['emulated', 'replayed', 'real']),
  device: z.string(),
  electrodes: z.int().min(1),
  stimulatedElectrodes: z.array(index),
  sampleRateHz: z.number().positive().transform(hertz),
  responseWindowMs: z.tuple([z.number().transform(milliseconds), z.number().transform(milliseconds)]),
  toleranceSamples: z.exactOptional(z.int().min(0)),
});

const fallback = z.exactOptional(z.object({ cause: z.enum(['deadline', 'bad-answer']), detail: z.string() }));
const decidedFrom = z.exactOptional(z.array(z.tuple([index, index])).min(1));
const delivery = z.enum(['delivered', 'nothing-as-asked', 'late', 'refused', 'missing']);

const arming = z.object({
  serialNumber: z.string(),
  limits: z.string(),
  rearms: z.exactOptional(z.int().min(1)),
  acceptedNoWatchdog: z.exactOptional(z.string()),
  acceptedUnconfirmed: z.exactOptional(z.object({ limits: z.array(z.string()), why: z.string() })),
  treatment: z.exactOptional(
    z.object({
      drug: z.string(),
      concentrationUm: z.number(),
      lot: z.string(),
      appliedAt: z.string(),
      washInS: z.number(),
    }),
  ),
});

const trial = z.object({
  type: z.literal('trial'),
  session: index,
  trial: index,
  sources: digits,
  inputs: digits,
  atSample: index,
  delivery,
  deliveredSample: index,
  window: z.tuple([index, index]),
  counts: spikeCounts,
  blindFraction: z.exactOptional(fractions),
  baseline: z.exactOptional(
    z.object({ window: z.tuple([index, index]), counts: spikeCounts, blindFraction: z.exactOptional(fractions) }),
  ),
  usedSamples: z.exactOptional(z.tuple([index, index])),
  decidedFrom,
  fallback,
  x: z.exactOptional(numbers),
  xp: z.exactOptional(numbers),
});

const summary = z.object({ median: z.number(), p99: z.number(), max: z.number() });
const stage = summary.extend({ count: index });

/** Schema of one line of latencies. */
export const latencyRecordSchema = z.object({
  type: z.literal('latency'),
  session: index,
  responseUs: summary,
  updateUs: summary,
  stagesUs: z.exactOptional(
    z.object({ detect: stage, decide: stage, send: stage, acknowledge: stage, loop: stage, trial: stage }),
  ),
}) satisfies z.ZodType<LatencyRecord>;

const band = z.object({ centre: z.array(numbers), low: z.array(numbers), high: z.array(numbers) });
const bandScore = z.object({
  inside: z.array(z.boolean().nullable()),
  insideSoFar: index,
  scored: index,
  error: z.number().nullable(),
});

/** Schema of one line of a ledger. */
export const ledgerRecordSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('experiment-started'),
    version: z.int().min(1),
    experiment: z.unknown(),
    rig: z.unknown(),
    source: sourceDescription,
    arming: z.exactOptional(arming),
  }),
  z.object({ type: z.literal('session-started'), session: index, atSample: index }),
  trial,
  z.object({
    type: z.literal('trial-uncounted'),
    session: index,
    trial: index,
    attempt: z.int().min(1),
    sources: digits,
    inputs: digits,
    decidedFrom,
    fallback,
    reason: z.enum(['late', 'refused', 'missing', 'other-delivery', 'off-time', 'unseen', 'doubted']),
    atSample: index,
    delivery,
    deliveredSample: index,
    window: z.tuple([index, index]),
    doubt: z.exactOptional(
      z.object({
        missing: z.array(index),
        unexpected: z.array(index),
        limited: z.exactOptional(z.array(index)),
      }),
    ),
  }),
  z.object({
    type: z.literal('rescheduled'),
    session: index,
    trial: index,
    atSample: index,
    bySamples: z.int(),
  }),
  z.object({
    type: z.literal('session-restarted'),
    session: index,
    trial: index,
    gapSamples: z.exactOptional(index),
  }),
  z.object({
    type: z.literal('another-clock'),
    session: index,
    trial: index,
    atSample: index,
    previousBootId: index,
    bootId: index,
  }),
  z.object({
    type: z.literal('calibrated'),
    session: index,
    ensembles: z.array(z.array(index)),
    leftOut,
    baseline: z.number(),
    phi1: numbers,
    phi0: numbers,
    freeEnergy: numbers,
    errX: numbers,
  }),
  z.object({ type: z.literal('ensemble-not-found'), session: index, missing: z.array(index), leftOut }),
  z.object({
    type: z.literal('detector-levels'),
    session: index,
    atSample: index,
    noise: z.enum(['adaptive', 'frozen']),
    noiseUv: numbers,
    thresholdsUv: z.array(z.number().nullable()),
  }),
  z.object({
    type: z.literal('session-ended'),
    session: index,
    meanCount: z.number(),
    selectivity: z.exactOptional(z.number()),
    freeEnergy: z.exactOptional(z.number()),
    errX: z.exactOptional(z.number()),
    errW: z.exactOptional(z.number()),
  }),
  z.object({
    type: z.literal('forecast'),
    session: index,
    method: z.string(),
    level: z.number(),
    draws: index,
    isKnownAhead: z.boolean(),
    published: band,
    empirical: band,
    initialMean: numbers,
  }),
  z.object({
    type: z.literal('forecast-score'),
    session: index,
    selectivity: z.array(z.number().nullable()),
    published: bandScore,
    empirical: bandScore,
    initialMeanError: z.number().nullable(),
  }),
  z.object({
    type: z.literal('stopped'),
    session: index,
    rule: z.enum(STOP_RULES),
    measure: z.enum(STOP_MEASURES),
    value: z.number(),
    limit: z.number(),
    sessions: z.int().min(1),
  }),
  z.object({ type: z.literal('rest'), session: index, seconds: z.number().min(0) }),
  z.object({ type: z.literal('experiment-ended'), trials: index }),
  z.object({ type: z.literal('interrupted'), session: index, trial: index }),
  z.object({
    type: z.literal('rearmed'),
    session: index,
    trial: index,
    cause: z.enum(['main-stalled', 'armed-time']),
    atSample: index,
    number: z.int().min(1),
    allowed: z.int().min(1),
  }),
  z.object({ type: z.literal('resumed'), session: index, trial: index, arming: z.exactOptional(arming) }),
]) satisfies z.ZodType<LedgerRecord>;
