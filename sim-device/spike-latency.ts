import type { RandomStream } from '../protocols/random.js';

/** First and last possible latency of an evoked spike, in ms after the pulse: the response window. */
const FIRST_MS = 10;
const LAST_MS = 30;
/** Scale of the gamma distribution of shape 2, in ms. */
const SCALE_MS = 4;

/**
 * Latency of one evoked spike after its pulse, in ms: 10 + Gamma(shape 2, scale 4 ms), drawn again where it passes
 * 30 ms (4 % of draws).
 *
 * Source: docs/emulated-culture.md (a design value, fitted to nothing). The raw-voltage emulator is to
 * draw the latencies of trial (session, trial) from the stream `latency` in the order of electrodes, as the
 * spike-timing rule does, so that spikes and plasticity agree.
 */
export function drawLatencyMs(random: RandomStream): number {
  let latency = 0;
  do latency = FIRST_MS - SCALE_MS * Math.log((1 - random.uniform()) * (1 - random.uniform()));
  while (latency > LAST_MS);
  return latency;
}
