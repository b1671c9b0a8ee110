import type { BlockReader } from '../../../protocols/recording/block-reader.js';
import type {
  RecordedElectrode,
  RecordedFile,
  RecordedFormat,
  RecordedMark,
  SpikeTrain,
} from '../../../protocols/recording/recorded-file.js';
import type { Hertz } from '../../../protocols/units.js';

/** What a reader found; it is complete when the file has been gone through. */
export interface OpenedParts {
  readonly signals: BlockReader[];
  readonly spikes: SpikeTrain[];
  readonly electrodes: RecordedElectrode[];
  readonly marks: RecordedMark[];
  readonly unread: string[];
}

export function createParts(): OpenedParts {
  return { signals: [], spikes: [], electrodes: [], marks: [], unread: [] };
}

/** Something that is held open as long as the recorded file. */
export interface Closable {
  close(): Promise<void>;
}

/** What a recorded file says of itself. */
export interface FileIdentity {
  readonly format: RecordedFormat;
  readonly path: string;
  readonly writtenBy?: string | undefined;
  /** Of the clock; by default the rate of the signals, where they agree. */
  readonly sampleRateHz?: Hertz | undefined;
}

/** The recorded file of what was found: marks in order of time; closing it closes what it holds, once. */
export function toRecordedFile(
  { format, path, writtenBy, sampleRateHz }: FileIdentity,
  parts: OpenedParts,
  held: readonly Closable[],
): RecordedFile {
  const rates = new Set(parts.signals.map(({ signal }) => signal.sampleRateHz));
  const rate = sampleRateHz ?? (rates.size === 1 ? parts.signals[0]?.signal.sampleRateHz : undefined);
  let closing: Promise<void> | undefined;
  return {
    format,
    path,
    ...(writtenBy !== undefined && { writtenBy }),
    ...(rate !== undefined && { sampleRateHz: rate }),
    signals: parts.signals,
    spikes: parts.spikes,
    electrodes: parts.electrodes,
    marks: parts.marks.sort((a, b) => a.timeS - b.timeS),
    unread: parts.unread,
    close: () => (closing ??= closeAll(held)),
  };
}

/** Closes everything, also where one of them refuses. */
async function closeAll(held: readonly Closable[]): Promise<void> {
  await Promise.allSettled(held.map((one) => one.close()));
}

/**
 * Runs a reader that opens things; what it has opened is closed when it fails.
 *
 * @param read puts into `held` what is to be closed with the file
 */
export async function openHolding<T>(read: (held: Closable[]) => Promise<T>): Promise<T> {
  const held: Closable[] = [];
  try {
    return await read(held);
  } catch (error) {
    await closeAll(held);
    throw error;
  }
}
