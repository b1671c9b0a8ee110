import type { RecordedElectrode, RecordedFile, RecordedFormat } from '../../../protocols/recording/recorded-file.js';

/** What is in a recorded file, as plain data. */
export interface RecordedFileSummary {
  readonly format: RecordedFormat;
  readonly path: string;
  readonly writtenBy?: string;
  readonly sampleRateHz?: number;
  readonly signals: readonly {
    readonly name: string;
    readonly channels: number;
    readonly sampleRateHz: number;
    readonly firstSample: number;
    readonly frames: number;
    readonly seconds: number;
    /** Seconds that were filled in or cannot be trusted. */
    readonly blindSeconds: number;
  }[];
  readonly spikeTrains: number;
  readonly spikes: number;
  readonly trains: readonly { readonly name: string; readonly electrode?: number; readonly spikes: number }[];
  readonly electrodes: readonly RecordedElectrode[];
  readonly marks: readonly { readonly label: string; readonly count: number }[];
  readonly unread: readonly string[];
}

/** Marks have free texts for labels; so many different ones are told apart, the rest are counted together. */
const MAX_LABELS = 1000;
const OTHER_LABELS = 'others';

/** Describes an opened file; reads nothing more of it. */
export function describeRecordedFile(file: RecordedFile): RecordedFileSummary {
  return {
    format: file.format,
    path: file.path,
    ...(file.writtenBy !== undefined && { writtenBy: file.writtenBy }),
    ...(file.sampleRateHz !== undefined && { sampleRateHz: file.sampleRateHz }),
    signals: file.signals.map(({ signal }) => ({
      name: signal.name,
      channels: signal.channels.length,
      sampleRateHz: signal.sampleRateHz,
      firstSample: signal.firstSample,
      frames: signal.frames,
      seconds: signal.frames / signal.sampleRateHz,
      blindSeconds: signal.blind.reduce((sum, { from, to }) => sum + (to - from), 0) / signal.sampleRateHz,
    })),
    spikeTrains: file.spikes.length,
    spikes: file.spikes.reduce((sum, { timesS }) => sum + timesS.length, 0),
    trains: file.spikes.map(({ name, electrode, timesS }) => ({
      name,
      ...(electrode !== undefined && { electrode }),
      spikes: timesS.length,
    })),
    electrodes: file.electrodes,
    marks: countMarks(file),
    unread: file.unread,
  };
}

function countMarks({ marks }: RecordedFile): RecordedFileSummary['marks'] {
  const counts = new Map<string, number>();
  for (const { label } of marks) {
    const name = counts.has(label) || counts.size < MAX_LABELS ? label : OTHER_LABELS;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Array.from(counts, ([label, count]) => ({ label, count }));
}
