import { MeaError } from '../../../../protocols/errors.js';
import { metaCounts, metaNumber, metaTable, type SpikeGlxMeta } from './meta.js';

/** One channel of a frame, as it was saved. */
export interface SpikeGlxChannel {
  /** Sample of a frame, from 0. */
  readonly column: number;
  readonly name: string;
  /** Microvolts of one step of the converter; undefined for a channel of digital lines. */
  readonly gainUvPerBit: number | undefined;
}

/** Kinds of acquired channels with the gain of each by its number among its kind; 0 for digital ones. */
interface Kind {
  readonly name: string;
  readonly count: number;
  readonly gainOf: (k: number) => number;
}

/** Neuropixels 2.0: fixed gain by probe type, where the file names none. */
const FIXED_GAINS: Readonly<Record<string, number>> = {
  '21': 80,
  '24': 80,
  '2003': 100,
  '2004': 100,
  '2013': 100,
  '2014': 100,
};
/** UHD2 probes: the gains of all channels stand in the first entry of their table. */
const UHD_TYPE = '1110';

/**
 * Channels of each frame, with gains after the rules of the SpikeGLX metadata guide: volts are sample x range / steps / gain.
 *
 * @throws MeaError `bad-format` where the file does not say what is needed
 */
export function readChannels(meta: SpikeGlxMeta): SpikeGlxChannel[] {
  const { kinds, rangeV, steps } = meta.values.get('typeThis') === 'imec' ? imecKinds(meta) : boardKinds(meta);
  const acquired = kinds.flatMap(({ name, count, gainOf }) =>
    Array.from({ length: count }, (_, k) => ({ name: `${name}${k}`, gain: gainOf(k) })),
  );
  const saved = savedChannels(meta, acquired.length);
  return saved.map((id, column) => {
    const { name, gain } = acquired[id]!;
    const gainUvPerBit = gain === 0 ? undefined : (rangeV / steps / gain) * 1e6;
    if (gainUvPerBit !== undefined && !Number.isFinite(gainUvPerBit)) throw badGain(name, gain, meta.path);
    return { column, name, gainUvPerBit };
  });
}

interface Kinds {
  readonly kinds: readonly Kind[];
  readonly rangeV: number;
  readonly steps: number;
}

function imecKinds(meta: SpikeGlxMeta): Kinds {
  const [ap = 0, lf = 0, sync = 0] = readCounts(meta, 'ApLfSy');
  const gains = imecGains(meta);
  return {
    kinds: [
      { name: 'AP', count: ap, gainOf: (k) => gains(k).ap },
      { name: 'LF', count: lf, gainOf: (k) => gains(k).lf },
      { name: 'SY', count: sync, gainOf: () => 0 },
    ],
    rangeV: metaNumber(meta, 'imAiRangeMax'),
    steps: metaNumber(meta, 'imMaxInt', 512),
  };
}

/** Entries of the table are `channel bank reference apGain lfGain ...` for Neuropixels 1.0; its first entry is a header. */
function imecGains(meta: SpikeGlxMeta): (k: number) => { ap: number; lf: number } {
  if (meta.values.has('imChan0apGain')) {
    const ap = metaNumber(meta, 'imChan0apGain');
    return () => ({ ap, lf: metaNumber(meta, 'imChan0lfGain', ap) });
  }
  const type = meta.values.get('imDatPrb_type') ?? '0';
  const fixed = FIXED_GAINS[type];
  if (fixed !== undefined) return () => ({ ap: fixed, lf: fixed });
  const [header = '', ...entries] = metaTable(meta, 'imroTbl');
  const field = (text: string, separator: string, index: number): number => Number(text.split(separator)[index]);
  if (type === UHD_TYPE) return () => ({ ap: field(header, ',', 3), lf: field(header, ',', 4) });
  return (k) => {
    const entry = entries[k];
    if (entry !== undefined) return { ap: field(entry, ' ', 3), lf: field(entry, ' ', 4) };
    throw new MeaError('bad-format', {
      what: 'The table of gains is too short',
      got: `${entries.length} channels`,
      wanted: `channel ${k}`,
      where: meta.path,
    });
  };
}

function boardKinds(meta: SpikeGlxMeta): Kinds {
  if (meta.values.get('typeThis') === 'obx') {
    const [analog = 0, digital = 0, sync = 0] = readCounts(meta, 'XaDwSy');
    return {
      kinds: [
        { name: 'XA', count: analog, gainOf: () => 1 },
        { name: 'XD', count: digital, gainOf: () => 0 },
        { name: 'SY', count: sync, gainOf: () => 0 },
      ],
      rangeV: metaNumber(meta, 'obAiRangeMax'),
      steps: metaNumber(meta, 'obMaxInt', 32_768),
    };
  }
  const [mn = 0, ma = 0, xa = 0, dw = 0] = readCounts(meta, 'MnMaXaDw');
  return {
    kinds: [
      { name: 'MN', count: mn, gainOf: () => metaNumber(meta, 'niMNGain') },
      { name: 'MA', count: ma, gainOf: () => metaNumber(meta, 'niMAGain') },
      { name: 'XA', count: xa, gainOf: () => 1 },
      { name: 'XD', count: dw, gainOf: () => 0 },
    ],
    rangeV: metaNumber(meta, 'niAiRangeMax'),
    steps: metaNumber(meta, 'niMaxInt', 32_768),
  };
}

/** How many channels of each kind the saved ones are counted among: those acquired, or those saved where that is all of them. */
function readCounts(meta: SpikeGlxMeta, kinds: string): number[] {
  const isSubset = savedSubset(meta) !== 'all' && meta.values.has(`acq${kinds}`);
  return metaCounts(meta, `${isSubset ? 'acq' : 'sns'}${kinds}`);
}

function savedSubset(meta: SpikeGlxMeta): string {
  return meta.values.get('snsSaveChanSubset') ?? 'all';
}

/** `snsSaveChanSubset` is `all` or `0:383,768`: acquired channels, both ends included. */
function savedChannels(meta: SpikeGlxMeta, acquired: number): number[] {
  const total = metaNumber(meta, 'nSavedChans');
  const subset = savedSubset(meta);
  const saved =
    subset === 'all'
      ? Array.from({ length: acquired }, (_, k) => k)
      : subset.split(',').flatMap((part) => toRange(part, acquired));
  if (saved.length === total && total > 0) return saved;
  throw new MeaError('bad-format', {
    what: 'The saved channels are not as many as the file says',
    got: `${saved.length} of ${acquired} acquired (snsSaveChanSubset ${JSON.stringify(subset.slice(0, 100))})`,
    wanted: `nSavedChans ${total}`,
    where: meta.path,
  });
}

/** Channels of one part; none for what is no part, so that the count is wrong. */
function toRange(part: string, acquired: number): number[] {
  const [, from, to = from] = /^\s*(\d+)(?::(\d+))?\s*$/.exec(part) ?? [];
  const [low, high] = [Number(from), Number(to)];
  if (!(low <= high && high < acquired)) return [];
  return Array.from({ length: high - low + 1 }, (_, k) => low + k);
}

function badGain(channel: string, gain: number, where: string): MeaError {
  return new MeaError('bad-format', {
    what: 'Bad gain',
    got: String(gain),
    wanted: 'a number',
    where: `${where}, ${channel}`,
  });
}
