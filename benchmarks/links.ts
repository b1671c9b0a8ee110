import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { AcquisitionEndResult } from '../drivers/mea-link/acquisition-end.js';
import { connectMeaLink } from '../drivers/mea-link/connect-mea-link.js';
import type { DriverCounters } from '../drivers/mea-link/device-connection.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { systemTimers } from '../src/timers.js';
import { openPtyPair } from '../tests/helpers/pty-pair.js';
import { createWideProfile } from '../tests/helpers/wide-profile.js';

// `npm run bench -- links [seconds] [channels]`: the emulator in a process of its own, 64 channels at 20 kHz in real
// time over each link; what arrives must be what was sent, by sequence, count and checksum, tail included.

const [seconds = 60, channels = 64] = process.argv.slice(2).map(Number);
const SIMULATOR = fileURLToPath(new URL('../sim-device/main.js', import.meta.url));
const timers = systemTimers();
const folder = mkdtempSync(join(tmpdir(), 'links-'));

const failures: string[] = [];
for (const link of ['tcp', 'zmq', 'serial'] as const) {
  const result = await measure(link);
  process.stdout.write(`${result}\n`);
}
rmSync(folder, { recursive: true, force: true });
process.exitCode = failures.length > 0 ? 1 : 0;

async function measure(name: 'tcp' | 'zmq' | 'serial'): Promise<string> {
  const pty = name === 'serial' ? await openPtyPair() : undefined;
  const mount =
    name === 'tcp'
      ? 'tcp://127.0.0.1:0'
      : name === 'zmq'
        ? 'zmq+tcp://127.0.0.1:0'
        : `serial:${pty!.devicePath}?baud=12000000`;
  const ledgerFile = join(folder, `${name}.jsonl`);
  const simulator = spawn(
    process.execPath,
    [SIMULATOR, '--mount', mount, '--channels', String(channels), '--seed', '42', '--ledger', ledgerFile],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = once(simulator, 'exit');
  let received: Received;
  try {
    const lines: unknown[] = await once(createInterface({ input: simulator.stdout }), 'line');
    received = await receive(name === 'serial' ? `serial:${pty!.hostPath}?baud=12000000` : String(lines[0]));
  } finally {
    simulator.kill('SIGTERM');
    await ended;
    await pty?.end();
  }
  // The emulator's ledger is whole once it has ended.
  const sent = lastLine(ledgerFile);
  const { result, counters, gaps, outOfOrder } = received;
  if (result.type !== 'ended') {
    failures.push(name);
    return `${name}: the end of the acquisition was lost`;
  }
  const { check, frames } = result.ended;
  const same = sent.samplesCrc32c === check.samplesCrc32c && sent.frames === check.frames;
  const good = check.verdict === 'complete' && same && gaps === 0 && outOfOrder === 0;
  if (!good) failures.push(name);
  return [
    `${name}: ${frames} frames of ${channels} channels in ${seconds} s`,
    `lost ${check.missingFrames}, gaps ${gaps}, out of order ${outOfOrder}`,
    `sent again ${counters.duplicates}, resumes ${counters.resumes}, links lost ${counters.linksLost}`,
    `CRC-32C of the samples ${hex(check.samplesCrc32c)} here, ${hex(sent.samplesCrc32c)} in the emulator's ledger`,
    good ? 'complete' : `NOT complete (${check.verdict})`,
  ].join('; ');
}

interface Received {
  readonly result: AcquisitionEndResult;
  readonly counters: DriverCounters;
  readonly gaps: number;
  readonly outOfOrder: number;
}

async function receive(address: string): Promise<Received> {
  const device = await connectMeaLink(
    { transport: openTransport(address, { timers }), timers, client: 'links benchmark' },
    AbortSignal.timeout(5000),
  );
  let outOfOrder = 0;
  let gaps = 0;
  let nextSample = 0;
  device.events$.subscribe((event) => {
    if (event.type === 'gap') gaps += 1;
    if (event.type !== 'block') return;
    if (event.firstSample !== nextSample) outOfOrder += 1;
    nextSample = event.firstSample + event.frames;
  });
  await device.configure({ blockFrames: 20, safetyProfile: createWideProfile([1, 3]) });
  await device.start();
  await new Promise<void>((resolve) => timers.after(seconds * 1000, resolve));
  const result = await device.stop();
  const { counters } = device;
  await device.close();
  return { result, counters, gaps, outOfOrder };
}

function lastLine(file: string): { readonly samplesCrc32c?: unknown; readonly frames?: unknown } {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1)!);
  return typeof parsed === 'object' && parsed !== null ? parsed : {};
}

function hex(value: unknown): string {
  return typeof value === 'number' ? value.toString(16).padStart(8, '0') : 'none';
}
