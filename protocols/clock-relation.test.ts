import { describe, expect, it } from 'vitest';
import { createClockRelation, type ClockRelation, type PairJitter } from './clock-relation.js';
import { openRandomStream, type RandomStream } from './random.js';

const NOMINAL_HZ = 30_000;
const FIRST_SAMPLE = 1_000_000;
const FIRST_HOST_MS = 1.7e12;
const TEN_MINUTES_MS = 600_000;

interface Scene {
  readonly jitter: PairJitter;
  readonly pairsPerSecond: number;
  readonly untilMs: number;
  readonly driftPpm: number;
  /** Jitter of the host's time of a pair, in ms. */
  draw(random: RandomStream): number;
  /** Left out where it gives null; else added to the host's time. */
  disturb?(tMs: number, random: RandomStream): number | null;
}

const LATE_2_MS: Scene = {
  jitter: 'host-late',
  pairsPerSecond: 100,
  untilMs: TEN_MINUTES_MS,
  driftPpm: 50,
  draw: (random) => 2 * random.uniform(),
};

function samplesPerMs({ driftPpm }: Scene): number {
  return (NOMINAL_HZ * (1 + driftPpm * 1e-6)) / 1000;
}

function learn(
  scene: Scene,
  fromMs = 0,
  relation = createClockRelation({ nominalHz: NOMINAL_HZ, jitter: scene.jitter }),
) {
  const random = openRandomStream(11, 'clock-relation');
  const stepMs = 1000 / scene.pairsPerSecond;
  for (let tMs = fromMs; tMs <= scene.untilMs; tMs += stepMs) {
    const lateMs = scene.draw(random);
    const disturbance = scene.disturb?.(tMs, random) ?? (scene.disturb === undefined ? 0 : null);
    if (disturbance === null) continue;
    relation.add(FIRST_HOST_MS + tMs + lateMs + disturbance, FIRST_SAMPLE + samplesPerMs(scene) * tMs);
  }
  return relation;
}

/** The largest error over the last ten minutes, in ms. */
function worstErrorMs(relation: ClockRelation, scene: Scene): number {
  let worst = 0;
  for (let step = 0; step <= 60; step++) {
    const tMs = scene.untilMs - (step / 60) * Math.min(TEN_MINUTES_MS, scene.untilMs);
    const hostMs = relation.hostMsAt(FIRST_SAMPLE + samplesPerMs(scene) * tMs);
    worst = Math.max(worst, hostMs === null ? Infinity : Math.abs(hostMs - FIRST_HOST_MS - tMs));
  }
  return worst;
}

describe('after ten minutes of 50 ppm drift and 2 ms jitter', () => {
  const scenes: readonly (readonly [string, Scene])[] = [
    ['arrivals that are up to 2 ms late', LATE_2_MS],
    ['arrivals that are 2 ms late on average', { ...LATE_2_MS, draw: (random) => -2 * Math.log(1 - random.uniform()) }],
    ['a slow clock', { ...LATE_2_MS, driftPpm: -50 }],
    ['arrivals once a second', { ...LATE_2_MS, pairsPerSecond: 1 }],
    ['commands that are seen up to 2 ms later', { ...LATE_2_MS, jitter: 'host-early', draw: (r) => -2 * r.uniform() }],
    ['edges with a deviation of 2 ms', { ...LATE_2_MS, jitter: 'both', draw: (random) => 2 * random.normal() }],
    [
      'edges within 2 ms, once a second',
      { ...LATE_2_MS, jitter: 'both', pairsPerSecond: 1, draw: (random) => 2 * random.uniform() - 1 },
    ],
  ];
  it.each(scenes)('%s', (_, scene) => {
    const relation = learn(scene);
    const report = relation.report();
    expect(report?.pairs).toBe(scene.pairsPerSecond * 600 + 1);
    expect(report?.residualMs).toBeLessThan(0.2);
    expect(Math.abs((report?.driftPpm ?? Infinity) - scene.driftPpm)).toBeLessThan(1);
    expect(worstErrorMs(relation, scene)).toBeLessThan(0.2);
    expect(report?.restarts).toBe(0);
  });
});

describe('how quickly it gets there', () => {
  it.each([
    { pairsPerSecond: 100, afterS: 1, withinMs: 0.2, withinPpm: 60 },
    { pairsPerSecond: 100, afterS: 30, withinMs: 0.05, withinPpm: 1 },
    { pairsPerSecond: 1, afterS: 120, withinMs: 0.2, withinPpm: 1 },
  ])('$pairsPerSecond pairs a second, after $afterS s', ({ pairsPerSecond, afterS, withinMs, withinPpm }) => {
    const scene = { ...LATE_2_MS, pairsPerSecond, untilMs: afterS * 1000 };
    const relation = learn(scene);
    expect(worstErrorMs(relation, scene)).toBeLessThan(withinMs);
    expect(Math.abs((relation.report()?.driftPpm ?? Infinity) - 50)).toBeLessThan(withinPpm);
  });
});

it('is not moved by pairs that are wrong by up to 100 ms either way', () => {
  const scene: Scene = {
    ...LATE_2_MS,
    disturb: (_, random) => (random.uniform() < 0.02 ? 200 * random.uniform() - 100 : 0),
  };
  const relation = learn(scene);
  expect(relation.report()?.outliers).toBeGreaterThan(300);
  expect(relation.report()?.restarts).toBe(0);
  expect(worstErrorMs(relation, scene)).toBeLessThan(0.05);
});

it('recovers from a first pair that is wrong', () => {
  const scene: Scene = { ...LATE_2_MS, untilMs: 10_000, disturb: (tMs) => (tMs === 0 ? -50 : 0) };
  expect(worstErrorMs(learn(scene), scene)).toBeLessThan(0.2);
});

it('bridges a silence of some seconds, and a link that stands still for as long', () => {
  const scene: Scene = {
    ...LATE_2_MS,
    untilMs: 120_000,
    // nothing for 5 s; later 5 s of pairs that all come when the link moves again
    disturb: (tMs) => (tMs > 30_000 && tMs < 35_000 ? null : tMs > 60_000 && tMs < 65_000 ? 65_000 - tMs : 0),
  };
  const relation = learn(scene);
  expect(worstErrorMs(relation, scene)).toBeLessThan(0.05);
  expect(relation.report()?.restarts).toBe(0);
});

it('takes pairs that come in another order', () => {
  const scene = { ...LATE_2_MS, untilMs: 60_000 };
  const relation = createClockRelation({ nominalHz: NOMINAL_HZ });
  const random = openRandomStream(3, 'clock-relation');
  for (let pair = 0; pair < 6000; pair++) {
    const tMs = 10 * (pair ^ 3);
    relation.add(FIRST_HOST_MS + tMs + 2 * random.uniform(), FIRST_SAMPLE + samplesPerMs(scene) * tMs);
  }
  expect(worstErrorMs(relation, scene)).toBeLessThan(0.05);
});

it('follows a drift that wanders, for it forgets what is older than its window', () => {
  const early = { ...LATE_2_MS, pairsPerSecond: 20 };
  const relation = learn(early);
  const random = openRandomStream(12, 'clock-relation');
  // from then on 10 ppm slower
  const turnSample = FIRST_SAMPLE + samplesPerMs(early) * early.untilMs;
  const laterPerMs = samplesPerMs({ ...early, driftPpm: 40 });
  for (let tMs = 50; tMs <= 700_000; tMs += 50) {
    relation.add(FIRST_HOST_MS + early.untilMs + tMs + 2 * random.uniform(), turnSample + laterPerMs * tMs);
  }
  expect(Math.abs((relation.report()?.driftPpm ?? 0) - 40)).toBeLessThan(0.5);
});

it('says by its residual when no straight line explains the pairs', () => {
  const relation = createClockRelation({ nominalHz: NOMINAL_HZ, jitter: 'both' });
  for (let tMs = 0; tMs <= TEN_MINUTES_MS; tMs += 100) {
    relation.add(tMs + 2 * Math.sin((tMs / TEN_MINUTES_MS) * 2 * Math.PI), (tMs * NOMINAL_HZ) / 1000);
  }
  expect(relation.report()?.residualMs).toBeGreaterThan(0.5);
});

it('begins anew when a clock has jumped, and says so', () => {
  const scene: Scene = { ...LATE_2_MS, untilMs: 60_000, disturb: (tMs) => (tMs > 20_000 ? -250 : 0) };
  const relation = learn(scene);
  expect(relation.report()?.restarts).toBe(1);
  const hostMs = relation.hostMsAt(FIRST_SAMPLE + samplesPerMs(scene) * 60_000) ?? 0;
  expect(Math.abs(hostMs - (FIRST_HOST_MS + 60_000 - 250))).toBeLessThan(0.1);
});

it('goes both ways', () => {
  const relation = learn({ ...LATE_2_MS, untilMs: 60_000 });
  for (const hostMs of [FIRST_HOST_MS - 1000, FIRST_HOST_MS, FIRST_HOST_MS + 90_000]) {
    expect(relation.hostMsAt(relation.sampleAt(hostMs) ?? 0)).toBeCloseTo(hostMs, 2);
  }
});

it('tells the offset at the newest pair', () => {
  const relation = learn({ ...LATE_2_MS, untilMs: 60_000 });
  const sample = FIRST_SAMPLE + samplesPerMs(LATE_2_MS) * 60_000;
  expect(relation.report()?.offsetMs).toBeCloseTo((relation.hostMsAt(sample) ?? 0) - (sample / NOMINAL_HZ) * 1000, 2);
});

it('knows nothing before the first pair, and takes one pair at its word', () => {
  const relation = createClockRelation({ nominalHz: NOMINAL_HZ });
  expect([relation.report(), relation.sampleAt(0), relation.hostMsAt(0)]).toEqual([null, null, null]);
  relation.add(Number.NaN, 5);
  expect(relation.report()).toBeNull();
  relation.add(1000, 300);
  expect(relation.hostMsAt(600)).toBeCloseTo(1010, 6);
  expect(relation.sampleAt(1010)).toBeCloseTo(600, 6);
  expect(relation.report()).toMatchObject({ pairs: 2, outliers: 1, residualMs: null });
});

it('refuses a clock without a rate', () => {
  expect(() => createClockRelation({ nominalHz: 0 })).toThrow(/No sample clock: got 0 Hz, expected a rate above 0/);
});
