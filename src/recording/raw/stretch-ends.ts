/** The event that tells that raw samples are no longer kept. */
export const RAW_STOPPED = 'raw-stopped';

/** The event that tells that samples came faster than they could be recorded. */
export const OVERRUN = 'recorder-overrun';

const ENDS: ReadonlySet<string> = new Set(['stream-started', 'stream-ended', 'device-restarted', 'link-failed']);

/** True for an event after which samples do not continue those before it. */
export function endsStretch(type: string): boolean {
  return ENDS.has(type);
}
