/**
 * The rules that a stimulus is held against, in the order of checking. The controller's gate and the device's own check
 * name the same rules and share nothing else.
 */
export const SAFETY_RULES = [
  'schema',
  'finite',
  'armed',
  'electrode',
  'phase-count',
  'current',
  'phase-width',
  'charge',
  'charge-density',
  'balance',
  'net-charge',
  'polarity',
  'interphase-gap',
  'impedance',
  'compliance',
  'interval',
  'rate',
  'duty',
  'charge-rate',
  'simultaneous',
  'summed-current',
  'session-stimuli',
  'session-charge',
] as const;

/** Name of a safety rule. */
export type SafetyRule = (typeof SAFETY_RULES)[number];

/** Why a stimulus was refused. */
export interface SafetyRefusal {
  readonly rule: SafetyRule;
  /** The computed value against its limit: `160 us x 20 uA = 3.2 nC per phase, limit 3.0 nC (electrode 12)`. */
  readonly message: string;
}
