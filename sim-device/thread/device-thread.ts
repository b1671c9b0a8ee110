// The program of the thread with an emulated device; `startThreadedDevice` starts it. It does what the records say, in their
// order, and nothing by itself.
import { parentPort, workerData } from 'node:worker_threads';
import { MeaError } from '../../protocols/errors.js';
import type { Link, LinkHandler } from '../../protocols/mea-link/link.js';
import { DeviceFaults } from '../faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../firmware/device-settings.js';
import { EmulatedDevice } from '../firmware/emulated-device.js';
import { createEmulatedRig } from '../rig/create-emulated-rig.js';
import { SharedFifo } from './shared-fifo.js';
import { FROM_DEVICE, isDeviceThreadData, TO_DEVICE, type DeviceThreadData } from './thread-messages.js';

/** The link loses nothing, and its other end is never further behind: what is kept for it stays near the processor. */
const RING_MS = 300;

/** Its own clock is ahead of the other thread's by up to 240 ms, and so much older is what it hears. */
const WATCHDOG_MS = 400;
/** The other thread is told of so many steps together: to wake it takes as long as a step. */
const STEPS_AT_ONCE = 2;

const data: unknown = workerData;
if (!isDeviceThreadData(data)) {
  throw new MeaError('internal', {
    what: 'device-thread is no program of its own',
    remedy: 'use startThreadedDevice',
  });
}
const fromDevice = new SharedFifo(data.fromDevice);
const encoder = new TextEncoder();
try {
  const device = createDevice(data);
  parentPort?.postMessage('ready');
  await serve(device, new SharedFifo(data.toDevice));
} catch (error) {
  fromDevice.write(FROM_DEVICE.failed, 0, encoder.encode(error instanceof Error ? error.message : String(error)));
  fromDevice.flush();
}

function createDevice({ culture, stimulatedElectrodes, sampleRateHz }: DeviceThreadData): EmulatedDevice {
  return new EmulatedDevice({
    rig: createEmulatedRig({ culture, stimulatedElectrodes }),
    settings: { ...DEFAULT_DEVICE_SETTINGS, ringMs: RING_MS, watchdogMs: WATCHDOG_MS },
    faults: new DeviceFaults([], { seed: 1, sampleRateHz }),
    bootId: 1,
  });
}

async function serve(device: EmulatedDevice, toDevice: SharedFifo): Promise<void> {
  let handler: LinkHandler | undefined;
  let ticks = 0;
  for (;;) {
    const { type, value, payload } = toDevice.read();
    switch (type) {
      case TO_DEVICE.open:
        handler = device.accept(createLink());
        break;
      case TO_DEVICE.control:
      case TO_DEVICE.data:
        handler?.onMessage(type === TO_DEVICE.control ? 'control' : 'data', payload.slice());
        break;
      case TO_DEVICE.ticks:
        ticks = value;
        break;
      case TO_DEVICE.run:
        for (let step = 0; step < value; step++) {
          device.advance(ticks);
          fromDevice.write(FROM_DEVICE.stepped, device.firmware.nextSample);
          if (step % STEPS_AT_ONCE === STEPS_AT_ONCE - 1 || step === value - 1) fromDevice.flush();
        }
        break;
      case TO_DEVICE.sync:
        fromDevice.write(FROM_DEVICE.synced, device.firmware.nextSample);
        fromDevice.flush();
        break;
      case TO_DEVICE.closeLink:
        handler?.onClosed('the other side closed the connection');
        handler = undefined;
        break;
      case TO_DEVICE.end:
        await device.close();
        fromDevice.write(FROM_DEVICE.ended);
        fromDevice.flush();
        return;
      default:
        throw new MeaError('internal', { what: 'A record of an unknown type', got: String(type) });
    }
  }
}

/** The device's end of the link: what it sends is with the other side when the call returns. */
function createLink(): Link {
  let isOpen = true;
  return {
    address: 'memory:',
    pendingBytes: 0,
    send: (lane, message) => {
      if (isOpen) fromDevice.write(lane === 'control' ? FROM_DEVICE.control : FROM_DEVICE.data, 0, message);
      return isOpen;
    },
    close: () => {
      if (isOpen) fromDevice.write(FROM_DEVICE.linkClosed);
      isOpen = false;
      return Promise.resolve();
    },
  };
}
