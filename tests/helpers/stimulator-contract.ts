import { describe, expect, test } from 'vitest';
import type { Stimulator } from '../../drivers/parts/stimulator.js';
import { isMeaError } from '../../protocols/errors.js';
import { checkPattern, type CheckedPattern } from '../../protocols/stimulation/gate.js';
import type { Pulse, PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import { createWideProfile } from './wide-profile.js';

/** A stimulator on its facade. */
export interface StimulatorBench {
  readonly stimulator: Stimulator;
  /** Where triggers need an acquisition that runs, and programming none. */
  readonly acquisition?: { readonly start: () => Promise<void>; readonly stop: () => Promise<void> };
  /** The pulse that groups are programmed with; one that the device makes exactly. */
  readonly phases: readonly PulsePhase[];
  readonly sampleRateHz: number;
  /** Lets so much of the facade's time pass. */
  readonly runFor: (ms: number) => Promise<void>;
  /** What has come out at electrodes so far, one entry for each moment at which pulses began. */
  readonly delivered: () => readonly (readonly Pulse[])[];
  readonly close: () => Promise<void>;
}

/**
 * What every stimulator must keep, whatever it speaks.
 *
 * @param open a fresh one for every test
 */
export function describeStimulatorContract(name: string, open: () => Promise<StimulatorBench>): void {
  const withBench = async (use: (bench: StimulatorBench) => Promise<void>): Promise<void> => {
    const bench = await open();
    try {
      await use(bench);
    } finally {
      await bench.stimulator.close();
      await bench.close();
    }
  };

  describe(`the stimulator contract, ${name}`, () => {
    test('describes groups that it can stimulate', async () => {
      await withBench(({ stimulator }) => {
        const { groups, stimulation, maxTogether, device, serialNumber } = stimulator.description;
        expect(groups.length).toBeGreaterThan(0);
        expect(maxTogether).toBeGreaterThan(0);
        expect(`${device}${serialNumber}`).not.toBe('');
        const electrodes = groups.flatMap((group) => group.electrodes);
        expect(new Set(electrodes).size).toBe(electrodes.length);
        for (const electrode of electrodes) expect(stimulation.electrodes).toContain(electrode);
        return Promise.resolve();
      });
    });

    test('lets nothing out when it is triggered before it is programmed', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        await acquire(bench);
        await settle(stimulator.fire([0]).catch(assertMeaError), runFor);
        await runFor(100);
        expect(currents(delivered())).toEqual([]);
      });
    });

    test('tries its triggers before it is programmed, lets nothing out by that, and refuses it afterwards', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        await acquire(bench);
        for (const group of stimulator.description.groups.keys()) {
          await settle(stimulator.tryTrigger(group), runFor);
          await runFor(100);
        }
        expect(currents(delivered())).toEqual([]);
        await program(bench);
        await acquire(bench);
        await settle(expectRefused(stimulator.tryTrigger(0)), runFor);
        await runFor(100);
        expect(currents(delivered())).toEqual([]);
      });
    });

    test('gives each group its pulses, exactly as they were checked', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered, phases } = bench;
        await program(bench);
        await acquire(bench);
        for (const [group, { electrodes }] of stimulator.description.groups.entries()) {
          const before = delivered().length;
          await settle(stimulator.fire([group]), runFor);
          await runFor(100);
          const now = delivered().slice(before).flat();
          expect(now.map(({ electrode }) => electrode).sort((a, b) => a - b)).toEqual(electrodes);
          for (const pulse of now) expect(withCurrent(pulse)).toEqual(phases);
        }
      });
    });

    test('fires as many groups together as it says, at one moment', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        const { groups, maxTogether } = stimulator.description;
        await program(bench);
        await acquire(bench);
        const together = groups.slice(0, maxTogether).map((_, group) => group);
        await settle(stimulator.fire(together), runFor);
        await runFor(100);
        const moments = delivered();
        expect(moments).toHaveLength(1);
        const wanted = together.flatMap((group) => groups[group]!.electrodes).sort((a, b) => a - b);
        expect(moments[0]!.map(({ electrode }) => electrode).sort((a, b) => a - b)).toEqual(wanted);
        if (maxTogether >= groups.length) return;
        const tooMany = groups.slice(0, maxTogether + 1).map((_, group) => group);
        await settle(expectRefused(stimulator.fire(tooMany)), runFor);
        expect(delivered()).toHaveLength(1);
      });
    });

    test('takes nothing that the gate has not let pass, and no pattern of another group', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        const programs = programsOf(bench);
        await settle(expectRefused(programForged(stimulator, programs)), runFor);
        if (programs.length > 1) await settle(expectRefused(stimulator.program([...programs].reverse())), runFor);
        await settle(expectRefused(stimulator.program(programs.slice(1))), runFor);
        await acquire(bench);
        await settle(stimulator.fire([0]).catch(assertMeaError), runFor);
        await runFor(100);
        expect(currents(delivered())).toEqual([]);
      });
    });

    test.each(['sure', 'hold'] as const)(
      'lets nothing out after all was switched off (%s), until it is programmed again',
      async (how) => {
        await withBench(async (bench) => {
          const { stimulator, runFor, delivered } = bench;
          await program(bench);
          await acquire(bench);
          await settle(stimulator.allOff({ how }), runFor);
          await rest(bench);
          await acquire(bench);
          await settle(expectRefused(stimulator.fire([0])), runFor);
          await runFor(100);
          expect(currents(delivered())).toEqual([]);
          await program(bench);
          await acquire(bench);
          await settle(stimulator.fire([0]), runFor);
          await runFor(100);
          expect(currents(delivered()).length).toBe(stimulator.description.groups[0]!.electrodes.length);
        });
      },
    );

    test('lets its triggers be tried again once all was switched off for sure', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        await program(bench);
        await acquire(bench);
        await settle(stimulator.allOff(), runFor);
        await rest(bench);
        await acquire(bench);
        await settle(stimulator.tryTrigger(0), runFor);
        await runFor(100);
        expect(currents(delivered())).toEqual([]);
      });
    });

    test('is not programmed when it is switched off meanwhile', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        const programming = stimulator.program(programsOf(bench));
        programming.catch(() => undefined);
        await settle(stimulator.allOff(), runFor);
        await settle(expectRefused(programming), runFor);
        await acquire(bench);
        await settle(expectRefused(stimulator.fire([0])), runFor);
        await runFor(100);
        expect(currents(delivered())).toEqual([]);
      });
    });

    test('is closed twice, and fires nothing then', async () => {
      await withBench(async (bench) => {
        const { stimulator, runFor, delivered } = bench;
        await program(bench);
        await acquire(bench);
        await settle(stimulator.close(), runFor);
        await settle(stimulator.close(), runFor);
        await settle(expectRefused(stimulator.fire([0])), runFor);
        await runFor(100);
        expect(currents(delivered())).toEqual([]);
      });
    });
  });
}

function programsOf({ stimulator, phases, sampleRateHz }: StimulatorBench): readonly CheckedPattern[] {
  const { groups, stimulation } = stimulator.description;
  const profile = createWideProfile(groups.flatMap(({ electrodes }) => electrodes));
  return groups.map(({ electrodes }) => {
    const pulses = electrodes.map((electrode) => ({ electrode, phases }));
    const verdict = checkPattern(
      { slot: 0, pulses },
      { profile, capabilities: stimulation, sampleRateHz, profileAgeS: 0 },
    );
    if (verdict.type === 'accepted') return verdict.pattern;
    throw new Error(JSON.stringify(verdict.refusals));
  });
}

async function program(bench: StimulatorBench): Promise<void> {
  await rest(bench);
  await settle(bench.stimulator.program(programsOf(bench)), bench.runFor);
}

/** The acquisition runs, where there is one. */
async function acquire({ acquisition, runFor }: StimulatorBench): Promise<void> {
  if (acquisition !== undefined) await settle(acquisition.start(), runFor);
}

async function rest({ acquisition, runFor }: StimulatorBench): Promise<void> {
  if (acquisition !== undefined) await settle(acquisition.stop(), runFor);
}

/** What a plain JavaScript caller could do. */
function programForged(stimulator: Stimulator, programs: readonly CheckedPattern[]): Promise<unknown> {
  const program: unknown = Reflect.get(stimulator, 'program');
  if (typeof program !== 'function') throw new Error('no method');
  const forged = programs.map(({ slot, pulses }) => ({ slot, pulses }));
  return Promise.resolve(Reflect.apply(program, stimulator, [forged]));
}

/** Pulses that carry a current: a trigger with everything off may be told, and moves no charge. */
function currents(moments: readonly (readonly Pulse[])[]): readonly Pulse[] {
  return moments.flat().filter((pulse) => withCurrent(pulse).length > 0);
}

/** Its phases without gaps. */
function withCurrent({ phases }: Pulse): readonly PulsePhase[] {
  return phases.filter(({ currentUa }) => currentUa !== 0);
}

async function settle<T>(promise: Promise<T>, runFor: StimulatorBench['runFor']): Promise<T> {
  const state = { isSettled: false };
  const settled = promise.finally(() => (state.isSettled = true));
  settled.catch(() => undefined);
  for (let turn = 0; turn < 400 && !state.isSettled; turn++) await runFor(10);
  return settled;
}

async function expectRefused(promise: Promise<unknown>): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isMeaError(error)).toBe(true);
}

function assertMeaError(error: unknown): void {
  if (!isMeaError(error)) throw error;
}
