import type { CheckContext } from './check-context.js';

/** Parts of MEA-Link, as the table of results groups them. */
export type ProtocolSection =
  /** The rig file, and whether it is about this device. */
  | 'rig'
  | 'hello'
  | 'commands'
  | 'configuration'
  | 'acquisition'
  | 'data lane'
  | 'patterns'
  | 'safety rules'
  | 'arming'
  | 'triggers'
  | 'delivery'
  | 'watchdog'
  | 'link'
  | 'impedance';

/**
 * What a check does to the electrodes. `untouched`: nothing is armed, so that nothing can leave. `driven`: the device is
 * armed, pulses or a test current may leave; only for a device without a culture.
 */
export type Electrodes = 'untouched' | 'driven';

/** One promise of the protocol, and how to find out whether a device keeps it. */
export interface ConformanceCheck {
  /** `area-promise`, e.g. `trigger-bad-token`; never changes once it has been published. */
  readonly id: string;
  /** The promise as a sentence, without a full stop. */
  readonly title: string;
  readonly section: ProtocolSection;
  readonly electrodes: Electrodes;
  /**
   * Brings the device into the state that it needs and looks. Returns when the promise was kept.
   *
   * @throws CheckFailed when it was not, CheckSkipped when this device cannot be asked
   */
  run(context: CheckContext): Promise<void>;
}

/** What came of one check. */
export type CheckOutcome =
  | { readonly type: 'passed' }
  | { readonly type: 'failed'; readonly got: string; readonly wanted: string }
  | { readonly type: 'skipped'; readonly reason: string };

/** A check and what came of it. */
export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly section: ProtocolSection;
  readonly outcome: CheckOutcome;
}
