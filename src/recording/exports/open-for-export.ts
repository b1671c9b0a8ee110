import { MeaError } from '../../../protocols/errors.js';
import type { BlockReader, SampleSpan } from '../../../protocols/recording/block-reader.js';
import { sampleIndex } from '../../../protocols/units.js';
import type { IndexedStretch } from '../journal/journal-index.js';
import { openRecordingInPieces, type OnDamagedChunk, type OpenedRecording } from '../open-recording.js';

/**
 * Opens a recording so that the samples of each signal follow each other on the recorder's clock. Where raw samples were kept
 * around stimuli alone, the windows lie one behind the other in a file: each becomes a signal of its own.
 *
 * @throws MeaError as `openRecordingInPieces`
 */
export async function openForExport(
  path: string,
  onDamaged: OnDamagedChunk,
  options: Parameters<typeof openRecordingInPieces>[2],
): Promise<OpenedForExport> {
  const opened = await openRecordingInPieces(path, onDamaged, options);
  if (opened.session.raw !== 'stimuli') return opened;
  const signals = opened.signals.flatMap((reader): readonly BlockReader[] => {
    const stretch = [...opened.index.stretches].find(([recording]) => reader.signal.name === `recording${recording}`);
    return stretch === undefined ? [reader] : listRuns(stretch[1]).map((run) => readRun(reader, run, stretch[1]));
  });
  return { ...opened, signals };
}

/** An opened recording whose signals have no gap. */
export type OpenedForExport = Omit<OpenedRecording, 'signals'> & { readonly signals: readonly BlockReader[] };

/** Frames whose samples follow each other. */
interface Run {
  readonly firstFrame: number;
  readonly firstSample: number;
  frames: number;
}

function listRuns({ chunks, started }: IndexedStretch): Run[] {
  const runs: Run[] = [];
  for (const { firstSample, frames } of [...chunks].sort((a, b) => a.firstFrame - b.firstFrame)) {
    const last = runs.at(-1);
    if (last !== undefined && last.firstSample + last.frames === firstSample) last.frames += frames;
    // A frame of the reader stands for the sample of its number.
    else runs.push({ firstFrame: firstSample - started.firstSample, firstSample, frames });
  }
  return runs;
}

function readRun(reader: BlockReader, run: Run, { started }: IndexedStretch): BlockReader {
  const { firstFrame, firstSample, frames } = run;
  const { blind, ...signal } = reader.signal;
  // What the reader tells as blind are frames, counted from the first sample of the file.
  const toSample = (frame: number): SampleSpan['from'] => sampleIndex(firstSample + frame - firstFrame);
  const own = blind.flatMap((span): SampleSpan[] => {
    const from = Math.max(firstFrame, span.from - started.firstSample);
    const to = Math.min(firstFrame + frames, span.to - started.firstSample);
    return from < to ? [{ from: toSample(from), to: toSample(to) }] : [];
  });
  return {
    signal: { ...signal, firstSample: sampleIndex(firstSample), frames, blind: own },
    readBlock: async (first, wanted) => {
      if (!(first >= 0 && first < frames)) {
        throw new MeaError('bad-input', {
          what: 'No such frames in the recording',
          got: `${wanted} from ${first}`,
          wanted: `from 0 to ${frames}`,
          where: signal.name,
        });
      }
      const block = await reader.readBlock(firstFrame + first, Math.min(wanted, frames - first));
      return { ...block, firstFrame: first };
    },
  };
}
