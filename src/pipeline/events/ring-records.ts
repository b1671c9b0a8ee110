import type { Delivery } from '../../../protocols/trial.js';
import { sampleIndex } from '../../../protocols/units.js';
import type { SpikeRates } from '../operators/rate-counter.js';
import type { DecimatedTrace } from '../operators/trace-decimator.js';
import type { SnippetBatch } from '../snippet-store.js';
import type { SpikeBatch } from '../spike-batch.js';
import type { SampleRange, WindowedResponse } from '../trials/windowed-response.js';
import { borrowBytes, damagedRecord, RecordColumns } from './record-columns.js';
import { isPlainEvent, type PlainEvent, type RigEvent } from './rig-event.js';
import type { RingRecord } from './shared-ring.js';

/** Kinds of the records that cross from the thread with the device to the main one. */
export const RING_KINDS = { block: 1, spikes: 2, trial: 3, rates: 4, trace: 5, snippets: 6, plain: 7 } as const;

/** A record as `RingWriter.tryWrite` takes it; the parts are views of the record's own columns. */
export interface EncodedRecord {
  readonly kind: number;
  readonly parts: readonly Uint8Array[];
}

const ENCODER = new TextEncoder();
const DELIVERIES: readonly Delivery[] = ['delivered', 'nothing-as-asked', 'late', 'refused', 'missing'];

/**
 * Bytes of a record: float64 numbers, then its columns, wide elements first, so that each stands where its type may. What
 * is small and seldom is JSON.
 */
export function encodeRecord(record: RigEvent): EncodedRecord {
  if (isPlainEvent(record)) return { kind: RING_KINDS.plain, parts: [ENCODER.encode(JSON.stringify(record))] };
  switch (record.type) {
    case 'block':
      return {
        kind: RING_KINDS.block,
        parts: [
          borrowBytes(Float64Array.of(record.firstSample, record.frames, record.channels)),
          borrowBytes(record.samples),
        ],
      };
    case 'spikes':
      return encodeBatch(record.batch);
    case 'windowed-response':
      return encodeTrial(record);
    case 'spike-rates':
      return encodeRates(record);
    case 'trace':
      return encodeTrace(record);
    case 'snippets':
      return encodeSnippets(record.batch);
  }
}

/**
 * The record that the bytes came from. Its columns are views of the bytes, which it owns from now on.
 *
 * @throws MeaError `bad-format` for bytes that are no such record
 */
export function decodeRecord({ kind, bytes }: RingRecord): RigEvent {
  const columns = new RecordColumns(bytes);
  const record = decodeKind(kind, columns);
  columns.assertRead();
  return record;
}

function decodeKind(kind: number, columns: RecordColumns): RigEvent {
  switch (kind) {
    case RING_KINDS.block: {
      const [firstSample, frames, channels] = columns.numbers(3);
      return {
        type: 'block',
        firstSample: sampleIndex(firstSample!),
        frames: frames!,
        channels: channels!,
        samples: columns.int16(frames! * channels!),
      };
    }
    case RING_KINDS.spikes:
      return { type: 'spikes', batch: decodeBatch(columns) };
    case RING_KINDS.trial:
      return decodeTrial(columns);
    case RING_KINDS.rates:
      return decodeRates(columns);
    case RING_KINDS.trace:
      return decodeTrace(columns);
    case RING_KINDS.snippets:
      return { type: 'snippets', batch: decodeSnippets(columns) };
    case RING_KINDS.plain:
      return decodePlain(columns.text());
    default:
      throw damagedRecord(`kind ${kind}`);
  }
}

function encodeBatch({ from, to, samples, electrodes, amplitudesUv, blind }: SpikeBatch): EncodedRecord {
  return {
    kind: RING_KINDS.spikes,
    parts: [
      borrowBytes(Float64Array.of(from, to, samples.length, blind.electrodes.length)),
      borrowBytes(samples),
      borrowBytes(blind.from),
      borrowBytes(blind.to),
      borrowBytes(amplitudesUv),
      borrowBytes(electrodes),
      borrowBytes(blind.electrodes),
    ],
  };
}

function decodeBatch(columns: RecordColumns): SpikeBatch {
  const [from, to, spikes, spans] = columns.numbers(4);
  const samples = columns.float64(spikes!);
  const blindFrom = columns.float64(spans!);
  const blindTo = columns.float64(spans!);
  const amplitudesUv = columns.float32(spikes!);
  const electrodes = columns.uint16(spikes!);
  const blind = { electrodes: columns.uint16(spans!), from: blindFrom, to: blindTo };
  return { from: sampleIndex(from!), to: sampleIndex(to!), samples, electrodes, amplitudesUv, blind };
}

function encodeTrial(trial: WindowedResponse): EncodedRecord {
  const { window, baselineWindow, usedSamples, counts, blindFraction, baselineBlindFraction } = trial;
  const none = new Float32Array(0);
  const numbers = Float64Array.of(
    trial.stimulusId,
    DELIVERIES.indexOf(trial.delivery),
    trial.deliveredSample,
    ...window,
    ...baselineWindow,
    ...usedSamples,
    counts.length,
    trial.pulsedElectrodes.length,
    trial.blindElectrodes.length,
    blindFraction === undefined ? 0 : 1,
    baselineBlindFraction === undefined ? 0 : 1,
  );
  return {
    kind: RING_KINDS.trial,
    parts: [
      borrowBytes(numbers),
      borrowBytes(blindFraction ?? none),
      borrowBytes(baselineBlindFraction ?? none),
      borrowBytes(counts),
      borrowBytes(trial.baselineCounts),
      borrowBytes(Uint16Array.from(trial.pulsedElectrodes)),
      borrowBytes(trial.blindElectrodes),
    ],
  };
}

function decodeTrial(columns: RecordColumns): WindowedResponse {
  const [stimulusId, deliveryIndex, sample, w0, w1, b0, b1, u0, u1, electrodes, pulsed, blind, hasBlind, hasBaseline] =
    columns.numbers(14);
  const delivery = DELIVERIES[deliveryIndex!];
  if (delivery === undefined) throw damagedRecord(`delivery ${deliveryIndex}`);
  const blindFraction = hasBlind === 1 ? columns.float32(electrodes!) : undefined;
  const baselineBlindFraction = hasBaseline === 1 ? columns.float32(electrodes!) : undefined;
  return {
    type: 'windowed-response',
    stimulusId: stimulusId!,
    delivery,
    deliveredSample: sampleIndex(sample!),
    window: toRange(w0!, w1!),
    counts: columns.uint16(electrodes!),
    ...(blindFraction !== undefined && { blindFraction }),
    baselineWindow: toRange(b0!, b1!),
    baselineCounts: columns.uint16(electrodes!),
    ...(baselineBlindFraction !== undefined && { baselineBlindFraction }),
    pulsedElectrodes: Array.from(columns.uint16(pulsed!)),
    blindElectrodes: columns.uint16(blind!),
    usedSamples: toRange(u0!, u1!),
  };
}

function encodeRates(rates: SpikeRates): EncodedRecord {
  const { fromSample, toSample, counts, blindFraction, skippedIntervals } = rates;
  const hasBlind = blindFraction === undefined ? 0 : 1;
  return {
    kind: RING_KINDS.rates,
    parts: [
      borrowBytes(Float64Array.of(fromSample, toSample, counts.length, skippedIntervals, hasBlind)),
      borrowBytes(blindFraction ?? new Float32Array(0)),
      borrowBytes(counts),
    ],
  };
}

function decodeRates(columns: RecordColumns): SpikeRates {
  const [from, to, electrodes, skipped, hasBlind] = columns.numbers(5);
  const blindFraction = hasBlind === 1 ? columns.float32(electrodes!) : undefined;
  return {
    type: 'spike-rates',
    fromSample: sampleIndex(from!),
    toSample: sampleIndex(to!),
    counts: columns.uint32(electrodes!),
    ...(blindFraction !== undefined && { blindFraction }),
    skippedIntervals: skipped!,
  };
}

function encodeTrace(trace: DecimatedTrace): EncodedRecord {
  const { firstSample, samplesPerPoint, points, channels, minima, maxima } = trace;
  return {
    kind: RING_KINDS.trace,
    parts: [
      borrowBytes(Float64Array.of(firstSample, samplesPerPoint, points, channels.length)),
      borrowBytes(Uint16Array.from(channels)),
      borrowBytes(minima),
      borrowBytes(maxima),
    ],
  };
}

function decodeTrace(columns: RecordColumns): DecimatedTrace {
  const [first, samplesPerPoint, points, channels] = columns.numbers(4);
  return {
    type: 'trace',
    firstSample: sampleIndex(first!),
    samplesPerPoint: samplesPerPoint!,
    points: points!,
    channels: Array.from(columns.uint16(channels!)),
    minima: columns.int16(points! * channels!),
    maxima: columns.int16(points! * channels!),
  };
}

function encodeSnippets({ samples, electrodes, waveformsUv, length, peakAt, dropped }: SnippetBatch): EncodedRecord {
  return {
    kind: RING_KINDS.snippets,
    parts: [
      borrowBytes(Float64Array.of(samples.length, length, peakAt, dropped)),
      borrowBytes(samples),
      borrowBytes(waveformsUv),
      borrowBytes(electrodes),
    ],
  };
}

function decodeSnippets(columns: RecordColumns): SnippetBatch {
  const [snippets, length, peakAt, dropped] = columns.numbers(4);
  const samples = columns.float64(snippets!);
  const waveformsUv = columns.float32(snippets! * length!);
  const electrodes = columns.uint16(snippets!);
  return { samples, electrodes, waveformsUv, length: length!, peakAt: peakAt!, dropped: dropped! };
}

function decodePlain(text: string): PlainEvent {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    throw damagedRecord(`${text.length} characters that are no JSON`);
  }
  if (isPlainEvent(event)) return event;
  throw damagedRecord('an event of an unknown type');
}

function toRange(first: number, end: number): SampleRange {
  return [sampleIndex(first), sampleIndex(end)];
}
