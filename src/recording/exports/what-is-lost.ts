import type { RecordingContents } from '../recording-contents.js';

/** Says what of a recording a format does not hold; of raw samples only where there are any. */
export function notHeld({ signals }: RecordingContents, others: readonly string[]): string {
  const parts = [...(signals.length > 0 ? ['raw samples'] : []), ...others];
  return `not part of this format: ${parts.join(', ')}`;
}
