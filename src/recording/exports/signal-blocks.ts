import type { BlockReader, FrameBlock } from '../../../protocols/recording/block-reader.js';
import { MeaError } from '../../../protocols/errors.js';
import type { RecordingContents } from '../recording-contents.js';
import { isRising, listStretches } from './stretches.js';

/** Samples of a block: about two megabytes of int16. */
const BLOCK_SAMPLES = 2 ** 20;

/** Reads a signal from its beginning to its end, a block at a time. */
export async function* readBlocks(
  reader: BlockReader,
  { blockFrames, signal }: { readonly blockFrames?: number | undefined; readonly signal: AbortSignal },
): AsyncGenerator<FrameBlock> {
  const { frames, channels } = reader.signal;
  const step = blockFrames ?? Math.max(1, Math.floor(BLOCK_SAMPLES / channels.length));
  for (let first = 0; first < frames; first += step) {
    signal.throwIfAborted();
    const wanted = Math.min(step, frames - first);
    const block = await reader.readBlock(first, wanted);
    if (block.frames !== wanted || block.samples.length !== wanted * channels.length) {
      throw new MeaError('bad-format', {
        what: 'The signal ends early',
        got: `${block.frames} frames`,
        wanted: `${wanted} from frame ${first} on`,
        where: reader.signal.name,
        remedy: 'verify or recover the recording first',
      });
    }
    yield block;
  }
}

/** Frames of all stretches. */
export function countFrames({ signals }: RecordingContents): number {
  return signals.reduce((sum, { signal }) => sum + signal.frames, 0);
}

/** Bytes of raw samples, taken as int16: how much work they are. */
export function countRawBytes({ signals }: RecordingContents): number {
  return signals.reduce((sum, { signal }) => sum + signal.frames * signal.channels.length * 2, 0);
}

/**
 * The signals of a recording as one row of stretches, for formats that have one rate and one set of channels.
 *
 * @throws MeaError `missing` without raw samples; `bad-input` where rates, channels or gains change, or the clock began anew
 */
export function assertUniform(contents: RecordingContents, format: string): BlockReader {
  const [first] = contents.signals;
  if (first === undefined) throw withoutSamples(contents.path, format);
  for (const { signal } of contents.signals) {
    const isSame =
      signal.sampleRateHz === first.signal.sampleRateHz &&
      signal.channels.length === first.signal.channels.length &&
      signal.channels.every(
        ({ gainUvPerBit, offsetUv }, i) =>
          gainUvPerBit === first.signal.channels[i]?.gainUvPerBit && offsetUv === first.signal.channels[i].offsetUv,
      );
    if (isSame) continue;
    throw new MeaError('bad-input', {
      what: `${format} holds one rate and one set of channels, and this recording has more`,
      got: `${signal.name}: ${signal.channels.length} channels at ${signal.sampleRateHz} Hz`,
      wanted: `as in ${first.signal.name}`,
      where: contents.path,
      remedy: 'export to NWB, which keeps each stretch apart',
    });
  }
  if (!isRising(listStretches(contents))) throw restartedClock(contents.path, format);
  return first;
}

function restartedClock(where: string, format: string): MeaError {
  return new MeaError('bad-input', {
    what: `${format} has one row of samples, and the recorder's clock began anew in this recording`,
    where,
    remedy: 'export to NWB, which keeps each stretch apart',
  });
}

/** @throws MeaError `bad-input` for samples that do not fit 16 bits */
export function assertInt16({ samples }: FrameBlock, format: string, where: string): Int16Array {
  if (samples instanceof Int16Array) return samples;
  throw new MeaError('bad-input', {
    what: `${format} is written with samples of 16 bits`,
    got: 'samples of 32 bits',
    where,
    remedy: 'export to NWB',
  });
}

function withoutSamples(where: string, format: string): MeaError {
  return new MeaError('missing', {
    what: `${format} holds raw samples, and this recording has none`,
    where,
    remedy: 'record with raw samples, or export to nwb, mat, parquet or csv',
  });
}
