import { describe, expect, it } from 'vitest';
import { CONFORMANCE_CHECKS } from './all-checks.js';
import type { Command } from '../../protocols/mea-link/messages.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, seconds } from '../../protocols/units.js';
import { runVirtually } from '../../tests/helpers/conformance-device.js';
import { createChannellessLies } from '../../tests/helpers/channelless-lies.js';
import { createLyingTransport, type Lies } from '../../tests/helpers/lying-transport.js';
import { createWideProfile } from '../../tests/helpers/wide-profile.js';
import { findTestPulse } from './test-pulse.js';

describe('the conformance kit', () => {
  it('names each check once, after what it is about', () => {
    const ids = CONFORMANCE_CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)*$/.test(id))).toEqual([]);
  });

  it('finds that the emulated device keeps every promise', async () => {
    const { report, pendingTimers } = await runVirtually();
    expect(report.results.filter(({ outcome }) => outcome.type !== 'passed')).toEqual([]);
    expect(report.passed).toBe(CONFORMANCE_CHECKS.length);
    expect(pendingTimers).toBe(0);
  });
});

function withoutChannels(honest: Transport): Transport {
  return createLyingTransport(honest, createChannellessLies());
}

/** Limits that become tighter when they become larger; all other numbers when they become smaller. */
const LEAST = ['minPhaseUs', 'minInterphaseGapUs', 'minIntervalMs', 'impedanceAgeS'];

describe('a run of the kit', () => {
  const profile = createWideProfile([0, 2, 3]);

  /** Listens to what the kit sends. */
  async function overhear(options: { readonly stimulate: boolean; readonly emulated: boolean }) {
    const commands: Command[] = [];
    const lies: Lies = {
      toDevice: (message) => {
        if (message.type === 'command') commands.push(message.command);
        return message;
      },
      toHost: (message) =>
        message.type === 'reply' && message.result.type === 'hello'
          ? {
              ...message,
              result: {
                ...message.result,
                capabilities: { ...message.result.capabilities, emulated: options.emulated },
              },
            }
          : message,
    };
    const run = await runVirtually({
      stimulate: options.stimulate,
      profile,
      disguise: (honest) => createLyingTransport(honest, () => lies),
    });
    return { ...run, commands };
  }

  it('arms nothing on a real device unless it is told to, and says what it left out', async () => {
    const { report, acts, commands, failed } = await overhear({ stimulate: false, emulated: false });
    expect(failed).toEqual([]);
    const driven = CONFORMANCE_CHECKS.filter(({ electrodes }) => electrodes === 'driven');
    expect(driven.length).toBeGreaterThan(30);
    expect(report.skipped).toBe(driven.length);
    expect(acts.filter(({ type }) => type === 'deliver')).toEqual([]);
    expect(commands.filter(({ type }) => type === 'measure-impedance')).toEqual([]);
    // Three that must be refused, and one in a device that was never configured.
    expect(commands.filter(({ type }) => type === 'arm')).toHaveLength(4);
    // Of slot 0, which held the empty pattern at most.
    const triggered = commands.flatMap((command) => (command.type === 'trigger' ? [command.slot] : []));
    expect(new Set(triggered)).toEqual(new Set([0]));
  });

  it('drives a real device when it is told to', async () => {
    const { report, acts } = await overhear({ stimulate: true, emulated: false });
    expect(report.skipped).toBe(0);
    expect(acts.filter(({ type }) => type === 'deliver').length).toBeGreaterThan(5);
  });

  it('never configures a limit that is wider than the rig allows', async () => {
    const { commands } = await overhear({ stimulate: true, emulated: true });
    const sent = commands.flatMap((command) => (command.type === 'configure' ? [command.safetyProfile] : []));
    expect(sent.length).toBeGreaterThan(50);
    const limits = Object.entries(profile).flatMap(([key, value]) =>
      typeof value === 'number' ? [[key, value] as const] : [],
    );
    expect(limits.length).toBeGreaterThan(15);
    for (const candidate of sent) {
      const numbers = new Map(Object.entries(candidate));
      for (const [key, limit] of limits) {
        const number = Number(numbers.get(key));
        if (LEAST.includes(key)) expect(number, key).toBeGreaterThanOrEqual(limit);
        else expect(number, key).toBeLessThanOrEqual(limit);
      }
      for (const entry of candidate.electrodes) {
        const own = profile.electrodes.find(({ electrode }) => electrode === entry.electrode);
        expect(entry.areaUm2).toBe(own?.areaUm2);
        if (!entry.masked && entry.impedanceOhm !== null) expect(entry.impedanceOhm).toBe(own?.impedanceOhm);
      }
    }
  });

  it('lets no pulse leave that is near a limit of the rig, and only few', async () => {
    const pulses: Pulse[] = [];
    await runVirtually({ profile, onDeliver: (delivered) => pulses.push(...delivered) });
    expect(pulses.length).toBeGreaterThan(2);
    expect(pulses.length).toBeLessThan(10);
    for (const { phases } of pulses) {
      for (const { currentUa, durationUs } of phases) {
        expect(Math.abs(currentUa)).toBeLessThanOrEqual(0.4 * profile.maxCurrentUa);
        expect(Math.abs(currentUa) * durationUs).toBeLessThanOrEqual(400 * profile.maxChargePerPhaseNc);
      }
    }
  });

  it('sends no pulse that the gate refuses under the limits of the rig', async () => {
    const accepted: Pulse[] = [];
    /** Opens the lies of a link: none, but each upload that is not refused is noted. */
    const listen = (): Lies => {
      const uploads = new Map<number, readonly Pulse[]>();
      return {
        toDevice: (message) => {
          if (message.type === 'command' && message.command.type === 'upload-pattern') {
            uploads.set(message.commandId, message.command.pattern.pulses);
          }
          return message;
        },
        toHost: (message) => {
          if (message.type === 'reply' && message.result.type === 'done') {
            accepted.push(...(uploads.get(message.commandId) ?? []));
          }
          return message;
        },
      };
    };
    const { report, acts } = await runVirtually({
      // The test pulse lasts longer than that within a second, which only the gate finds before it is sent.
      profile: { ...profile, maxDuty: 1e-5 },
      disguise: (honest) => createLyingTransport(honest, listen),
    });
    // What is there to be refused was uploaded, and refused.
    expect(accepted).toEqual([]);
    expect(acts.filter((act) => act.type === 'deliver' && act.electrodes.length > 0)).toEqual([]);
    const reasons = report.results.flatMap(({ outcome }) => (outcome.type === 'skipped' ? [outcome.reason] : []));
    expect(reasons.filter((reason) => reason.includes('the gate refuses')).length).toBeGreaterThan(10);
    expect(report.failed).toBe(0);
  });

  it('skips what a device without recording channels cannot be asked', async () => {
    const { report, failed } = await runVirtually({ disguise: withoutChannels });
    expect(failed).toEqual([]);
    const skipped = report.results.filter(({ outcome }) => outcome.type === 'skipped');
    expect(new Set(skipped.map(({ outcome }) => JSON.stringify(outcome)))).toEqual(
      new Set([JSON.stringify({ type: 'skipped', reason: 'the device has no recording channels' })]),
    );
    expect(skipped.map(({ id }) => id)).toContain('stream-started');
    expect(report.results.find(({ id }) => id === 'resume-same-bytes')?.outcome).toEqual({ type: 'passed' });
  });

  it('goes on after a check that stumbles, which counts as failed', async () => {
    const { report } = await runVirtually({
      only: 'impedance-',
      disguise: (honest) => {
        let links = 0;
        return {
          address: honest.address,
          connect: (handler, signal) => {
            links += 1;
            if (links === 2) throw new TypeError('a stumble');
            return honest.connect(handler, signal);
          },
        };
      },
    });
    const [first, second] = report.results.map(({ outcome }) => outcome);
    expect(first).toMatchObject({ type: 'failed', got: 'an unexpected error: a stumble' });
    expect(second).toEqual({ type: 'passed' });
  });

  it.each([
    { wrong: 'nothing', rig: {}, electrodes: [0, 2, 3], fails: [] },
    { wrong: 'the rate', rig: { sampleRateHz: 25_000 }, electrodes: [0, 2, 3], fails: ['rig-sample-rate'] },
    { wrong: 'the array', rig: { electrodeCount: 64 }, electrodes: [0, 2, 3], fails: ['rig-array'] },
    { wrong: 'an electrode', rig: {}, electrodes: [0, 9], fails: ['rig-electrodes'] },
    { wrong: 'an output', rig: {}, electrodes: [1], fails: ['rig-electrodes'] },
  ])('holds the rig file against the device: $wrong is wrong', async ({ rig, electrodes, fails }) => {
    const { report, failed } = await runVirtually({
      rig: { sampleRateHz: 20_000, electrodeCount: 4, ...rig },
      only: 'rig-',
      profile: createWideProfile(electrodes),
    });
    expect(report.results).toHaveLength(3);
    expect(failed).toEqual(fails);
  });

  it('does not compare the array of a device without channels', async () => {
    const { report } = await runVirtually({
      disguise: withoutChannels,
      rig: { sampleRateHz: 20_000, electrodeCount: 64 },
      only: 'rig-',
    });
    expect(report.results.map(({ outcome }) => outcome.type)).toEqual(['passed', 'skipped', 'passed']);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const run = runVirtually({
      signal: stop.signal,
      onResult: ({ id }) => {
        if (id === 'hello-version') stop.abort(new Error('enough'));
      },
    });
    await expect(run).rejects.toThrow('enough');
  });

  it('finds a pulse only where the limits leave room for one', () => {
    const stimulation = {
      electrodes: [0, 2, 3],
      currentStepUa: 0.1,
      maxCurrentUa: 100,
      timeStepUs: 10,
      maxPhases: 3,
      slots: 1,
      queueLength: 1,
      scheduling: 'at-sample',
      delivery: 'acknowledged',
      maxAheadMs: 1000,
    } as const;
    expect(findTestPulse(profile, stimulation)).toMatchObject({ currentSteps: 120, widthSteps: 10 });
    expect(findTestPulse({ ...profile, electrodes: [] }, stimulation)).toMatch(/no electrode/);
    expect(findTestPulse({ ...profile, maxCurrentUa: microamps(0.3) }, stimulation)).toMatch(/less than two steps/);
    expect(findTestPulse({ ...profile, impedanceAgeS: seconds(2e6) }, stimulation)).toMatch(/out of date/);
    expect(findTestPulse({ ...profile, maxPhases: 1 }, stimulation)).toMatch(/two phases/);
  });
});
