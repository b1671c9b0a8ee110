import { expect } from 'vitest';
import type { SerialPortLike } from '../../protocols/mea-link/serial-link.js';
import { checkPattern, type CheckedPattern } from '../../protocols/stimulation/gate.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds } from '../../protocols/units.js';
import { createVirtualTimers, type VirtualTimers } from '../../protocols/virtual-timers.js';
import { FacadePort } from '../../sim-device/facades/facade-port.js';
import type { SerialFacade } from '../../sim-device/facades/serial-facade.js';
import type { Stimulator } from '../../drivers/parts/stimulator.js';
import { createWideProfile } from './wide-profile.js';

export const PORT = '/dev/facade';

/** A facade behind a port in this process, in virtual time. */
export interface FacadeBench {
  readonly timers: VirtualTimers;
  readonly port: FacadePort;
  /** Ports that a driver asked for, in their order. */
  readonly opened: readonly string[];
  readonly openPort: (path: string) => Promise<SerialPortLike>;
  /** Lets time pass for the driver and for the device. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets time pass until a promise is settled, 20 s at most, and gives what it gives. */
  until<T>(promise: Promise<T>): Promise<T>;
}

export function createFacadeBench(facade: SerialFacade, pieceBytes?: number): FacadeBench {
  const timers = createVirtualTimers();
  const port = new FacadePort(facade, pieceBytes);
  const opened: string[] = [];
  const pass = async (ms: number): Promise<void> => {
    await timers.advanceAsync(0);
    for (let passed = 0; passed < ms; passed++) {
      facade.advance(1000);
      await timers.advanceAsync(1);
    }
  };
  return {
    timers,
    port,
    opened,
    openPort: (path) => {
      opened.push(path);
      return Promise.resolve(port);
    },
    pass,
    until: async (promise) => {
      const state: { isSettled: boolean } = { isSettled: false };
      const settled = promise.finally(() => {
        state.isSettled = true;
      });
      settled.catch(() => undefined);
      for (let ms = 0; !state.isSettled && ms < 20_000; ms++) await pass(1);
      if (!state.isSettled) throw new Error('not settled within 20 s of virtual time');
      return settled;
    },
  };
}

/** A pulse on an electrode, from pairs of uA and us. */
export function createPulse(electrode: number, phases: readonly (readonly [number, number])[]): Pulse {
  return {
    electrode,
    phases: phases.map(([currentUa, us]) => ({ currentUa: microamps(currentUa), durationUs: microseconds(us) })),
  };
}

/** A pattern as the gate makes it for a stimulator, under wide limits. */
export function checkFor(stimulator: Stimulator, pulses: readonly Pulse[]): CheckedPattern {
  const { stimulation } = stimulator.description;
  const verdict = checkPattern(
    { slot: 0, pulses },
    {
      profile: createWideProfile(stimulation.electrodes, { maxCurrentUa: microamps(300), complianceV: 100 }),
      capabilities: stimulation,
      sampleRateHz: 20_000,
      profileAgeS: 0,
    },
  );
  if (verdict.type === 'accepted') return verdict.pattern;
  throw new Error(verdict.refusals.map(({ message }) => message).join('; '));
}

/** Matchers whose type says that nothing is known of what they match. */
export function near(value: number): unknown {
  return expect.closeTo(value, 3);
}
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}
