import { describe, expect, it } from 'vitest';

import { isMeaError } from '../../protocols/errors.js';
import { digamma } from './digamma.js';

const EULER_GAMMA = 0.5772156649015329;

describe('digamma', () => {
  // Closed forms (Abramowitz & Stegun 6.3.2, 6.3.3; Gauss's theorem for 1/4) and, for the rest, scipy.special.psi
  // 1.10.1: `/usr/bin/python3 -c "from scipy.special import psi; print(repr(psi(x)))"`.
  it.each([
    [1, -EULER_GAMMA],
    [2, 1 - EULER_GAMMA],
    [0.5, -EULER_GAMMA - 2 * Math.LN2],
    [0.25, -EULER_GAMMA - Math.PI / 2 - 3 * Math.LN2],
    [10, 2.251752589066721],
    [1e-6, -1000000.57721402],
    [0.1, -10.423754940411076],
    [3.7, 1.1671535393615113],
    [9.999999, 2.25175248390038],
    [97.2453203668104, 4.572086414085256],
    [11352.928911081515, 9.337187001314255],
    [1e8, 18.420680738952367],
  ])('of %d is known to 1e-14 relative', (x, known) => {
    expect(Math.abs(digamma(x) / known - 1)).toBeLessThan(1e-14);
  });

  it('vanishes at its positive root to 1e-15', () => {
    expect(Math.abs(digamma(1.4616321449683623))).toBeLessThan(1e-15);
  });

  it('keeps its recurrence across the point where the series takes over', () => {
    for (const x of [8.5, 8.999999, 9, 9.000001, 9.5, 10, 11]) {
      expect(Math.abs(digamma(x + 1) - digamma(x) - 1 / x)).toBeLessThan(2e-15);
    }
  });

  it.each([0, -1, -0.5, Number.NaN])('refuses %d', (x) => {
    expect.assertions(1);
    try {
      digamma(x);
    } catch (error) {
      expect(isMeaError(error, 'bad-input')).toBe(true);
    }
  });
});
