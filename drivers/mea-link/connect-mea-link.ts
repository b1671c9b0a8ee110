import type { Transport } from '../../protocols/mea-link/link.js';
import type { Timers } from '../../protocols/timers.js';
import { DeviceConnection } from './device-connection.js';
import { completeOptions, type DriverOptions } from './driver-options.js';
import type { RigDevice } from '../rig-device.js';
import { MeaLinkDriver } from './mea-link-device.js';

/** What a driver needs. */
export interface ConnectMeaLinkOptions {
  readonly transport: Transport;
  readonly timers: Timers;
  /** Name and version of the controller, for the device's log. */
  readonly client: string;
  readonly options?: Partial<DriverOptions>;
}

/**
 * Connects to a device that speaks MEA-Link. From then on the driver keeps the link up by itself, until `close`.
 *
 * @param signal ends the attempt; it is of no concern once the device is connected
 * @throws MeaError `link` when the device cannot be reached or used, `deadline` when it does not answer, `refused` when it
 *   refuses us; the signal's reason
 */
export async function connectMeaLink(
  { transport, timers, client, options }: ConnectMeaLinkOptions,
  signal: AbortSignal,
): Promise<RigDevice> {
  const driver = completeOptions(options);
  const connection = new DeviceConnection({ transport, timers, client, driver });
  const device = new MeaLinkDriver(connection, { timers, driver });
  await connection.connect(signal);
  return device;
}
