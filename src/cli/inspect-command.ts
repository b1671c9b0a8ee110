import { existsSync } from 'node:fs';
import { MeaError } from '../../protocols/errors.js';
import { systemClock } from '../clock.js';
import { systemDisk } from '../recording/disk/disk.js';
import { indexing, type JournalIndex } from '../recording/journal/journal-index.js';
import { journalBytes } from '../recording/journal/scan-journal.js';
import { carryOutInPieces } from '../recording/long-work.js';
import { openRecordingInPieces } from '../recording/open-recording.js';
import { recoverInPieces, type Recovery } from '../recording/recover.js';
import { describeRecordedFile } from '../recording/readers/describe-recorded-file.js';
import { openRecordedFile } from '../recording/readers/open-recorded-file.js';
import { isRecording, openRunFolder, runFolder } from '../recording/run-folder.js';
import { lockRun, writerOf } from '../recording/run-lock.js';
import { verifyInPieces } from '../recording/verify.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { withShareProgress } from './progress.js';

export interface InspectCommand {
  readonly recording: string;
  readonly json: boolean;
}

/** `meactl info`: what a recording is, how long, and how it ended. */
export async function infoCommand({ recording, json }: InspectCommand, io: CliIo): Promise<ExitCode> {
  assertThere(recording);
  if (!isRecording(recording)) return infoOfFile({ recording, json }, io);
  const lockHolder = writerOf(runFolder(recording).lock);
  const opened = await withShareProgress('read', io, (options) => openRecordingInPieces(recording, 'refuse', options));
  try {
    const { session, index, signals } = opened;
    const writer = index.end === 'open' ? lockHolder : undefined;
    const raw = signals.map(({ signal: { name, firstSample, frames, blind, sampleRateHz } }) => {
      const blindFrames = blind.reduce((sum, { from, to }) => sum + to - from, 0);
      return { name, firstSample, frames, seconds: (frames - blindFrames) / sampleRateHz, blindFrames };
    });
    if (json) {
      const about = { ...session, configuration: undefined };
      const outcome = { version: 1, path: recording, session: about, ...summarise(index), writer: writer ?? null, raw };
      io.stdout(`${JSON.stringify(outcome)}\n`);
    } else {
      const { device, provenance, startedAt, channels, sampleRateHz } = session;
      const seconds = raw.reduce((sum, stretch) => sum + stretch.seconds, 0);
      io.stdout(
        [
          `${session.kind} of ${startedAt}, ${provenance}: ${device.name}, ${channels} electrodes at ${sampleRateHz} Hz`,
          `  ${describeEnd(index, writer)}`,
          `  ${index.counts.trials} trials, ${index.counts.spikes} spikes, ${index.counts.events} events`,
          raw.length === 0
            ? `  raw samples: ${session.raw === 'none' ? 'none were kept' : 'none'}`
            : `  raw samples (${session.raw}): ${seconds.toFixed(1)} s in ${raw.length} stretches`,
          ...(index.told.rawStopped === undefined ? [] : ['  raw samples were no longer recorded from some time on']),
          '',
        ].join('\n'),
      );
    }
    return EXIT.done;
  } finally {
    await opened.close();
  }
}

/** `meactl verify`: exit code 3 where anything is not what was written. */
export async function verifyCommand({ recording, json }: InspectCommand, io: CliIo): Promise<ExitCode> {
  assertThere(recording);
  openRunFolder(recording);
  const { index, problems, remarks, recovery, writer, chunks, rawSeconds, damagedSeconds } = await withShareProgress(
    'checked',
    io,
    (options) => verifyInPieces(recording, options),
  );
  if (json) {
    const about = { version: 1, path: recording, ...summarise(index), writer: writer ?? null };
    const outcome = { ...about, chunks, rawSeconds, damagedSeconds, problems, remarks, recovery };
    io.stdout(`${JSON.stringify(outcome)}\n`);
  } else {
    for (const { file, what } of problems) io.stdout(`${file}: ${what}\n`);
    for (const remark of remarks) io.stdout(`remark: ${remark}\n`);
    for (const step of recovery) io.stdout(`meactl recover would: ${step}\n`);
    const verdict = problems.length === 0 ? 'all is as it was written' : `${problems.length} problems`;
    io.stdout(`${verdict}: ${index.frames} records, ${chunks} chunks of raw samples (${rawSeconds.toFixed(1)} s)\n`);
  }
  return problems.length === 0 ? EXIT.done : EXIT.dataLost;
}

/** `meactl recover`: exit code 3 where samples or records are lost. Given up, it leaves what a second one mends. */
export async function recoverCommand({ recording, json }: InspectCommand, io: CliIo): Promise<ExitCode> {
  assertThere(recording);
  openRunFolder(recording);
  const { before, recovery } = await recoverLocked(recording, io);
  const { outcome, actions, lostSeconds } = recovery;
  const lostRecords = before.missing.reduce((sum, { frames }) => sum + frames, 0);
  if (json) {
    io.stdout(`${JSON.stringify({ version: 1, path: recording, outcome, lostSeconds, lostRecords, actions })}\n`);
  } else {
    for (const action of actions) io.stdout(`${action}\n`);
    io.stdout(
      outcome === 'whole'
        ? 'there was nothing to recover\n'
        : `recovered; ${lostSeconds.toFixed(2)} s of samples and ${lostRecords} records are lost\n`,
    );
  }
  return outcome === 'recovered' && lostSeconds + lostRecords > 0 ? EXIT.dataLost : EXIT.done;
}

async function recoverLocked(
  recording: string,
  io: CliIo,
): Promise<{ readonly before: JournalIndex; readonly recovery: Recovery }> {
  const { lock } = runFolder(recording);
  const before = await withShareProgress('read', io, (options) =>
    carryOutInPieces(indexing(recording), { ...options, totalBytes: journalBytes(recording) }),
  );
  // Nobody begins to write it, or to recover it, in between.
  const release = before.end === 'open' ? lockRun(lock) : undefined;
  try {
    const recovery = await withShareProgress('recovered', io, (options) =>
      recoverInPieces(recording, { ...options, disk: systemDisk(), clock: systemClock() }),
    );
    return { before, recovery };
  } finally {
    release?.();
  }
}

/** What is in a recording of another program. */
async function infoOfFile({ recording, json }: InspectCommand, io: CliIo): Promise<ExitCode> {
  const file = await openRecordedFile(recording);
  try {
    const about = describeRecordedFile(file);
    if (json) io.stdout(`${JSON.stringify({ version: 1, ...about })}\n`);
    else {
      const { format, writtenBy, signals, spikeTrains, spikes, electrodes, marks, unread } = about;
      io.stdout(
        [
          `${format}${writtenBy === undefined ? '' : `, written by ${writtenBy}`}`,
          ...signals.map(
            ({ name, channels, sampleRateHz, seconds }) =>
              `  signal ${name}: ${seconds.toFixed(2)} s of ${channels} channels at ${sampleRateHz} Hz`,
          ),
          ...(spikeTrains > 0 ? [`  ${spikes} spikes in ${spikeTrains} trains`] : []),
          ...(electrodes.length > 0 ? [`  ${electrodes.length} electrodes with positions`] : []),
          ...marks.map(({ label, count }) => `  ${count} marks '${label}'`),
          ...unread.map((remark) => `  not read: ${remark}`),
          '',
        ].join('\n'),
      );
    }
    return EXIT.done;
  } finally {
    await file.close();
  }
}

function summarise(index: JournalIndex): object {
  const { end, frames, counts, lastSync, recovered, lost } = index;
  return { end, records: frames, counts, savedUpTo: lastSync ?? null, recovered, lost };
}

function describeEnd({ end, lastSync, recovered }: JournalIndex, writer: number | undefined): string {
  const saved = lastSync === undefined ? 'nothing' : new Date(lastSync.wallMs).toISOString();
  if (writer !== undefined) return `is being written by process ${writer}; saved up to ${saved}`;
  if (end === 'clean') return `ended as it should; saved up to ${saved}`;
  if (end === 'recovered') {
    const lost = recovered.reduce((sum, { lostSeconds }) => sum + lostSeconds, 0);
    return `was cut off and recovered; saved up to ${saved}; ${lost.toFixed(2)} s of samples are lost`;
  }
  return `was cut off; saved up to ${saved}; what is there can be read, and meactl recover mends it`;
}

function assertThere(path: string): void {
  if (existsSync(path)) return;
  throw new MeaError('missing', { what: 'No recording here', got: 'no such folder', where: path });
}
