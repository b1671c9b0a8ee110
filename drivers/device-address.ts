import type { PulsePhase } from '../protocols/stimulation/stim-pattern.js';
import type { Hertz } from '../protocols/units.js';
import type { DeliverySight } from './parts/combined-options.js';
import type { RecorderPart, StimulatorPart } from './parts/rig-parts.js';

/** A device that is combined of others; plain data. */
export interface CombinedAddress {
  readonly type: 'combined';
  readonly recorder: RecorderPart;
  readonly stimulator: StimulatorPart | null;
  readonly sight: DeliverySight;
  /** As the rig file has it; a recorder of another rate is refused. */
  readonly sampleRateHz: Hertz;
  /** The pulse of every group; empty for a rig that only records. */
  readonly phases: readonly PulsePhase[];
  readonly acceptsNoWatchdog?: string;
}

/**
 * Where a device is: `tcp://host:port`, `zmq+tcp://host:port` or `serial:/dev/path?baud=115200` for one that speaks
 * MEA-Link, or what it is combined of.
 */
export type DeviceAddress = string | CombinedAddress;
