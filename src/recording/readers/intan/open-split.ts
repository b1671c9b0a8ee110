import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import { findStretches, type Stretch } from '../find-stretches.js';
import { createInterleavedReader } from '../interleaved-reader.js';
import { borrowUint16 } from '../little-endian.js';
import { createParts, openHolding, toRecordedFile, type Closable } from '../opened-parts.js';
import { PositionedFile } from '../positioned-file.js';
import type { ReaderLimits } from '../reader-options.js';
import { readIntanHeader } from './header.js';
import { scanDigitalIn, scanStimuli, type MarkScan, type WordPiece, type WordSource } from './scan-marks.js';
import { listUnread, toSignals } from './signals.js';

/** Words that are read at once. */
const PIECE_WORDS = 2 ** 21;

/**
 * Opens a folder of Intan files, one for each type of signal: `info.rhs`, `time.dat`, `amplifier.dat`, and where they are there
 * `stim.dat` and `digitalin.dat`.
 *
 * @throws MeaError `missing`, `bad-format`, `storage`
 */
export async function openIntanSplit(folder: string, limits: ReaderLimits): Promise<RecordedFile> {
  return openHolding(async (held) => {
    const info = await openHeld(join(folder, 'info.rhs'), held);
    const header = await readIntanHeader(info);
    const parts = createParts();
    const time = await openHeld(join(folder, 'time.dat'), held);
    const width = header.channels.filter(({ type }) => type === 'amplifier').length;
    const amplifier = width === 0 ? undefined : await openAmplifier(folder, held);
    const counters = Math.floor(time.size / 4);
    const inAmplifier = amplifier === undefined ? counters : Math.floor(amplifier.size / (width * 2));
    const frames = Math.min(counters, inAmplifier);
    if (counters !== inAmplifier || time.size % 4 !== 0)
      parts.unread.push(
        `${folder}: ${counters} frames in time.dat, ${inAmplifier} in amplifier.dat; ${frames} are read`,
      );
    const counterAt = async (frame: number): Promise<number> =>
      Buffer.from(await time.read(frame * 4, 4)).readInt32LE(0);
    const stretches = await findStretches(frames, counterAt, time.path);
    for (const { signal, from } of toSignals(header, stretches, basename(resolve(folder))))
      if (amplifier !== undefined)
        parts.signals.push(createInterleavedReader(amplifier, signal, { offset: from * width * 2, width }));
    parts.unread.push(...listUnread(header, folder));
    const scan: MarkScan = { header, stretches, limits, parts, path: folder };
    const stim = await openWords(join(folder, 'stim.dat'), { width, frames, held });
    if (stim !== undefined) await scanStimuli(stim, scan);
    const digital = await openWords(join(folder, 'digitalin.dat'), { width: 1, frames, held });
    if (digital !== undefined) await scanDigitalIn(digital, scan);
    return toRecordedFile({ format: 'intan-rhs', path: folder, writtenBy: `Intan RHS ${header.version}` }, parts, held);
  });
}

async function openHeld(path: string, held: Closable[]): Promise<PositionedFile> {
  const file = await PositionedFile.open(path);
  held.push(file);
  return file;
}

async function openAmplifier(folder: string, held: Closable[]): Promise<PositionedFile> {
  const path = join(folder, 'amplifier.dat');
  if (await isThere(path)) return openHeld(path, held);
  throw new MeaError('missing', {
    what: 'No amplifier.dat',
    wanted: 'one file for each type of signal',
    where: folder,
    remedy:
      'a folder with one file for each channel is not read: save it anew in another of the formats of the recorder',
  });
}

/** Words of a file of frames of uint16; undefined where it is not there, or too short to belong to the others. */
async function openWords(
  path: string,
  { width, frames, held }: { width: number; frames: number; held: Closable[] },
): Promise<WordSource | undefined> {
  if (width === 0 || !(await isThere(path))) return undefined;
  const file = await openHeld(path, held);
  const known = Math.min(frames, Math.floor(file.size / (width * 2)));
  return {
    bytes: known * width * 2,
    pieces: async function* pieces({ from, to }: Stretch): AsyncGenerator<WordPiece> {
      const atOnce = Math.max(1, Math.floor(PIECE_WORDS / width));
      const end = Math.min(to, known);
      for (let frame = from; frame < end; frame += atOnce) {
        const count = Math.min(atOnce, end - frame);
        const words = borrowUint16(await file.read(frame * width * 2, count * width * 2));
        yield { frames: count, word: (row, k) => words[k * width + row]! };
      }
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
