import { defineConfig } from 'vitest/config';

/**
 * Tests in which programs keep time with each other: a watchdog of 100 ms, a heartbeat of 50 ms. They run after all others,
 * one file at a time, so that what they measure is not the rest of the suite.
 */
const REAL_TIME = [
  'another-boot',
  'bridge-example',
  'check-command',
  'check-serial',
  'combined-rigs',
  'dead-man',
  'devices-off',
  'docker-compose',
  'emergency-stop',
  'external-policy',
  'external-policy-on-device',
  'firmware-example',
  'open-ephys',
  'open-ephys-strangers',
  'rearm-on-device',
  'record-on-device',
  'record-on-faults',
  'rig-worker',
  'run-on-device',
  'same-on-every-mount',
  'slow-consumer',
  'stop-command',
  'stop-on-terminal',
].map((name) => `tests/${name}.test.ts`);

const ALL = ['{protocols,drivers,src,sim-device,tests}/**/*.test.ts'];

export default defineConfig({
  test: {
    // The slowest tests fit whole experiments; a loaded two-core machine needs the room.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'together', include: ALL, exclude: REAL_TIME } },
      {
        extends: true,
        test: {
          name: 'alone',
          include: REAL_TIME,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          // What fails because the machine is busy is asked again.
          testTimeout: 300_000,
        },
      },
    ],
  },
});
