import { readSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openPortHere, pollerOf } from '../drivers/transports/serial-port-here.js';
import { systemTimers } from '../src/timers.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { openPtyPair, socat } from './helpers/pty-pair.js';
import { waitUntil } from './helpers/wait-until.js';

const MESSAGE = Buffer.alloc(4096, 7);
const MESSAGES = 40;
const READABLE = 1;

describeWithDebianTool('a serial port', socat, () => {
  it('goes on writing when its line takes bytes again, whatever the library has forgotten meanwhile', async () => {
    const line = await openPtyPair();
    const port = await openPortHere(
      { path: line.hostPath, baud: 115_200 },
      { timers: systemTimers(), signal: new AbortController().signal },
    );
    port.on('data', () => undefined);
    let written = 0;
    for (let i = 0; i < MESSAGES; i++) port.write(MESSAGE, () => (written += 1));
    // Nobody reads: the line is full.
    let seen = -1;
    await waitUntil(
      () => {
        const isSame = seen === written && written > 0;
        seen = written;
        return isSame && port.writableLength > 0;
      },
      () => `${written} messages written`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(written).toBeLessThan(MESSAGES);
    // What a read does that finds nothing: from now on only bytes to read are asked for.
    pollerOf(port)!.poll(READABLE);
    let read = 0;
    const buffer = Buffer.alloc(65_536);
    await waitUntil(
      () => {
        try {
          read += readSync(line.deviceFile, buffer);
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
        }
        return read === MESSAGES * MESSAGE.length;
      },
      () => `${read} bytes came`,
    );
    expect(written).toBe(MESSAGES);
    await new Promise<void>((resolve) => {
      port.close(() => {
        resolve();
      });
    });
    await line.end();
  });
});
