import type { FoundSerialDevice } from '../../drivers/serial-devices.js';
import { isMeaError } from '../../protocols/errors.js';
import type { Capabilities } from '../../protocols/mea-link/messages.js';
import { parseLinkAddress } from '../../protocols/mea-link/link-address.js';
import { greet } from '../../drivers/conformance/run-conformance.js';
import { openTransport } from '../../drivers/transports/open-transport.js';
import { systemTimers } from '../timers.js';
import { describeDevice } from './check-command.js';
import { describeFits, fitBundled } from './fit-table.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { listListeningPorts } from './listening-ports.js';
import { toPlainText } from './plain-text.js';

export interface DevicesCommand {
  readonly addresses: readonly string[];
  /** Prints what each device makes of each bundled experiment, and looks for nothing. */
  readonly experiments: boolean;
  readonly json: boolean;
}

/** Where the emulator listens in the examples. */
const DEFAULT_ADDRESS = 'tcp://127.0.0.1:9100';
/** How long one address may take. */
const ANSWER_MS = 4000;

/** Programs of makers that listen on this computer, by the ports that they take by default. */
const KNOWN_PORTS: readonly { readonly port: number; readonly program: string }[] = [
  { port: 5000, program: 'Intan RHX, commands' },
  { port: 5001, program: 'Intan RHX, samples' },
  { port: 5002, program: 'Intan RHX, spikes' },
  { port: 5556, program: 'Open Ephys GUI, ZMQ Interface' },
  { port: 37_497, program: 'Open Ephys GUI, remote control' },
  { port: 7215, program: 'MaxWell server (there is no driver for it)' },
];

/** Somebody listens at a port that a maker's program takes by default: it may be that program. */
interface FoundServer {
  readonly port: number;
  readonly mayBe: string;
}

/** What is at an address. */
type FoundDevice =
  | { readonly address: string; readonly capabilities: Capabilities }
  | { readonly address: string; readonly problem: string };

/**
 * `meactl devices`: lists serial ports and programs of makers that listen, without opening any, and says hello at addresses;
 * starts and arms nothing.
 */
export async function devicesCommand(command: DevicesCommand, io: CliIo): Promise<ExitCode> {
  const { addresses, json } = command;
  if (command.experiments) {
    const rows = await fitBundled();
    io.stdout(json ? `${JSON.stringify({ version: 1, devices: rows })}\n` : describeFits(rows));
    return EXIT.done;
  }
  const asked = addresses.length === 0 ? [DEFAULT_ADDRESS] : addresses;
  for (const address of asked) parseLinkAddress(address);
  const ports = await listPorts();
  const servers = await listServers();
  const devices: FoundDevice[] = [];
  for (const address of asked) devices.push(await askDevice(address, io.signal));
  if (json) io.stdout(`${JSON.stringify({ version: 1, serialPorts: ports, servers, devices })}\n`);
  else io.stdout(`${describePorts(ports)}${describeServers(servers)}${describeDevices(devices)}`);
  return EXIT.done;
}

async function listPorts(): Promise<readonly FoundSerialDevice[] | string> {
  try {
    const { findSerialDevices } = await import('../../drivers/serial-devices.js');
    return await findSerialDevices();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Null where the system does not tell who listens. */
async function listServers(): Promise<readonly FoundServer[] | null> {
  const listening = await listListeningPorts();
  if (listening === undefined) return null;
  return KNOWN_PORTS.filter(({ port }) => listening.has(port)).map(({ port, program }) => ({ port, mayBe: program }));
}

async function askDevice(address: string, interrupt: AbortSignal): Promise<FoundDevice> {
  const timers = systemTimers();
  const tooLate = new AbortController();
  const cancel = timers.after(ANSWER_MS, () => {
    tooLate.abort(new Error(`no answer in ${ANSWER_MS} ms`));
  });
  const signal = AbortSignal.any([interrupt, tooLate.signal]);
  try {
    const { capabilities } = await greet({ transport: openTransport(address, { timers }), timers, signal });
    return { address, capabilities };
  } catch (error) {
    interrupt.throwIfAborted();
    if (!isMeaError(error, 'link') && error !== tooLate.signal.reason) throw error;
    return { address, problem: isMeaError(error) ? error.message : `no answer in ${ANSWER_MS} ms` };
  } finally {
    cancel();
  }
}

function describeServers(servers: readonly FoundServer[] | null): string {
  if (servers === null) return 'servers of makers: this system does not tell who listens\n';
  if (servers.length === 0) return 'servers of makers at their ports: none\n';
  const lines = servers.map(({ port, mayBe }) => `  127.0.0.1:${port}  may be ${mayBe}`);
  return `servers at the ports of makers (not connected to; name one in a rig file, docs/devices):\n${lines.join('\n')}\n`;
}

function describePorts(ports: readonly FoundSerialDevice[] | string): string {
  if (typeof ports === 'string') return `serial ports: cannot be listed (${toPlainText(ports)})\n`;
  if (ports.length === 0) return 'serial ports: none\n';
  const lines = ports.map(({ path, manufacturer, serialNumber, kind }) => {
    const about = kind === null ? '' : `  may be ${kind.mayBe.join(' or ')}: ${kind.board}; ${kind.caution}`;
    return toPlainText(`  serial:${path}  ${manufacturer ?? ''} ${serialNumber ?? ''}`.trimEnd() + about);
  });
  return `serial ports, to be asked by \`meactl devices ADDRESS\`:\n${lines.join('\n')}\n`;
}

function describeDevices(devices: readonly FoundDevice[]): string {
  const lines = devices.map((found) => {
    const about = 'capabilities' in found ? describeFound(found.capabilities) : toPlainText(found.problem);
    return `  ${found.address}  ${about}\n`;
  });
  const isFound = devices.some((found) => 'capabilities' in found);
  return `${isFound ? 'devices:' : 'devices: none found'}\n${lines.join('')}`;
}

function describeFound(capabilities: Capabilities): string {
  const { channels, sampleRateHz, stimulation } = capabilities;
  const outputs = stimulation === null ? 'no stimulation' : `${stimulation.electrodes.length} stimulation outputs`;
  return `${describeDevice(capabilities)}, ${channels} channels at ${sampleRateHz} Hz, ${outputs}`;
}
