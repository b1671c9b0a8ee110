import type { RecordedMark } from '../../../../protocols/recording/recorded-file.js';
import type { Stretch } from '../find-stretches.js';
import type { OpenedParts } from '../opened-parts.js';
import type { ReaderLimits } from '../reader-options.js';
import type { IntanHeader } from './header.js';
import { createLineMarks, createStimMarks, type WordMarks } from './word-marks.js';

/** Words of some frames: of row `row` at frame `frame`, counted from the first of them. */
export interface WordPiece {
  readonly frames: number;
  word(row: number, frame: number): number;
}

/** Where words are read from: a row for each channel of stimuli, one row for all digital lines. */
export interface WordSource {
  /** Bytes that have to be read for all of it. */
  readonly bytes: number;
  pieces(stretch: Stretch): AsyncIterable<WordPiece>;
}

/** What the scan is part of. */
export interface MarkScan {
  readonly header: IntanHeader;
  readonly stretches: readonly Stretch[];
  readonly limits: ReaderLimits;
  readonly parts: OpenedParts;
  readonly path: string;
}

/** Makes of one row the marks that it holds. */
interface RowMarks {
  readonly row: number;
  readonly create: (sink: (mark: RecordedMark) => void) => WordMarks;
}

/** Looks for stimuli; the rows of the source are the amplifier channels. */
export async function scanStimuli(source: WordSource, scan: MarkScan): Promise<void> {
  const { channels, stimStepUa, sampleRateHz } = scan.header;
  const rows = channels
    .filter(({ type }) => type === 'amplifier')
    .map(({ nativeName: name }, row) => ({
      row,
      create: (sink: (mark: RecordedMark) => void) =>
        createStimMarks({ name, stepUa: stimStepUa, rateHz: sampleRateHz }, sink),
    }));
  await scanRows({ source, rows, what: 'stimuli' }, scan);
}

/** Looks for digital lines that go high; the only row of the source has a bit for each. */
export async function scanDigitalIn(source: WordSource, scan: MarkScan): Promise<void> {
  const { channels, sampleRateHz } = scan.header;
  const rows = channels
    .filter(({ type }) => type === 'digital-in')
    .map(({ name, nativeOrder: bit }) => ({
      row: 0,
      create: (sink: (mark: RecordedMark) => void) => createLineMarks({ name, bit, rateHz: sampleRateHz }, sink),
    }));
  await scanRows({ source, rows, what: 'digital inputs' }, scan);
}

async function scanRows(
  { source, rows, what }: { source: WordSource; rows: readonly RowMarks[]; what: string },
  { stretches, limits, parts, path }: MarkScan,
): Promise<void> {
  if (source.bytes > limits.scanBytes) {
    parts.unread.push(`${path}: ${what} were not looked for in ${source.bytes} bytes (at most ${limits.scanBytes})`);
    return;
  }
  let left = limits.marks - parts.marks.length;
  const sink = (mark: RecordedMark): void => {
    if (left-- > 0) parts.marks.push(mark);
  };
  for (const stretch of stretches) {
    const marks = rows.map(({ row, create }) => ({ row, runs: create(sink) }));
    let counter = stretch.first;
    for await (const piece of source.pieces(stretch)) {
      for (const { row, runs } of marks)
        for (let frame = 0; frame < piece.frames; frame++) runs.add(piece.word(row, frame), counter + frame);
      counter += piece.frames;
    }
    for (const { runs } of marks) runs.end(counter);
  }
  if (left < 0) parts.unread.push(`${path}: ${-left} of the ${what} left out, more than ${limits.marks} marks`);
}
