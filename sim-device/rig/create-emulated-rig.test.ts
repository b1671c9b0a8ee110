import { describe, expect, it } from 'vitest';

import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds, milliseconds, sampleIndex, seconds } from '../../protocols/units.js';
import type { CultureSettings } from '../culture-settings.js';
import { createEmulatedCultureSource } from '../emulated-culture-source.js';
import { createEmulatedRig, type CulturedRig, type EmulatedRigSettings } from './create-emulated-rig.js';
import type { TruthRecord } from './spike-event.js';

const CULTURE: CultureSettings = { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 5 };
const PATTERN = drawPattern({ sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 }, 64, openRandomStream(5, 'pattern'));
const PERIOD = 4000;

interface Run {
  readonly samples: Int16Array;
  readonly truth: readonly TruthRecord[];
}

function pulseOn(electrode: number, currentUa = 20): Pulse {
  return {
    electrode,
    phases: [-currentUa, currentUa].map((current) => ({
      currentUa: microamps(current),
      durationUs: microseconds(200),
    })),
  };
}

function patternOf(trial: number): Uint8Array {
  return PATTERN.inputs.slice(32 * trial, 32 * (trial + 1));
}

function pulsesOf(rig: CulturedRig, inputs: Uint8Array): Pulse[] {
  return rig.stimulatedElectrodes.filter((_, j) => inputs[j] === 1).map((electrode) => pulseOn(electrode));
}

/** Renders sessions of `trials` trials with a rest after each; stimuli come `ahead` samples before they are due. */
function run(
  settings: Partial<EmulatedRigSettings>,
  { sessions, trials, rest, block, ahead = 0 }: RunOptions,
): Run & { readonly starts: readonly number[] } {
  const truth: TruthRecord[] = [];
  const rig = createEmulatedRig({ culture: CULTURE, ...settings, onTruth: (record) => truth.push(record) });
  const parts: Int16Array[] = [];
  const starts: number[] = [];
  for (let session = 0; session < sessions; session++) {
    const start = rig.nextSample;
    starts.push(start);
    const end = start + trials * PERIOD;
    let trial = 0;
    while (rig.nextSample < end) {
      const frames = Math.min(block, end - rig.nextSample);
      for (; trial < trials && start + trial * PERIOD + 100 < rig.nextSample + frames + ahead; trial++) {
        rig.deliver(pulsesOf(rig, patternOf(trial)), start + trial * PERIOD + 100);
      }
      parts.push(rig.render(frames).slice());
    }
    rig.rest(rest);
  }
  const samples = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return { samples, truth, starts };
}

interface RunOptions {
  readonly sessions: number;
  readonly trials: number;
  readonly rest: number;
  readonly block: number;
  readonly ahead?: number;
}

function spikesOf(truth: readonly TruthRecord[]): Extract<TruthRecord, { type: 'spike' }>[] {
  return truth.filter((record) => record.type === 'spike');
}

describe('the emulated rig', () => {
  it('gives the same samples and the same truth for any block size and however early stimuli come', () => {
    const options = { sessions: 2, trials: 3, rest: 12_345 };
    const settings = { activity: { burstHz: 1 } };
    const whole = run(settings, { ...options, block: 1000 });
    for (const [block, ahead] of [
      [1, 0],
      [2, 0],
      [7, 0],
      [13, 0],
      [400, 0],
      [400, 6000],
    ] as const) {
      const other = run(settings, { ...options, block, ahead });
      expect(Buffer.from(other.samples.buffer).equals(Buffer.from(whole.samples.buffer))).toBe(true);
      expect(other.truth).toEqual(whole.truth);
    }
    expect(new Set(whole.truth.map(({ type }) => type))).toEqual(new Set(['spike', 'stimulus', 'saturated', 'rest']));
    const other = run({ ...settings, culture: { ...CULTURE, seed: 6 } }, { ...options, block: 1000 });
    expect(other.samples).not.toEqual(whole.samples);
  });

  it('fires in each response window as often as the trial-level culture of the seed counts', async () => {
    const options = { sessions: 2, trials: 24, rest: 50_000, block: 400 };
    const { truth, starts } = run({}, options);
    const source = createEmulatedCultureSource({ ...CULTURE, trialPeriodMs: milliseconds(PERIOD / 20) });
    const spikes = spikesOf(truth);
    let total = 0;
    for (const [session, start] of starts.entries()) {
      const requests = Array.from({ length: options.trials }, (_, trial) => ({
        session,
        trial,
        inputs: patternOf(trial),
        atSample: sampleIndex(start + trial * PERIOD + 100),
      }));
      for await (const { counts, window } of source.run(requests, new AbortController().signal)) {
        const seen = new Uint16Array(64);
        for (const { sample, electrode } of spikes)
          if (sample >= window[0] && sample < window[1]) seen[electrode]! += 1;
        expect(seen).toEqual(counts);
        total += counts.reduce((a, b) => a + b, 0);
      }
      await source.rest(seconds(options.rest / 20_000));
    }
    expect(total).toBeGreaterThan(1000);
  });

  it('tells what happened in the order in which it was complete', () => {
    const { truth, starts } = run({}, { sessions: 2, trials: 4, rest: 1000, block: 64 });
    const completed = truth.map((record) => {
      if (record.type === 'saturated') return record.end;
      return record.type === 'rest' ? record.from : record.sample;
    });
    expect(completed).toEqual(completed.slice().sort((a, b) => a - b));
    const stimuli = truth.filter((record) => record.type === 'stimulus');
    expect(stimuli.map(({ sample }) => sample)).toEqual(
      starts.flatMap((start) => [0, 1, 2, 3].map((trial) => start + trial * PERIOD + 100)),
    );
    expect(truth.filter(({ type }) => type === 'rest')).toEqual([
      { type: 'rest', from: 16_000, to: 17_000 },
      { type: 'rest', from: 33_000, to: 34_000 },
    ]);
  });

  it('shows a spike where truth says that one is', () => {
    const quiet = { rmsUv: 0.01, humUv: 0, driftUv: 0 };
    const { samples, truth } = run({ voltages: { noise: quiet } }, { sessions: 1, trials: 4, rest: 0, block: 400 });
    const rig = createEmulatedRig({ culture: CULTURE });
    const late = spikesOf(truth).filter(({ sample }) => sample % PERIOD > 1500 && sample < 4 * PERIOD - 100);
    expect(late.length).toBeGreaterThan(10);
    for (const { sample, electrode, unit } of late) {
      const near = [sample - 60, sample, sample + 60].map((at) => samples[at * 64 + electrode]! * rig.gainUvPerBit);
      expect(near[1]).toBeLessThan(-0.5 * rig.units[unit]!.amplitudeUv);
      expect(near[1]).toBeLessThan(near[0]!);
    }
  });

  it('answers a pulse, and not one without current', () => {
    const truths = [20, 0].map((currentUa) => {
      const truth: TruthRecord[] = [];
      const rig = createEmulatedRig({ culture: CULTURE, onTruth: (record) => truth.push(record) });
      rig.deliver(
        rig.stimulatedElectrodes.map((electrode) => pulseOn(electrode, currentUa)),
        100,
      );
      for (let k = 0; k < 10; k++) rig.render(400);
      return truth;
    });
    const evoked = truths.map((truth) => spikesOf(truth).filter(({ origin }) => origin === 'evoked').length);
    expect(evoked[0]).toBeGreaterThan(50);
    expect(evoked[1]).toBe(0);
  });

  it('fires no spike under TTX, and is still pulsed', () => {
    const { truth } = run(
      { culture: { ...CULTURE, condition: 'ttx' } },
      { sessions: 1, trials: 10, rest: 0, block: 400 },
    );
    expect(spikesOf(truth)).toEqual([]);
    expect(truth.filter(({ type }) => type === 'saturated').length).toBeGreaterThan(10);
  });

  it.each([1, 5, 64, 100])('runs with %i electrodes', (channels) => {
    const rig = createEmulatedRig({ culture: CULTURE, geometry: { rows: 1, columns: channels } });
    expect(rig.channels).toBe(channels);
    rig.deliver([pulseOn(rig.stimulatedElectrodes[0]!)], 10);
    expect(rig.render(100).length).toBe(100 * channels);
    expect(rig.stimulatedElectrodes.length).toBe(Math.min(32, channels));
  });

  it('measures impedances of the electrodes that are its own, and fall with frequency', () => {
    const rig = createEmulatedRig({ culture: CULTURE });
    const all = Array.from({ length: 64 }, (_, e) => rig.impedance(e, 1000).magnitudeOhm).sort((a, b) => a - b);
    expect(new Set(all).size).toBe(64);
    expect(Math.abs(all[32]! / 300_000 - 1)).toBeLessThan(0.15);
    expect(createEmulatedRig({ culture: CULTURE }).impedance(3, 1000)).toEqual(rig.impedance(3, 1000));
    const [low, high] = [rig.impedance(3, 100), rig.impedance(3, 1000)];
    expect(low.magnitudeOhm / high.magnitudeOhm).toBeGreaterThan(7);
    expect(low.magnitudeOhm / high.magnitudeOhm).toBeLessThan(8.4);
    expect(low.phaseDegrees).toBeLessThan(-76);
    expect(low.phaseDegrees).toBeGreaterThan(-84);
  });

  it('passes faults of a channel on to its samples', () => {
    const rig = createEmulatedRig({ culture: CULTURE });
    rig.render(10);
    rig.setChannelFault(3, 'saturated');
    const samples = rig.render(10);
    expect(Array.from({ length: 10 }, (_, i) => samples[64 * i + 3])).toEqual(new Array<number>(10).fill(32767));
    expect(samples[4]).not.toBe(32767);
  });

  it('refuses what cannot be', () => {
    const rig = createEmulatedRig({ culture: CULTURE });
    rig.render(100);
    expect(() => {
      rig.deliver([], 99);
    }).toThrow('A stimulus for a sample that is past: got 99, expected 100 or later');
    expect(() => {
      rig.deliver([pulseOn(1)], 200);
    }).toThrow('A pulse on an electrode without a stimulator: got 1, expected one of 0, 2, 4');
    expect(() => rig.render(1025)).toThrow('Bad number of frames to render: got 1025, expected 1 to 1024');
    expect(() => rig.impedance(64, 1000)).toThrow('Bad electrode to measure: got 64, expected 0 to 63');
    expect(() => rig.impedance(0, 0)).toThrow('got 0 Hz, expected 1 Hz to 100 kHz');
    rig.deliver([], 300);
    expect(() => {
      rig.rest(10);
    }).toThrow('a span of samples after the last stimulus, 300');
    const make = (settings: Partial<EmulatedRigSettings>) => (): CulturedRig =>
      createEmulatedRig({ culture: CULTURE, ...settings });
    expect(make({ geometry: { rows: 0, columns: 8 } })).toThrow('got 0 rows of 8 electrodes');
    expect(make({ geometry: { rows: 65, columns: 64 } })).toThrow('got 4160 electrodes, expected from 1 to 4096');
    expect(make({ geometry: { positions: [{ xUm: Number.NaN, yUm: 0 }] } })).toThrow('a position of (NaN, 0) um');
    expect(make({ stimulatedElectrodes: [3, 1] })).toThrow('got 3, 1, expected rising indices');
    expect(make({ impedance: { medianOhm: -1 } })).toThrow('got -1 Ohm');
  });
});
