import { MeaError } from '../../../protocols/errors.js';

/** Cut-outs of filtered voltages around spikes. */
export interface SnippetsPayload {
  /** (snippets) sample of the peak. */
  readonly samples: Float64Array;
  readonly electrodes: Uint16Array;
  /** (snippets, length) uV; NaN where nothing could be seen. */
  readonly waveformsUv: Float32Array;
  readonly length: number;
  readonly peakAt: number;
  /** Spikes without one, because there was no room. */
  readonly dropped: number;
}

const HEAD_BYTES = 16;

/** Head: snippets, length, place of the peak, dropped (u32); then samples (f64), waveforms (f32), electrodes (u16), little-endian. */
export function encodeSnippets(batch: SnippetsPayload): Uint8Array {
  const { samples, electrodes, waveformsUv, length, peakAt, dropped } = batch;
  const bytes = new Uint8Array(HEAD_BYTES + samples.length * 10 + waveformsUv.length * 4);
  const view = new DataView(bytes.buffer);
  [samples.length, length, peakAt, dropped].forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  let at = HEAD_BYTES;
  for (const sample of samples) {
    view.setFloat64(at, sample, true);
    at += 8;
  }
  for (const value of waveformsUv) {
    view.setFloat32(at, value, true);
    at += 4;
  }
  for (const electrode of electrodes) {
    view.setUint16(at, electrode, true);
    at += 2;
  }
  return bytes;
}

/** @throws MeaError `bad-format` */
export function decodeSnippets(payload: Uint8Array, where: string): SnippetsPayload {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const [count, length, peakAt, dropped] =
    payload.length < HEAD_BYTES ? [0, 0, 0, 0] : [0, 4, 8, 12].map((at) => view.getUint32(at, true));
  if (payload.length !== HEAD_BYTES + count! * 10 + count! * length! * 4) {
    throw new MeaError('bad-format', {
      what: 'A record of snippets has a wrong length',
      got: String(payload.length),
      where,
    });
  }
  const waveforms = HEAD_BYTES + count! * 8;
  const electrodes = waveforms + count! * length! * 4;
  return {
    samples: Float64Array.from({ length: count! }, (_, i) => view.getFloat64(HEAD_BYTES + 8 * i, true)),
    waveformsUv: Float32Array.from({ length: count! * length! }, (_, i) => view.getFloat32(waveforms + 4 * i, true)),
    electrodes: Uint16Array.from({ length: count! }, (_, i) => view.getUint16(electrodes + 2 * i, true)),
    length: length!,
    peakAt: peakAt!,
    dropped: dropped!,
  };
}
