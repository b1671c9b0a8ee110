import type { Observable } from 'rxjs';
import type { AcquisitionEndResult } from '../../../drivers/mea-link/acquisition-end.js';
import type { Configured, DeviceConfiguration } from '../../../drivers/rig-device.js';
import type { ArmRequest } from '../../../drivers/mea-link/stimulation-control.js';
import type { Capabilities } from '../../../protocols/mea-link/messages.js';
import type { StimPattern } from '../../../protocols/stimulation/stim-pattern.js';
import type { StageLatencies } from '../../../protocols/trial.js';
import type { SampleIndex } from '../../../protocols/units.js';
import type { RigEvent } from '../../pipeline/events/rig-event.js';
import type { StimulusOutcome } from '../../pipeline/worker/rig-account.js';
import type { StimulusRequest } from '../../pipeline/worker/rig-messages.js';

/** How time passes in virtual time; says nothing in real time. */
export interface VirtualTiming {
  /**
   * The device may work ahead until this sample: what is asked of it meanwhile it hears where it has got to. Where it is left out
   * the device goes no further than its samples were looked at.
   */
  readonly aheadUntil?: SampleIndex | undefined;
}

/**
 * A device with its pipeline and its gate, wherever they run: in a worker thread in real time (`RigWorker`), or in this
 * thread in virtual time. Every method throws MeaError.
 */
export interface SignalRig {
  readonly capabilities: Capabilities;
  /** Of the boot that it was opened with; absent in virtual time, where there is but one. */
  readonly bootId?: number;
  /** Pattern slots that belong to rules. */
  readonly ruleSlots: readonly number[];
  /** All that happens, in one order; errors with what ended it. */
  readonly events$: Observable<RigEvent>;
  configure(configuration: DeviceConfiguration): Promise<Configured>;
  /** By a person's word alone. */
  arm(request: ArmRequest): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<AcquisitionEndResult>;
  /** Acquisition pauses: the sample counter jumps by so many samples. */
  rest(durationSamples: number): Promise<void>;
  /** Gate, then device: fills a pattern slot ahead of its stimuli. Slots of rules are refused. */
  upload(pattern: StimPattern, signal?: AbortSignal, timing?: VirtualTiming): Promise<void>;
  /** Gate, then device. */
  schedule(stimulus: StimulusRequest, signal?: AbortSignal, timing?: VirtualTiming): Promise<StimulusOutcome>;
  /** Stimulation off at once, ahead of all that waits. */
  abort(): Promise<void>;
  /** The turn of the main loop was made: without it the device does not stay armed. */
  reportProgress(): void;
  /** Stimulation off, acquisition off, link off. */
  close(): Promise<unknown>;
  /** Host times of each step so far; absent in virtual time, which has none. */
  stageLatencies?(): Promise<StageLatencies>;
  /**
   * Lets the device's time go on until a promise is settled; absent in real time, where it goes on by itself.
   */
  passTime?<T>(promise: Promise<T>, timing?: VirtualTiming): Promise<T>;
}
