import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hertz, milliseconds } from '../protocols/units.js';
import { startRigWorker } from '../src/pipeline/worker/start-rig-worker.js';
import type { RigWorker } from '../src/pipeline/worker/rig-worker.js';
import { createWideProfile } from '../tests/helpers/wide-profile.js';

export const LOOP_CHANNELS = 64;
const CHANNELS = LOOP_CHANNELS;
const BLOCK_FRAMES = 20;
const LEAD_MS = 20;
const DEVICE = fileURLToPath(new URL('../tests/programs/latency-device.js', import.meta.url));

/** What the device heard, by its own clock. */
export interface LoopReport {
  readonly loopUs: readonly number[];
  readonly refused: number;
  /** The device's process wanted to run and got no processor: in all, and at most. */
  readonly heldUpMs: number;
  readonly longestHoldMs: number;
}

/** An emulated device in a process of its own, and a rig's worker whose rule answers about every block of 1 ms. */
export interface LoopRig {
  readonly rig: RigWorker;
  /** Configures, starts and arms it. */
  arm(): Promise<void>;
  /** Forgets what was heard so far. */
  clear(): void;
  report(): Promise<LoopReport>;
  close(): Promise<void>;
}

export async function openLoopRig(): Promise<LoopRig> {
  const device = spawn(process.execPath, [DEVICE, String(CHANNELS), String(LEAD_MS * 20)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: device.stdout })[Symbol.asyncIterator]();
  const address = String((await lines.next()).value);
  const rig = await startRigWorker({
    address,
    client: 'loop latency',
    driver: { mainStallMs: 2000, armedForMs: 1000, silenceMs: 2000 },
    detector: { noise: { mode: 'adaptive', settleMs: 1000 }, artefacts: { mode: 'off' } },
    streams: { rates: { intervalMs: milliseconds(100) }, traces: { samplesPerPoint: 200, pointsPerTrace: 10 } },
    rules: [
      {
        name: 'every block',
        when: {
          electrodes: Array.from({ length: CHANNELS }, (_, electrode) => electrode),
          withinMs: milliseconds(0),
          minimum: 1,
          refractoryMs: milliseconds(0.9),
          maxPerSecond: 1000,
          maxTriggers: 1e9,
        },
        pattern: { slot: 0, pulses: [] },
        leadMs: milliseconds(LEAD_MS),
        // The next command goes when the last one was answered: none queues, and as many are sent as fit.
        maxUnanswered: 1,
      },
    ],
  });
  return {
    rig,
    arm: async () => {
      const electrodes = rig.capabilities.stimulation!.electrodes;
      const safetyProfile = createWideProfile(electrodes, {
        maxStimuliPerSession: 1e9,
        maxRateHz: hertz(1e4),
        minIntervalMs: milliseconds(0.5),
        maxDuty: 1,
      });
      const { profileHash } = await rig.configure({ blockFrames: BLOCK_FRAMES, safetyProfile });
      await rig.start();
      await rig.arm({ serialNumber: rig.capabilities.serialNumber, profileHash });
    },
    clear: () => {
      device.stdin.write('clear\n');
    },
    report: async () => {
      device.stdin.write('report\n');
      const report: unknown = JSON.parse(String((await lines.next()).value));
      return readReport(report);
    },
    close: async () => {
      const ended = once(device, 'exit');
      await rig.close();
      await ended;
    },
  };
}

function readReport(report: unknown): LoopReport {
  const read = (name: string): unknown => {
    if (typeof report === 'object' && report !== null && name in report) return Reflect.get(report, name);
    throw new Error(`the device told nothing of ${name}`);
  };
  return {
    loopUs: toNumbers(read('latenciesUs')),
    refused: Number(read('refused')),
    heldUpMs: Number(read('heldUpMs')),
    longestHoldMs: Number(read('longestHoldMs')),
  };
}

/** Numbers that came from elsewhere. */
export function toNumbers(value: unknown): readonly number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}
