import { MeaError } from '../../protocols/errors.js';
import { systemClock } from '../clock.js';
import { toDeviceAddress } from '../closed-loop/device-address.js';
import { electrodeCount, type Rig } from '../closed-loop/rig.js';
import type { SignalRig } from '../closed-loop/signals/signal-rig.js';
import { toLoopSettings } from '../closed-loop/signals/signal-settings.js';
import type { RigEvent } from '../pipeline/events/rig-event.js';
import { startRigWorker } from '../pipeline/worker/start-rig-worker.js';
import type { RecorderPort } from '../recording/recorder-port.js';
import { createRunFolder, type RunFolder } from '../recording/run-folder.js';
import { lockRun } from '../recording/run-lock.js';
import type { RawPolicy } from '../recording/session-file.js';
import { configPath } from './config-path.js';
import { openEmulatedRig, toConfiguredProfile } from './emulator.js';
import { defaultOut } from './default-out.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import {
  assertRoom,
  openRecorderHere,
  openRecorderThread,
  releaseUnlessHung,
  toRecordedDevice,
  withRaw,
  type OpenRecorderOptions,
} from './open-recorder.js';
import { programVersion } from './package-info.js';
import { openShareProgress } from './progress.js';
import { recordEvents } from './record-events.js';
import { readRigFile } from './rig-file.js';

export interface RecordCommand {
  readonly rig: string;
  readonly out?: string;
  readonly seconds?: number;
  readonly seed: number;
  readonly raw: RawPolicy;
  readonly json: boolean;
}

/** Length of a block, in ms. */
const BLOCK_MS = 10;

/** `meactl record`: acquires and records; nothing is armed, and nothing could stimulate. */
export async function recordCommand(command: RecordCommand, io: CliIo): Promise<ExitCode> {
  const rig = await readRigFile(configPath(command.rig, 'rigs'));
  const out = command.out ?? defaultOut(rig.name);
  assertEnds(rig, command);
  const losses = { count: 0 };
  const failed = new AbortController();
  const signals = await openRig(rig, command, io);
  let begun: { readonly folder: RunFolder; readonly recorder: RecorderPort; readonly release: () => void } | undefined;
  try {
    begun = await begin({ rig, out, signals, command, losses, failed }, io);
    const watch = watchSamples(signals, losses, io);
    await signals.configure({
      blockFrames: Math.round((BLOCK_MS * rig.sampleRateHz) / 1000),
      safetyProfile: toConfiguredProfile(rig, systemClock().wallMs()),
    });
    const end = AbortSignal.any([io.signal, failed.signal]);
    await acquire(signals, { watch, command, rig, end }, io);
    await signals.close();
    await begun.recorder.close();
    tell({ folder: begun.folder, frames: watch.frames(), rig, losses }, command, io);
    const isCut = command.seconds !== undefined && watch.frames() < command.seconds * rig.sampleRateHz;
    if (isCut) return EXIT.interrupted;
    return losses.count > 0 ? EXIT.dataLost : EXIT.done;
  } finally {
    await signals.close().catch(() => undefined);
    await begun?.recorder.close().catch(() => undefined);
    begun?.release();
  }
}

function assertEnds({ name, device }: Rig, { seconds }: RecordCommand): void {
  if (device !== 'emulator' || seconds !== undefined) return;
  throw new MeaError('usage', {
    what: 'The emulator records faster than a person can stop it',
    got: 'no --seconds',
    wanted: '--seconds NUMBER',
    where: `rig ${name}`,
  });
}

function openRig(rig: Rig, { seed, raw }: RecordCommand, io: CliIo): Promise<SignalRig> {
  if (rig.device === 'emulator') return openEmulatedRig(rig, { seed, raw });
  const settings = withRaw(toLoopSettings(rig), raw);
  return startRigWorker({
    ...settings,
    detector: { ...settings.detector, channels: electrodeCount(rig) },
    address: toDeviceAddress(rig, { stimulates: false }),
    client: `meactl ${programVersion()}`,
    signal: io.signal,
  });
}

interface Beginning {
  readonly rig: Rig;
  readonly out: string;
  readonly signals: SignalRig;
  readonly command: RecordCommand;
  readonly losses: { count: number };
  /** Aborted when nothing is recorded any more. */
  readonly failed: AbortController;
}

async function begin(
  { rig, out, signals, command, losses, failed }: Beginning,
  io: CliIo,
): Promise<{ folder: RunFolder; recorder: RecorderPort; release: () => void }> {
  const device = toRecordedDevice(signals.capabilities, signals.bootId);
  const plan = { kind: 'record', device, rig, raw: command.raw } as const;
  assertRoom(out, { plan, ...(command.seconds !== undefined && { seconds: command.seconds }) });
  const folder = createRunFolder(out);
  const release = lockRun(folder.lock);
  try {
    const options: OpenRecorderOptions = {
      folder,
      plan,
      io,
      onLoss: () => losses.count++,
      onFailed: () => {
        failed.abort();
      },
    };
    const recorder = rig.device === 'emulator' ? openRecorderHere(options) : await openRecorderThread(options);
    recordEvents(recorder, signals.events$);
    return { folder, recorder, release: releaseUnlessHung(release, recorder) };
  } catch (error) {
    release();
    throw error;
  }
}

/** Follows what comes from a device. */
interface SampleWatch {
  readonly frames: () => number;
  /** Resolves when so many frames have come; rejects when the rig has failed. */
  readonly until: (frames: number) => Promise<void>;
}

function watchSamples({ events$ }: SignalRig, losses: { count: number }, io: CliIo): SampleWatch {
  let frames = 0;
  let wanted = Infinity;
  let settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    settle?.reject(toError(failure.error));
  };
  let next: number | undefined;
  events$.subscribe({
    next: (event: RigEvent) => {
      if (event.type === 'spikes') {
        // Batches follow each other without a gap, whether raw samples are handed on or not.
        frames += event.batch.to - (next ?? event.batch.from);
        next = event.batch.to;
        if (frames >= wanted) settle?.resolve();
      } else if (event.type === 'gap' || event.type === 'overrun' || event.type === 'sample-jump') {
        losses.count += 1;
        io.stderr(`meactl: data were lost: ${JSON.stringify(event)}\n`);
      } else if (event.type === 'link-lost') {
        io.stderr(`meactl: the link to the device was lost (${event.reason}); it is tried again\n`);
      } else if (event.type === 'link-restored') io.stderr('meactl: the link to the device is there again\n');
      else if (event.type === 'link-failed' || event.type === 'device-restarted') fail(toEnd(event));
    },
    error: fail,
    complete: () => {
      fail(new MeaError('link', { what: 'The device told nothing more' }));
    },
  });
  return {
    frames: () => frames,
    until: (count) =>
      new Promise((resolve, reject) => {
        wanted = count;
        settle = { resolve, reject };
        if (failure !== undefined) reject(toError(failure.error));
        else if (frames >= count) resolve();
      }),
  };
}

interface Acquisition {
  readonly watch: SampleWatch;
  readonly command: RecordCommand;
  readonly rig: Rig;
  /** Aborted when it is to end before its time. */
  readonly end: AbortSignal;
}

async function acquire(signals: SignalRig, { watch, command, rig, end }: Acquisition, io: CliIo): Promise<void> {
  const total = (command.seconds ?? Infinity) * rig.sampleRateHz;
  const progress = await openShareProgress('recorded', io);
  const shown = signals.events$.subscribe({
    next: ({ type }) => {
      if (type === 'spikes') {
        signals.reportProgress();
        if (Number.isFinite(total)) progress.update(Math.min(1, watch.frames() / total));
      }
    },
    error: () => undefined,
  });
  try {
    await signals.start();
    const enough = Promise.race([watch.until(total), untilAborted(end)]);
    await (signals.passTime?.(enough) ?? enough);
    await signals.stop();
  } finally {
    shown.unsubscribe();
    progress.stop();
  }
}

/** Resolves when a person asks for the end, which is how a recording without a length ends, or nothing is recorded any more. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const onAbort = (): void => {
      resolve();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

interface Outcome {
  readonly folder: RunFolder;
  readonly frames: number;
  readonly rig: Rig;
  readonly losses: { readonly count: number };
}

function tell({ folder, frames, rig, losses }: Outcome, { json }: RecordCommand, io: CliIo): void {
  const seconds = frames / rig.sampleRateHz;
  if (json) {
    io.stdout(`${JSON.stringify({ version: 1, recording: folder.path, seconds, losses: losses.count })}\n`);
    return;
  }
  io.stdout(
    `${seconds.toFixed(2)} s recorded${losses.count > 0 ? `, with ${losses.count} losses` : ''}\nrecording: ${folder.path}\n`,
  );
}

/** Why nothing comes any more. */
function toEnd(event: Extract<RigEvent, { readonly type: 'link-failed' | 'device-restarted' }>): MeaError {
  return event.type === 'link-failed'
    ? new MeaError('link', { what: event.message })
    : new MeaError('link', {
        what: 'The device has restarted, and acquires nothing',
        remedy: 'what came before is recorded; begin another recording',
      });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new MeaError('internal', { what: String(reason) });
}
