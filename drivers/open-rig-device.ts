import type { Timers } from '../protocols/timers.js';
import type { DeviceAddress } from './device-address.js';
import { connectMeaLink } from './mea-link/connect-mea-link.js';
import { completeOptions, type DriverOptions } from './mea-link/driver-options.js';
import { CombinedDevice } from './parts/combined-device.js';
import { connectParts } from './parts/connect-parts.js';
import type { RigDevice } from './rig-device.js';
import { openTransport } from './transports/open-transport.js';

/** What a device is opened with. */
export interface OpenRigDeviceOptions {
  readonly timers: Timers;
  /** Name and version of the controller, for the device's log. */
  readonly client: string;
  readonly driver?: Partial<DriverOptions> | undefined;
}

/**
 * Connects to the device at an address, whatever it is. It is neither configured nor armed by that.
 *
 * @throws MeaError of the driver (`link`, `deadline`, `refused`, `bad-input`); the signal's reason
 */
export async function openRigDevice(
  address: DeviceAddress,
  { timers, client, driver }: OpenRigDeviceOptions,
  signal: AbortSignal,
): Promise<RigDevice> {
  if (typeof address === 'string') {
    const transport = openTransport(address, { timers });
    return connectMeaLink({ transport, timers, client, ...(driver !== undefined && { options: driver }) }, signal);
  }
  const { mainStallMs, randomBytes } = completeOptions(driver);
  const parts = await connectParts(address, { timers }, signal);
  const { phases, sight, acceptsNoWatchdog } = address;
  const bootId = new DataView(Uint8Array.from(randomBytes(4)).buffer).getUint32(0);
  try {
    return new CombinedDevice({ ...parts, timers, phases, sight, acceptsNoWatchdog, mainStallMs, bootId });
  } catch (error) {
    await parts.stimulator?.close();
    await parts.recorder.close();
    throw error;
  }
}
