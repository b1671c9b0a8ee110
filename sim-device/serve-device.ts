import { randomInt } from 'node:crypto';

import type { Mount } from '../protocols/mea-link/link.js';
import type { DataMessage } from '../protocols/mea-link/messages.js';
import type { Timers } from '../protocols/timers.js';
import { toLedgerEntry } from './device-ledger.js';
import { DeviceFaults } from './faults/device-faults.js';
import type { FaultName, FaultSetting } from './faults/fault-settings.js';
import { DEFAULT_DEVICE_SETTINGS, type DeviceSettings } from './firmware/device-settings.js';
import { EmulatedDevice } from './firmware/emulated-device.js';
import { LineFile } from './line-file.js';
import { openMount } from './mounts/open-mount.js';
import { paceDevice } from './pace.js';
import { createEmulatedRig, type EmulatedRigSettings } from './rig/create-emulated-rig.js';

/** What is served, and where. */
export interface ServeOptions {
  readonly rig: Omit<EmulatedRigSettings, 'onTruth'>;
  readonly device?: Partial<DeviceSettings>;
  readonly mount: string;
  readonly allowRemote?: boolean;
  readonly faults: readonly FaultSetting[];
  /** Seed of the faults; they are not the culture's affair. */
  readonly faultSeed: number;
  /** Files to write, JSON lines each; none of them may be there already. */
  readonly truthFile?: string | undefined;
  readonly ledgerFile?: string | undefined;
  readonly linkLogFile?: string | undefined;
  readonly timers: Timers;
  readonly onLog: (text: string) => void;
  /** Called once the device can be reached, with the address that it is reached at. */
  readonly onReady: (address: string) => void;
}

/** How often each fault that was on has been applied. */
export type AppliedFaults = ReadonlyMap<FaultName, number>;

/**
 * Serves an emulated rig over its wire protocol, in real time, until the signal ends it; then stimulation ends first,
 * links are closed, files are written out.
 *
 * @throws MeaError for an address, a setting or a file that cannot be
 */
export async function serveDevice(options: ServeOptions, signal: AbortSignal): Promise<AppliedFaults> {
  const truth = openLines(options.truthFile);
  const ledger = openLines(options.ledgerFile);
  const linkLog = openLines(options.linkLogFile);
  try {
    const rig = createEmulatedRig({
      ...options.rig,
      ...(truth === undefined
        ? {}
        : {
            onTruth: (record) => {
              truth.write(record);
            },
          }),
    });
    const faults = new DeviceFaults(options.faults, { seed: options.faultSeed, sampleRateHz: rig.sampleRateHz });
    for (const channel of faults.takeConstants('stuck-channel')) rig.setChannelFault(channel, 'stuck');
    for (const channel of faults.takeConstants('saturated-channel')) rig.setChannelFault(channel, 'saturated');
    const wrap = faults.takeConstant('counter-wrap');
    const device = new EmulatedDevice({
      rig,
      settings: { ...DEFAULT_DEVICE_SETTINGS, ...options.device },
      faults,
      bootId: randomInt(2 ** 32),
      startSequence: wrap === undefined ? 0 : 2 ** 32 - wrap,
      startSample: wrap === undefined ? 0 : 2 ** 32 - wrap,
      observer: {
        onData: (message, index) => {
          writeLedger(ledger, message);
          linkLog?.write({ type: 'made', index, message: message.type });
        },
        onSent: (index) => {
          linkLog?.write({ type: 'sent', index });
        },
        onCommand: (command, result) => {
          linkLog?.write({ type: 'command', command: command.type, result: result.type });
        },
        onLog: options.onLog,
      },
    });
    await run(device, faults, { ...options, signal });
    return faults.applied;
  } finally {
    for (const file of [truth, ledger, linkLog]) file?.close();
  }
}

async function run(
  device: EmulatedDevice,
  faults: DeviceFaults,
  options: ServeOptions & { readonly signal: AbortSignal },
): Promise<void> {
  let mount: Mount | undefined;
  try {
    mount = await openMount(options.mount, device.accept, {
      timers: options.timers,
      allowRemote: options.allowRemote ?? false,
      filterFrame: (frame) => faults.filterFrame(frame),
    });
    options.onReady(mount.address);
    await paceDevice(device, {
      driftPpm: faults.takeConstant('clock-drift') ?? 0,
      signal: options.signal,
      onBehind: (behindMs) => {
        options.onLog(`this machine is too slow: device time lags by ${behindMs.toFixed(0)} ms`);
      },
    });
  } finally {
    await device.close();
    await mount?.close();
  }
}

function openLines(path: string | undefined): LineFile | undefined {
  return path === undefined ? undefined : new LineFile(path);
}

function writeLedger(ledger: LineFile | undefined, message: DataMessage): void {
  const entry = ledger === undefined ? undefined : toLedgerEntry(message);
  if (entry !== undefined) ledger?.write(entry);
}
