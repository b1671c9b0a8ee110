import { join } from 'node:path';
import type { Clock } from '../../protocols/clock.js';
import { isMeaError, type MeaError } from '../../protocols/errors.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import type { Disk } from './disk/disk.js';
import { writeSmallFile } from './disk/write-small-file.js';
import { JournalWriter, type JournalPosition } from './journal/journal-writer.js';
import type { FrameType } from './journal/frame.js';
import {
  encodeJson,
  encodeSpikes,
  type RawGap,
  type RecordingStarted,
  type SpikesPayload,
} from './journal/payloads.js';
import { SpikeCollector } from './journal/spike-collector.js';
import { DelayedWindows } from './raw/delayed-windows.js';
import { RawStretch } from './raw/raw-stretch.js';
import { endsStretch, RAW_STOPPED } from './raw/stretch-ends.js';
import { NODE_FOLDER } from './raw/structure-oebin.js';
import { DiskWatch } from './disk/disk-watch.js';
import { makeNewFolder } from './disk/make-new-folder.js';
import { Reserve } from './disk/reserve.js';
import type { RawPolicy, SessionFile } from './session-file.js';
import { sampleIndex } from '../../protocols/units.js';

/** What a recorder has to say while it records. */
export type RecorderNotice =
  /** All before is on the disk: this is what may be shown as saved. */
  | {
      readonly type: 'saved';
      readonly nextSample: number | null;
      /** False where raw samples are not among it. */
      readonly hasRaw: boolean;
      /** Bytes of raw samples, and records of the journal. */
      readonly bytes: number;
      readonly records: number;
      readonly atMs: number;
    }
  | { readonly type: 'disk-low'; readonly minutesLeft: number; readonly freeBytes: number }
  /** Raw samples are no longer kept; all else is. */
  | { readonly type: 'raw-stopped'; readonly error: MeaError; readonly lostFrames: number }
  /** The disk does not follow: from now on some of what comes is not kept. How much, an `overrun` tells at its end. */
  | { readonly type: 'behind'; readonly pendingBytes: number; readonly maxPendingBytes: number }
  /** The recorder could not follow: these samples are not in the recording, nor as many other records. */
  | {
      readonly type: 'overrun';
      readonly blocks: number;
      readonly frames: number;
      readonly fromSample: number;
      readonly toSample: number;
      readonly records: number;
    }
  /** Nothing is recorded any more. */
  | { readonly type: 'failed'; readonly error: MeaError };

/** What a recorder needs. */
export interface RecorderOptions {
  readonly disk: Disk;
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
  /** Made already, and locked. */
  readonly folder: string;
  readonly session: SessionFile;
  /** Of the array, as probeinterface has it. */
  readonly probe: unknown;
  readonly onNotice: (notice: RecorderNotice) => void;
  /** Where a recording goes on that is there already. */
  readonly continued?: { readonly journal: JournalPosition; readonly recording: number } | undefined;
  /** Records of the ledger that are written at once; 1 by default. */
  readonly ledgerBatch?: number | undefined;
  /** All is forced to the disk so often; 1000 by default. */
  readonly syncMs?: number | undefined;
  /** Kept free for the end of the journal on a full disk; 64 MiB with raw samples and 1 MiB without, by default. */
  readonly reserveBytes?: number | undefined;
}

/** Gaps up to this are filled with zeros. */
const MAX_FILL_MS = 100;
/** Samples that are kept around a stimulus where not all are. */
export const WINDOW_BEFORE_MS = 100;
export const WINDOW_AFTER_MS = 400;
const SYNC_MS = 1000;
/** Spikes and events are given to the system so often, without forcing them. */
const WRITE_MS = 100;
const DISK_RESERVE_BYTES = { raw: 2 ** 26, journal: 2 ** 20 };

/** Bytes that are kept free for the end of the journal on a full disk. */
export function reserveBytesOf(raw: RawPolicy): number {
  return raw === 'all' || raw === 'stimuli' ? DISK_RESERVE_BYTES.raw : DISK_RESERVE_BYTES.journal;
}

const ZEROS = new Uint8Array(2 ** 16);

/**
 * Writes a recording: raw samples into an Open Ephys binary folder, all else into the journal. Synchronous, and without
 * timers: what is due is done when something comes, and by `tick`. When the disk refuses raw samples they stop and all else
 * goes on; when it refuses the journal too, the call throws and the recording is over. A class because it holds open files.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #journal: JournalWriter;
  readonly #spikes = new SpikeCollector();
  readonly #reserve: Reserve;
  readonly #windows: DelayedWindows | undefined;
  readonly #fillSamples: number;
  readonly #diskWatch: DiskWatch;
  /** (stimulus id) length of its pulses in samples, until they are delivered. */
  readonly #lengths = new Map<number, number>();
  #stretch: RawStretch | undefined;
  #recording: number;
  #keepsRaw: boolean;
  /** Frames that came in since the stretch began, whether they are kept or not. */
  #frames = 0;
  #nextSample: number | undefined;
  #restart: RecordingStarted['because'];
  #waitingRecords = 0;
  #rawBytes = 0;
  #writtenMs: number;
  #syncedMs: number;
  #failure: MeaError | undefined;
  #isClosed = false;
  readonly #lost = { events: 0, samples: 0 };

  /** @throws MeaError `storage` */
  constructor(options: RecorderOptions) {
    const { disk, clock, folder, session, probe, continued } = options;
    this.#options = options;
    this.#writtenMs = this.#syncedMs = clock.monotonicMs();
    this.#diskWatch = new DiskWatch({ disk, folder }, this.#syncedMs);
    this.#recording = continued?.recording ?? 0;
    this.#restart = continued === undefined ? 'start' : 'resumed';
    this.#keepsRaw = session.raw === 'all' || session.raw === 'stimuli';
    this.#fillSamples = (MAX_FILL_MS * session.sampleRateHz) / 1000;
    this.#windows =
      session.raw === 'stimuli'
        ? new DelayedWindows({
            before: Math.round((WINDOW_BEFORE_MS * session.sampleRateHz) / 1000),
            after: Math.round((WINDOW_AFTER_MS * session.sampleRateHz) / 1000),
          })
        : undefined;
    this.#reserve = new Reserve(disk, join(folder, 'reserve.bin'), options.reserveBytes ?? reserveBytesOf(session.raw));
    try {
      this.#journal = new JournalWriter({ disk, folder }, continued?.journal ?? { segment: 0, seq: 0 });
    } catch (error) {
      this.#reserve.release();
      throw error;
    }
    try {
      if (continued === undefined) this.#describe(session, probe);
      if (this.#keepsRaw) makeNodeFolder(disk, folder);
      this.#syncJournal();
    } catch (error) {
      this.#reserve.release();
      this.#journal.close();
      throw error;
    }
  }

  /** What the recording is: in files of its own, and in the journal. */
  #describe(session: SessionFile, probe: unknown): void {
    const { disk, folder } = this.#options;
    for (const [name, value] of [
      ['session', session],
      ['probe', probe],
    ] as const) {
      const bytes = Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
      writeSmallFile(disk, join(folder, `${name}.json`), bytes);
      this.#journal.append(name, bytes);
    }
  }

  /** Raw samples. */
  block(block: SampleBlock): void {
    if (this.#failure !== undefined) {
      this.#lost.samples += block.frames;
      return;
    }
    if (this.#keepsRaw)
      this.#guardRaw(() => {
        this.#takeBlock(block);
      });
    else this.#follow(block);
    this.tick();
  }

  spikes(batch: SpikesPayload): void {
    if (this.#isOver()) return;
    this.#spikes.add(batch);
  }

  /** Something that was told by device, link or pipeline, in its order. */
  event(event: { readonly type: string }): void {
    if (this.#isOver()) return;
    this.#followStimuli(event);
    // Spikes before it were found before it.
    this.#putSpikes();
    this.#journal.append('event', encodeJson({ recording: this.#recording, atFrame: this.#frames, event }));
    if (endsStretch(event.type)) this.#endStretch('stream');
    this.tick();
  }

  /** A record of the ledger. @throws MeaError `storage` when it cannot be kept */
  ledger(json: Uint8Array): void {
    if (this.#isOver()) throw this.#failure!;
    this.#putSpikes();
    this.#journal.append('ledger', json);
    this.#waitingRecords += 1;
    if (this.#waitingRecords >= (this.#options.ledgerBatch ?? 1)) this.#flushJournal();
    this.tick();
  }

  /** True when no record of the ledger waits to be written. */
  get isLedgerWritten(): boolean {
    return this.#waitingRecords === 0;
  }

  /** Host times, a model, cut-outs of spikes: data that come as they are. */
  put(type: Extract<FrameType, 'latency' | 'model' | 'snippets'>, payload: Uint8Array): void {
    if (this.#isOver()) return;
    this.#journal.append(type, payload);
  }

  /** Does what is due by now. */
  tick(): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#syncedMs >= (this.#options.syncMs ?? SYNC_MS)) this.sync();
    else if (nowMs - this.#writtenMs >= WRITE_MS) {
      this.#writtenMs = nowMs;
      this.#putSpikes();
      this.#flushJournal();
    }
  }

  /**
   * Forces all to the disk: samples first, then the journal that tells of them, then the headers that promise them.
   *
   * @throws MeaError `storage` when the journal is refused
   */
  sync(): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    const { clock } = this.#options;
    this.#syncedMs = this.#writtenMs = clock.monotonicMs();
    this.#guardRaw(() => {
      for (const chunk of this.#stretch?.sync() ?? []) {
        this.#rawBytes += chunk.frames * this.#stretch!.frameBytes;
        this.#journal.append('chunk', encodeJson(chunk));
      }
    });
    this.#putSpikes();
    const next = this.#nextSample;
    this.#journal.append(
      'sync',
      encodeJson({
        recording: this.#recording,
        frames: this.#stretch?.frames ?? 0,
        ...(next !== undefined && { nextSample: next }),
        wallMs: clock.wallMs(),
        monotonicMs: this.#syncedMs,
      }),
    );
    this.#syncJournal();
    this.#guardRaw(() => {
      this.#stretch?.commit();
    });
    this.#options.onNotice({
      type: 'saved',
      nextSample: next ?? null,
      hasRaw: this.#keepsRaw,
      bytes: this.#rawBytes,
      records: this.#journal.seq,
      atMs: this.#syncedMs,
    });
    this.#lookAtDisk();
  }

  /** Says that all is whole, and closes the files. Idempotent. @throws MeaError `storage` where it is not, or could not say so */
  close(): void {
    if (this.#isClosed) return;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      this.#endStretch('stream');
      this.sync();
      this.#reserve.release();
      this.#journal.append('clean-stop', encodeJson({ wallMs: this.#options.clock.wallMs(), lost: this.#lost }));
      this.#syncJournal();
    } finally {
      this.#isClosed = true;
      this.#stretch?.close();
      this.#stretch = undefined;
      this.#reserve.release();
      this.#journal.close();
    }
  }

  // ---- samples ---------------------------------------------------------------------------------------------------------

  #takeBlock(block: SampleBlock): void {
    if (this.#windows === undefined) {
      this.#keep(block);
      return;
    }
    this.#follow(block);
    for (const part of this.#windows.push(block)) this.#keep(part);
  }

  /** Counts frames that are not kept, so that events have their places. */
  #follow({ firstSample, frames }: SampleBlock): void {
    this.#frames += frames;
    this.#nextSample = firstSample + frames;
  }

  #keep(block: SampleBlock): void {
    const { firstSample, frames, channels, samples } = block;
    const isSparse = this.#windows !== undefined;
    if (this.#stretch !== undefined && this.#stretch.stream.channels !== channels) this.#closeStretch('shape');
    else if (isSparse && this.#stretch !== undefined && firstSample < this.#stretch.nextSample)
      this.#closeStretch('gap');
    if (this.#stretch !== undefined && !isSparse) this.#closeGap(this.#stretch, firstSample);
    if (!this.#keepsRaw) {
      this.#follow(block);
      return;
    }
    const stretch = (this.#stretch ??= this.#begin(firstSample, channels));
    stretch.append(new Uint8Array(samples.buffer, samples.byteOffset, frames * channels * 2), firstSample);
    if (!isSparse) {
      this.#frames = stretch.frames;
      this.#nextSample = stretch.nextSample;
    }
  }

  #closeGap(stretch: RawStretch, firstSample: number): void {
    const missing = firstSample - stretch.nextSample;
    if (missing === 0) return;
    const gap = (how: RawGap['how']): void => {
      const { recording, frames, nextSample } = stretch;
      const record: RawGap = {
        recording,
        how,
        firstFrame: frames,
        firstSample: sampleIndex(nextSample),
        samples: missing,
      };
      this.#journal.append('gap', encodeJson(record));
    };
    if (missing > 0 && missing <= this.#fillSamples) {
      gap('filled');
      let left = missing * stretch.frameBytes;
      while (left > 0) {
        const bytes = Math.min(left, Math.floor(ZEROS.length / stretch.frameBytes) * stretch.frameBytes);
        stretch.append(ZEROS.subarray(0, bytes), stretch.nextSample);
        left -= bytes;
      }
      return;
    }
    gap(missing > 0 ? 'split' : 'backwards');
    this.#closeStretch('gap');
  }

  #begin(firstSample: number, channels: number): RawStretch {
    const { disk, folder: root, session } = this.#options;
    let folder: string;
    // One of this number may be there, begun and killed before the journal could say so: it stays as it is.
    do {
      this.#recording += 1;
      folder = join(root, NODE_FOLDER, `recording${this.#recording}`);
    } while (!makeNewFolder(disk, folder));
    const stream = {
      device: session.device.name,
      sampleRateHz: session.sampleRateHz,
      channels,
      gainUvPerBit: session.gainUvPerBit ?? 1,
    };
    const started: RecordingStarted = {
      recording: this.#recording,
      firstSample: sampleIndex(firstSample),
      channels,
      sampleRateHz: session.sampleRateHz,
      because: this.#restart,
    };
    const stretch = new RawStretch({
      disk,
      folder,
      recording: this.#recording,
      stream,
      firstSample,
      isSparse: this.#windows !== undefined,
    });
    this.#journal.append('recording-started', encodeJson(started));
    this.#putStructure(stretch);
    if (this.#windows === undefined) this.#frames = 0;
    return stretch;
  }

  #putStructure(stretch: RawStretch): void {
    this.#journal.append('structure', encodeJson({ recording: stretch.recording, text: stretch.structure }));
  }

  /** No samples follow: those that are held belong to it. */
  #endStretch(because: RecordingStarted['because']): void {
    const windows = this.#windows;
    if (windows !== undefined) {
      this.#guardRaw(() => {
        for (const part of windows.end()) this.#keep(part);
      });
    }
    this.#closeStretch(because);
  }

  #closeStretch(because: RecordingStarted['because']): void {
    // That it was resumed is what the first stretch after it has to say, whatever else came before it.
    if (this.#stretch !== undefined || this.#restart !== 'resumed') this.#restart = because;
    const stretch = this.#stretch;
    if (stretch === undefined) return;
    this.sync();
    // Forcing it to the disk may have ended it already.
    if (this.#stretch !== stretch) return;
    this.#stretch = undefined;
    stretch.close();
  }

  #followStimuli(event: object): void {
    if (isScheduled(event)) {
      this.#lengths.set(event.stimulusId, event.durationSamples);
      this.#windows?.want(event.sample);
    } else if (isDelivered(event)) {
      const length = this.#lengths.get(event.stimulusId) ?? 0;
      this.#lengths.delete(event.stimulusId);
      const stretch = this.#stretch;
      if (length === 0 || stretch === undefined) return;
      this.#guardRaw(() => {
        stretch.mark(event.sample, length);
      });
    } else if ('type' in event && event.type === 'stimulus-dropped' && 'stimulusId' in event) {
      this.#lengths.delete(Number(event.stimulusId));
    }
  }

  /** What the disk refuses of raw samples ends them, and nothing else. */
  #guardRaw(write: () => void): void {
    if (!this.#keepsRaw) return;
    try {
      write();
    } catch (error) {
      if (!isMeaError(error, 'storage')) throw error;
      this.#stopRaw(error);
    }
  }

  #stopRaw(error: MeaError): void {
    this.#keepsRaw = false;
    const stretch = this.#stretch;
    this.#stretch = undefined;
    const lostFrames = stretch === undefined ? 0 : this.#finishRefused(stretch);
    this.#reserve.release();
    this.#journal.append(
      'event',
      encodeJson({
        recording: this.#recording,
        atFrame: this.#frames,
        event: { type: RAW_STOPPED, reason: error.message, lostFrames },
      }),
    );
    this.#options.onNotice({ type: 'raw-stopped', error, lostFrames });
  }

  /** Keeps what it can of a stretch that the disk has refused a part of. @returns frames that are lost */
  #finishRefused(stretch: RawStretch): number {
    let lost = stretch.dropBuffered();
    // Each of these is of use without those before it; what none of them could mend a check tells.
    const steps = [
      () => {
        try {
          // What the system took before is data, if it can still be forced to the disk.
          for (const chunk of stretch.sync()) this.#journal.append('chunk', encodeJson(chunk));
        } catch {
          lost += stretch.takeBack();
        }
      },
      () => {
        stretch.commit();
      },
      () => {
        stretch.repair();
      },
    ];
    for (const step of steps) {
      try {
        step();
      } catch {
        // The first refusal has been told.
      }
    }
    stretch.close();
    return lost;
  }

  // ---- the journal -----------------------------------------------------------------------------------------------------

  #isOver(): boolean {
    if (this.#failure === undefined) return false;
    this.#lost.events += 1;
    return true;
  }

  #putSpikes(): void {
    const spikes = this.#spikes.take();
    if (spikes !== undefined) this.#journal.append('spikes', encodeSpikes(spikes));
  }

  #flushJournal(): void {
    this.#guardJournal(() => {
      this.#journal.flush();
    });
    this.#waitingRecords = 0;
  }

  #syncJournal(): void {
    this.#guardJournal(() => {
      this.#journal.sync();
    });
    this.#waitingRecords = 0;
  }

  /** On a full disk the reserve is given up first, and raw samples with it. */
  #guardJournal(write: () => void): void {
    try {
      write();
      return;
    } catch (error) {
      if (!isMeaError(error, 'storage')) throw error;
      if (!this.#reserve.isHeld) this.#fail(error);
      this.#reserve.release();
      if (this.#keepsRaw) this.#stopRaw(error);
    }
    try {
      write();
    } catch (error) {
      if (!isMeaError(error, 'storage')) throw error;
      this.#fail(error);
    }
  }

  #fail(error: MeaError): never {
    this.#failure = error;
    this.#options.onNotice({ type: 'failed', error });
    throw error;
  }

  #lookAtDisk(): void {
    const writtenBytes = this.#rawBytes + this.#journal.flushedBytes;
    const low = this.#diskWatch.look(this.#options.clock.monotonicMs(), writtenBytes);
    if (low !== undefined) this.#options.onNotice({ type: 'disk-low', ...low });
  }
}

function makeNodeFolder(disk: Disk, folder: string): void {
  const parts = NODE_FOLDER.split('/');
  parts.forEach((_, i) => {
    makeNewFolder(disk, join(folder, ...parts.slice(0, i + 1)));
  });
}

interface Scheduled {
  readonly stimulusId: number;
  readonly sample: number;
  readonly durationSamples: number;
}

function isScheduled(event: object): event is Scheduled {
  return 'type' in event && event.type === 'stimulus-scheduled' && 'durationSamples' in event;
}

function isDelivered(event: object): event is Pick<Scheduled, 'stimulusId' | 'sample'> {
  return 'type' in event && event.type === 'stimulus-delivered';
}
