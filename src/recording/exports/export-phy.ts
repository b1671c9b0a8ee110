import { join } from 'node:path';
import { electrodePlaces, electrodePositionsUm, withRoomFor } from '../../../protocols/array-geometry.js';
import { MeaError } from '../../../protocols/errors.js';
import type { RecordingContents } from '../recording-contents.js';
import type { ExportOptions, ExportSummary } from './exporter.js';
import { openWork, type ExportWork } from './export-work.js';
import { writeNpyColumn } from './npy-column.js';
import { writePieces, type Numbers } from './piece-writer.js';
import { assertInt16, assertUniform, countFrames, countRawBytes, readBlocks } from './signal-blocks.js';
import { surveyEvents } from './spike-survey.js';
import { findFrame, listStretches } from './stretches.js';
import { writeWholeTarget } from './whole-target.js';

/** Files of spikes: what each holds of a spike. */
const BYTES_OF_SPIKE = 20;

/**
 * Writes a folder for phy and for sorters' tools: one cluster per electrode, and the raw samples as recording.dat. Stretches
 * are put one after the other; spike times count frames of that file, and segments.csv tells which samples these were. Without
 * raw samples the times are samples of the recorder's clock.
 */
export async function exportPhy(
  contents: RecordingContents,
  target: string,
  options: ExportOptions,
): Promise<ExportSummary> {
  const { signal } = options;
  if (contents.signals.length > 0) assertUniform(contents, 'phy');
  const events = await surveyEvents(contents, signal);
  if (contents.signals.length === 0 && events.spikes === 0) throw nothingToWrite(contents.path);
  const work = openWork(options, countRawBytes(contents) + 3 * BYTES_OF_SPIKE * events.spikes);
  const kept = await writeWholeTarget(target, 'folder', async (folder) => {
    if (contents.signals.length > 0) await writeSamples(contents, folder, { options, work });
    await writePieces(join(folder, 'params.py'), (file) => file.writeText(describeParameters(contents)));
    await writeGeometry(contents, folder);
    const columns = [
      { name: 'spike_times.npy', type: '<i8', field: 'frames' },
      { name: 'spike_clusters.npy', type: '<i4', field: 'electrodes' },
      { name: 'amplitudes.npy', type: '<f8', field: 'amplitudes' },
    ] as const;
    let spikes = 0;
    for (const { name, type, field } of columns) {
      const pieces = readColumn(contents, field, work);
      spikes = await writeNpyColumn(join(folder, name), { type, pieces });
    }
    return spikes;
  });
  return {
    format: 'phy',
    path: target,
    trials: 0,
    spikes: kept,
    stimuli: 0,
    frames: countFrames(contents),
    notes: describeLosses(contents, events.spikes - kept),
  };
}

function describeLosses({ signals, session }: RecordingContents, outside: number): string[] {
  return [
    'not part of this format: trials, stimuli, the model',
    ...(signals.length > 1 ? [`${signals.length} stretches follow each other in recording.dat: see segments.csv`] : []),
    ...(outside > 0 ? [`spikes outside the raw samples were left out: ${outside}`] : []),
    ...(session.array.pitchUm === undefined
      ? ['the pitch of the array is not known: positions are rows and columns']
      : []),
  ];
}

function nothingToWrite(where: string): MeaError {
  return new MeaError('missing', {
    what: 'A folder for phy holds raw samples and spikes, and this recording has neither',
    where,
    remedy: 'export to nwb, mat, parquet or csv',
  });
}

interface Writing {
  readonly options: ExportOptions;
  readonly work: ExportWork;
}

async function writeSamples(contents: RecordingContents, folder: string, { options, work }: Writing): Promise<void> {
  await writePieces(join(folder, 'recording.dat'), async (file) => {
    for (const reader of contents.signals) {
      for await (const block of readBlocks(reader, options)) {
        await file.writeNumbers(assertInt16(block, 'phy', contents.path));
        work.done(block.samples.length * 2);
      }
    }
  });
  const rows = listStretches(contents).map(
    ({ firstFrame, firstSample, frames }) => `${firstFrame},${firstSample},${frames}\r\n`,
  );
  const text = `first_frame,first_sample,frames\r\n${rows.join('')}`;
  await writePieces(join(folder, 'segments.csv'), (file) => file.writeText(text));
}

function describeParameters({ signals, session }: RecordingContents): string {
  const rate = Number.isInteger(session.sampleRateHz) ? `${session.sampleRateHz}.0` : String(session.sampleRateHz);
  const channels = signals[0]?.signal.channels.length ?? session.channels;
  return [
    `dat_path = ${signals.length > 0 ? "'recording.dat'" : '[]'}`,
    `n_channels_dat = ${channels}`,
    "dtype = 'int16'",
    'offset = 0',
    `sample_rate = ${rate}`,
    'hp_filtered = False',
    '',
  ].join('\n');
}

async function writeGeometry({ signals, session }: RecordingContents, folder: string): Promise<void> {
  const channels = signals[0]?.signal.channels;
  const places = Array.from({ length: channels?.length ?? session.channels }, (_, i) => channels?.[i]?.electrode ?? i);
  const array = withRoomFor(session.array, Math.max(...places) + 1);
  const known = electrodePositionsUm(array) ?? electrodePlaces(array);
  const positions = places.flatMap((place) => [known[place]?.x ?? NaN, known[place]?.y ?? NaN]);
  await writeNpyColumn(join(folder, 'channel_map.npy'), { type: '<i4', pieces: [Int32Array.from(places.keys())] });
  const column = { type: '<f8', rowShape: [2], pieces: [Float64Array.from(positions)] } as const;
  await writeNpyColumn(join(folder, 'channel_positions.npy'), column);
}

/** One column of the spikes that lie in a stretch; of all spikes where there are no raw samples. */
async function* readColumn(
  contents: RecordingContents,
  field: 'frames' | 'electrodes' | 'amplitudes',
  work: ExportWork,
): AsyncGenerator<Numbers> {
  const stretches = listStretches(contents);
  for await (const { samples, electrodes, amplitudesUv } of contents.spikes()) {
    const frames = Array.from(samples, (sample) => (stretches.length === 0 ? sample : findFrame(stretches, sample)));
    const inside = Array.from(frames.keys()).filter((i) => frames[i] !== undefined);
    if (field === 'frames') yield BigInt64Array.from(inside, (i) => BigInt(frames[i]!));
    else if (field === 'electrodes') yield Int32Array.from(inside, (i) => electrodes[i]!);
    else yield Float64Array.from(inside, (i) => amplitudesUv[i]!);
    work.done(samples.length * BYTES_OF_SPIKE);
  }
}
