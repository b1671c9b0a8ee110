import type { CultureSettings } from '../culture-settings.js';

/** What the thread of an emulated device is started with. */
export interface DeviceThreadData {
  readonly culture: CultureSettings;
  readonly stimulatedElectrodes: readonly number[];
  readonly sampleRateHz: number;
  /** Queues of records, to the thread and from it. */
  readonly toDevice: SharedArrayBuffer;
  readonly fromDevice: SharedArrayBuffer;
}

/**
 * Types of the records to the thread. `ticks`: how long a step is from now on; `run`: so many steps; `sync` asks for
 * `synced`, which comes behind all answers to what was sent before.
 */
export const TO_DEVICE = { open: 0, control: 1, data: 2, ticks: 3, run: 4, sync: 5, closeLink: 6, end: 7 } as const;

/** Types of the records from the thread. `stepped`: a step is over; its value, as that of `synced`: the next sample. */
export const FROM_DEVICE = { control: 1, data: 2, stepped: 3, synced: 4, linkClosed: 5, failed: 6, ended: 7 } as const;

/** True for what `startThreadedDevice` starts a thread with. */
export function isDeviceThreadData(value: unknown): value is DeviceThreadData {
  return typeof value === 'object' && value !== null && 'culture' in value && 'toDevice' in value;
}
