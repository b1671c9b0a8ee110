/** Word of a stimulator that does nothing: no current, and the bit of the polarity set. */
export const IDLE_STIM_WORD = 0x0100;
const MAGNITUDE = 0x00ff;
const NEGATIVE = 0x0100;
const AMP_SETTLE = 0x2000;
const CHARGE_RECOVERY = 0x4000;
const COMPLIANCE = 0x8000;

/** What a stimulator does at a sample. */
export interface StimState {
  /** Current in steps of the controller; negative is cathodic. From the parameters, not measured. */
  readonly steps: number;
  readonly ampSettle: boolean;
  readonly chargeRecovery: boolean;
  /** The stimulator reached its compliance voltage: the current was less than asked for. */
  readonly atCompliance: boolean;
}

/** Reads a STIM word. */
export function readStimWord(word: number): StimState {
  const magnitude = word & MAGNITUDE;
  return {
    steps: magnitude === 0 ? 0 : (word & NEGATIVE) === 0 ? magnitude : -magnitude,
    ampSettle: (word & AMP_SETTLE) !== 0,
    chargeRecovery: (word & CHARGE_RECOVERY) !== 0,
    atCompliance: (word & COMPLIANCE) !== 0,
  };
}

/** Makes a STIM word; the inverse of `readStimWord`. */
export function makeStimWord({ steps, ampSettle, chargeRecovery, atCompliance }: StimState): number {
  const sign = steps > 0 ? 0 : NEGATIVE;
  return (
    Math.abs(steps) |
    sign |
    (ampSettle ? AMP_SETTLE : 0) |
    (chargeRecovery ? CHARGE_RECOVERY : 0) |
    (atCompliance ? COMPLIANCE : 0)
  );
}

/** True while a current flows. The bit of the polarity is set in idle words too: only the magnitude tells. */
export function hasStimCurrent(word: number): boolean {
  return (word & MAGNITUDE) !== 0;
}
