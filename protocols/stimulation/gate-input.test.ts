import { describe, expect, it } from 'vitest';
import {
  accept,
  ordinaryPulse,
  refusedRules,
  toCommand,
  toContext,
  toPulse,
  type PhasePair,
} from '../../tests/helpers/stimuli.js';
import { checkStimulus } from './gate.js';

describe('hostile input', () => {
  const NUMBERS: readonly unknown[] = [
    Number.NaN, Infinity, -Infinity, null, undefined, '1', 'NaN', '', 1n, true, [], [1], {}, 1e308, -1e308, 5e-324, -5e-324,
    new Date(0), Symbol('1'), () => 1, new Number(1), { valueOf: () => 1 }, 2 ** 53, -1, 1.5,
  ]; // prettier-ignore

  /** Every number of a command in turn replaced by the value. */
  const places: readonly (readonly [string, (value: unknown) => unknown])[] = [
    ['current', (value) => toCommand([{ electrode: 0, phases: [{ currentUa: value, durationUs: 200 }, { currentUa: 10, durationUs: 200 }] }])],
    ['second current', (value) => toCommand([{ electrode: 0, phases: [{ currentUa: -10, durationUs: 200 }, { currentUa: value, durationUs: 200 }] }])],
    ['duration', (value) => toCommand([{ electrode: 0, phases: [{ currentUa: -10, durationUs: value }, { currentUa: 10, durationUs: 200 }] }])],
    ['duration of a gap', (value) => toCommand([{ electrode: 0, phases: [{ currentUa: -10, durationUs: 200 }, { currentUa: 0, durationUs: value }, { currentUa: 10, durationUs: 200 }] }])],
    ['electrode', (value) => toCommand([{ electrode: value === -1 ? -1 : value, phases: [{ currentUa: -10, durationUs: 200 }, { currentUa: 10, durationUs: 200 }] }])],
    ['slot', (value) => ({ stimulusId: 1, pattern: { slot: value, pulses: [] }, at: { type: 'now' } })],
    ['stimulusId', (value) => ({ stimulusId: value, pattern: { slot: 0, pulses: [] }, at: { type: 'now' } })],
    ['sample', (value) => ({ stimulusId: 1, pattern: { slot: 0, pulses: [] }, at: { type: 'sample', sample: value } })],
    ['type', (value) => ({ stimulusId: 1, pattern: { slot: 0, pulses: [] }, at: { type: value } })],
    ['at', (value) => ({ stimulusId: 1, pattern: { slot: 0, pulses: [] }, at: value })],
    ['pattern', (value) => ({ stimulusId: 1, pattern: value, at: { type: 'now' } })],
    ['pulses', (value) => ({ stimulusId: 1, pattern: { slot: 0, pulses: value }, at: { type: 'now' } })],
    ['pulse', (value) => toCommand([value])],
    ['phases', (value) => toCommand([{ electrode: 0, phases: value }])],
    ['phase', (value) => toCommand([{ electrode: 0, phases: [value] }])],
    ['command', (value) => value],
  ]; // prettier-ignore

  /** What is no nonsense at its place: no pulses, or a phase without one. */
  const innocent = (place: string, value: unknown): boolean =>
    place === 'pulses' && Array.isArray(value) && value.length === 0;

  it.each(places)('is refused as %s', (place, build) => {
    const values = NUMBERS.filter((value) => !innocent(place, value));
    const accepted = values.filter((value) => checkStimulus(build(value), toContext()).type === 'accepted');
    expect(accepted).toEqual([]);
    expect(values.length).toBeGreaterThan(20);
  });

  it('names finite for a number that is none, and schema for what is no number', () => {
    const withCurrent = places[0]![1];
    for (const value of [Number.NaN, Infinity, 5e-324]) {
      expect(refusedRules(withCurrent(value), toContext())).toEqual(['finite']);
    }
    for (const value of ['1', 1n, null]) expect(refusedRules(withCurrent(value), toContext())).toEqual(['schema']);
    expect(refusedRules(withCurrent(1e308), toContext())[0]).toBe('current');
  });

  it('takes -0 as 0', () => {
    const { command } = accept(toCommand([toPulse(0, [-10, 200], [-0, 100], [10, 200])]), toContext());
    expect(command.pattern.pulses[0]!.phases[1]!.currentUa).toBe(0);
  });

  it('is refused with keys that are missing, unknown, inherited or not plain', () => {
    const good = { stimulusId: 1, pattern: { slot: 0, pulses: [] }, at: { type: 'now' } };
    class Command {
      stimulusId = 1;
      pattern = good.pattern;
      at = good.at;
    }
    const bad: readonly unknown[] = [
      { ...good, armed: true },
      { ...good, pattern: { ...good.pattern, name: 'x' } },
      { ...good, at: { type: 'now', sample: 1 } },
      { ...good, at: { type: 'sample' } },
      { stimulusId: 1, pattern: good.pattern },
      JSON.parse('{"stimulusId":1,"pattern":{"slot":0,"pulses":[]},"at":{"type":"now"},"__proto__":{"armed":true}}'),
      JSON.parse('{"stimulusId":1,"pattern":{"slot":0,"__proto__":{"pulses":[]}},"at":{"type":"now"}}'),
      Object.create(good),
      { __proto__: good },
      { __proto__: { at: good.at }, stimulusId: 1, pattern: good.pattern },
      new Command(),
      Object.assign([], good),
      { ...good, pattern: { slot: 0, pulses: { length: 0 } } },
      { ...good, pattern: { slot: 0, pulses: 'abc' } },
      { ...good, pattern: { slot: 64, pulses: [] } },
      { ...good, pattern: { slot: 0, pulses: [ordinaryPulse(), ordinaryPulse()] } },
      { ...good, pattern: { slot: 0, pulses: [ordinaryPulse(1), ordinaryPulse(0), ordinaryPulse(1)] } },
      // An array with a hole.
      { ...good, pattern: { slot: 0, pulses: Array.from({ length: 1 }) } },
      toCommand([toPulse(0, ...Array.from({ length: 33 }, (): PhasePair => [0, 10]))]),
    ];
    for (const command of bad) expect(refusedRules(command, toContext())).toEqual(['schema']);
    expect(refusedRules(good, toContext())).toEqual([]);
    expect(refusedRules(Object.assign(Object.create(null), good), toContext())).toEqual([]);
  });

  it('holds the value that JSON.parse keeps of duplicate keys', () => {
    const toText = (currents: string): string =>
      `{"stimulusId":1,"at":{"type":"now"},"pattern":{"slot":0,"pulses":[{"electrode":0,"phases":[{${currents},"durationUs":200},{"currentUa":10,"durationUs":200}]}]}}`;
    expect(refusedRules(JSON.parse(toText('"currentUa":-10,"currentUa":-99')), toContext())).toContain('current');
    expect(refusedRules(JSON.parse(toText('"currentUa":-10,"currentUa":1e999')), toContext())).toEqual(['finite']);
  });

  it('is read once: a property cannot change between check and use', () => {
    let reads = 0;
    const shifty = {
      get currentUa(): number {
        return reads++ === 0 ? -10 : -1000;
      },
      durationUs: 200,
    };
    const pulse = { electrode: 0, phases: [shifty, { currentUa: 10, durationUs: 200 }] };
    const { command } = accept(toCommand([pulse]), toContext());
    expect(reads).toBe(1);
    expect(command.pattern.pulses).toEqual([ordinaryPulse()]);
  });

  it('is refused when reading it throws', () => {
    const thrower = { get slot(): number { throw new Error('no'); }, pulses: [] }; // prettier-ignore
    expect(refusedRules({ stimulusId: 1, pattern: thrower, at: { type: 'now' } }, toContext())).toEqual(['schema']);
    const proxy = new Proxy({}, { getPrototypeOf: () => { throw new Error('no'); } }); // prettier-ignore
    expect(refusedRules(proxy, toContext())).toEqual(['schema']);
  });
});
