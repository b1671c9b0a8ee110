import { MeaError } from '../../../protocols/errors.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import type { Delivery } from '../../../protocols/trial.js';
import { sampleIndex } from '../../../protocols/units.js';
import type { SpikeBatch } from '../spike-batch.js';
import type { SampleRange, WindowedResponse } from '../trials/windowed-response.js';
import type { SpikesEvent } from './pipeline-event.js';
import type { RingRecord } from './shared-ring.js';

/** Kinds of the records that cross from the thread with the device to the main one. */
export const RING_KINDS = { block: 1, spikes: 2, trial: 3 } as const;

/** A block of samples without the number that it had on the link. */
export interface BlockRecord extends SampleBlock {
  readonly type: 'block';
}

/** What a record can be. */
export type PipelineRecord = BlockRecord | SpikesEvent | WindowedResponse;

/** A record as `RingWriter.tryWrite` takes it; the parts are views of the record's own columns. */
export interface EncodedRecord {
  readonly kind: number;
  readonly parts: readonly Uint8Array[];
}

const DELIVERIES: readonly Delivery[] = ['delivered', 'nothing-as-asked', 'late', 'refused', 'missing'];

/** Bytes of a record: float64 numbers, then its columns, wide elements first, so that each stands where its type may. */
export function encodeRecord(record: PipelineRecord): EncodedRecord {
  switch (record.type) {
    case 'block':
      return {
        kind: RING_KINDS.block,
        parts: [toBytes(Float64Array.of(record.firstSample, record.frames, record.channels)), toBytes(record.samples)],
      };
    case 'spikes':
      return encodeBatch(record.batch);
    case 'windowed-response':
      return encodeTrial(record);
  }
}

/**
 * The record that the bytes came from. Its columns are views of the bytes, which it owns from now on.
 *
 * @throws MeaError `bad-format` for bytes that are no such record
 */
export function decodeRecord({ kind, bytes }: RingRecord): PipelineRecord {
  const columns = new Columns(bytes);
  const record = decodeKind(kind, columns);
  columns.assertRead();
  return record;
}

function decodeKind(kind: number, columns: Columns): PipelineRecord {
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
    default:
      throw damaged(`kind ${kind}`);
  }
}

function encodeBatch({ from, to, samples, electrodes, amplitudesUv, blind }: SpikeBatch): EncodedRecord {
  return {
    kind: RING_KINDS.spikes,
    parts: [
      toBytes(Float64Array.of(from, to, samples.length, blind.electrodes.length)),
      toBytes(samples),
      toBytes(blind.from),
      toBytes(blind.to),
      toBytes(amplitudesUv),
      toBytes(electrodes),
      toBytes(blind.electrodes),
    ],
  };
}

function decodeBatch(columns: Columns): SpikeBatch {
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
      toBytes(numbers),
      toBytes(blindFraction ?? none),
      toBytes(baselineBlindFraction ?? none),
      toBytes(counts),
      toBytes(trial.baselineCounts),
      toBytes(Uint16Array.from(trial.pulsedElectrodes)),
      toBytes(trial.blindElectrodes),
    ],
  };
}

function decodeTrial(columns: Columns): WindowedResponse {
  const [stimulusId, deliveryIndex, sample, w0, w1, b0, b1, u0, u1, electrodes, pulsed, blind, hasBlind, hasBaseline] =
    columns.numbers(14);
  const delivery = DELIVERIES[deliveryIndex!];
  if (delivery === undefined) throw damaged(`delivery ${deliveryIndex}`);
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

/** Reads columns one after the other. */
class Columns {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    // A view of part of a buffer could stand where a float64 may not.
    this.#bytes = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  }

  numbers(count: number): readonly number[] {
    return Array.from(this.float64(count));
  }

  float64(count: number): Float64Array {
    return new Float64Array(this.#bytes.buffer, this.#take(8, count), count);
  }

  float32(count: number): Float32Array {
    return new Float32Array(this.#bytes.buffer, this.#take(4, count), count);
  }

  uint16(count: number): Uint16Array {
    return new Uint16Array(this.#bytes.buffer, this.#take(2, count), count);
  }

  int16(count: number): Int16Array {
    return new Int16Array(this.#bytes.buffer, this.#take(2, count), count);
  }

  assertRead(): void {
    if (this.#at !== this.#bytes.length) throw damaged(`${this.#bytes.length - this.#at} bytes too many`);
  }

  #take(width: number, count: number): number {
    const from = this.#at;
    const end = from + width * count;
    if (!(Number.isInteger(count) && count >= 0 && end <= this.#bytes.length)) {
      throw damaged(`${this.#bytes.length - from} bytes for ${count} elements of ${width}`);
    }
    this.#at = end;
    return this.#bytes.byteOffset + from;
  }
}

function toBytes(column: Float64Array | Float32Array | Int16Array | Uint16Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

function toRange(first: number, end: number): SampleRange {
  return [sampleIndex(first), sampleIndex(end)];
}

function damaged(got: string): MeaError {
  return new MeaError('bad-format', { what: 'Bad record of the signal pipeline', got });
}
