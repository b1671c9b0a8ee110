/** What a Pulse Pal 2 can do, as a stimulator behind isolators and as a trigger box. */
export const PULSE_PAL_CAPABILITIES = {
  device: 'Pulse Pal 2 (Sanworks)',
  roles: ['stimulator', 'trigger box'],
  groups: 4,
  electrodesPerGroup: 1,
  outputs: 4,
  maxTogether: 4,
  /** It knows `now` alone: the next turn of its timer, and one more. */
  scheduleAheadMs: 0,
  startsWithinUs: 100,
  /** It confirms settings, not triggers, and never says what it has played. */
  acknowledges: false,
  watchdogMs: null,
  /** After its trigger a pulse ends whatever becomes of us; nothing else is in it. */
  pulsesAfterDeath: 'the pulse that was triggered last',
  measuresImpedance: false,
  /** Settings cannot be read back: each is confirmed by a byte. */
  readsBack: false,
  timeStepUs: 50,
  voltageStepV: 20 / 65_535,
  maxVolts: 10,
} as const;
