import type { ExportOptions } from './exporter.js';

/** How much of an export is done; a person may stop it after each piece. */
export interface ExportWork {
  /**
   * Counts a piece as done.
   *
   * @throws the signal's reason, once it is aborted
   */
  done(units: number): void;
}

/** @param total units of the whole: bytes of raw samples, say, or rows */
export function openWork({ signal, onProgress }: ExportOptions, total: number): ExportWork {
  let sum = 0;
  signal.throwIfAborted();
  return {
    done(units) {
      signal.throwIfAborted();
      sum += units;
      onProgress?.(total > 0 ? Math.min(1, sum / total) : 1);
    },
  };
}
