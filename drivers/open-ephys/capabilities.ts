/** What Open Ephys can do as a device of a rig. It stimulates nothing by itself: its plugins do, and they are not ours. */
export const OPEN_EPHYS_CAPABILITIES = {
  records: true,
  stimulates: false,
  /** A stimulus shows on a digital line that the acquisition board samples, or by its artefact. */
  sees: 'lines',
  groups: 0,
  outputs: 0,
  maxTogether: 0,
  scheduleAheadMs: null,
  acknowledges: false,
  watchdogMs: null,
  measuresImpedance: false,
  /** Samples are float32 microvolts on the wire and int16 here: the step, by default, and the range that follows. */
  gainUvPerBit: 0.195,
  rangeUv: 0.195 * 32_768,
  /** The program hands buffers on, of 1,024 samples unless its audio settings say otherwise. */
  blockFrames: 1024,
  /** Lost messages are seen by their numbers; they cannot be asked for again. */
  sendsAgain: false,
} as const;
