/** What a box of TTL lines can do (docs/devices/ttl-box.md). */
export const TTL_BOX_CAPABILITIES = {
  device: 'TTL box',
  roles: ['trigger box'],
  /** At most; a box says how many it has. */
  outputs: 32,
  /** Lines that rise within 10 us of each other. */
  maxTogether: 32,
  scheduleAheadMs: 0,
  /** It says when the lines are up. */
  acknowledges: true,
  /** Its watchdog drops a line that is high for so long, whatever its program does. */
  watchdogMs: 20,
  pulsesAfterDeath: 'none beyond the pulse under way, 10 ms at most',
  minPulseUs: 10,
  maxPulseUs: 10_000,
  timeStepUs: 1,
} as const;
