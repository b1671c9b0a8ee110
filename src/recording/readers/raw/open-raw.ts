import { basename } from 'node:path';
import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedChannel } from '../../../../protocols/recording/block-reader.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import { hertz, sampleIndex } from '../../../../protocols/units.js';
import { createInterleavedReader } from '../interleaved-reader.js';
import { createParts, openHolding, toRecordedFile } from '../opened-parts.js';
import { PositionedFile } from '../positioned-file.js';
import { readJson } from '../read-json.js';
import { createChannelMajorReader } from './channel-major-reader.js';
import { rawSidecarSchema, type RawSidecar } from './sidecar.js';

/**
 * Opens raw int16 samples that a JSON file beside them describes.
 *
 * @throws MeaError `missing`, `bad-format`
 */
export async function openRaw(path: string, sidecarPath: string): Promise<RecordedFile> {
  const sidecar = await readJson(sidecarPath, rawSidecarSchema);
  return openHolding(async (held) => {
    const file = await PositionedFile.open(path);
    held.push(file);
    const parts = createParts();
    const channels = toChannels(sidecar);
    const { headerBytes, order } = sidecar;
    if (file.size < headerBytes) throw tooShort(file, headerBytes);
    const frames = Math.floor((file.size - headerBytes) / (channels.length * 2));
    const tail = file.size - headerBytes - frames * channels.length * 2;
    if (tail > 0 && order === 'channels') throw notWhole(file, tail, channels.length);
    if (tail > 0) parts.unread.push(`${path}: ${tail} bytes at its end are no whole frame`);
    const signal = {
      name: basename(path),
      channels,
      sampleRateHz: hertz(sidecar.sampleRateHz),
      firstSample: sampleIndex(sidecar.firstSample),
      frames,
      blind: [],
    };
    parts.signals.push(
      order === 'channels'
        ? createChannelMajorReader(file, signal, headerBytes)
        : createInterleavedReader(file, signal, { offset: headerBytes, width: channels.length }),
    );
    return toRecordedFile({ format: 'raw', path }, parts, held);
  });
}

function toChannels({ channels, gainUvPerBit, offsetUv }: RawSidecar): RecordedChannel[] {
  if (typeof channels === 'number')
    return Array.from({ length: channels }, (_, k) => ({ name: String(k), gainUvPerBit, offsetUv }));
  return channels.map((channel) => ({ gainUvPerBit, offsetUv, ...channel }));
}

function tooShort({ path, size }: PositionedFile, headerBytes: number): MeaError {
  return new MeaError('bad-format', {
    what: 'The file is shorter than its header',
    got: `${size} bytes`,
    wanted: `headerBytes ${headerBytes} or more`,
    where: path,
  });
}

/** Where each channel begins depends on how many frames there are: a file that was cut short cannot be read. */
function notWhole({ path }: PositionedFile, tail: number, channels: number): MeaError {
  return new MeaError('bad-format', {
    what: 'The file is no whole number of frames',
    got: `${tail} bytes more`,
    wanted: `a multiple of ${channels * 2} bytes`,
    where: path,
    remedy: 'check that the copy is complete, and the number of channels in the file beside it',
  });
}
