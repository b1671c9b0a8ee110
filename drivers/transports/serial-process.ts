// The program of a process that owns a serial port for a thread of another; `openPortInProcess` starts it. It ends when its
// input does, so that a port never outlives the program that asked for it.
import { createWriteStream } from 'node:fs';
import type { SerialPort } from 'serialport';
import { toWireError } from '../../protocols/wire-error.js';
import { systemTimers } from '../system-timers.js';
import { openPortHere } from './serial-port-here.js';
import { createMessageSplitter, type SerialWord } from './serial-words.js';

const [path = '', baud = ''] = process.argv.slice(2);
const words = createWriteStream('', { fd: 3 });
// A key that stops the other program reaches this one, too: that one still has something to say to the device.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => undefined);
// Whoever listened is gone: then so is this.
for (const stream of [words, process.stdout]) stream.on('error', () => process.exit(1));

function say(word: SerialWord): void {
  words.write(`${JSON.stringify(word)}\n`);
}

const ended = new AbortController();
const opened: { port?: SerialPort } = {};
const splitter = createMessageSplitter((message) => {
  opened.port?.write(message, (error) => {
    say({ type: 'wrote', message: error?.message ?? null });
  });
});
// From the beginning: nobody may be there any more before the port is open.
process.stdin.on('data', (bytes: Uint8Array) => {
  splitter.push(bytes);
});
process.stdin.on('end', () => {
  ended.abort();
  if (opened.port?.isOpen === true) opened.port.close(() => process.exit(0));
  else process.exit(0);
});

try {
  const port = await openPortHere({ path, baud: Number(baud) }, { timers: systemTimers(), signal: ended.signal });
  opened.port = port;
  port.on('data', (bytes: Uint8Array) => process.stdout.write(bytes));
  port.on('error', (error: Error) => {
    say({ type: 'error', message: error.message });
  });
  port.on('close', (error?: Error | null) => {
    say({ type: 'closed', message: error?.message ?? null });
    words.end(() => process.exit(0));
  });
  // Given up: what the system has not sent yet is not to leave.
  process.on('SIGUSR2', () => {
    port.flush(() => process.exit(1));
  });
  say({ type: 'open' });
} catch (error) {
  say({ type: 'failed', error: toWireError(error) });
  words.end(() => process.exit(1));
}
