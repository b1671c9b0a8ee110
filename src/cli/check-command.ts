import { isMeaError } from '../../protocols/errors.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Capabilities } from '../../protocols/mea-link/messages.js';
import type { RigClaims } from '../../drivers/conformance/check-context.js';
import type { CheckResult } from '../../drivers/conformance/conformance-check.js';
import { runConformance, type ConformanceReport } from '../../drivers/conformance/run-conformance.js';
import { rigSchema, toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import { systemTimers } from '../timers.js';
import { readConfigFile } from './config-file.js';
import { configPath } from './config-path.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { toPlainText } from './plain-text.js';

export interface CheckCommand {
  readonly rig: string;
  readonly stimulate: boolean;
  readonly only?: string;
  readonly json: boolean;
}

/** Width of the column of ids. */
const ID_WIDTH = 30;
const WORDS = { passed: 'passed ', failed: 'FAILED ', skipped: 'skipped' } as const;

/** `meactl check`: holds the device of a rig against MEA-Link, one promise after the other. */
export async function checkCommand(command: CheckCommand, io: CliIo): Promise<ExitCode> {
  const rig = await readConfigFile(configPath(command.rig, 'rigs'), rigSchema);
  const device = await openDevice(rig);
  try {
    const report = await runChecks(command, { device, io });
    if (command.json) io.stdout(`${JSON.stringify({ version: 1, address: device.transport.address, ...report })}\n`);
    else io.stdout(describeSummary(report, command));
    return report.failed > 0 ? EXIT.failed : EXIT.done;
  } catch (error) {
    if (!isMeaError(error, 'link')) throw error;
    io.stderr(`meactl: ${toPlainText(error.message)}\n`);
    return EXIT.badInput;
  } finally {
    await device.close();
  }
}

interface OpenDevice {
  readonly transport: Transport;
  readonly profile: SafetyProfile;
  /** What the rig file says about the device. */
  readonly claims: RigClaims;
  readonly close: () => Promise<void>;
}

async function openDevice(rig: Rig): Promise<OpenDevice> {
  if (rig.address === undefined) {
    const { openEmulatedLink } = await import('./emulator.js');
    return { ...(await openEmulatedLink(rig)), claims: claimsOf(rig) };
  }
  const { openTransport } = await import('../../drivers/transports/open-transport.js');
  const transport = openTransport(rig.address, { timers: systemTimers() });
  return { transport, profile: toSafetyProfile(rig), claims: claimsOf(rig), close: () => Promise.resolve() };
}

function claimsOf({ sampleRateHz, array }: Rig): RigClaims {
  return { sampleRateHz, electrodeCount: array.rows * array.columns };
}

function runChecks(
  { stimulate, only, json }: CheckCommand,
  { device, io }: { readonly device: OpenDevice; readonly io: CliIo },
): Promise<ConformanceReport> {
  const { transport, profile, claims } = device;
  let section = '';
  return runConformance({
    transport,
    timers: systemTimers(),
    signal: io.signal,
    profile,
    rig: claims,
    stimulate,
    only,
    onDevice: (capabilities) => {
      if (!json) io.stdout(`${describeDevice(capabilities)} at ${transport.address}\n`);
    },
    onResult: (result) => {
      if (json) return;
      if (result.section !== section) io.stdout(`\n${result.section}\n`);
      section = result.section;
      io.stdout(describeResult(result));
    },
  });
}

/** `name, serial number, firmware`, without what could steer a terminal. */
export function describeDevice({ device, serialNumber, firmware, emulated }: Capabilities): string {
  const text = `${device}, serial number ${serialNumber}, firmware ${firmware}`;
  return `${toPlainText(text)}${emulated ? ' (emulated)' : ''}`;
}

function describeResult({ id, title, outcome }: CheckResult): string {
  const note = toPlainText(noteOf(outcome, title));
  return `  ${id.padEnd(ID_WIDTH)} ${WORDS[outcome.type]}  ${note}\n`;
}

function noteOf(outcome: CheckResult['outcome'], title: string): string {
  switch (outcome.type) {
    case 'passed':
      return title;
    case 'failed':
      return `${title}: got ${outcome.got}, expected ${outcome.wanted}`;
    case 'skipped':
      return outcome.reason;
  }
}

function describeSummary({ capabilities, results, ...counts }: ConformanceReport, { stimulate }: CheckCommand): string {
  const { passed, failed, skipped } = counts;
  const summary = `\n${results.length} checks: ${passed} passed, ${failed} failed, ${skipped} skipped\n`;
  if (stimulate || capabilities.emulated || capabilities.stimulation === null) return summary;
  const remedy = 'disconnect the culture or put a dummy load in its place, then give --stimulate';
  return `${summary}the checks that arm the device or drive electrodes did not run: ${remedy}\n`;
}
