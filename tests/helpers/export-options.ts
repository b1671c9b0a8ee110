import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFolder } from '../../src/cli/package-info.js';
import type { ExportOptions } from '../../src/recording/exports/exporter.js';

/** Options of an export; the thread's program is the built one, for a thread cannot start from TypeScript. */
export function exportOptions(special: Partial<ExportOptions> = {}): ExportOptions {
  return {
    signal: new AbortController().signal,
    createdAt: '2026-05-06T07:08:09.000Z',
    hdf5Program: pathToFileURL(join(packageFolder(), 'dist/src/recording/exports/hdf5-thread.js')),
    ...special,
  };
}
