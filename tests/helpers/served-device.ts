import type { Link, LinkHandler } from '../../protocols/mea-link/link.js';
import type { DataMessage } from '../../protocols/mea-link/messages.js';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS, type DeviceSettings } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { openMount } from '../../sim-device/mounts/open-mount.js';
import { paceDevice } from '../../sim-device/pace.js';
import type { EmulatedRig } from '../../sim-device/rig/emulated-rig.js';
import { systemTimers } from '../../src/timers.js';
import { openPtyPair } from './pty-pair.js';
import { createRampRig } from './ramp-rig.js';

/** The links that reach from one process to another. */
export type LinkName = 'tcp' | 'zmq' | 'serial';

/** What the device did besides sampling, and when this process heard of it. */
export interface DeviceAct {
  readonly message: Exclude<DataMessage, { readonly type: 'block' }>;
  readonly atMs: number;
}

/** An emulated device in this process, in real time, behind a real link. */
export interface ServedDevice {
  readonly device: EmulatedDevice;
  /** Where a controller reaches it. */
  readonly address: string;
  /** In the order in which they were done. */
  readonly acts: readonly DeviceAct[];
  /** How often each of its faults has struck so far. */
  readonly applied: DeviceFaults['applied'];
  /** Bytes that wait in the device's links at present. */
  readonly pendingBytes: number;
  /** Links that stand break, and both sides see it; new ones are closed at once until `mend`. */
  cut(): void;
  mend(): void;
  /** Ends it all; harmless the second time. */
  close(): Promise<void>;
}

/** How a device is served. */
export interface ServeDeviceOptions {
  readonly rig?: EmulatedRig;
  readonly settings?: Partial<DeviceSettings>;
  readonly faults?: ConstructorParameters<typeof DeviceFaults>[0];
  /** Of its boot; the same for each device unless told otherwise. */
  readonly bootId?: number;
  /** Where it is served over TCP; anywhere on this machine unless told otherwise. */
  readonly at?: string;
  /** Parts per million that its clock is fast by, 0 unless told otherwise. */
  readonly driftPpm?: number;
  /** Every message of the data lane; the samples of a block are only good until the call returns. */
  readonly onData?: (message: DataMessage) => void;
}

/** Fast enough that a pseudo-terminal is never taken for a slow line. */
const BAUD = 12_000_000;
/** Hears a link that is of no use. */
const DEAF: LinkHandler = {
  onMessage: () => undefined,
  onBadFrame: () => undefined,
  onDrain: () => undefined,
  onClosed: () => undefined,
};
/** Of the first boot of each served device. */
const BOOT_ID = 4711;

/** Serves a device over a link; by default one without a culture, with outputs at electrodes 0, 1 and 2. */
export async function serveDevice(link: LinkName, options: ServeDeviceOptions = {}): Promise<ServedDevice> {
  const timers = systemTimers();
  const rig = options.rig ?? createRampRig();
  const acts: DeviceAct[] = [];
  const faults = new DeviceFaults(options.faults ?? [], { seed: 1, sampleRateHz: rig.sampleRateHz });
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, ...options.settings },
    faults,
    bootId: options.bootId ?? BOOT_ID,
    observer: {
      onData: (message) => {
        if (message.type !== 'block') acts.push({ message, atMs: timers.nowMs() });
        options.onData?.(message);
      },
    },
  });
  const pty = link === 'serial' ? await openPtyPair() : undefined;
  const anywhere = `${link === 'zmq' ? 'zmq+' : ''}tcp://127.0.0.1:0`;
  const wanted = pty === undefined ? (options.at ?? anywhere) : toSerial(pty.devicePath);
  const links = new Map<Link, LinkHandler>();
  let isCut = false;
  const accept = (made: Link): LinkHandler => {
    if (isCut) {
      void made.close();
      return DEAF;
    }
    const handler = device.accept(made);
    links.set(made, handler);
    return handler;
  };
  const mount = await openMount(wanted, accept, { timers, filterFrame: (frame) => faults.filterFrame(frame) });
  const ended = new AbortController();
  const paced = paceDevice(device, { driftPpm: options.driftPpm ?? 0, signal: ended.signal });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    ended.abort();
    await paced;
    await device.close();
    await mount.close();
    await pty?.end();
  };
  return {
    device,
    address: pty === undefined ? mount.address : toSerial(pty.hostPath),
    acts,
    get applied() {
      return faults.applied;
    },
    get pendingBytes() {
      return [...links.keys()].reduce((sum, { pendingBytes }) => sum + pendingBytes, 0);
    },
    cut: () => {
      isCut = true;
      for (const [made, handler] of links) {
        void made.close();
        handler.onClosed('cut by the test');
      }
      links.clear();
    },
    mend: () => {
      isCut = false;
    },
    close: () => (closed ??= close()),
  };
}

function toSerial(path: string): string {
  return `serial:${path}?baud=${BAUD}`;
}
