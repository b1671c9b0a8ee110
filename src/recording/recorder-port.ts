import type { SampleBlock } from '../../protocols/sample-block.js';
import { isMeaError } from '../../protocols/errors.js';
import type { Recorder, RecorderNotice } from './recorder.js';
import type { SpikesPayload } from './journal/payloads.js';

/** A recorder, in this thread or in one of its own. */
export interface RecorderPort {
  /** As the next ones it does not throw when the disk refuses: that is told as a notice, by the next record of the ledger, and at the end. */
  block(block: SampleBlock): void;
  spikes(batch: SpikesPayload): void;
  event(event: { readonly type: string }): void;
  /** A record of the ledger. @throws MeaError `storage` when it, or one before it, cannot be kept */
  ledger(json: Uint8Array): void;
  put(type: Parameters<Recorder['put']>[0], payload: Uint8Array): void;
  /** True when no record of the ledger waits to be written: a state of the source may be saved that goes as far. */
  readonly isLedgerWritten: boolean;
  /** Resolves when at most so many bytes are still on their way; for who can wait, as a device cannot. */
  untilTaken(bytes: number): Promise<void>;
  /** Writes all, says that it is whole, and closes the files. Idempotent. @throws MeaError `storage`; `deadline` when it hangs */
  close(): Promise<void>;
  /**
   * True once a call of the disk has not come back. Whoever touches the folder would wait as well, and the process does not end
   * by itself: the system holds its thread.
   */
  readonly isHung: boolean;
}

/** What a user is told of a recorder's troubles. */
export function describeNotice(notice: RecorderNotice): string | undefined {
  switch (notice.type) {
    case 'saved':
      return undefined;
    case 'disk-low':
      return `the disk is full in ${notice.minutesLeft.toFixed(1)} minutes; raw samples will stop first`;
    case 'raw-stopped':
      return `raw samples are no longer recorded: ${notice.error.message}; spikes, stimuli and trials still are`;
    case 'behind':
      return `the disk does not follow: ${(notice.pendingBytes / 2 ** 20).toFixed(0)} MiB wait for it; what comes is not recorded until it does, samples first`;
    case 'overrun':
      return `the disk was too slow: ${notice.frames} frames from sample ${notice.fromSample} on and ${notice.records} other records were not recorded`;
    case 'failed':
      return `nothing is recorded any more: ${notice.error.message}`;
  }
}

/** A recorder in this thread, as a port. */
export function toPort(
  open: (onNotice: (notice: RecorderNotice) => void) => Recorder,
  onNotice: (notice: RecorderNotice) => void,
): RecorderPort {
  const recorder = open(onNotice);
  return {
    block: (block) => {
      unlessRefused(() => {
        recorder.block(block);
      });
    },
    spikes: (batch) => {
      recorder.spikes(batch);
    },
    event: (event) => {
      unlessRefused(() => {
        recorder.event(event);
      });
    },
    ledger: (json) => {
      recorder.ledger(json);
    },
    put: (type, payload) => {
      recorder.put(type, payload);
    },
    get isLedgerWritten() {
      return recorder.isLedgerWritten;
    },
    untilTaken: () => Promise.resolve(),
    isHung: false,
    close: () =>
      new Promise((resolve) => {
        recorder.close();
        resolve();
      }),
  };
}

/** Carries out what a recorder tells the failure of by a notice. */
export function unlessRefused(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isMeaError(error, 'storage')) throw error;
  }
}

/** A recorder that is opened by the first thing recorded; closing it before opens nothing. */
export function lazyPort(open: () => RecorderPort): RecorderPort {
  let opened: RecorderPort | undefined;
  const port = (): RecorderPort => (opened ??= open());
  return {
    block: (block) => {
      port().block(block);
    },
    spikes: (batch) => {
      port().spikes(batch);
    },
    event: (event) => {
      port().event(event);
    },
    ledger: (json) => {
      port().ledger(json);
    },
    put: (type, payload) => {
      port().put(type, payload);
    },
    get isLedgerWritten() {
      return opened?.isLedgerWritten ?? true;
    },
    get isHung() {
      return opened?.isHung ?? false;
    },
    untilTaken: (bytes) => opened?.untilTaken(bytes) ?? Promise.resolve(),
    close: () => opened?.close() ?? Promise.resolve(),
  };
}
