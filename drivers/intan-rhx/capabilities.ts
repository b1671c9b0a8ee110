/**
 * What an Intan RHS stimulation/recording controller can do through RHX's remote control, as data: for the table of devices
 * and for whoever holds an experiment against it.
 */
export const INTAN_RHX_CAPABILITIES = {
  device: 'Intan RHX (RHS stimulation/recording controller)',
  /** A trigger fires all of its electrodes. Keys are pressed by RHX itself, lines are raised by a trigger box. */
  groups: { keys: 8, digitalIn: 16, analogIn: 8 },
  /** One output at each amplifier channel: 4 ports of 32. */
  outputs: 128,
  /** Two keys are two commands, never simultaneous; lines are as simultaneous as the box is. */
  together: { keys: 1, lines: 24 },
  scheduling: 'immediate',
  scheduleAheadMs: 0,
  /** The stimulators' own words in the waveform stream: the sample at which a current began, and compliance. */
  delivery: 'observed',
  watchdogMs: null,
  /** RHX measures impedances, but through its remote control they go to a file of its computer. */
  canMeasureImpedance: false,
  /** Chosen when RHX starts. */
  currentStepsUa: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  maxCurrentSteps: 255,
  sampleRatesHz: [20_000, 25_000, 30_000],
  /** Times are whole samples. */
  timeStepSamples: 1,
  maxPhases: 2,
  maxPhaseUs: 5000,
  /** Patterns are programmed while the board is stopped. */
  programsWhileRunning: false,
} as const;
