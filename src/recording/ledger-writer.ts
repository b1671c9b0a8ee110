import type { LatencyRecord, LedgerRecord, LedgerSink } from '../../protocols/ledger.js';
import { encodeJson } from './journal/payloads.js';
import type { RecorderPort } from './recorder-port.js';
import { openStateSlots, type RunPosition } from './source-state.js';

/** A ledger on the disk, open for appending. */
export interface LedgerWriter extends LedgerSink {
  /** Writes what is buffered, forces it to the disk and closes the files. Idempotent. @throws MeaError `storage` */
  close(): Promise<void>;
}

export interface LedgerWriterOptions {
  /** Closed with the writer. */
  readonly recorder: RecorderPort;
  /** Of the two files that hold the newest states of the source. */
  readonly state: string;
  /** Where a ledger goes on that is there already. */
  readonly position?: RunPosition | undefined;
}

/**
 * The ledger of a recording: one record of its journal per record. States of the source are saved beside it, never ahead
 * of the records that they belong to.
 *
 * @throws MeaError `storage` when the disk refuses; the records written before stay whole
 */
export function openLedgerWriter({ recorder, state, position: begun }: LedgerWriterOptions): LedgerWriter {
  const slots = openStateSlots(state);
  const position = { trials: begun?.trials ?? 0, rests: begun?.rests ?? 0 };
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    try {
      await recorder.close();
    } finally {
      // On a disk that hangs this would as well.
      if (!recorder.isHung) slots.close();
    }
  };
  return {
    append(record) {
      recorder.ledger(encodeJson(record));
      count(position, record);
    },
    appendLatency(record) {
      recorder.put('latency', encodeJson(record));
    },
    appendModel({ session, sources, inputs, w1, w0 }) {
      recorder.put('model', encodeJson({ session, sources, inputs, w1: Array.from(w1), w0: Array.from(w0) }));
    },
    saveSourceState(bytes) {
      if (recorder.isLedgerWritten) slots.save(bytes, position);
    },
    close: () => (closed ??= close()),
  };
}

/**
 * A writer that is opened by the first thing written to it.
 *
 * @param giveUp is called instead of closing it when nothing was
 */
export function deferLedgerWriter(
  open: () => LedgerWriter,
  giveUp: () => Promise<void> = () => Promise.resolve(),
): LedgerWriter {
  let opened: LedgerWriter | undefined;
  const writer = (): LedgerWriter => (opened ??= open());
  return {
    append(record: LedgerRecord) {
      writer().append(record);
    },
    appendLatency(record: LatencyRecord) {
      writer().appendLatency(record);
    },
    appendModel(model) {
      writer().appendModel?.(model);
    },
    saveSourceState(state) {
      writer().saveSourceState(state);
    },
    close: () => opened?.close() ?? giveUp(),
  };
}

function count(position: { trials: number; rests: number }, record: LedgerRecord): void {
  if (record.type === 'trial') position.trials++;
  if (record.type === 'rest') position.rests++;
}
