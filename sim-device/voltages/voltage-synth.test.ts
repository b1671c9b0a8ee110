import { describe, expect, it } from 'vitest';
import { crc32c } from '../../protocols/mea-link/crc32c.js';
import {
  biphasicPulse,
  blackSquares,
  channelOf,
  collectFrames,
  gridPositions,
  unitAt,
} from '../../tests/helpers/emulated-voltages.js';
import { drawSpikeShape } from './spike-layer.js';
import { DEFAULT_GAIN_UV_PER_BIT, type NoiseSettings, type VoltageSettings } from './voltage-settings.js';
import { VoltageSynth } from './voltage-synth.js';

const GAIN = DEFAULT_GAIN_UV_PER_BIT;
const SILENCE: Partial<NoiseSettings> = { rmsUv: 0, humUv: 0, driftUv: 0 };
const RAIL = 32767;

function createSynth(channels: number, settings: Partial<VoltageSettings> = {}): VoltageSynth {
  const columns = Math.ceil(Math.sqrt(channels));
  return new VoltageSynth({
    channels,
    sampleRateHz: 20_000,
    seed: 3001,
    positions: gridPositions(channels, columns, 200),
    units: Array.from({ length: channels }, (_, i) => unitAt(i, 60 + i)),
    ...settings,
  });
}

/** A scene with everything in it: knots of the baseline, spikes that overlap, pulses, faults, a rest. */
function playScene(channels: number, block: number): { readonly samples: Int16Array; readonly saturations: string } {
  const synth = createSynth(channels, { sampleRateHz: 10_000 });
  const last = channels - 1;
  for (const at of [40, 50, 700, 701, 4990, 4999]) synth.addSpike(at % channels, at);
  synth.addPulses([biphasicPulse(0), biphasicPulse(last, 13)], 600);
  synth.addPulses([biphasicPulse(last)], 603);
  synth.addPulses([biphasicPulse(channels >> 1)], 4980);
  const first = collectFrames(synth, 2000, block);
  synth.setChannelFault(0, 'stuck');
  const second = collectFrames(synth, 2990, block);
  synth.setChannelFault(0, 'none');
  synth.setChannelFault(last, 'dead');
  const third = collectFrames(synth, 400, block);
  synth.jump(123_456);
  synth.setChannelFault(last, 'none');
  const fourth = collectFrames(synth, 900, block);
  const samples = new Int16Array([...first, ...second, ...third, ...fourth]);
  const saturations = synth.takeSaturations().map(({ electrode, first: from, end }) => `${from}-${end}@${electrode}`);
  return { samples, saturations: saturations.sort().join(' ') };
}

describe('synthesised voltages', () => {
  it.each([1, 3, 8, 13, 64])('of %i channels do not depend on how the calls are cut', (channels) => {
    const whole = playScene(channels, 1024);
    expect(whole.samples).toHaveLength(6290 * channels);
    expect(whole.saturations).not.toBe('');
    for (const block of [1, 2, 7, 13]) {
      const cut = playScene(channels, block);
      expect(Buffer.compare(Buffer.from(cut.samples.buffer), Buffer.from(whole.samples.buffer)), `${block}`).toBe(0);
      expect(cut.saturations).toBe(whole.saturations);
    }
  });

  it('are the same bytes on every machine', () => {
    const { samples } = playScene(13, 20);
    expect(crc32c(new Uint8Array(samples.buffer))).toBe(202_498_430);
  });

  it('differ from seed to seed', () => {
    const [a, same, b] = [3001, 3001, 3002].map((seed) => collectFrames(createSynth(8, { seed }), 1000));
    expect(a).toEqual(same);
    const equal = a!.reduce((count, value, i) => count + (value === b![i] ? 1 : 0), 0);
    expect(equal).toBeLessThan(0.05 * a!.length);
  });

  it('go on with other noise after a rest, without what was pending', () => {
    const synth = createSynth(4, { noise: SILENCE });
    synth.addSpike(1, 1100);
    synth.addPulses([biphasicPulse(2)], 990);
    collectFrames(synth, 1000);
    synth.jump(5000);
    expect(synth.nextSample).toBe(6000);
    expect(collectFrames(synth, 2000).every((value) => value === 0)).toBe(true);
    expect(synth.takeSaturations().every(({ end }) => end <= 1000)).toBe(true);

    const noisy = createSynth(4);
    const before = collectFrames(noisy, 500);
    noisy.jump(0);
    expect(collectFrames(noisy, 500)).not.toEqual(before);
  });

  it('refuse what cannot be', () => {
    const synth = createSynth(4);
    collectFrames(synth, 100);
    expect(() => createSynth(0)).toThrow('Bad channels');
    expect(() => createSynth(4, { positions: [] })).toThrow('Bad number of positions');
    expect(() => createSynth(4, { sampleRateHz: 12_345.6 })).toThrow('integers');
    expect(() => createSynth(4, { noise: { neighbourCorrelation: 0.4 } })).toThrow('Bad noise.neighbourCorrelation');
    expect(() => createSynth(4, { artefact: { fastMs: 0 } })).toThrow('Bad artefact.fastMs');
    expect(() => synth.render(1025)).toThrow('Bad number of frames');
    expect(() => {
      synth.addSpike(0, 100 + synth.prePeakSamples - 1);
    }).toThrow('Spike added too late');
    expect(() => {
      synth.addSpike(4, 1000);
    }).toThrow('Bad unit');
    expect(() => {
      synth.addPulses([biphasicPulse(0)], 99);
    }).toThrow('Bad sample of pulses');
    expect(() => {
      synth.setChannelFault(4, 'dead');
    }).toThrow('Bad channel');
  });
});

describe('spikes of the synthesised voltages', () => {
  it('have a negative peak where it was asked for, a slower positive one, and end after 1 to 1.6 ms', () => {
    for (const widthMs of [0.28, 0.35, 0.45]) {
      const { values, peak } = drawSpikeShape(widthMs, 20_000);
      expect(values.indexOf(Math.min(...values))).toBe(peak);
      expect(values[peak]).toBe(-1);
      const positive = values.indexOf(Math.max(...values));
      expect(Math.abs(positive - peak - widthMs * 20)).toBeLessThanOrEqual(1);
      expect(values.length / 20).toBeGreaterThan(0.95);
      expect(values.length / 20).toBeLessThanOrEqual(1.7);
      const halfAsHigh = (level: number): number => values.filter((value) => value / level > 0.5).length;
      expect(halfAsHigh(values[positive]!)).toBeGreaterThan(halfAsHigh(-1));
    }
  });

  it('fall off with distance by the length that was set, until they are below 1 uV', () => {
    for (const spikeLengthUm of [100, 160]) {
      const synth = createSynth(64, { noise: SILENCE, spikeLengthUm, units: [unitAt(27, 250)] });
      synth.addSpike(0, 200);
      const samples = collectFrames(synth, 400);
      for (let channel = 0; channel < 64; channel++) {
        const distance = 200 * Math.hypot((channel % 8) - 3, (channel >> 3) - 3);
        const expected = 250 * Math.exp(-distance / spikeLengthUm);
        const seen = -samples[200 * 64 + channel]! * GAIN;
        if (expected < 1) expect(seen).toBeCloseTo(0, 9);
        else expect(Math.abs(seen - expected), `channel ${channel}`).toBeLessThanOrEqual(GAIN / 2 + 1e-9);
      }
    }
  });

  it('add where they overlap, and clip at the rail', () => {
    const alone = (times: readonly number[], amplitudeUv: number): Float64Array => {
      const synth = createSynth(1, { noise: SILENCE, units: [unitAt(0, amplitudeUv)] });
      for (const time of times) synth.addSpike(0, time);
      return channelOf(collectFrames(synth, 200), 0, 1);
    };
    const [a, b, both] = [alone([50], 200), alone([57], 200), alone([50, 57], 200)];
    expect(both).toEqual(a.map((value, i) => value + b[i]!));
    const clipped = alone([50, 50], 5000);
    expect(Math.min(...clipped)).toBe(-32768);
  });

  it('are not seen on a dead channel', () => {
    const badChannels = [{ channel: 0, type: 'dead' }] as const;
    const synth = createSynth(4, { noise: SILENCE, badChannels });
    synth.addSpike(0, 100);
    synth.addPulses([biphasicPulse(0)], 300);
    const samples = collectFrames(synth, 500);
    expect(channelOf(samples, 0, 4).every((value) => value === 0)).toBe(true);
    expect(Math.min(...channelOf(samples, 1, 4))).toBeLessThan(0);
  });
});

/** Longest time in ms from the pulse's first sample until a channel has left the rail for good; 0: never at the rail. */
function railTimeMs(values: Float64Array, begin: number): number {
  const last = values.findLastIndex((value) => value >= RAIL || value <= -32768);
  return last < 0 ? 0 : (last + 1 - begin) / 20;
}

describe('artefacts of the synthesised voltages', () => {
  it.each([17.5, 100, 200, 500])('of 32 black squares at %f um keep the limits of the array', (pitch) => {
    const black = blackSquares();
    const synth = createSynth(64, { positions: gridPositions(64, 8, pitch) });
    collectFrames(synth, 100);
    synth.addPulses(
      black.map((electrode) => biphasicPulse(electrode)),
      200,
    );
    const samples = collectFrames(synth, 1000);
    for (let channel = 0; channel < 64; channel++) {
      const values = channelOf(samples, channel, 64);
      const isPulsed = black.includes(channel);
      const time = railTimeMs(values, 100);
      expect(time, `channel ${channel}`).toBeLessThanOrEqual(isPulsed ? 3 : 1);
      if (isPulsed) expect(time).toBeGreaterThan(1);
      const after10Ms = values.slice(300);
      expect(Math.max(...after10Ms.map(Math.abs)) * GAIN).toBeLessThan(1000);
    }
  });

  it('have the sign of the last phase, grow with the current and fall with distance', () => {
    const peakAfter = (currentUa: number): number[] => {
      const synth = createSynth(64, { noise: SILENCE });
      synth.addPulses([biphasicPulse(0, currentUa)], 0);
      const samples = collectFrames(synth, 8 + 60);
      return [0, 1, 2, 63].map((channel) => samples[(8 + 59) * 64 + channel]! * GAIN);
    };
    const [strong, weak, reversed] = [peakAfter(20), peakAfter(10), peakAfter(-20)];
    for (let i = 0; i < 4; i++) {
      expect(strong[i]).toBeGreaterThan(0);
      expect(Math.abs(strong[i]! - 2 * weak[i]!)).toBeLessThan(1);
      expect(reversed[i]).toBe(-strong[i]!);
      if (i > 0) expect(strong[i]).toBeLessThanOrEqual(strong[i - 1]!);
    }
    // The step that every channel shows: 5 uV, 2.95 ms later 2.4.
    expect(Math.abs(strong[3]! - 5 * Math.exp(-2.95 / 4))).toBeLessThan(GAIN);
  });

  it('are a sum of two exponentials', () => {
    const synth = createSynth(4, { noise: SILENCE });
    synth.addPulses([biphasicPulse(0)], 0);
    const values = channelOf(collectFrames(synth, 500), 0, 4);
    for (let i = 60; i < 500; i++) {
      const ms = (i - 8) / 20;
      const expected = 40_000 * Math.exp(-ms / 0.6) + 6005 * Math.exp(-ms / 4);
      expect(Math.abs(values[i]! * GAIN - expected), `${ms} ms`).toBeLessThan(0.2);
    }
  });

  it('are reported as spans that agree with the samples, also while other pulses follow', () => {
    const synth = createSynth(64);
    const pulses = [0, 9, 18, 27].map((electrode) => biphasicPulse(electrode));
    synth.addPulses(pulses, 100);
    synth.addPulses([biphasicPulse(27, -20)], 120);
    const samples = collectFrames(synth, 1000, 17);
    const expected: string[] = [];
    for (let channel = 0; channel < 64; channel++) {
      let since = -1;
      channelOf(samples, channel, 64).forEach((value, i) => {
        const isAtRail = value === RAIL || value === -32768;
        if (isAtRail && since < 0) since = i;
        if (isAtRail || since < 0) return;
        expected.push(`${channel}: ${since} to ${i}`);
        since = -1;
      });
    }
    const reported = synth.takeSaturations().map(({ electrode, first, end }) => `${electrode}: ${first} to ${end}`);
    expect(expected.length).toBeGreaterThan(8);
    expect(reported.toSorted()).toEqual(expected.toSorted());
    expect(synth.takeSaturations()).toEqual([]);
  });
});

describe('faults of channels', () => {
  it('set in at the next sample, leave the other channels alone, and go', () => {
    const clean = collectFrames(createSynth(4), 400);
    const synth = createSynth(4);
    const before = collectFrames(synth, 100);
    synth.setChannelFault(0, 'stuck');
    synth.setChannelFault(1, 'saturated');
    synth.setChannelFault(2, 'dead');
    const during = collectFrames(synth, 200);
    for (const channel of [0, 1, 2]) synth.setChannelFault(channel, 'none');
    const after = collectFrames(synth, 100);
    expect(channelOf(during, 0, 4).every((value) => value === before[99 * 4])).toBe(true);
    expect(channelOf(during, 1, 4).every((value) => value === RAIL)).toBe(true);
    expect(Math.max(...channelOf(during, 2, 4).map(Math.abs)) * GAIN).toBeLessThan(8);
    expect(channelOf(during, 3, 4)).toEqual(channelOf(clean, 3, 4).slice(100, 300));
    for (const channel of [0, 1, 3]) {
      expect(channelOf(after, channel, 4)).toEqual(channelOf(clean, channel, 4).slice(300));
    }
    expect(Math.max(...channelOf(after, 2, 4).map(Math.abs)) * GAIN).toBeGreaterThan(8);
  });

  it('are no saturation by a pulse', () => {
    const synth = createSynth(4);
    synth.setChannelFault(1, 'saturated');
    synth.addPulses([biphasicPulse(1)], 50);
    collectFrames(synth, 500);
    expect(synth.takeSaturations().filter(({ electrode }) => electrode === 1)).toEqual([]);
  });
});
