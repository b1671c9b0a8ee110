import { z } from 'zod';
import { MeaError } from '../../../protocols/errors.js';
import { sampleIndex, type SampleIndex } from '../../../protocols/units.js';

/** Spikes that were found in [from, to), and what could not be seen there. */
export interface SpikesPayload {
  readonly from: SampleIndex;
  readonly to: SampleIndex;
  readonly samples: Float64Array;
  readonly electrodes: Uint16Array;
  readonly amplitudesUv: Float32Array;
  readonly blind: { readonly electrodes: Uint16Array; readonly from: Float64Array; readonly to: Float64Array };
}

const SPIKE_BYTES = 16;
const SPAN_BYTES = 20;
const SPIKES_HEAD_BYTES = 24;

/** Head: from, to (f64), spikes, spans (u32); a spike: sample (f64), amplitude (f32), electrode (u16), 0 (u16); a span: from, to (f64), electrode (u32). */
export function encodeSpikes(spikes: SpikesPayload): Uint8Array {
  const { samples, electrodes, amplitudesUv, blind } = spikes;
  const bytes = new Uint8Array(SPIKES_HEAD_BYTES + samples.length * SPIKE_BYTES + blind.from.length * SPAN_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, spikes.from, true);
  view.setFloat64(8, spikes.to, true);
  view.setUint32(16, samples.length, true);
  view.setUint32(20, blind.from.length, true);
  let at = SPIKES_HEAD_BYTES;
  for (let i = 0; i < samples.length; i++, at += SPIKE_BYTES) {
    view.setFloat64(at, samples[i]!, true);
    view.setFloat32(at + 8, amplitudesUv[i]!, true);
    view.setUint16(at + 12, electrodes[i]!, true);
  }
  for (let i = 0; i < blind.from.length; i++, at += SPAN_BYTES) {
    view.setFloat64(at, blind.from[i]!, true);
    view.setFloat64(at + 8, blind.to[i]!, true);
    view.setUint32(at + 16, blind.electrodes[i]!, true);
  }
  return bytes;
}

/** Spikes in a record, without reading them. */
export function countSpikes(payload: Uint8Array): number {
  if (payload.length < SPIKES_HEAD_BYTES) return 0;
  return new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(16, true);
}

/** @throws MeaError `bad-format` */
export function decodeSpikes(payload: Uint8Array, where: string): SpikesPayload {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const count = payload.length >= SPIKES_HEAD_BYTES ? view.getUint32(16, true) : 0;
  const spans = payload.length >= SPIKES_HEAD_BYTES ? view.getUint32(20, true) : 0;
  if (payload.length !== SPIKES_HEAD_BYTES + count * SPIKE_BYTES + spans * SPAN_BYTES) {
    throw new MeaError('bad-format', {
      what: 'A record of spikes has a wrong length',
      got: String(payload.length),
      where,
    });
  }
  const samples = new Float64Array(count);
  const amplitudesUv = new Float32Array(count);
  const electrodes = new Uint16Array(count);
  let at = SPIKES_HEAD_BYTES;
  for (let i = 0; i < count; i++, at += SPIKE_BYTES) {
    samples[i] = view.getFloat64(at, true);
    amplitudesUv[i] = view.getFloat32(at + 8, true);
    electrodes[i] = view.getUint16(at + 12, true);
  }
  const blind = { electrodes: new Uint16Array(spans), from: new Float64Array(spans), to: new Float64Array(spans) };
  for (let i = 0; i < spans; i++, at += SPAN_BYTES) {
    blind.from[i] = view.getFloat64(at, true);
    blind.to[i] = view.getFloat64(at + 8, true);
    blind.electrodes[i] = view.getUint32(at + 16, true);
  }
  return {
    from: sampleIndex(view.getFloat64(0, true)),
    to: sampleIndex(view.getFloat64(8, true)),
    samples,
    electrodes,
    amplitudesUv,
    blind,
  };
}

const index = z.int().min(0);
const sample = z.number().transform(sampleIndex);

/** Samples of a stretch begin: folder `recordingN`. */
export const recordingStartedSchema = z.object({
  recording: z.int().min(1),
  firstSample: sample,
  channels: z.int().min(1),
  sampleRateHz: z.number().positive(),
  /** Why it is not the one before that goes on. */
  because: z.enum(['start', 'gap', 'stream', 'shape', 'window', 'resumed']),
});
export type RecordingStarted = z.infer<typeof recordingStartedSchema>;

/** Frames that are in continuous.dat, forced to the disk before this was written. */
export const chunkSchema = z.object({
  recording: z.int().min(1),
  firstFrame: index,
  frames: z.int().min(1),
  /** Of the first frame, on the device's clock. */
  firstSample: sample,
  /** CRC-32C of their bytes. */
  crc: index,
});
export type RawChunk = z.infer<typeof chunkSchema>;

/** Samples that are missing. `filled`: zeros stand in their place, from `firstFrame` on. */
export const gapSchema = z.object({
  recording: z.int().min(1),
  how: z.enum(['filled', 'split', 'backwards']),
  firstFrame: index,
  firstSample: sample,
  samples: z.int(),
});
export type RawGap = z.infer<typeof gapSchema>;

/** All before it is on the disk. */
export const syncSchema = z.object({
  recording: index,
  frames: index,
  /** The first sample that is not on the disk; absent before there is one. */
  nextSample: z.exactOptional(sample),
  wallMs: z.number(),
  monotonicMs: z.number(),
});
export type SyncMark = z.infer<typeof syncSchema>;

/** Something that a device, its link or the pipeline told, when so many frames had been handed on. */
export const eventSchema = z.object({
  recording: index,
  atFrame: index,
  event: z.looseObject({ type: z.string() }),
});
export type RecordedEvent = z.infer<typeof eventSchema>;

export const stopSchema = z.object({ wallMs: z.number(), lost: z.object({ events: index, samples: index }) });

export const recoveredSchema = z.object({
  wallMs: z.number(),
  tornBytes: index,
  missingFrames: index,
  setAsideBytes: index,
  lostSeconds: z.number(),
});
export type Recovered = z.infer<typeof recoveredSchema>;

export const modelSchema = z.object({
  session: index,
  sources: z.int().min(1),
  inputs: z.int().min(1),
  w1: z.array(z.number()),
  w0: z.array(z.number()),
});

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { fatal: true });

export function encodeJson(value: unknown): Uint8Array {
  return ENCODER.encode(JSON.stringify(value));
}

/** Text of a payload. @throws MeaError `bad-format` */
export function decodeText(payload: Uint8Array, where: string): string {
  try {
    return DECODER.decode(payload);
  } catch (cause) {
    throw new MeaError('bad-format', { what: 'A record of the journal is no text', where }, { cause });
  }
}

/** @throws MeaError `bad-format` for what is no JSON, or not what it should be */
export function decodeJson<T>(payload: Uint8Array, schema: z.ZodType<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(payload, where));
  } catch (cause) {
    throw new MeaError('bad-format', { what: 'A record of the journal is not JSON', where }, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MeaError('bad-format', {
    what: 'A record of the journal is not what it should be',
    got: `${issue?.path.join('.') ?? '?'}: ${issue?.message ?? '?'}`,
    where,
  });
}
