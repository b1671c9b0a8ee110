import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Capabilities } from '../../protocols/mea-link/messages.js';
import type { RigClaims } from '../../drivers/conformance/check-context.js';
import type { CheckResult } from '../../drivers/conformance/conformance-check.js';
import { runConformance, type ConformanceReport } from '../../drivers/conformance/run-conformance.js';
import { electrodeCount, toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import { systemClock } from '../clock.js';
import { systemTimers } from '../timers.js';
import type { CombinedRow } from './check-combined.js';
import { configPath } from './config-path.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { toPlainText } from './plain-text.js';
import { readRigFile } from './rig-file.js';

export interface CheckCommand {
  readonly rig: string;
  readonly stimulate: boolean;
  readonly only?: string;
  readonly json: boolean;
  /** Combined rigs: the serial number of a stimulator with a dummy load. */
  readonly load?: string;
  /** Combined rigs: `UV@HZ`, fed into every electrode. */
  readonly sine?: string;
}

/** Width of the column of ids. */
const ID_WIDTH = 30;
const WORDS = { passed: 'passed ', failed: 'FAILED ', skipped: 'skipped' } as const;

/** `meactl check`: holds the device of a rig against MEA-Link, one promise after the other. */
export async function checkCommand(command: CheckCommand, io: CliIo): Promise<ExitCode> {
  const rig = await readRigFile(configPath(command.rig, 'rigs'));
  if (rig.combined !== undefined) return checkParts(rig, command, io);
  assertNoOptionsOfParts(command);
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

/** A rig that is combined of devices has no protocol to be held against, but a file that says what it is. */
async function checkParts(rig: Rig, { load, sine, json }: CheckCommand, io: CliIo): Promise<ExitCode> {
  const { checkCombined, parseSine } = await import('./check-combined.js');
  const rows = await checkCombined({
    rig,
    load,
    sine: sine === undefined ? undefined : parseSine(sine),
    timers: systemTimers(),
    signal: io.signal,
    onResult: (row) => {
      if (!json) io.stdout(describeRow(row));
    },
  });
  const count = (type: CombinedRow['outcome']['type']): number =>
    rows.filter(({ outcome }) => outcome.type === type).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  if (json) io.stdout(`${JSON.stringify({ version: 1, rig: rig.name, results: rows, ...counts })}\n`);
  else
    io.stdout(`\n${rows.length} checks: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  return counts.failed > 0 ? EXIT.failed : EXIT.done;
}

function assertNoOptionsOfParts({ load, sine }: CheckCommand): void {
  const given = load !== undefined ? '--load' : sine === undefined ? undefined : '--sine';
  if (given === undefined) return;
  throw new MeaError('usage', {
    what: `${given} is for rigs that are combined of devices`,
    got: 'a rig with one device',
    remedy: 'the checks of MEA-Link have --stimulate',
  });
}

function describeRow({ id, title, outcome, found, remedy }: CombinedRow): string {
  const note = outcome.type === 'passed' && found !== undefined ? `${title}: ${found}` : noteOf(outcome, title);
  const advice = outcome.type === 'failed' && remedy !== undefined ? `; ${remedy}` : '';
  return `  ${id.padEnd(ID_WIDTH)} ${WORDS[outcome.type]}  ${toPlainText(note + advice)}\n`;
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
  return {
    transport,
    profile: toSafetyProfile(rig, systemClock().wallMs()),
    claims: claimsOf(rig),
    close: () => Promise.resolve(),
  };
}

function claimsOf(rig: Rig): RigClaims {
  return { sampleRateHz: rig.sampleRateHz, electrodeCount: electrodeCount(rig) };
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
