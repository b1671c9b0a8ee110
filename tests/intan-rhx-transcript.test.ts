import { connect, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { RhxFacade } from '../sim-device/facades/intan-rhx/rhx-facade.js';
import { dataPath, describeWithRealData } from './helpers/real-data.js';
import { openRhxFacade } from './helpers/rhx-bench.js';
import { waitUntil } from './helpers/wait-until.js';

const TRANSCRIPT = 'rhx/transcript.json';
const transcriptSchema = z.object({ log: z.array(z.object({ send: z.string(), reply: z.string() })) });

let facade: RhxFacade | undefined;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  facade?.close();
});

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    sockets.push(socket);
    socket.once('connect', () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

describeWithRealData('the talk with the real program, repeated with the emulated one', [TRANSCRIPT], () => {
  it('has the same replies', async () => {
    const { log } = transcriptSchema.parse(JSON.parse(readFileSync(dataPath(TRANSCRIPT), 'utf8')));
    facade = await openRhxFacade({ version: '3.4.0' });
    const emulated = facade;
    const command = await openSocket(emulated.ports.command);
    let heard = '';
    command.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
    });
    const pendingStatus = 'Return: TCPWaveformDataOutputConnectionStatus Pending';
    const differences: unknown[] = [];
    for (const { send, reply } of log) {
      heard = '';
      // Silence is told from a late reply by a question behind it.
      const isRun = /runmode (?:run|record)/.test(send);
      command.write(isRun ? send : `${send}get tcpnumberdatablocksperwrite;`);
      const mark = /Return: TCPNumberDataBlocksPerWrite \d+$/;
      if (isRun)
        await waitUntil(
          () => emulated.mode !== 'Stop',
          () => `${send} did not run`,
        );
      else
        await waitUntil(
          () => mark.test(heard),
          () => `${send}: ${heard}`,
        );
      const got = heard.replace(mark, '');
      if (send === 'get currenttimestamp;' && reply !== 'Return: -1') expect(got).toMatch(/^Return: \d+$/);
      else if (got !== reply) differences.push({ send, got, reply });
      if (reply === pendingStatus) {
        // The streams were connected to here.
        await openSocket(emulated.ports.waveform);
        await openSocket(emulated.ports.spike);
      }
      if (emulated.mode !== 'Stop') emulated.advance(128);
    }
    expect(differences).toEqual([]);
  });
});
