import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import type { LedgerRecord, LedgerSink } from '../../protocols/ledger.js';
import { openStateSlots, type RunPosition } from './source-state.js';
import { storageError, writeAll } from './write-all.js';

/** A ledger on the disk, open for appending. */
export interface LedgerWriter extends LedgerSink {
  /** Writes what is buffered, forces it to the disk and closes the files. Idempotent. */
  close(): void;
}

export interface LedgerPaths {
  readonly ledger: string;
  readonly latency: string;
  readonly state: string;
}

export interface LedgerWriterOptions {
  readonly paths: LedgerPaths;
  /** Records written at once, 1 or more: what a killed program may lose. */
  readonly batchRecords: number;
  /** Where a ledger goes on that is there already. */
  readonly continued?: (RunPosition & { readonly wholeBytes: number }) | undefined;
}

/**
 * Opens a ledger for writing: one JSON line per record, appended whole. States of the source are saved beside it, never
 * ahead of the records that they belong to.
 *
 * @throws MeaError `storage` when the disk refuses; the lines written before stay whole
 */
export function openLedgerWriter({ paths, batchRecords, continued }: LedgerWriterOptions): LedgerWriter {
  const ledger = openForAppending(paths.ledger);
  const latency = openForAppending(paths.latency);
  // A line that was cut off holds no whole record, and nothing may be appended to it.
  if (continued !== undefined) {
    truncate(ledger, continued.wholeBytes);
    truncate(latency, readFileSync(paths.latency).lastIndexOf(0x0a) + 1);
  }
  const slots = openStateSlots(paths.state);
  const position = { trials: continued?.trials ?? 0, rests: continued?.rests ?? 0 };
  let lines: string[] = [];
  let isClosed = false;

  const flush = (): void => {
    if (lines.length === 0) return;
    const bytes = Buffer.from(`${lines.join('\n')}\n`, 'utf8');
    lines = [];
    writeAll(ledger, bytes);
  };
  return {
    append(record) {
      lines.push(JSON.stringify(record));
      count(position, record);
      if (lines.length >= batchRecords) flush();
    },
    appendLatency(record) {
      writeAll(latency, Buffer.from(`${JSON.stringify(record)}\n`, 'utf8'));
    },
    saveSourceState(state) {
      if (lines.length === 0) slots.save(state, position);
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      try {
        flush();
        sync(ledger);
      } finally {
        closeSync(ledger.fd);
        closeSync(latency.fd);
        slots.close();
      }
    },
  };
}

/** A writer that is opened by the first thing written to it; closing it before opens nothing. */
export function deferLedgerWriter(open: () => LedgerWriter): LedgerWriter {
  let opened: LedgerWriter | undefined;
  const writer = (): LedgerWriter => (opened ??= open());
  return {
    append(record) {
      writer().append(record);
    },
    appendLatency(record) {
      writer().appendLatency(record);
    },
    saveSourceState(state) {
      writer().saveSourceState(state);
    },
    close() {
      opened?.close();
    },
  };
}

function count(position: { trials: number; rests: number }, record: LedgerRecord): void {
  if (record.type === 'trial') position.trials++;
  if (record.type === 'rest') position.rests++;
}

interface OpenFile {
  readonly fd: number;
  readonly path: string;
}

function openForAppending(path: string): OpenFile {
  try {
    return { fd: openSync(path, 'a'), path };
  } catch (cause) {
    throw storageError('Cannot open the file for writing', path, cause);
  }
}

function truncate({ fd, path }: OpenFile, bytes: number): void {
  try {
    ftruncateSync(fd, bytes);
  } catch (cause) {
    throw storageError('Cannot cut off the torn last line', path, cause);
  }
}

function sync({ fd, path }: OpenFile): void {
  try {
    fsyncSync(fd);
  } catch (cause) {
    throw storageError('Cannot force the file to the disk', path, cause);
  }
}
