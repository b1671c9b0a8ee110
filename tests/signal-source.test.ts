import { concatMap, filter, firstValueFrom, from, map } from 'rxjs';
import { describe, expect, it, vi, type MockInstance } from 'vitest';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import type { Link, Transport } from '../protocols/mea-link/link.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import type { DetectorLevels, TrialResponse } from '../protocols/trial.js';
import { microamps, sampleIndex, seconds } from '../protocols/units.js';
import { createEmulatedCultureSource } from '../sim-device/emulated-culture-source.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { whyUncounted } from '../src/closed-loop/trial-plan.js';
import { DEFAULT_IMPEDANCE, measureImpedance } from '../sim-device/rig/electrode-impedance.js';
import type { SignalRig } from '../src/closed-loop/signals/signal-rig.js';
import { openVirtualRig, type VirtualRig } from '../src/closed-loop/signals/virtual-rig.js';
import type { RigEvent } from '../src/pipeline/events/rig-event.js';
import { carryOut, CULTURE, open, PERIOD, requestsFor, TRIALS } from './helpers/signal-bench.js';

function correlate(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const sum = (of: (i: number) => number): number => a.reduce((total, _, i) => total + of(i), 0);
  const scale = Math.sqrt(sum((i) => (a[i]! - ma) ** 2) * sum((i) => (b[i]! - mb) ** 2));
  return sum((i) => (a[i]! - ma) * (b[i]! - mb)) / scale;
}

describe('a rig that cannot be', () => {
  it('is refused with one pattern slot, before anything is armed', async () => {
    const asked: string[] = [];
    const oneSlot = ({ capabilities, ...virtual }: VirtualRig): SignalRig => ({
      ...virtual,
      configure: (configuration) => {
        asked.push('configure');
        return virtual.configure(configuration);
      },
      capabilities: { ...capabilities, stimulation: { ...capabilities.stimulation!, slots: 1 } },
    });
    await expect(open({ change: oneSlot })).rejects.toThrow('keeps one pattern while the next is uploaded');
    expect(asked).toEqual([]);
  });

  it('lets go of the device when the pipeline does not fit it', async () => {
    const rig = createEmulatedRig({ culture: CULTURE });
    const device = new EmulatedDevice({
      rig,
      settings: DEFAULT_DEVICE_SETTINGS,
      faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
      bootId: 1,
    });
    const hub = new MemoryHub();
    hub.listen(device.accept);
    const honest = createMemoryTransport(hub);
    let close: MockInstance<Link['close']> | undefined;
    const transport: Transport = {
      address: honest.address,
      connect: async (handler, signal) => {
        const link = await honest.connect(handler, signal);
        close = vi.spyOn(link, 'close');
        return link;
      },
    };
    const advance = (ticks: number): void => {
      device.advance(ticks);
    };
    const opening = openVirtualRig(
      { transport, sampleRateHz: rig.sampleRateHz, advance },
      { detector: { channels: 3 } },
    );
    await expect(opening).rejects.toThrow('The device has other channels than the detector was set up for');
    expect(close).toHaveBeenCalled();
  });
});

/** What a source asks of its rig about patterns, in order: slots that are filled, and slots whose pattern is delivered. */
function watchSlots(
  asked: string[],
  { slots, ruleSlots = [] }: { slots?: number; ruleSlots?: readonly number[] } = {},
) {
  return ({ capabilities, ...rig }: VirtualRig): SignalRig => ({
    ...rig,
    ruleSlots,
    capabilities: {
      ...capabilities,
      stimulation: { ...capabilities.stimulation!, ...(slots !== undefined && { slots }) },
    },
    upload: (pattern) => {
      asked.push(`fill ${pattern.slot}`);
      return rig.upload(pattern);
    },
    schedule: (stimulus) => {
      asked.push(`deliver ${stimulus.pattern.slot}`);
      return rig.schedule(stimulus);
    },
  });
}

describe('the patterns of a session', () => {
  it('are in slots of their own before its first trial, and still there in the next session', async () => {
    const asked: string[] = [];
    const { source } = await open({ change: watchSlots(asked) });
    const requests = requestsFor(source);
    const patterns = new Set(requests.map(({ inputs }) => inputs.join('')));
    const first = await carryOut(source, requests);
    const filled = asked.filter((word) => word.startsWith('fill'));
    // Each once, all of them ahead, each into another slot.
    expect(patterns.size).toBeGreaterThan(10);
    expect(asked.slice(0, patterns.size)).toEqual(filled);
    expect(new Set(filled).size).toBe(patterns.size);
    // The same slot for the same pattern.
    const delivered = asked.filter((word) => word.startsWith('deliver'));
    expect(new Set(requests.map(({ inputs }, k) => `${inputs.join('')} ${delivered[k]}`)).size).toBe(patterns.size);
    await source.rest(seconds(60));
    asked.length = 0;
    await carryOut(source, requestsFor(source, TRIALS, 1));
    expect(asked).toEqual(delivered);
    await source.close();
    expect(first).toHaveLength(TRIALS);
  });

  it('take turns where there are more of them than slots, and the trials are the same to the bit', async () => {
    const runs: TrialResponse[][] = [];
    const logs: string[][] = [];
    for (const slots of [64, 2, 3]) {
      const asked: string[] = [];
      const { source } = await open({ change: watchSlots(asked, { slots }) });
      const before = await carryOut(source, requestsFor(source, 8));
      await source.rest(seconds(60));
      runs.push([...before, ...(await carryOut(source, requestsFor(source, 8, 1)))]);
      logs.push(asked);
      await source.close();
    }
    expect(runs[0]!.some(({ counts }) => counts.some((count) => count > 0))).toBe(true);
    expect(runs.slice(1)).toEqual([runs[0], runs[0]]);
    const numbersIn = (log: string[]): Set<string | undefined> => new Set(log.map((word) => word.split(' ')[1]));
    expect(numbersIn(logs[1]!)).toEqual(new Set(['0', '1']));
    expect(numbersIn(logs[2]!)).toEqual(new Set(['0', '1', '2']));
  });

  it('are kept out of the slots of rules', async () => {
    const asked: string[] = [];
    const { source } = await open({ change: watchSlots(asked, { slots: 5, ruleSlots: [0, 3] }) });
    await carryOut(source, requestsFor(source, 6));
    await source.close();
    expect(new Set(asked.map((word) => word.split(' ')[1]))).toEqual(new Set(['1', '2', '4']));
  });

  it('that cannot be filled ahead are filled by their trials', async () => {
    const runs: TrialResponse[][] = [];
    for (const fails of [false, true]) {
      const { source } = await open({
        change: (rig) => ({
          ...rig,
          upload: (pattern) => (fails ? Promise.reject(new Error('no')) : rig.upload(pattern)),
        }),
      });
      runs.push(await carryOut(source, requestsFor(source, 6)));
      await source.close();
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[0]!.every(({ delivery }) => delivery === 'delivered' || delivery === 'nothing-as-asked')).toBe(true);
  });
});

describe('the emergency stop', () => {
  const reason = new Error('stop');

  /** A rig that stops when it is first asked for something, and notes what it is asked for from then on. */
  function stopAt(method: 'start' | 'schedule' | 'rest', stop: AbortController, asked: string[]) {
    return (rig: VirtualRig): SignalRig => {
      const note = (name: string): void => {
        if (name === method) stop.abort(reason);
        if (stop.signal.aborted) asked.push(name);
      };
      return {
        ...rig,
        arm: (request) => {
          note('arm');
          return rig.arm(request);
        },
        start: () => {
          note('start');
          return rig.start();
        },
        upload: (pattern) => {
          note('upload');
          return rig.upload(pattern);
        },
        schedule: (stimulus) => {
          note('schedule');
          return rig.schedule(stimulus);
        },
        rest: (samples) => {
          note('rest');
          return rig.rest(samples);
        },
        abort: () => {
          note('abort');
          return rig.abort();
        },
      };
    };
  }

  it('goes to the device before anything else, and ends the trials that wait with its reason', async () => {
    const stop = new AbortController();
    const asked: string[] = [];
    const { source, truth } = await open({ stop: stop.signal, change: stopAt('schedule', stop, asked) });
    await expect(carryOut(source, requestsFor(source, 5))).rejects.toBe(reason);
    // The stimulus that was being asked for comes after it, and finds a device that is off.
    expect(asked).toEqual(['abort', 'schedule']);
    await expect(carryOut(source, requestsFor(source, 1))).rejects.toBe(reason);
    await source.close();
    expect(truth.filter(({ type }) => type === 'stimulus')).toEqual([]);
    expect(asked).not.toContain('arm');
  });

  it('ends a rest', async () => {
    const stop = new AbortController();
    const asked: string[] = [];
    const { source, truth } = await open({ stop: stop.signal, change: stopAt('rest', stop, asked) });
    await carryOut(source, requestsFor(source, 2));
    await expect(source.rest(seconds(244))).rejects.toBe(reason);
    expect(asked[0]).toBe('abort');
    const stimuli = truth.filter(({ type }) => type === 'stimulus').length;
    await source.close();
    expect([stimuli, truth.filter(({ type }) => type === 'stimulus').length]).toEqual([2, 2]);
  });

  it('that comes before a device is armed leaves it unarmed', async () => {
    const stop = new AbortController();
    const asked: string[] = [];
    await expect(open({ stop: stop.signal, change: stopAt('start', stop, asked) })).rejects.toBe(reason);
    expect(asked).toEqual(['abort', 'start']);
  });
});

describe('trials on a rig, from voltages', () => {
  it('are delivered at the samples asked for, and counted from what the electrodes show', async () => {
    const { source, truth } = await open();
    expect(source.description).toMatchObject({ provenance: 'emulated', electrodes: 16, sampleRateHz: 20_000 });
    const requests = requestsFor(source);
    const responses = await carryOut(source, requests);
    await source.close();
    expect(responses.map(({ trial, deliveredSample }) => [trial, deliveredSample])).toEqual(
      requests.map(({ trial, atSample }) => [trial, atSample]),
    );
    const stimuli = truth.filter((record) => record.type === 'stimulus');
    expect(stimuli.map(({ sample }) => sample)).toEqual(requests.map(({ atSample }) => atSample));
    responses.forEach(({ delivery, window }, k) => {
      const { inputs, atSample } = requests[k]!;
      expect(delivery).toBe(inputs.includes(1) ? 'delivered' : 'nothing-as-asked');
      expect(window).toEqual([atSample + 200, atSample + 600]);
    });
    // The trial-level culture of the same seed counts the same spikes, without electrodes and noise in between.
    const culture = createEmulatedCultureSource({
      ...CULTURE,
      stimulatedElectrodes: source.description.stimulatedElectrodes,
    });
    const counted = await carryOut(culture, requestsFor(culture));
    const sums = (all: readonly TrialResponse[]): number[] =>
      all.map(({ counts }) => counts.reduce((sum, count) => sum + count, 0));
    expect(sums(counted).reduce((a, b) => a + b)).toBeGreaterThan(100);
    expect(correlate(sums(responses), sums(counted))).toBeGreaterThan(0.9);
  });

  it('carry the samples they used, a baseline, and what the detector went by', async () => {
    const { source } = await open();
    expect(source.detectorLevels()).toBeUndefined();
    const responses = await carryOut(source, requestsFor(source, 3));
    for (const { deliveredSample: at, usedSamples, baseline } of responses) {
      expect(usedSamples).toEqual([at - 1000, at + 600]);
      expect(baseline?.window).toEqual([at - 1000, at - 200]);
      expect(baseline?.counts).toHaveLength(16);
    }
    const levels = source.detectorLevels()!;
    const { usedSamples } = responses.at(-1)!;
    // Of the last whole second before the first sample used.
    expect(levels.atSample).toBe(Math.floor(usedSamples![0] / 20_000) * 20_000);
    expect(levels).toMatchObject({ noise: 'adaptive' });
    levels.thresholdsUv.forEach((limit, e) => {
      expect(limit! / levels.noiseUv[e]!).toBeCloseTo(5, 5);
    });
    await source.close();
  });

  it('do not count where the device says that it pulsed other electrodes', async () => {
    const { source } = await open({
      change: (rig) => ({
        ...rig,
        events$: rig.events$.pipe(
          map((event) =>
            event.type === 'windowed-response' && event.pulsedElectrodes.length > 1
              ? { ...event, pulsedElectrodes: event.pulsedElectrodes.slice(1) }
              : event,
          ),
        ),
      }),
    });
    await expect(carryOut(source, requestsFor(source))).rejects.toThrow('pulsed other electrodes');
    await source.close();
  });

  it('are doubted where a pulsed electrode shows no artefact, and only there', async () => {
    const { source: sound } = await open({ isJudged: true });
    const judged = await carryOut(sound, requestsFor(sound));
    await sound.close();
    expect(judged.filter(({ doubt }) => doubt !== undefined)).toEqual([]);
    const { source } = await open({ isJudged: true, stuckChannels: [7] });
    const [stuck] = source.description.stimulatedElectrodes.filter((electrode) => electrode === 7);
    expect(stuck).toBe(7);
    const input = source.description.stimulatedElectrodes.indexOf(7);
    const requests = requestsFor(source);
    const responses = await carryOut(source, requests);
    await source.close();
    const isPulsed = requests.map(({ inputs }) => inputs[input] === 1);
    expect(isPulsed.filter((is) => is).length).toBeGreaterThan(3);
    responses.forEach(({ doubt }, k) => {
      expect(doubt, `trial ${k}`).toEqual(isPulsed[k] === true ? { missing: [7], unexpected: [] } : undefined);
    });
  });

  it('are doubted where the device says that it reached its compliance voltage', async () => {
    const complianceV = 6;
    const { source } = await open({ complianceV });
    const needs = (electrode: number): number =>
      (20 * measureImpedance({ seed: CULTURE.seed, electrode }, 1000, DEFAULT_IMPEDANCE).magnitudeOhm) / 1e6;
    const { stimulatedElectrodes } = source.description;
    const limited = stimulatedElectrodes.filter((electrode) => needs(electrode) > complianceV);
    expect(limited.length).toBeGreaterThan(0);
    expect(limited.length).toBeLessThan(stimulatedElectrodes.length);
    const requests = requestsFor(source, 12);
    const responses = await carryOut(source, requests);
    await source.close();
    const wanted = requests.map(({ inputs }) =>
      stimulatedElectrodes.filter((electrode, input) => inputs[input] === 1 && limited.includes(electrode)),
    );
    expect(new Set(wanted.map(({ length }) => length > 0))).toEqual(new Set([true, false]));
    expect(responses.map(({ doubt }) => doubt?.limited ?? [])).toEqual(wanted);
    expect(responses.map((response, k) => whyUncounted(requests[k]!, response))).toEqual(
      wanted.map(({ length }) => (length > 0 ? 'doubted' : undefined)),
    );
  });

  it('are the same again, and in blocks of any length', async () => {
    const runs: (readonly [TrialResponse[], DetectorLevels | undefined])[] = [];
    for (const blockFrames of [200, 200, 20, 70]) {
      const { source } = await open({ blockFrames });
      runs.push([await carryOut(source, requestsFor(source, 6)), source.detectorLevels()]);
      await source.close();
    }
    expect(runs[0]![0].some(({ counts }) => counts.some((count) => count > 0))).toBe(true);
    for (const run of runs.slice(1)) expect(run).toEqual(runs[0]);
  });

  it('go on after a rest, which moves the sample counter on', async () => {
    const { source } = await open();
    const before = await carryOut(source, requestsFor(source, 3));
    await source.rest(seconds(244));
    expect(source.nextSample()).toBeGreaterThan(before.at(-1)!.deliveredSample + 244 * 20_000);
    const requests = requestsFor(source, 3, 1);
    const after = await carryOut(source, requests);
    await source.close();
    expect(after.map(({ delivery }) => delivery)).toEqual(before.map(({ delivery }) => delivery));
    expect(after.map(({ deliveredSample }) => deliveredSample)).toEqual(requests.map(({ atSample }) => atSample));
  });

  it('end with the words of the gate where it does not let their stimulus pass', async () => {
    const { source, truth } = await open({ limits: { maxCurrentUa: microamps(10) } });
    await expect(carryOut(source, requestsFor(source, 3))).rejects.toThrow(/safety gate refuses .* current: /);
    await source.close();
    expect(truth.filter(({ type }) => type === 'stimulus')).toEqual([]);
  });

  it('are no data where the device does not take their stimulus', async () => {
    const { source, truth } = await open({ faults: ['refuse-stimulus=1'] });
    const responses = await carryOut(source, requestsFor(source, 3));
    await source.close();
    for (const { delivery, counts, blindFraction } of responses) {
      expect(delivery).toBe('refused');
      expect([...counts, ...blindFraction!]).toEqual([...Array<number>(16).fill(0), ...Array<number>(16).fill(1)]);
    }
    expect(truth.filter(({ type }) => type === 'stimulus')).toEqual([]);
  });

  it('end between two trials when the signal says so, with its reason', async () => {
    const { source, truth } = await open();
    const stop = new AbortController();
    const requests = requestsFor(source, 5);
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { trial } of source.run(requests, stop.signal)) {
        seen.push(trial);
        if (trial === 1) stop.abort(new Error('enough'));
      }
    };
    await expect(run()).rejects.toThrow('enough');
    expect(seen).toEqual([0, 1]);
    await source.close();
    expect(truth.filter(({ type }) => type === 'stimulus')).toHaveLength(2);
  });

  it('cannot be asked for in the past, or with other inputs than the rig has', async () => {
    const { source } = await open();
    const [request] = requestsFor(source, 1);
    const early = { ...request!, atSample: sampleIndex(source.nextSample() - 1) };
    await expect(carryOut(source, [early])).rejects.toThrow('too early');
    await expect(carryOut(source, [{ ...request!, inputs: new Uint8Array(3) }])).rejects.toThrow('got 3, expected 8');
    await source.close();
  });

  it('fail when the device boots anew: nothing arms again by itself', async () => {
    const { source, truth } = await open({ faults: ['brown-out=6000:50'] });
    await expect(carryOut(source, requestsFor(source))).rejects.toThrow('no longer the one that was armed');
    const stimuli = truth.filter(({ type }) => type === 'stimulus').length;
    expect(stimuli).toBeLessThan(TRIALS);
    await source.close();
    expect(truth.filter(({ type }) => type === 'stimulus')).toHaveLength(stimuli);
  });

  it('are not missed where their response comes before the answer to their stimulus', async () => {
    const { source: plain } = await open();
    const wanted = await carryOut(plain, requestsFor(plain, 3));
    await plain.close();
    const { source } = await open({
      change: (rig) => ({
        ...rig,
        schedule: async (stimulus) => {
          const outcome = await rig.schedule(stimulus);
          await rig.passTime(firstValueFrom(rig.events$.pipe(filter(({ type }) => type === 'windowed-response'))));
          return outcome;
        },
      }),
    });
    expect(await carryOut(source, requestsFor(source, 3))).toEqual(wanted);
    await source.close();
  });

  it.each<readonly [string, RigEvent, string]>([
    [
      'their responses are lost on the way from a worker',
      { type: 'overrun', blocks: 0, spikeBatches: 0, trials: 1, others: 0, fromSample: null, toSample: null },
      'Responses of trials were lost',
    ],
    ['the driver says that the main loop stood still', { type: 'main-stalled', stalledMs: 300 }, 'a stall of 300 ms'],
  ])('fail when %s', async (_, trouble, message) => {
    const { source } = await open({
      change: (rig) => ({
        ...rig,
        // In the place of the first response.
        events$: rig.events$.pipe(concatMap((event) => from(event.type === 'windowed-response' ? [trouble] : [event]))),
      }),
    });
    await expect(carryOut(source, requestsFor(source, 2))).rejects.toThrow(message);
    await source.close();
  });

  it('fail where the rig is not armed for them, and say so', async () => {
    const { source, truth } = await open({
      change: (rig) => ({
        ...rig,
        schedule: (stimulus) =>
          rig.schedule({ ...stimulus, at: { type: 'sample', sample: sampleIndex(source.nextSample() + 10 * PERIOD) } }),
      }),
    });
    await expect(carryOut(source, requestsFor(source, 1))).rejects.toThrow('not armed for the stimulus');
    await source.close();
    expect(truth.filter(({ type }) => type === 'stimulus')).toEqual([]);
  });
});
