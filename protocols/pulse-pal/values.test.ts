import { expect, it } from 'vitest';
import { toCycles, toDacCode, toVolts } from './values.js';

it('turns volts into the numbers of the device, between two steps into the upper one', () => {
  expect([-10, -5, 0, 5, 10].map((volts) => toDacCode(volts, 'x'))).toEqual([0, 16384, 32768, 49152, 65535]);
  // 1 step is 305.18 uV
  expect([0.000152, 0.000153, 0.000457].map((volts) => toDacCode(volts, 'x'))).toEqual([32768, 32769, 32769]);
});

it('finds every number again from its voltage', () => {
  for (let code = 0; code <= 65_535; code++) {
    if (toDacCode(toVolts(code), 'x') !== code) expect.fail(`${code} came back as ${toDacCode(toVolts(code), 'x')}`);
  }
});

it.each([10.000001, -10.000001, Number.NaN, Infinity])('refuses %d V', (volts) => {
  expect(() => toDacCode(volts, 'output 2')).toThrow(/no such voltage: got .* V, expected -10 V to 10 V \(output 2\)/);
});

it('counts times in cycles of 50 us, without rounding', () => {
  expect(toCycles(50, 'x', { least: 1 })).toBe(1);
  expect(toCycles(150, 'x', { least: 1 })).toBe(3);
  expect(toCycles(3_600_000_000, 'x', { least: 1 })).toBe(72_000_000);
  expect(toCycles(0, 'x', { least: 0 })).toBe(0);
});

it.each([
  [0, 1],
  [25, 0],
  [120, 0],
  [-50, 0],
  [3_600_000_050, 0],
  [Number.NaN, 0],
] as const)('refuses %d us where at least %d cycles are wanted', (us, least) => {
  expect(() => toCycles(us, 'phase1Us of output 1', { least })).toThrow(/no such time/);
});
