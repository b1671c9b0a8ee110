import { describe, expect, it } from 'vitest';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { OFF_DEVICES } from './helpers/off-lab.js';
import { measureKill, measureOff } from './helpers/off-measure.js';
import { socat } from './helpers/pty-pair.js';

// The program that fires is one of its own, the device is in this one, and pulses are counted at the device's electrodes.
// Figures are the benchmark's (`npm run bench -- devices-off`); here only what must hold on a machine however loaded.

describeWithDebianTool('a stimulator without a watchdog', socat, () => {
  describe.each(OFF_DEVICES)('%s', (device) => {
    it('gives one pulse at most after kill -9 of the program that fires it', async () => {
      for (const delayMs of [3, 17]) {
        const { after, pokedOut } = await measureKill(device, delayMs);
        expect(after).toBeLessThanOrEqual(1);
        // What was programmed is still there: the same hands find it, which find nothing after an off.
        expect(pokedOut).toBeGreaterThan(0);
      }
    });

    it('gives nothing after all was switched off, whoever triggers it', async () => {
      const { lastMs, knownMs, pokedOut } = await measureOff(device, 5);
      expect(pokedOut).toBe(0);
      expect(lastMs).toBeLessThanOrEqual(knownMs + 20);
    });
  });
});
