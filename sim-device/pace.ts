/** Longest stretch of device time that passes before the event loop gets its turn. */
const MAX_SLICE_MS = 5;
/** Time between two looks at the clock. */
const TICK_MS = 1;

/** Device time that the wall's may be ahead by before it is said: a watchdog of 100 ms would be that much longer. */
const BEHIND_MS = 250;

/** What is paced: time passes in ticks of the sample clock. */
interface Paced {
  readonly sampleRateHz: number;
  advance(ticks: number): void;
}

/**
 * Lets a device's time follow the system's monotonic clock until the signal ends it.
 *
 * After a stall the device catches up in slices of at most 5 ms, and what came in over its links is heard between two
 * of them: a heartbeat that arrived in time is not taken for a late one because this process was held up.
 *
 * @param device what is paced
 * @param options parts per million that its clock is fast by; `onBehind` hears when device time lags the wall's by more
 *   than 250 ms, and again whenever the lag has doubled; resolves when `signal` is aborted
 */
export async function paceDevice(
  device: Paced,
  options: { readonly driftPpm: number; readonly signal: AbortSignal; readonly onBehind?: (behindMs: number) => void },
): Promise<void> {
  const { signal, driftPpm, onBehind } = options;
  let worstMs = BEHIND_MS;
  const ticksPerMs = (device.sampleRateHz / 1000) * (1 + driftPpm * 1e-6);
  const maxSlice = Math.max(1, Math.round(MAX_SLICE_MS * ticksPerMs));
  const startMs = performance.now();
  let done = 0;
  while (!signal.aborted) {
    const behind = Math.floor((performance.now() - startMs) * ticksPerMs) - done;
    if (behind / ticksPerMs > worstMs) {
      worstMs = 2 * (behind / ticksPerMs);
      onBehind?.(behind / ticksPerMs);
    }
    const step = Math.min(behind, maxSlice);
    if (step > 0) {
      device.advance(step);
      done += step;
    }
    await (behind > maxSlice ? nextTurn() : pause(TICK_MS));
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
