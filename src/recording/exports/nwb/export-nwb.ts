import type { RecordingContents } from '../../recording-contents.js';
import type { ExportOptions, ExportSummary } from '../exporter.js';
import { openWork } from '../export-work.js';
import { createHdf5InThread } from '../hdf5-in-thread.js';
import { countFrames, countRawBytes } from '../signal-blocks.js';
import { surveyEvents } from '../spike-survey.js';
import { isRising, listStretches } from '../stretches.js';
import { surveyTrials } from '../trial-rows.js';
import { writeWholeTarget } from '../whole-target.js';
import { describeFile } from './nwb-file.js';
import { writeModels } from './nwb-model.js';
import { createNwbObjects } from './nwb-objects.js';
import { MOST_SERIES, writeInvalidTimes, writeSignals } from './nwb-signals.js';
import { writeStimuli } from './nwb-stimuli.js';
import { writeTrials } from './nwb-trials.js';
import { writeUnits } from './nwb-units.js';

/** Writes a file of Neurodata Without Borders 2.7 (HDF5): raw samples, spikes, trials, stimuli, the model. */
export async function exportNwb(
  contents: RecordingContents,
  target: string,
  options: ExportOptions,
): Promise<ExportSummary> {
  const trials = await surveyTrials(contents, options.signal);
  const events = await surveyEvents(contents, options.signal);
  const work = openWork(options, countRawBytes(contents) + events.spikes + trials.rows + events.stimuli);
  const models = await writeWholeTarget(target, 'file', async (temporary) => {
    const writer = createHdf5InThread(temporary, options.hdf5Program);
    try {
      const objects = createNwbObjects(contents.session.id);
      const writing = { contents, writer, objects, options, work };
      await writer.apply(describeFile(contents, objects, options.createdAt));
      await writeSignals(writing);
      await writeInvalidTimes(writing);
      await writeUnits(writing, events.spikesOf);
      await writeTrials(writing, trials);
      await writeStimuli(writing, events);
      const sessions = await writeModels(writing);
      options.signal.throwIfAborted();
      await writer.close();
      return sessions;
    } finally {
      await writer.abandon();
    }
  });
  return {
    format: 'nwb',
    path: target,
    trials: trials.rows,
    spikes: events.spikes,
    stimuli: events.stimuli,
    frames: countFrames(contents),
    notes: [...describeStretches(contents), ...(models === 0 ? ['the recording holds no model'] : [])],
  };
}

function describeStretches(contents: RecordingContents): string[] {
  const count = contents.signals.length;
  const restarted = isRising(listStretches(contents))
    ? []
    : ['the clock of the recorder began anew: times of stretches overlap'];
  if (count < 2) return restarted;
  const where = count > MOST_SERIES ? 'raw, with a time for each frame' : `raw_1 to raw_${count}`;
  return [`${count} stretches: ${where}`, ...restarted];
}
