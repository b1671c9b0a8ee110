import type { LedgerRecord } from '../../protocols/ledger.js';
import { countedTrials } from '../closed-loop/recorded-run.js';
import type { CultureAnalysis } from '../model/analysis.js';
import { openRecording } from '../recording/open-recording.js';
import { collectStimulusSpikes, type StimulusSpikes } from '../report/stimulus-spikes.js';

/**
 * Spikes around the stimuli of a recorded run, for its report; undefined of a run on counts, which has no spikes, and where no
 * ensemble was found.
 */
export async function stimulusSpikesOfRun(
  folder: string,
  analysis: CultureAnalysis,
): Promise<StimulusSpikes | undefined> {
  const recording = openRecording(folder);
  try {
    if (recording.index.counts.spikes === 0) return undefined;
    if (analysis.ensembles.every((members) => members.length === 0)) return undefined;
    const records: LedgerRecord[] = [];
    for await (const record of recording.ledger()) {
      if (record.type === 'trial' || record.type === 'session-restarted') records.push(record);
    }
    return await collectStimulusSpikes(recording.spikes(), {
      analysis,
      trials: countedTrials(records),
      sampleRateHz: recording.session.sampleRateHz,
    });
  } finally {
    await recording.close();
  }
}
