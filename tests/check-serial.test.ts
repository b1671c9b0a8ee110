import { expect, it } from 'vitest';
import { CONFORMANCE_CHECKS } from '../drivers/conformance/all-checks.js';
import { runConformance } from '../drivers/conformance/run-conformance.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { openMount } from '../sim-device/mounts/open-mount.js';
import { paceDevice } from '../sim-device/pace.js';
import { systemTimers } from '../src/timers.js';
import { askPatiently } from './helpers/ask-patiently.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { openPtyPair, socat } from './helpers/pty-pair.js';
import { createRampRig } from './helpers/ramp-rig.js';
import { createWideProfile } from './helpers/wide-profile.js';

const STIMULATED = [0, 2, 3];

describeWithDebianTool('the conformance kit over a serial line', socat, () => {
  it('finds that the emulator keeps every promise that a line lets it be asked for', async () => {
    const timers = systemTimers();
    const line = await openPtyPair();
    const rig = createRampRig({ stimulated: STIMULATED });
    const faults = new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz });
    const device = new EmulatedDevice({ rig, settings: DEFAULT_DEVICE_SETTINGS, faults, bootId: 5 });
    const mount = await openMount(`serial:${line.devicePath}`, device.accept, { timers });
    const ended = new AbortController();
    const paced = paceDevice(device, { driftPpm: 0, signal: ended.signal });
    try {
      const results = await askPatiently(async (only) => {
        const report = await runConformance({
          transport: openTransport(`serial:${line.hostPath}`, { timers }),
          timers,
          signal: new AbortController().signal,
          profile: createWideProfile(STIMULATED),
          stimulate: true,
          only,
        });
        return report.results;
      });
      expect(
        results.filter(({ outcome }) => outcome.type === 'failed').map((result) => JSON.stringify(result)),
      ).toEqual([]);
      // A port can be opened once.
      const skipped = results.filter(({ outcome }) => outcome.type === 'skipped');
      expect(skipped.map(({ id }) => id)).toEqual(['hello-one-controller', 'link-taken-over']);
      expect(JSON.stringify(skipped)).toContain('a second link cannot be opened');
      expect(results.length).toBe(CONFORMANCE_CHECKS.length);
    } finally {
      ended.abort();
      await paced;
      await device.close();
      await mount.close();
      await line.end();
    }
  });
});
