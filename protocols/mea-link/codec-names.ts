import { MeaError } from '../errors.js';
import type { LeadingPolarity } from '../stimulation/safety-profile.js';
import { SAFETY_RULES, type SafetyRule } from '../stimulation/safety-rule.js';
import { badField } from './codec-values.js';
import { mealink } from './generated/mea_link.js';
import {
  ARMING_CAUSES,
  DROP_REASONS,
  FAULT_CODES,
  REFUSAL_REASONS,
  type ArmingCause,
  type DeviceState,
  type DropReason,
  type FaultCode,
  type LogMessage,
  type RefusalReason,
  type StimulationCapabilities,
} from './messages.js';

const wire = mealink.v1;

/** Translates the names of messages.ts into the values of one enum of the .proto, and back. */
export interface NameTable<Name extends string, Value extends number> {
  /** @throws MeaError `bad-input` for a name that is none */
  toValue(name: Name): Value;
  /** @throws MeaError `bad-input` for 0, a missing value, or one that this version does not know */
  toName(value: number | null | undefined): Name;
}

/** Why a command was refused. */
export const refusalReasons = nameTable<RefusalReason, mealink.v1.RefusalReason>(
  wire.RefusalReason,
  'REFUSAL_REASON',
  REFUSAL_REASONS,
);
/** The safety rule behind a refusal. */
export const safetyRules = nameTable<SafetyRule, mealink.v1.SafetyRule>(wire.SafetyRule, 'SAFETY_RULE', SAFETY_RULES);
/** Why a stimulus did not leave. */
export const dropReasons = nameTable<DropReason, mealink.v1.DropReason>(wire.DropReason, 'DROP_REASON', DROP_REASONS);
/** Why the device was armed or disarmed. */
export const armingCauses = nameTable<ArmingCause, mealink.v1.ArmingCause>(
  wire.ArmingCause,
  'ARMING_CAUSE',
  ARMING_CAUSES,
);
/** What broke. */
export const faultCodes = nameTable<FaultCode, mealink.v1.FaultCode>(wire.FaultCode, 'FAULT_CODE', FAULT_CODES);
/** State of a device. */
export const deviceStates = nameTable<DeviceState, mealink.v1.DeviceState>(wire.DeviceState, 'DEVICE_STATE', [
  'idle',
  'ready',
  'running',
]);
/** Level of a line of the device's log. */
export const logLevels = nameTable<LogMessage['level'], mealink.v1.LogLevel>(wire.LogLevel, 'LOG_LEVEL', [
  'debug',
  'info',
  'warn',
  'error',
]);
/** Polarity that a pulse must begin with. */
export const leadingPolarities = nameTable<LeadingPolarity, mealink.v1.LeadingPolarity>(
  wire.LeadingPolarity,
  'LEADING_POLARITY',
  ['negative', 'positive', 'either'],
);
/** How a device keeps time. */
export const schedulings = nameTable<StimulationCapabilities['scheduling'], mealink.v1.Scheduling>(
  wire.Scheduling,
  'SCHEDULING',
  ['at-sample', 'immediate'],
);
/** How a device knows that a stimulus left. */
export const deliveries = nameTable<StimulationCapabilities['delivery'], mealink.v1.Delivery>(
  wire.Delivery,
  'DELIVERY',
  ['acknowledged', 'observed'],
);

/** The .proto decides the values: `not-armed` is that of `<PREFIX>_NOT_ARMED`. */
function nameTable<Name extends string, Value extends number>(
  values: Readonly<Record<string, string | Value>>,
  prefix: string,
  names: readonly Name[],
): NameTable<Name, Value> {
  const valueOf = new Map<Name, Value>();
  const nameOf = new Map<number, Name>();
  for (const name of names) {
    const value = values[`${prefix}_${name.toUpperCase().replaceAll('-', '_')}`];
    if (value === undefined || typeof value === 'string')
      throw new MeaError('internal', { what: `The .proto has no ${prefix} ${name}` });
    valueOf.set(name, value);
    nameOf.set(value, name);
  }
  const field = prefix.toLowerCase().replaceAll('_', ' ');
  return {
    toValue(name) {
      const value = valueOf.get(name);
      if (value === undefined) throw badField(field, name, 'a name of this protocol');
      return value;
    },
    toName(value) {
      const name = nameOf.get(value ?? 0);
      if (name === undefined) throw badField(field, String(value ?? 0), `a value from 1 to ${names.length}`);
      return name;
    },
  };
}
