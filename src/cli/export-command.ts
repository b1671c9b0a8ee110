import { systemClock } from '../clock.js';
import type { ExportFormat, ExportSummary } from '../recording/exports/exporter.js';
import { EXPORTERS } from '../recording/exports/exporters.js';
import { openRecording } from '../recording/open-recording.js';
import { openRunFolder } from '../recording/run-folder.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { openShareProgress } from './progress.js';

export interface ExportCommand {
  readonly recording: string;
  readonly format: ExportFormat;
  readonly out: string;
  /** As the format does by default where it is not said. */
  readonly compress?: boolean;
  readonly json: boolean;
}

/** `meactl export`: writes a recording in another format. */
export async function exportCommand(
  { recording, format, out, compress, json }: ExportCommand,
  io: CliIo,
): Promise<ExitCode> {
  const contents = openRecording(openRunFolder(recording).path);
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
    return EXIT.done;
  } finally {
    bar.stop();
    await contents.close();
  }
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
