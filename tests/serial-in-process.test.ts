import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SerialPort } from 'serialport';
import { expect, it } from 'vitest';
import { PortInProcess } from '../drivers/transports/serial-in-process.js';
import type { Timers } from '../protocols/timers.js';
import { createVirtualTimers } from '../protocols/virtual-timers.js';
import { packageFolder } from '../src/cli/package-info.js';
import { systemTimers } from '../src/timers.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { containing } from './helpers/facade-bench.js';
import { openPtyPair, socat } from './helpers/pty-pair.js';
import { waitUntil } from './helpers/wait-until.js';

/** Compiled: `npm test` builds before the tests. */
const PROGRAM = join(packageFolder(), 'dist/drivers/transports/serial-process.js');
const never = new AbortController().signal;

/** The other end of a process of a port, played by a program of one line. */
function play(
  program: string,
  timers: Timers = createVirtualTimers(),
): { port: PortInProcess; child: ReturnType<typeof spawn> } {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  return { child, port: new PortInProcess(child, { path: '/dev/x', timers }) };
}

const SAY_OPEN = `require('fs').writeSync(3, '{"type":"open"}\\n');`;

it('a process that says nothing is a named error with what to do, and is killed', async () => {
  const timers = createVirtualTimers();
  const { port, child } = play('setInterval(() => {}, 1000)', timers);
  const opening = port.untilOpen(never);
  opening.catch(() => undefined);
  timers.advance(10_000);
  await expect(opening).rejects.toMatchObject({ tag: 'deadline', message: containing('plug it in') });
  const ended = once(child, 'close');
  port.close(() => undefined);
  timers.advance(800);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(timers.pending).toBe(0);
});

it('a process that ends before the port is open is a named error with what to do', async () => {
  const { port } = play('process.exit(3)');
  await expect(port.untilOpen(never)).rejects.toThrow(/cannot be opened: got .*ended with code 3.*; try again/);
});

it('what a process has said before its end comes, before the end is told', async () => {
  // What is left in the pipe is read after the process has ended.
  const { port } = play(`${SAY_OPEN} require('fs').writeSync(1, Buffer.alloc(50000)); process.exit(0)`);
  const order: string[] = [];
  let bytes = 0;
  port.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    order.push('data');
  });
  port.on('close', () => order.push('close'));
  await waitUntil(
    () => order.includes('close'),
    () => order.join(' '),
  );
  expect(bytes).toBe(50_000);
  expect(order.at(-1)).toBe('close');
});

it('a process that does not free its port is killed', async () => {
  const timers = createVirtualTimers();
  const { port, child } = play(`${SAY_OPEN} process.stdin.on('end', () => {}); setInterval(() => {}, 1000)`, timers);
  await port.untilOpen(never);
  const closed = new Promise<void>((resolve) => {
    port.close(() => {
      resolve();
    });
  });
  timers.advance(799);
  await sleep(20);
  expect(child.signalCode).toBeNull();
  timers.advance(1);
  await closed;
  expect(child.signalCode).toBe('SIGKILL');
});

describeWithDebianTool('the process of a port', socat, () => {
  it('ends by itself when nobody is there any more, before its port is open', async () => {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there: build first, as npm test does`);
    const line = await openPtyPair();
    const holder = new SerialPort({ path: line.hostPath, baudRate: 9600 });
    await once(holder, 'open');
    // It tries a locked port for a while, and then says that it failed, with code 1.
    const child = spawn(process.execPath, [PROGRAM, line.hostPath, '9600'], {
      stdio: ['pipe', 'ignore', 'inherit', 'pipe'],
    });
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
    await new Promise((resolve) => {
      holder.close(resolve);
    });
    await line.end();
  });

  it('throws away what the line has not taken when it is given up, and ends', async () => {
    const line = await openPtyPair();
    const child = spawn(process.execPath, [PROGRAM, line.hostPath, '9600'], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    const port = new PortInProcess(child, { path: line.hostPath, timers: systemTimers() });
    await port.untilOpen(never);
    const closed = once(port, 'close');
    port.abandon();
    expect(port.isOpen).toBe(false);
    expect(await closed).toMatchObject([{ message: 'the process of the port ended with code 1' }]);
    await line.end();
  });
});
