import { systemClock } from '../clock.js';
import type { ExportFormat, ExportSummary } from '../recording/exports/exporter.js';
import { EXPORTERS } from '../recording/exports/exporters.js';
import { openForExport, type OpenedForExport } from '../recording/exports/open-for-export.js';
import { openRunFolder } from '../recording/run-folder.js';
import { writerOf } from '../recording/run-lock.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { openShareProgress, withShareProgress } from './progress.js';

export interface ExportCommand {
  readonly recording: string;
  readonly format: ExportFormat;
  readonly out: string;
  /** As the format does by default where it is not said. */
  readonly compress?: boolean;
  /** Goes on without samples that are not what was recorded. */
  readonly skipDamaged?: boolean;
  readonly json: boolean;
}

/** `meactl export`: writes a recording in another format. Exit code 3 where records of it are missing. */
export async function exportCommand(
  { recording, format, out, compress, skipDamaged = false, json }: ExportCommand,
  io: CliIo,
): Promise<ExitCode> {
  const { path, lock } = openRunFolder(recording);
  const writer = writerOf(lock);
  const contents = await withShareProgress('read', io, (options) =>
    openForExport(path, skipDamaged ? 'blind' : 'refuse', options),
  );
  const bar = await openShareProgress('export', io);
  try {
    const summary = await EXPORTERS[format](contents, out, {
      signal: io.signal,
      createdAt: new Date(systemClock().wallMs()).toISOString(),
      onProgress: bar.update,
      ...(compress !== undefined && { compress }),
    });
    bar.stop();
    io.stdout(json ? `${JSON.stringify({ version: 1, ...summary })}\n` : describeSummary(summary));
    const complaints = describeState(contents, writer);
    for (const complaint of complaints) io.stderr(`meactl: ${complaint}\n`);
    return contents.index.missing.length > 0 ? EXIT.dataLost : EXIT.done;
  } finally {
    bar.stop();
    await contents.close();
  }
}

function describeOpen(writer: number | undefined): string {
  return writer === undefined
    ? 'the recording was cut off: what is there was exported'
    : `the recording is being written by process ${writer}: what was there was exported`;
}

function describeState({ index }: OpenedForExport, writer: number | undefined): string[] {
  const missing = index.missing.reduce((sum, { frames }) => sum + frames, 0);
  return [
    ...(index.end === 'open' ? [describeOpen(writer)] : []),
    ...(missing > 0 ? [`${missing} records of the recording are missing`] : []),
  ];
}

function describeSummary({ format, path, trials, spikes, stimuli, frames, notes }: ExportSummary): string {
  const counts = [
    [trials, 'trials'],
    [spikes, 'spikes'],
    [stimuli, 'stimuli'],
    [frames, 'frames'],
  ] as const;
  const held = counts.flatMap(([count, name]) => (count > 0 ? [`${count} ${name}`] : [])).join(', ');
  return `${format}: ${path}: ${held || 'nothing'}\n${notes.map((note) => `  ${note}\n`).join('')}`;
}
