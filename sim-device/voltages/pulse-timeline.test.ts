import { describe, expect, it } from 'vitest';
import { microamps, microseconds } from '../../protocols/units.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { planPulses } from './pulse-timeline.js';

function pulse(electrode: number, phases: readonly (readonly [number, number])[]): Pulse {
  return {
    electrode,
    phases: phases.map(([ua, us]) => ({ currentUa: microamps(ua), durationUs: microseconds(us) })),
  };
}

describe('pulses on the sample grid', () => {
  it('give one span a phase, and an end with the current of the last phase', () => {
    const shape = [
      [-20, 200],
      [20, 200],
    ] as const;
    expect(planPulses([pulse(3, shape), pulse(5, shape)], 100, 20_000)).toEqual({
      spans: [
        { first: 100, end: 104, currentUa: -20, electrodes: [3, 5] },
        { first: 104, end: 108, currentUa: 20, electrodes: [3, 5] },
      ],
      ends: [{ sample: 108, currentUa: 20, electrodes: [3, 5] }],
    });
  });

  it('leave the gap free, and a phase without current at the end', () => {
    const gapped = pulse(0, [
      [-10, 100],
      [0, 50],
      [10, 100],
      [0, 500],
    ]);
    expect(planPulses([gapped], 0, 20_000)).toEqual({
      spans: [
        { first: 0, end: 2, currentUa: -10, electrodes: [0] },
        { first: 3, end: 5, currentUa: 10, electrodes: [0] },
      ],
      ends: [{ sample: 5, currentUa: 10, electrodes: [0] }],
    });
  });

  it('show the mean current where a phase ends within a sample', () => {
    const { spans, ends } = planPulses([pulse(0, [[8, 75]])], 10, 20_000);
    expect(spans.map(({ first, end, currentUa }) => [first, end, currentUa])).toEqual([
      [10, 11, 8],
      [11, 12, 4],
    ]);
    expect(ends.map(({ sample }) => sample)).toEqual([12]);
  });

  it('are nothing without current', () => {
    expect(planPulses([pulse(0, [[0, 200]]), pulse(1, [])], 0, 20_000)).toEqual({ spans: [], ends: [] });
  });
});
