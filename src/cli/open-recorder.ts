import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { Capabilities } from '../../protocols/mea-link/messages.js';
import type { Provenance } from '../../protocols/trial.js';
import { hertz, milliseconds } from '../../protocols/units.js';
import { systemClock } from '../clock.js';
import { systemTimers } from '../timers.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { toGeometry, type Rig } from '../closed-loop/rig.js';
import type { RigLoopSettings } from '../pipeline/worker/rig-settings.js';
import { systemDisk } from '../recording/disk/disk.js';
import type { JournalPosition } from '../recording/journal/journal-writer.js';
import { describeProbe } from '../recording/probe-file.js';
import { describeNotice, lazyPort, toPort, type RecorderPort } from '../recording/recorder-port.js';
import {
  Recorder,
  reserveBytesOf,
  WINDOW_AFTER_MS,
  WINDOW_BEFORE_MS,
  type RecorderNotice,
} from '../recording/recorder.js';
import type { RunFolder } from '../recording/run-folder.js';
import { RECORDING_VERSION, type RawPolicy, type SessionFile } from '../recording/session-file.js';
import { startRecorder } from '../recording/start-recorder.js';
import type { CliIo } from './io.js';
import { programVersion } from './package-info.js';

/** What there is to say of a device when a recording begins. */
export interface RecordedDevice {
  readonly provenance: Provenance;
  readonly name: string;
  readonly serialNumber?: string;
  readonly bootId?: number;
  readonly channels: number;
  readonly sampleRateHz: number;
  /** Absent where no voltages are seen. */
  readonly gainUvPerBit?: number;
}

/** What is recorded. */
export interface RecordingPlan {
  readonly kind: 'run' | 'record';
  readonly device: RecordedDevice;
  readonly rig: Rig;
  readonly experiment?: Experiment | undefined;
  readonly raw: RawPolicy;
}

/** Cut-outs around spikes, and how many may wait. */
const SNIPPETS = { beforeMs: milliseconds(1), afterMs: milliseconds(2), capacity: 4096 };

/** How a recording is opened. */
export interface OpenRecorderOptions {
  readonly folder: RunFolder;
  readonly plan: RecordingPlan;
  readonly io: CliIo;
  /** Says where a recording goes on, once something is written to it. */
  readonly continued?: (() => { readonly journal: JournalPosition; readonly recording: number }) | undefined;
  readonly ledgerBatch?: number | undefined;
  /** What was lost on the way. */
  readonly onLoss: () => void;
  /** Nothing is recorded any more. */
  readonly onFailed?: (() => void) | undefined;
}

/** Raw samples that are kept where neither the command nor the rig file says. */
export function rawPolicyOf({ recording, device }: Rig, asked?: RawPolicy): RawPolicy {
  return asked ?? recording?.raw ?? (device === 'emulator' ? 'none' : 'all');
}

/** How a loop looks at samples of which some are kept. */
export function withRaw(settings: RigLoopSettings, raw: RawPolicy): RigLoopSettings {
  const hasBlocks = raw === 'all' || raw === 'stimuli';
  return {
    ...settings,
    ...(raw === 'snippets' && { detector: { ...settings.detector, snippets: SNIPPETS } }),
    streams: { ...settings.streams, blocks: hasBlocks },
  };
}

/** What a device says of itself. */
export function toRecordedDevice(capabilities: Capabilities, bootId?: number): RecordedDevice {
  const { device, firmware, serialNumber, channels, sampleRateHz, gainUvPerBit, emulated } = capabilities;
  return {
    provenance: emulated ? 'emulated' : 'real',
    name: `${device} ${firmware}`,
    serialNumber,
    ...(bootId !== undefined && { bootId }),
    channels,
    sampleRateHz,
    gainUvPerBit,
  };
}

/** Gives the lock of a folder back, unless the disk that it is on hangs: touching it would hang as well. */
export function releaseUnlessHung(release: () => void, recorder: RecorderPort): () => void {
  return () => {
    if (!recorder.isHung) release();
  };
}

/** A recorder in this thread, for what has no time of its own. Nothing is written before the first record. */
export function openRecorderHere(options: OpenRecorderOptions): RecorderPort {
  const { folder, plan, continued, ledgerBatch } = options;
  return lazyPort(() =>
    toPort(
      (onNotice) =>
        new Recorder({
          disk: systemDisk(),
          clock: systemClock(),
          folder: folder.path,
          session: describeRecording(plan),
          probe: describeProbe(toGeometry(plan.rig)),
          continued: continued?.(),
          ledgerBatch,
          onNotice,
        }),
      toTeller(options),
    ),
  );
}

/** A recorder in a thread of its own, so that a slow disk holds up no heartbeat. */
export function openRecorderThread(options: OpenRecorderOptions): Promise<RecorderPort> {
  const { folder, plan, continued } = options;
  return startRecorder({
    clock: systemClock(),
    timers: systemTimers(),
    folder: folder.path,
    session: describeRecording(plan),
    probe: describeProbe(toGeometry(plan.rig)),
    continued: continued?.(),
    onNotice: toTeller(options),
  });
}

function toTeller({ io, onLoss, onFailed }: OpenRecorderOptions): (notice: RecorderNotice) => void {
  return (notice) => {
    const words = describeNotice(notice);
    if (words === undefined) return;
    // A loss counts once: when it begins.
    if (notice.type !== 'disk-low' && notice.type !== 'overrun') onLoss();
    io.stderr(`meactl: ${words}\n`);
    if (notice.type !== 'failed') return;
    if (isMeaError(notice.error, 'deadline')) io.onHung?.();
    onFailed?.();
  };
}

function describeRecording({ kind, device, rig, experiment, raw }: RecordingPlan): SessionFile {
  const { provenance, name, serialNumber, bootId, channels, sampleRateHz, gainUvPerBit } = device;
  return {
    version: RECORDING_VERSION,
    id: randomUUID(),
    kind,
    startedAt: new Date(systemClock().wallMs()).toISOString(),
    program: { meactl: programVersion(), node: process.version },
    provenance,
    device: { name, ...(serialNumber !== undefined && { serialNumber }), ...(bootId !== undefined && { bootId }) },
    sampleRateHz: hertz(sampleRateHz),
    channels,
    ...(gainUvPerBit !== undefined && { gainUvPerBit }),
    array: toGeometry(rig),
    raw: gainUvPerBit === undefined ? 'none' : raw,
    ...(experiment !== undefined && { seed: experiment.seed }),
    configuration: { ...(experiment !== undefined && { experiment }), rig },
  };
}

/** How much will be recorded. */
export interface RecordedExtent {
  readonly plan: Pick<RecordingPlan, 'device' | 'raw'>;
  /** Of acquisition; absent where nobody knows. */
  readonly seconds?: number;
  readonly stimuli?: number;
}

/**
 * Looks whether what will be recorded has room on the disk, with what is kept free for its end.
 *
 * @param free bytes; undefined where the system does not know
 * @throws MeaError `storage` when it has not
 */
export function assertRoom(
  out: string,
  { plan, seconds, stimuli }: RecordedExtent,
  free: number | undefined = freeBelow(out),
): void {
  const { device, raw } = plan;
  if (device.gainUvPerBit === undefined || (raw !== 'all' && raw !== 'stimuli')) return;
  const rate = device.channels * device.sampleRateHz * 2;
  const windowS = (WINDOW_BEFORE_MS + WINDOW_AFTER_MS) / 1000;
  const kept = raw === 'all' ? seconds : stimuli === undefined ? undefined : stimuli * windowS;
  if (kept === undefined || free === undefined) return;
  const wanted = kept * rate + reserveBytesOf(raw);
  if (wanted <= free) return;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new MeaError('storage', {
    what: 'The recording does not fit on the disk',
    got: `${gib(free)} free`,
    wanted: `${gib(wanted)} for ${(kept / 3600).toFixed(1)} h of ${device.channels} channels, with ${gib(reserveBytesOf(raw))} for the end of the journal`,
    where: out,
    remedy: 'choose another place with --out, or keep less with --raw stimuli, --raw snippets or --raw none',
  });
}

function freeBelow(out: string): number | undefined {
  for (let path = resolve(out); ; path = dirname(path)) {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch {
      if (dirname(path) === path) return undefined;
    }
  }
}
