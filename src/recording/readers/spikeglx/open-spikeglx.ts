import { basename } from 'node:path';
import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import { hertz, sampleIndex } from '../../../../protocols/units.js';
import { createInterleavedReader } from '../interleaved-reader.js';
import { createParts, openHolding, toRecordedFile } from '../opened-parts.js';
import { PositionedFile } from '../positioned-file.js';
import { readChannels } from './channel-gains.js';
import { metaNumber, readMeta, type SpikeGlxMeta } from './meta.js';

const RATES: Readonly<Record<string, string>> = { imec: 'imSampRate', nidq: 'niSampRate', obx: 'obSampRate' };

/** True when the text file has the key that every SpikeGLX file has. */
export function isSpikeGlxMeta(meta: SpikeGlxMeta): boolean {
  return meta.values.has('typeThis') && meta.values.has('nSavedChans');
}

/**
 * Opens a SpikeGLX `.bin` with the `.meta` beside it. Digital and synchronisation words are no channels of the signal.
 *
 * @throws MeaError `missing`, `bad-format`
 */
export async function openSpikeGlx(path: string, metaPath: string): Promise<RecordedFile> {
  const meta = await readMeta(metaPath);
  const rateHz = readRate(meta);
  const all = readChannels(meta);
  return openHolding(async (held) => {
    const file = await PositionedFile.open(path);
    held.push(file);
    const parts = createParts();
    const frames = Math.floor(file.size / (all.length * 2));
    parts.unread.push(...compareSizes(meta, file, all.length));
    const channels = all.flatMap(({ column, name, gainUvPerBit }) =>
      gainUvPerBit === undefined ? [] : [{ column, name, gainUvPerBit, offsetUv: 0 }],
    );
    const digital = all.filter(({ gainUvPerBit }) => gainUvPerBit === undefined).map(({ name }) => name);
    if (digital.length > 0)
      parts.unread.push(`${path}: digital words are not read: ${digital.slice(0, 20).join(', ')}`);
    const signal = {
      name: basename(path).replace(/\.bin$/, ''),
      channels: channels.map(({ name, gainUvPerBit, offsetUv }) => ({ name, gainUvPerBit, offsetUv })),
      sampleRateHz: hertz(rateHz),
      firstSample: sampleIndex(metaNumber(meta, 'firstSample', 0)),
      frames,
      blind: [],
    };
    const columns = channels.map(({ column }) => column);
    parts.signals.push(createInterleavedReader(file, signal, { offset: 0, width: all.length, columns }));
    const version = meta.values.get('appVersion');
    const writtenBy = version === undefined ? undefined : `SpikeGLX ${version}`;
    return toRecordedFile({ format: 'spikeglx', path, writtenBy }, parts, held);
  });
}

function readRate(meta: SpikeGlxMeta): number {
  const type = meta.values.get('typeThis') ?? '';
  const key = RATES[type];
  if (key === undefined)
    throw new MeaError('bad-format', {
      what: 'Unknown typeThis',
      got: type,
      wanted: Object.keys(RATES).join(', '),
      where: meta.path,
    });
  const rate = metaNumber(meta, key);
  if (rate > 0) return rate;
  throw new MeaError('bad-format', {
    what: `Bad ${key}`,
    got: String(rate),
    wanted: 'a rate above 0',
    where: meta.path,
  });
}

/** What counts is what is in the file; a difference is told. */
function compareSizes(meta: SpikeGlxMeta, { path, size }: PositionedFile, width: number): string[] {
  const declared = meta.values.get('fileSizeBytes');
  const tail = size % (width * 2);
  return [
    ...(declared !== undefined && Number(declared) !== size
      ? [`${path}: ${size} bytes, ${declared} in its .meta file; read as far as it goes`]
      : []),
    ...(tail > 0 ? [`${path}: ${tail} bytes at its end are no whole frame`] : []),
  ];
}
