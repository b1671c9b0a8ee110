/** What a StimJim can do. It is no trigger box: its two outputs are floating, and a digital input wants a ground. */
export const STIMJIM_CAPABILITIES = {
  device: 'StimJim (Open Ephys)',
  roles: ['stimulator'],
  groups: 2,
  electrodesPerGroup: 1,
  outputs: 2,
  maxTogether: 2,
  scheduleAheadMs: 0,
  /** It says that a train has begun and has ended, and what it has measured; never at which time. */
  acknowledges: false,
  measuresDelivery: true,
  watchdogMs: null,
  pulsesAfterDeath: 'the pulse that was triggered last',
  measuresImpedance: false,
  readsBack: true,
  timeStepUs: 1,
  minPhaseUs: 20,
  currentStepUa: 1,
  maxCurrentUa: 3330,
  complianceV: 14.9,
} as const;
