import { ACQUISITION_CHECKS } from './checks-acquisition.js';
import { ARMING_CHECKS } from './checks-arming.js';
import { COMMAND_CHECKS } from './checks-commands.js';
import { CONFIGURATION_CHECKS } from './checks-configuration.js';
import { DATA_LANE_CHECKS } from './checks-data-lane.js';
import { DELIVERY_CHECKS } from './checks-delivery.js';
import { HELLO_CHECKS } from './checks-hello.js';
import { IMPEDANCE_CHECKS } from './checks-impedance.js';
import { LINK_CHECKS } from './checks-link.js';
import { PATTERN_CHECKS } from './checks-patterns.js';
import { HISTORY_RULE_CHECKS } from './checks-safety-history.js';
import { NEW_PROFILE_CHECK, PULSE_RULE_CHECKS } from './checks-safety-pulse.js';
import { TRIGGER_CHECKS } from './checks-triggers.js';
import { WATCHDOG_CHECKS } from './checks-watchdog.js';
import type { ConformanceCheck } from './conformance-check.js';

/** All checks. Those that need a device that was never configured come first. */
export const CONFORMANCE_CHECKS: readonly ConformanceCheck[] = [
  ...HELLO_CHECKS,
  ...COMMAND_CHECKS.toSorted((a, b) => Number(isForIdle(b)) - Number(isForIdle(a))),
  ...CONFIGURATION_CHECKS,
  ...ACQUISITION_CHECKS,
  ...DATA_LANE_CHECKS,
  ...PATTERN_CHECKS,
  ...PULSE_RULE_CHECKS,
  NEW_PROFILE_CHECK,
  ...ARMING_CHECKS,
  ...TRIGGER_CHECKS,
  ...HISTORY_RULE_CHECKS,
  ...DELIVERY_CHECKS,
  ...WATCHDOG_CHECKS,
  ...LINK_CHECKS,
  ...IMPEDANCE_CHECKS,
];

function isForIdle({ id }: ConformanceCheck): boolean {
  return id.startsWith('state-idle-');
}
