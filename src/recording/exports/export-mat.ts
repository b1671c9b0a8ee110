import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createDeflate } from 'node:zlib';
import { MeaError } from '../../../protocols/errors.js';
import type { RecordingContents } from '../recording-contents.js';
import type { ExportOptions, ExportSummary } from './exporter.js';
import { openWork, type ExportWork } from './export-work.js';
import { compressedTag, layOutMat, MAT_HEADER_BYTES, type MatLayout } from './mat5-layout.js';
import { littleEndianBytes, writePieces, type PieceWriter } from './piece-writer.js';
import { readTrialRows, surveyTrials, type TrialRow, type TrialSurvey } from './trial-rows.js';
import { notHeld } from './what-is-lost.js';
import { writeWholeTarget } from './whole-target.js';

/** The variable of the file. */
const VARIABLE = 'data';
/** What one variable of the format may hold. */
const MOST_BYTES = 2 ** 31 - 1;
/** Numbers held before they go to their columns. */
const TILE_VALUES = 2 ** 22;

/**
 * Writes a MAT-file of level 5 with the cell `data`, as the published experiments have it: one struct with `s` (trials x
 * sources), `o` (trials x inputs) and `r` (trials x electrodes, spike counts), of whole sessions alone. All are uint8; `r` is
 * uint16 where a count is above 255, so that none is cut off.
 */
export async function exportMat(
  contents: RecordingContents,
  target: string,
  options: ExportOptions,
): Promise<ExportSummary> {
  const survey = await surveyTrials(contents, options.signal);
  const rows = survey.wholeSessions * (survey.trialsPerSession ?? 0);
  if (rows === 0) throw noWholeSession(contents.path, survey);
  const isWide = survey.largestCount > 255;
  const layout = layOutMat(VARIABLE, [
    { name: 's', rows, columns: survey.sources, bytesPerValue: 1 },
    { name: 'o', rows, columns: survey.inputs, bytesPerValue: 1 },
    { name: 'r', rows, columns: survey.electrodes, bytesPerValue: isWide ? 2 : 1 },
  ]);
  assertFits(layout, contents.path);
  const work = openWork(options, rows);
  await writeWholeTarget(target, 'file', async (temporary) => {
    if (options.compress === false) return writePlain(temporary, { contents, survey, rows, layout, work });
    const plain = `${temporary}.plain`;
    try {
      await writePlain(plain, { contents, survey, rows, layout, work });
      await compress(plain, temporary, { layout, signal: options.signal });
    } finally {
      await rm(plain, { force: true });
    }
  });
  return {
    format: 'mat',
    path: target,
    trials: rows,
    spikes: 0,
    stimuli: 0,
    frames: 0,
    notes: describeLosses(contents, survey, rows),
  };
}

function describeLosses(contents: RecordingContents, survey: TrialSurvey, rows: number): string[] {
  const unfinished = survey.counted - rows;
  const uncounted = survey.rows - survey.counted;
  return [
    notHeld(contents, [
      'spikes',
      'stimuli',
      'times',
      'the model',
      ...(survey.hasBlind ? ['blind shares of windows'] : []),
    ]),
    ...(unfinished > 0 ? [`${unfinished} trials of an unfinished session were left out`] : []),
    ...(uncounted > 0 ? [`${uncounted} trials that do not count were left out`] : []),
    ...(survey.largestCount > 255 ? [`r is uint16: the largest count is ${survey.largestCount}`] : []),
  ];
}

interface Writing {
  readonly contents: RecordingContents;
  readonly survey: TrialSurvey;
  readonly rows: number;
  readonly layout: MatLayout;
  readonly work: ExportWork;
}

/** One field's numbers of some rows in a row, turned column-major. */
interface Tile {
  readonly values: Uint8Array | Uint16Array;
  readonly columns: number;
  readonly start: number;
}

async function writePlain(path: string, { contents, survey, rows, layout, work }: Writing): Promise<void> {
  const { sources, inputs, electrodes, trialsPerSession = 1 } = survey;
  const tileRows = Math.min(rows, Math.max(1, Math.floor(TILE_VALUES / (sources + inputs + electrodes))));
  const counts = survey.largestCount > 255 ? Uint16Array : Uint8Array;
  const [s = 0, o = 0, r = 0] = layout.starts;
  const tiles: readonly [Tile, Tile, Tile] = [
    { values: new Uint8Array(tileRows * sources), columns: sources, start: s },
    { values: new Uint8Array(tileRows * inputs), columns: inputs, start: o },
    { values: new counts(tileRows * electrodes), columns: electrodes, start: r },
  ];
  await writePieces(path, async (file) => {
    for (const { at, bytes } of layout.pieces) await file.writeAt(at, bytes);
    let firstRow = 0;
    let held = 0;
    const put = async (): Promise<void> => {
      for (const tile of tiles) await putTile(file, tile, { firstRow, held, rows });
      firstRow += held;
      held = 0;
    };
    for await (const trial of readTrialRows(contents, survey)) {
      if (!trial.isCounted || trial.session >= survey.wholeSessions) continue;
      assertNext(trial, { row: firstRow + held, trialsPerSession, where: contents.path });
      fillRow(tiles[0], held, trial.sources);
      fillRow(tiles[1], held, trial.inputs);
      fillRow(tiles[2], held, trial.counts ?? []);
      held++;
      if (held === tileRows) await put();
      work.done(1);
    }
    await put();
    // The last numbers may end before their padding does.
    await file.setLength(layout.totalBytes);
  });
}

function fillRow({ values, columns }: Tile, row: number, from: ArrayLike<string | number>): void {
  const rows = values.length / columns;
  for (let column = 0; column < columns; column++) values[column * rows + row] = Number(from[column]);
}

async function putTile(
  file: PieceWriter,
  { values, columns, start }: Tile,
  { firstRow, held, rows }: Readonly<Record<'firstRow' | 'held' | 'rows', number>>,
): Promise<void> {
  const tileRows = values.length / columns;
  for (let column = 0; column < columns; column++) {
    const piece = values.subarray(column * tileRows, column * tileRows + held);
    await file.writeAt(start + (column * rows + firstRow) * values.BYTES_PER_ELEMENT, littleEndianBytes(piece));
  }
}

/** Compresses the variable of a plain file; the header stays as it is. */
async function compress(plain: string, path: string, { layout, signal }: Compression): Promise<void> {
  await writePieces(path, async (file) => {
    await file.write(layout.pieces[0]!.bytes.subarray(0, MAT_HEADER_BYTES));
    await file.write(compressedTag(0));
    const start = file.position;
    await pipeline(
      createReadStream(plain, { start: MAT_HEADER_BYTES }),
      createDeflate(),
      async (pieces: AsyncIterable<Uint8Array>) => {
        for await (const piece of pieces) await file.write(piece);
      },
      { signal },
    );
    await file.writeAt(MAT_HEADER_BYTES, compressedTag(file.position - start));
  });
}

interface Compression {
  readonly layout: MatLayout;
  readonly signal: AbortSignal;
}

/** Trials of whole sessions follow each other without a gap. */
function assertNext(trial: TrialRow, { row, trialsPerSession, where }: Expected): void {
  if (trial.session * trialsPerSession + trial.trial === row) return;
  throw new MeaError('bad-format', {
    what: 'A trial of the ledger is out of order',
    got: `session ${trial.session}, trial ${trial.trial}`,
    wanted: `session ${Math.floor(row / trialsPerSession)}, trial ${row % trialsPerSession}`,
    where,
  });
}

interface Expected {
  readonly row: number;
  readonly trialsPerSession: number;
  readonly where: string;
}

function noWholeSession(where: string, { counted, trialsPerSession }: TrialSurvey): MeaError {
  return new MeaError('missing', {
    what: 'The recording has no whole session, and a MAT-file of responses holds nothing else',
    got: `${counted} trials that count`,
    ...(trialsPerSession !== undefined && { wanted: `at least ${trialsPerSession}` }),
    where,
    remedy: 'export to nwb, parquet or csv',
  });
}

function assertFits({ totalBytes }: MatLayout, where: string): void {
  if (totalBytes <= MOST_BYTES) return;
  throw new MeaError('bad-input', {
    what: 'The responses do not fit a MAT-file of level 5',
    got: `${totalBytes} bytes`,
    wanted: `at most ${MOST_BYTES}`,
    where,
    remedy: 'export to parquet',
  });
}
