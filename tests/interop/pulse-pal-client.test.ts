import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { PulsePalFacade, type PulsePalPulse } from '../../sim-device/facades/pulse-pal/pulse-pal-facade.js';
import { serveFacade } from '../../sim-device/facades/serve-facade.js';
import { describeWithDebianTool, pythonWith } from '../helpers/debian-tool.js';
import { openPtyPair, socat } from '../helpers/pty-pair.js';

const client = pythonWith('PulsePal');
const SCRIPT = join(import.meta.dirname, 'drive_pulse_pal.py');
/** The client waits ten seconds for each answer that does not come. */
const RUN_MS = 60_000;

describeWithDebianTool('the emulated Pulse Pal driven by the Python client of its makers', client, () => {
  describeWithDebianTool('over a serial line', socat, () => {
    it('takes its handshake, settings, custom train and trigger, and gives the pulse', async () => {
      const pulses: PulsePalPulse[] = [];
      const facade = new PulsePalFacade({ onPulse: (pulse) => pulses.push(pulse) });
      const line = await openPtyPair();
      const served = await serveFacade(facade, line.devicePath);
      try {
        const run = promisify(execFile);
        const { stdout } = await run(client.command, [SCRIPT, line.hostPath], { timeout: RUN_MS });
        // the client may print notices before
        expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({ firmware: 21 });
      } finally {
        await served.close();
        await line.end();
      }
      expect(pulses.map(({ output, phases }) => [output, phases[0]?.durationUs, phases[0]?.volts.toFixed(3)])).toEqual([
        [1, 2000, '2.500'],
      ]);
      expect([facade.overruns, facade.skipped]).toEqual([0, 0]);
    });
  });
});
