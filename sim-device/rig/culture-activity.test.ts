import { describe, expect, it } from 'vitest';

import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { sampleIndex, seconds } from '../../protocols/units.js';
import { EmulatedCulture } from '../culture.js';
import type { CultureSettings } from '../culture-settings.js';
import { createEmulatedCultureSource } from '../emulated-culture-source.js';
import type { ActivityKnobs } from './activity-settings.js';
import { CultureActivity } from './culture-activity.js';
import type { SpikeEvent, SpikeOrigin } from './spike-event.js';

const CULTURE: CultureSettings = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 7 };
const SETTINGS = { culture: CULTURE };
const PATTERN = drawPattern({ sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 }, 256, openRandomStream(7, 'pattern'));
const EMPTY = new Uint8Array(32);
const LOOK_AHEAD = 20;
const WINDOW = [200, 600] as const;

interface Stimulus {
  readonly inputs: Uint8Array;
  readonly sample: number;
}

function patternOf(trial: number): Uint8Array {
  return PATTERN.inputs.slice(32 * trial, 32 * (trial + 1));
}

/** Stimuli every `period` samples, the first one 1000 samples after `from`; every seventh pattern is empty. */
function planStimuli(from: number, count: number, period: number): Stimulus[] {
  return Array.from({ length: count }, (_, k) => ({
    inputs: k % 7 === 3 ? EMPTY : patternOf(k),
    sample: from + 1000 + k * period,
  }));
}

/** Takes the spikes of [from, to) in blocks, as a renderer does: a little ahead, and each stimulus when it is due. */
function live(
  activity: CultureActivity,
  stimuli: readonly Stimulus[],
  { from = 0, to, block }: { readonly from?: number; readonly to: number; readonly block: number },
): SpikeEvent[] {
  const spikes: SpikeEvent[] = [];
  let next = 0;
  for (let at = from; at < to; at += block) {
    const end = Math.min(to, at + block);
    while (next < stimuli.length && stimuli[next]!.sample < end) {
      activity.stimulate(stimuli[next]!.inputs, stimuli[next]!.sample);
      next += 1;
    }
    for (const spike of activity.takeSpikes(activity.taken, end + LOOK_AHEAD)) spikes.push(spike);
  }
  return spikes;
}

function countInWindows(
  activity: CultureActivity,
  spikes: readonly SpikeEvent[],
  { stimuli, shift = 0 }: { readonly stimuli: readonly Stimulus[]; readonly shift?: number },
): number[][] {
  return stimuli.map(({ sample }) => {
    const counts = new Array<number>(64).fill(0);
    for (const spike of spikes) {
      const delay = spike.sample - sample - shift;
      if (delay >= WINDOW[0] && delay < WINDOW[1]) counts[activity.units[spike.unit]!.electrode]! += 1;
    }
    return counts;
  });
}

function sum(counts: readonly (readonly number[])[]): number {
  return counts.flat().reduce((a, b) => a + b, 0);
}

function keepOrigin(spikes: readonly SpikeEvent[], origin: SpikeOrigin): SpikeEvent[] {
  return spikes.filter((spike) => spike.origin === origin);
}

function withKnobs(knobs: Partial<ActivityKnobs>): CultureActivity {
  return new CultureActivity({ ...SETTINGS, knobs });
}

describe('the activity of the emulated culture', () => {
  it('holds in each window the counts that the trial-level culture of the seed gives, over a rest', async () => {
    // Longer than the span of the homeostatic mean, which counts stimulated time alone.
    const restSamples = 6_000_123;
    const culture = { ...CULTURE, plasticity: 'spike-timing' as const };
    const sessions = [planStimuli(0, 40, 20_000), planStimuli(801_000 + restSamples, 40, 20_000)];
    const source = createEmulatedCultureSource(culture);
    const expected: number[][] = [];
    for (const [session, stimuli] of sessions.entries()) {
      const requests = stimuli.map(({ inputs, sample }, trial) => ({
        session,
        trial,
        inputs,
        atSample: sampleIndex(sample),
      }));
      for await (const { counts } of source.run(requests, new AbortController().signal)) expected.push([...counts]);
      await source.rest(seconds(restSamples / 20_000));
    }
    const activity = new CultureActivity({ culture, knobs: { burstHz: 0.5 } });
    const first = live(activity, sessions[0]!, { to: 801_000, block: 400 });
    activity.rest(801_000, 801_000 + restSamples);
    const second = live(activity, sessions[1]!, {
      from: 801_000 + restSamples,
      to: 801_000 + restSamples + 801_000,
      block: 400,
    });
    const measured = [
      ...countInWindows(activity, first, { stimuli: sessions[0]! }),
      ...countInWindows(activity, second, { stimuli: sessions[1]! }),
    ];
    expect(measured).toEqual(expected);
    expect(sum(measured)).toBeGreaterThan(2000);
    expect(sum(measured.filter((_, k) => (k % 40) % 7 === 3))).toBeGreaterThan(0);
  });

  it('does not depend on how it is cut into blocks', () => {
    const stimuli = planStimuli(0, 30, 3000);
    const knobs = { burstHz: 1, noisyShare: 0.5, spontaneousFano: 3 };
    const whole = live(withKnobs(knobs), stimuli, { to: 100_000, block: 100_000 });
    for (const block of [1, 2, 7, 13, 400]) {
      expect(live(withKnobs(knobs), stimuli, { to: 100_000, block })).toEqual(whole.slice());
    }
    expect(new Set(whole.map(({ origin }) => origin))).toEqual(
      new Set(['evoked', 'late', 'direct', 'burst', 'spontaneous']),
    );
  });

  it('does not depend on how it is cut where windows overlap, and the last window is right', () => {
    const stimuli = planStimuli(0, 60, 287);
    const make = (): CultureActivity => withKnobs({ burstHz: 1, noisyShare: 0.5, refractoryRangeMs: [2, 5] });
    const activity = make();
    const whole = live(activity, stimuli, { to: 30_000, block: 30_000 });
    for (const block of [1, 13, 400]) expect(live(make(), stimuli, { to: 30_000, block })).toEqual(whole);
    const last = stimuli.slice(-1);
    expect(sum(countInWindows(activity, whole, { stimuli: last }))).toBeGreaterThan(0);
    const culture = new EmulatedCulture(CULTURE);
    const counts = new Uint16Array(64);
    for (const { inputs, sample } of stimuli) culture.respond(inputs, sample, counts);
    expect(countInWindows(activity, whole, { stimuli: last })).toEqual([[...counts]]);
  });

  it.each([
    [3000, 1],
    [287, 1],
    [20_000, 5],
  ])('lets no unit fire within its refractory time (stimuli every %i samples, Fano %i)', (period, fano) => {
    const activity = withKnobs({ burstHz: 1, noisyShare: 1, spontaneousFano: fano, refractoryRangeMs: [1, 5] });
    const spikes = live(activity, planStimuli(0, 30, period), { to: 200_000, block: 400 });
    const last = new Map<number, number>();
    let shortest = Infinity;
    for (const { unit, sample } of spikes) {
      const interval = sample - (last.get(unit) ?? -Infinity);
      shortest = Math.min(shortest, interval / 20 / activity.units[unit]!.refractoryMs);
      last.set(unit, sample);
    }
    expect(spikes.length).toBeGreaterThan(5000);
    expect(shortest).toBeGreaterThanOrEqual(1);
    expect(shortest).toBeLessThan(1.5);
  });

  it('gives spikes in the order of sample and unit', () => {
    const spikes = live(withKnobs({ burstHz: 1 }), planStimuli(0, 20, 3000), { to: 80_000, block: 400 });
    const sorted = spikes.slice().sort((a, b) => a.sample - b.sample || a.unit - b.unit);
    expect(spikes.length).toBeGreaterThan(1000);
    expect(spikes).toEqual(sorted);
  });

  it('places each kind of response where it belongs', () => {
    const activity = withKnobs({ burstHz: 0, spontaneousHz: 0, noisyShare: 0 });
    const stimuli = planStimuli(0, 200, 4000);
    const spikes = live(activity, stimuli, { to: 810_000, block: 400 });
    const delaysOf = (origin: SpikeOrigin): number[] =>
      keepOrigin(spikes, origin).map(({ sample }) => (sample - 1000) % 4000);
    const evoked = delaysOf('evoked');
    expect(evoked.every((delay) => delay >= 200 && delay < 600)).toBe(true);
    expect(Math.min(...evoked)).toBeLessThan(210);
    expect(Math.max(...evoked)).toBeGreaterThan(560);
    const late = delaysOf('late');
    expect(late.every((delay) => (delay >= 100 && delay < 200) || (delay >= 600 && delay < 2000))).toBe(true);
    expect(Math.abs(late.length / evoked.length - 0.15)).toBeLessThan(0.015);
    expect(Math.abs(late.filter((delay) => delay < 200).length / late.length - 0.5)).toBeLessThan(0.05);
    const direct = delaysOf('direct');
    expect(direct.length).toBeGreaterThan(1000);
    expect(direct.every((delay) => delay >= 30 && delay < 100)).toBe(true);
    expect(spikes.filter(({ origin }) => origin === 'burst')).toEqual([]);
  });

  it.each([-40, 40])('counts something else when the window is off by %i samples', (shift) => {
    const activity = new CultureActivity(SETTINGS);
    const stimuli = planStimuli(0, 100, 20_000);
    const spikes = live(activity, stimuli, { to: 2_010_000, block: 400 });
    const right = countInWindows(activity, spikes, { stimuli });
    const wrong = countInWindows(activity, spikes, { stimuli, shift });
    const moved = right.flatMap((counts, k) => counts.map((count, e) => Math.abs(count - wrong[k]![e]!)));
    expect(sum([moved]) / sum(right)).toBeGreaterThan(0.05);
    const answered = stimuli.map(({ inputs }, k) => ({ inputs, k })).filter(({ inputs }) => inputs.includes(1));
    const noticed = answered.filter(({ k }) => right[k]!.join() !== wrong[k]!.join());
    expect(answered.length).toBeGreaterThan(60);
    expect(noticed.length / answered.length).toBeGreaterThan(0.95);
  });

  it('excites units near a pulsed electrode directly, the less the farther away', () => {
    const knobs = { burstHz: 0, spontaneousHz: 0, noisyShare: 0 };
    const activity = new CultureActivity({
      culture: { ...CULTURE, inputs: 1 },
      stimulatedElectrodes: [27],
      knobs,
    });
    const stimuli = Array.from({ length: 400 }, (_, k) => ({ inputs: Uint8Array.of(1), sample: 1000 + 2000 * k }));
    const direct = keepOrigin(live(activity, stimuli, { to: 810_000, block: 400 }), 'direct');
    const chanceAt = (electrode: number): number => {
      const units = activity.units.filter((unit) => unit.electrode === electrode).length;
      const spikes = direct.filter(({ unit }) => activity.units[unit]!.electrode === electrode).length;
      return spikes / units / stimuli.length;
    };
    expect(Math.abs(chanceAt(27) - 0.5)).toBeLessThan(0.06);
    expect(Math.abs(chanceAt(28) - 0.5 / 3)).toBeLessThan(0.05);
    expect(Math.abs(chanceAt(36) - 0.5 * (1 - Math.SQRT2 / 1.5))).toBeLessThan(0.03);
    expect(chanceAt(29)).toBe(0);
  });

  it('fires differently with and without a stimulus, and the same before it', () => {
    const stimuli = [{ inputs: new Uint8Array(32).fill(1), sample: 1000 }];
    const [without, empty, full] = [[], [{ inputs: EMPTY, sample: 1000 }], stimuli].map((given) =>
      live(new CultureActivity(SETTINGS), given, { to: 60_000, block: 400 }),
    );
    expect(keepOrigin(full!, 'evoked').length).toBeGreaterThan(20);
    expect(keepOrigin([...empty!, ...without!], 'evoked')).toEqual([]);
    expect(without!.length).toBeGreaterThan(50);
    expect(full!.filter(({ sample }) => sample < 1030)).toEqual(without!.filter(({ sample }) => sample < 1030));
    expect(full!.filter(({ sample }) => sample >= 3100)).toEqual(without!.filter(({ sample }) => sample >= 3100));
  });

  it('carries nothing over a rest that ends anywhere', () => {
    const activity = withKnobs({ noisyShare: 1 });
    activity.takeSpikes(0, 10_000);
    activity.rest(9990, 50_999);
    const spikes = activity.takeSpikes(50_999, 60_000);
    expect(spikes.length).toBeGreaterThan(100);
    expect(spikes[0]!.sample).toBeGreaterThanOrEqual(50_999);
    const unbroken = withKnobs({ noisyShare: 1 }).takeSpikes(0, 60_000);
    expect(spikes.slice(50)).toEqual(unbroken.filter(({ sample }) => sample >= 50_999).slice(-spikes.length + 50));
  });

  it('is silent under TTX', () => {
    const activity = new CultureActivity({ culture: { ...CULTURE, condition: 'ttx' }, knobs: { burstHz: 1 } });
    expect(live(activity, planStimuli(0, 30, 3000), { to: 100_000, block: 400 })).toEqual([]);
    expect(
      live(withKnobs({ burstHz: 1 }), planStimuli(0, 30, 3000), { to: 100_000, block: 400 }).length,
    ).toBeGreaterThan(1000);
  });

  it('lets dead units fire no more', () => {
    const culture = { ...CULTURE, plasticity: 'dying-electrodes' as const };
    const activity = new CultureActivity({ culture, knobs: { spontaneousHz: 20 } });
    const countSilent = (from: number): number => {
      const firing = new Set(live(activity, [], { from, to: from + 400_000, block: 4000 }).map(({ unit }) => unit));
      return activity.units.filter((_, unit) => !firing.has(unit)).length;
    };
    const atFirst = countSilent(0);
    for (let session = 0; session < 150; session++) {
      const from = 400_000 + 10 * session;
      activity.rest(from, from + 10);
    }
    const share = countSilent(401_500) / activity.units.length;
    expect(atFirst / activity.units.length).toBeLessThan(0.01);
    expect(Math.abs(share - (1 - 0.998 ** 300))).toBeLessThan(0.12);
  });

  it('refuses a span with a gap, a stimulus too late and a rest before a stimulus', () => {
    const activity = new CultureActivity(SETTINGS);
    activity.takeSpikes(0, 1000);
    expect(() => activity.takeSpikes(1001, 1100)).toThrow('A span of spikes out of order: got [1001, 1100)');
    expect(() => {
      activity.stimulate(EMPTY, 969);
    }).toThrow('got 32 inputs at sample 969, expected 32 inputs at 970 or later');
    activity.stimulate(EMPTY, 970);
    expect(() => {
      activity.stimulate(EMPTY, 970);
    }).toThrow('expected 32 inputs at 971 or later');
    expect(() => {
      activity.rest(970, 2000);
    }).toThrow('a span of samples after the last stimulus, 970');
  });

  it('refuses settings that cannot be', () => {
    const make = (knobs: Partial<ActivityKnobs>) => (): CultureActivity => withKnobs(knobs);
    expect(make({ burstHz: -1 })).toThrow(
      'Bad burstHz of the emulated activity: got -1, expected a number from 0 to 1',
    );
    expect(make({ noisyRangeHz: [50, 5] })).toThrow('got 50 to 5, expected a rising range from 0.001 to 200');
    expect(make({ noisyShare: Number.NaN })).toThrow('Bad noisyShare');
    expect(make({ amplitudeRangeUv: [100, 200] })).toThrow('Bad amplitudeMedianUv');
    expect(
      () => new CultureActivity({ culture: { ...CULTURE, electrodes: 64 }, positions: [{ xUm: 0, yUm: 0 }] }),
    ).toThrow('got 1 positions');
  });
});
