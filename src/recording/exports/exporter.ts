import type { RecordingContents } from '../recording-contents.js';

/** Formats that a recording can be written in. */
export const EXPORT_FORMATS = ['nwb', 'phy', 'mat', 'parquet', 'brainvision', 'csv'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** How to export. */
export interface ExportOptions {
  /** Ends the export with its reason; nothing is left behind. */
  readonly signal: AbortSignal;
  /** When the export is made, ISO 8601, UTC: host time is injected. */
  readonly createdAt: string;
  /** Told the share that is done, from 0 to 1, rising. */
  readonly onProgress?: (share: number) => void;
  /** Compress where the format can; it does by default in MAT, and not in NWB, where it takes far longer than the rest. */
  readonly compress?: boolean;
  /** Frames of raw samples held at a time; about two megabytes by default. Results do not depend on it. */
  readonly blockFrames?: number;
  /** The compiled program of the thread that writes HDF5; beside its module by default. */
  readonly hdf5Program?: URL;
}

/** What was written. */
export interface ExportSummary {
  readonly format: ExportFormat;
  readonly path: string;
  /** Rows of trials, those that do not count among them; spikes, stimuli, and frames of raw samples. */
  readonly trials: number;
  readonly spikes: number;
  readonly stimuli: number;
  readonly frames: number;
  /** What of this recording is not in the export, or is in it otherwise than expected; in words. */
  readonly notes: readonly string[];
}

/**
 * Writes a recording in one format: into a temporary file or folder beside the target, which is then renamed. Memory does not
 * grow with the recording but for a few bytes a session, and in NWB a hundred a trial.
 *
 * @param target a path that must not exist
 * @throws MeaError `exists` for a target that is there; `missing` without its folder, or where the recording has nothing that the
 *   format could hold; `bad-input` for what it cannot hold; `storage` when the disk refuses; the signal's reason
 */
export type Exporter = (contents: RecordingContents, target: string, options: ExportOptions) => Promise<ExportSummary>;
