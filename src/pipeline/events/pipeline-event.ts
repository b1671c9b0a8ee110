import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import type { SampleIndex } from '../../../protocols/units.js';
import type { SpikeBatch } from '../spike-batch.js';

/** What the detector settled; see `SpikeBatch`. The batch may be shared by several receivers, who only read it. */
export interface SpikesEvent {
  readonly type: 'spikes';
  readonly batch: SpikeBatch;
}

/** The events of a device with the spikes in between: after the block that settled them, before the end of a stream. */
export type PipelineEvent = DeviceEvent | SpikesEvent;

/** The controller's own word that a stimulus was accepted for a sample: where the device's word is lost, it is missed. */
export interface StimulusScheduled {
  readonly type: 'stimulus-scheduled';
  readonly stimulusId: number;
  readonly sample: SampleIndex;
}

/** True where one acquisition ends or another begins: what comes after does not continue what came before. */
export function isBoundary({ type }: { readonly type: PipelineEvent['type'] }): boolean {
  return type === 'stream-started' || type === 'stream-ended' || type === 'device-restarted' || type === 'link-failed';
}
