import { join } from 'node:path';
import { MeaError } from '../../../protocols/errors.js';
import type { RecordedSignal } from '../../../protocols/recording/block-reader.js';
import type { RecordedStimulus, RecordingContents } from '../recording-contents.js';
import type { ExportOptions, ExportSummary } from './exporter.js';
import { openWork } from './export-work.js';
import { writePieces } from './piece-writer.js';
import { assertInt16, assertUniform, countFrames, countRawBytes, readBlocks } from './signal-blocks.js';
import { findFrame, listStretches } from './stretches.js';
import { writeWholeTarget } from './whole-target.js';

/** Files of the folder. */
const STEM = 'recording';

/** Markers of stimuli, in BrainVision's way of writing a number. */
const PULSED = 'S  1';
const EMPTY = 'S  2';

/**
 * Writes a folder with recording.vhdr, .vmrk and .eeg (BrainVision Core Data Format 1.0, int16, multiplexed). Each stretch
 * begins with a marker `New Segment`; what cannot be trusted is a `Bad Interval`.
 */
export async function exportBrainVision(
  contents: RecordingContents,
  target: string,
  options: ExportOptions,
): Promise<ExportSummary> {
  const first = assertUniform(contents, 'BrainVision');
  assertNoOffset(first.signal, contents.path);
  const work = openWork(options, countRawBytes(contents));
  const stimuli = await writeWholeTarget(target, 'folder', async (folder) => {
    await writePieces(join(folder, `${STEM}.eeg`), async (file) => {
      for (const reader of contents.signals) {
        for await (const block of readBlocks(reader, options)) {
          await file.writeNumbers(assertInt16(block, 'BrainVision', contents.path));
          work.done(block.samples.length * 2);
        }
      }
    });
    await writePieces(join(folder, `${STEM}.vhdr`), (file) => file.writeText(describeHeader(contents, first.signal)));
    return writeMarkers(contents, join(folder, `${STEM}.vmrk`), options.signal);
  });
  return {
    format: 'brainvision',
    path: target,
    trials: 0,
    spikes: 0,
    stimuli: stimuli.written,
    frames: countFrames(contents),
    notes: [
      'not part of this format: spikes, trials, the model, electrodes and currents of stimuli',
      ...(stimuli.outside > 0 ? [`stimuli outside the raw samples were left out: ${stimuli.outside}`] : []),
    ],
  };
}

function assertNoOffset({ channels }: RecordedSignal, where: string): void {
  const wrong = channels.find(({ offsetUv }) => offsetUv !== 0);
  if (wrong === undefined) return;
  throw new MeaError('bad-input', {
    what: 'BrainVision has no offset of voltages, and this recording does',
    got: `${wrong.name}: ${wrong.offsetUv} uV`,
    where,
    remedy: 'export to NWB',
  });
}

function describeHeader({ session }: RecordingContents, { channels, sampleRateHz }: RecordedSignal): string {
  return toLines([
    'Brain Vision Data Exchange Header File Version 1.0',
    `; recording ${session.id}, ${session.provenance}, written by meactl ${session.program.meactl}`,
    '',
    '[Common Infos]',
    'Codepage=UTF-8',
    `DataFile=${STEM}.eeg`,
    `MarkerFile=${STEM}.vmrk`,
    'DataFormat=BINARY',
    'DataOrientation=MULTIPLEXED',
    `NumberOfChannels=${channels.length}`,
    '; in microseconds',
    `SamplingInterval=${1e6 / sampleRateHz}`,
    '',
    '[Binary Infos]',
    'BinaryFormat=INT_16',
    '',
    '[Channel Infos]',
    '; name, reference, resolution, unit; a comma within is written \\1',
    ...channels.map(({ name, gainUvPerBit }, i) => `Ch${i + 1}=${escape(name)},,${gainUvPerBit},µV`),
  ]);
}

/** A marker, at a frame of the .eeg file from 0. */
interface Marker {
  readonly type: string;
  readonly description: string;
  readonly frame: number;
  readonly frames: number;
  /** Of a new segment. */
  readonly date?: string;
}

async function writeMarkers(
  contents: RecordingContents,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly written: number; readonly outside: number }> {
  const counts = { written: 0, outside: 0 };
  await writePieces(path, async (file) => {
    await file.writeText(
      toLines([
        'Brain Vision Data Exchange Marker File, Version 1.0',
        '',
        '[Common Infos]',
        'Codepage=UTF-8',
        `DataFile=${STEM}.eeg`,
        '',
        '[Marker Infos]',
        '; type, description, position from 1, length, channel or 0 for all, date',
      ]),
    );
    let number = 0;
    const put = async ({ type, description, frame, frames, date }: Marker): Promise<void> => {
      number++;
      const fields = [type, description, frame + 1, frames, 0, ...(date === undefined ? [] : [date])];
      await file.writeText(`Mk${number}=${fields.join(',')}\r\n`);
    };
    const stretches = listStretches(contents);
    const waiting = markersOfStretches(contents);
    let next = 0;
    for await (const stimulus of contents.stimuli()) {
      if ((counts.written + counts.outside) % 1024 === 0) signal.throwIfAborted();
      const frame = findFrame(stretches, stimulus.atSample);
      if (frame === undefined) counts.outside++;
      else {
        counts.written++;
        for (; waiting[next] !== undefined && waiting[next]!.frame <= frame; next++) await put(waiting[next]!);
        await put({ ...describeStimulus(stimulus), frame, frames: 1 });
      }
    }
    for (const marker of waiting.slice(next)) await put(marker);
  });
  return counts;
}

function describeStimulus({ outcome, electrodes }: RecordedStimulus): Pick<Marker, 'type' | 'description'> {
  if (outcome === 'delivered') return { type: 'Stimulus', description: electrodes.length > 0 ? PULSED : EMPTY };
  return { type: 'Comment', description: `stimulus ${outcome}` };
}

/** Beginnings of stretches and what is blind in them, rising. */
function markersOfStretches({ signals, session }: RecordingContents): Marker[] {
  const origin = signals[0]?.signal.firstSample ?? 0;
  let start = 0;
  const markers = signals.flatMap(({ signal }) => {
    const { firstSample, frames, blind, sampleRateHz } = signal;
    const date = toDate(session.startedAt, (firstSample - origin) / sampleRateHz);
    const segment: Marker = { type: 'New Segment', description: '', frame: start, frames: 1, date };
    const bad = blind.map(({ from, to }) => ({
      type: 'Bad Interval',
      description: 'not recorded',
      frame: start + from - firstSample,
      frames: to - from,
    }));
    start += frames;
    return [segment, ...bad];
  });
  return markers;
}

/** Year to microsecond, twenty digits. */
function toDate(startedAt: string, seconds: number): string {
  const microseconds = Math.round(seconds * 1e6);
  const date = new Date(Date.parse(startedAt) + Math.floor(microseconds / 1000));
  const digits = date.toISOString().replace(/\D/g, '');
  return `${digits}${String(microseconds % 1000).padStart(3, '0')}`;
}

function escape(name: string): string {
  return name.replaceAll(',', '\\1');
}

function toLines(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n`;
}
