import type { Observable } from 'rxjs';
import type { RigEvent } from '../pipeline/events/rig-event.js';
import type { SpikeBatch } from '../pipeline/spike-batch.js';
import { encodeSnippets } from '../recording/journal/snippets.js';
import type { RecorderPort } from '../recording/recorder-port.js';

/**
 * Records what a rig tells, as it comes. Host times of single stimuli, and what is for display alone, are left out; the
 * responses of trials are in the ledger.
 */
export function recordEvent(recorder: RecorderPort, event: RigEvent): void {
  const { type } = event;
  if (type === 'block') recorder.block(event);
  else if (type === 'spikes') recordSpikes(recorder, event.batch);
  else if (type === 'snippets') recorder.put('snippets', encodeSnippets(event.batch));
  else if (!LEFT_OUT.has(type)) recorder.event(event);
}

const LEFT_OUT: ReadonlySet<RigEvent['type']> = new Set(['windowed-response', 'spike-rates', 'trace', 'latency']);

function recordSpikes(recorder: RecorderPort, batch: SpikeBatch): void {
  if (batch.samples.length + batch.blind.from.length > 0) recorder.spikes(batch);
}

/** Records a rig's events from now on. */
export function recordEvents(recorder: RecorderPort, events$: Observable<RigEvent>): void {
  events$.subscribe({
    next: (event) => {
      recordEvent(recorder, event);
    },
    // Told by whoever runs the rig.
    error: () => undefined,
  });
}
