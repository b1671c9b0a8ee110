import type { Observable } from 'rxjs';
import type { RigEvent } from '../pipeline/events/rig-event.js';
import { encodeSnippets } from '../recording/journal/snippets.js';
import type { RecorderPort } from '../recording/recorder-port.js';

/**
 * Records what a rig tells, as it comes. Host times of single stimuli, and what is for display alone, are left out; the
 * responses of trials are in the ledger.
 */
export function recordEvent(recorder: RecorderPort, event: RigEvent): void {
  switch (event.type) {
    case 'block':
      recorder.block(event);
      break;
    case 'spikes':
      if (event.batch.samples.length + event.batch.blind.from.length > 0) recorder.spikes(event.batch);
      break;
    case 'snippets':
      recorder.put('snippets', encodeSnippets(event.batch));
      break;
    case 'windowed-response':
    case 'spike-rates':
    case 'trace':
    case 'latency':
      break;
    default:
      recorder.event(event);
  }
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
