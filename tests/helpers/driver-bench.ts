import { connectMeaLink } from '../../drivers/mea-link/connect-mea-link.js';
import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import type { DriverOptions } from '../../drivers/mea-link/driver-options.js';
import type { RigDevice } from '../../drivers/rig-device.js';
import type { Command } from '../../protocols/mea-link/messages.js';
import { createStimHistory } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus, type CheckedStimCommand } from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../protocols/units.js';
import { SCRIPTED_CAPABILITIES, ScriptedDevice } from './scripted-device.js';
import { createVirtualTimers, type VirtualTimers } from './virtual-timers.js';

/** Limits that `checkedStimulus` keeps. */
export const PROFILE: SafetyProfile = {
  name: 'test',
  source: 'made up',
  electrodes: [0, 1].map((electrode) => ({ electrode, areaUm2: 2500, impedanceOhm: 1000, masked: false })),
  impedanceAgeS: seconds(0),
  maxImpedanceAgeS: seconds(3600),
  maxCurrentUa: microamps(40),
  minPhaseUs: microseconds(100),
  maxPhaseUs: microseconds(500),
  maxPhases: 2,
  maxChargePerPhaseNc: 10,
  maxChargeDensityUcPerCm2: 500,
  maxImbalance: 0.005,
  netChargeBudgetNc: 10,
  leadingPolarity: 'either',
  minInterphaseGapUs: microseconds(0),
  complianceV: 10,
  minIntervalMs: milliseconds(10),
  maxRateHz: hertz(10),
  maxDuty: 0.5,
  maxChargePerSecondNc: 1000,
  maxSimultaneous: 2,
  maxSummedCurrentUa: microamps(100),
  maxStimuliPerSession: 1000,
  maxChargePerSessionNc: 1e6,
};

/** A biphasic pulse on electrode 0 that the gate let pass. */
export function checkedStimulus(
  stimulusId: number,
  options: { slot?: number; currentUa?: number } = {},
): CheckedStimCommand {
  const { slot = 0, currentUa = 10 } = options;
  const phases = [
    { currentUa: microamps(-currentUa), durationUs: microseconds(200) },
    { currentUa: microamps(currentUa), durationUs: microseconds(200) },
  ];
  const verdict = checkStimulus(
    { stimulusId, pattern: { slot, pulses: [{ electrode: 0, phases }] }, at: { type: 'now' } },
    {
      profile: PROFILE,
      capabilities: SCRIPTED_CAPABILITIES.stimulation!,
      sampleRateHz: 20_000,
      profileAgeS: 0,
      nowSample: 0,
      arming: { armed: true, untilSample: Infinity },
      history: createStimHistory(),
    },
  );
  if (verdict.type === 'refused') throw new Error(JSON.stringify(verdict.refusals));
  return verdict.command;
}

/** A driver connected to a scripted device, in virtual time. */
export interface Bench {
  readonly timers: VirtualTimers;
  readonly fake: ScriptedDevice;
  readonly device: RigDevice;
  readonly events: DeviceEvent[];
  /** Lets time pass until the promise is settled. */
  readonly settle: <T>(promise: Promise<T>, limitMs?: number) => Promise<T>;
  readonly errorOf: (promise: Promise<unknown>, limitMs?: number) => Promise<unknown>;
}

function createSettle(timers: VirtualTimers): Bench['settle'] {
  return async (promise, limitMs = 40_000) => {
    const settled = new Set<string>();
    const note = (): void => void settled.add('settled');
    promise.then(note, note);
    for (let ms = 0; ms < limitMs && settled.size === 0; ms++) await timers.advanceAsync(1);
    if (settled.size === 0) throw new Error(`not settled after ${limitMs} ms`);
    return promise;
  };
}

/** Connects; everything else is up to the test. */
export async function openBench(
  options: Partial<DriverOptions> = {},
  setUp: (fake: ScriptedDevice) => void = () => undefined,
): Promise<Bench> {
  const timers = createVirtualTimers();
  const fake = new ScriptedDevice({ timers, startSequence: 2 ** 32 - 5 });
  setUp(fake);
  let tokens = 0;
  const settle = createSettle(timers);
  const randomBytes = (length: number): Uint8Array => {
    tokens += 1;
    return new Uint8Array(length).fill(tokens);
  };
  const connecting = connectMeaLink(
    { transport: fake, timers, client: 'test 0', options: { randomBytes, ...options } },
    new AbortController().signal,
  );
  const device = await settle(connecting);
  const events: DeviceEvent[] = [];
  device.events$.subscribe((event) => events.push(event));
  const errorOf: Bench['errorOf'] = (promise, limitMs) =>
    settle(
      promise.then(
        () => {
          throw new Error('it did not fail');
        },
        (error: unknown) => error,
      ),
      limitMs,
    );
  return { timers, fake, device, events, settle, errorOf };
}

/** The same, configured, running and armed. */
export async function openArmedBench(options: Partial<DriverOptions> = {}): Promise<Bench> {
  const bench = await openBench({ mainStallMs: 1e6, ...options });
  const { device, fake, settle } = bench;
  const { profileHash } = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
  await settle(device.start());
  await settle(device.arm({ serialNumber: fake.capabilities.serialNumber, profileHash }));
  return bench;
}

/** Types of the events, in order. */
export const typesOf = (events: readonly DeviceEvent[]): string[] => events.map(({ type }) => type);
/** The events of one type. */
export const ofType = <Type extends DeviceEvent['type']>(
  events: readonly DeviceEvent[],
  type: Type,
): Extract<DeviceEvent, { readonly type: Type }>[] =>
  events.filter((event): event is Extract<DeviceEvent, { readonly type: Type }> => event.type === type);
/** How many commands of a type the device got, repetitions included. */
export const countCommands = (fake: ScriptedDevice, type: Command['type']): number =>
  fake.commandTypes().filter((one) => one === type).length;
