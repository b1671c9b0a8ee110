import { describe, expect, it } from 'vitest';
import { connectMeaLink } from '../drivers/mea-link/connect-mea-link.js';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import { runRuleLoop, type RuleLoopResult } from '../examples/closed-loop-rule/rule-loop.js';
import { EXAMPLE_PATTERN, EXAMPLE_RULE, exampleDetector } from '../examples/closed-loop-rule/settings.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import type { SafetyProfile } from '../protocols/stimulation/safety-profile.js';
import { microamps } from '../protocols/units.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { createVirtualTimers } from './helpers/virtual-timers.js';
import { createWideProfile } from './helpers/wide-profile.js';

interface Outcome {
  readonly result: RuleLoopResult;
  readonly lines: readonly string[];
  /** Samples at which the device pulsed, and whether it was armed at the end. */
  readonly pulses: readonly number[];
  readonly isArmed: boolean;
  readonly state: string;
}

/** The example against the emulator in virtual time; network bursts of the emulated culture set the rule off. */
async function runExample(changes: Partial<SafetyProfile> = {}, durationMs = 8000): Promise<Outcome> {
  const timers = createVirtualTimers();
  const hub = new MemoryHub();
  const pulses: number[] = [];
  const rig = createEmulatedRig({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 5, electrodes: 16, inputs: 8 },
    activity: { burstHz: 1, burstSpikesPerUnit: 2, amplitudeMedianUv: 120 },
    onTruth: (record) => {
      if (record.type === 'stimulus') pulses.push(record.sample);
    },
  });
  const emulated = new EmulatedDevice({
    rig,
    settings: DEFAULT_DEVICE_SETTINGS,
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
  });
  hub.listen(emulated.accept);
  const tick = (): void => {
    emulated.advance(rig.sampleRateHz / 1000);
    timers.after(1, tick);
  };
  timers.after(1, tick);
  const outcome: { lines: string[]; ended?: Outcome; error?: unknown } = { lines: [] };
  const run = async (): Promise<Outcome> => {
    const transport = createMemoryTransport(hub);
    const device = await connectMeaLink({ transport, timers, client: 'test' }, new AbortController().signal);
    try {
      const result = await runRuleLoop({
        device,
        timers,
        profile: createWideProfile([0], changes),
        rule: EXAMPLE_RULE,
        pattern: EXAMPLE_PATTERN,
        createPipeline: exampleDetector(device.capabilities),
        blockFrames: 20,
        leadMs: 20,
        durationMs,
        signal: new AbortController().signal,
        print: (line) => outcome.lines.push(line),
      });
      const { armed, state } = await device.status();
      return { result, lines: outcome.lines, pulses, isArmed: armed, state };
    } finally {
      await device.close();
    }
  };
  const settled: { is: boolean } = { is: false };
  const running = run().finally(() => {
    settled.is = true;
  });
  running.catch(() => undefined);
  for (let ms = 0; ms < 2 * durationMs + 10_000 && !readIs(settled); ms++) await timers.advanceAsync(1);
  return running;
}

function readIs({ is }: { readonly is: boolean }): boolean {
  return is;
}

describe('the example of a closed loop with one rule', () => {
  it('stimulates the emulated culture when its electrodes fire, and says which spikes caused it', async () => {
    const { result, lines, pulses, isArmed, state } = await runExample();
    expect(result.refusals).toEqual([]);
    expect(result.requests.length).toBeGreaterThanOrEqual(2);
    expect(result.responses).toHaveLength(result.requests.length);
    expect(pulses).toHaveLength(result.requests.length);
    for (const [k, { cause }] of result.requests.entries()) {
      const { delivery, deliveredSample, pulsedElectrodes } = result.responses[k]!;
      expect([delivery, pulsedElectrodes]).toEqual(['delivered', [0]]);
      expect(deliveredSample).toBe(pulses[k]);
      expect(cause.electrodes.length).toBeGreaterThanOrEqual(3);
      expect(cause.lastSample - cause.firstSample).toBeLessThanOrEqual(400);
      // The block that held the last spike, and the lead of 20 ms.
      expect(deliveredSample - cause.lastSample).toBeGreaterThan(400 - 20);
      expect(deliveredSample - cause.lastSample).toBeLessThanOrEqual(400 + 20 + 20);
      expect(lines.join('\n')).toContain(`in samples ${cause.firstSample} to ${cause.lastSample}`);
    }
    expect([isArmed, state]).toEqual([false, 'ready']);
    expect(result.latency.loop.count).toBe(result.requests.length);
    expect(result.latency.trial.count).toBe(result.responses.length);
  });

  it('gives the same results again', async () => {
    const [once, again] = [await runExample(), await runExample()];
    expect(again.result.requests).toEqual(once.result.requests);
    expect(again.result.responses).toEqual(once.result.responses);
  });

  it('sends nothing that the gate refuses, and says why', async () => {
    const { result, pulses } = await runExample({ maxCurrentUa: microamps(10) });
    expect(result.requests.length).toBeGreaterThanOrEqual(2);
    expect(result.refusals).toHaveLength(result.requests.length);
    expect(result.refusals[0]).toContain('current: ');
    expect([pulses, result.responses]).toEqual([[], []]);
  });
});
