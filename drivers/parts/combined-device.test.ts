import { describe, expect, test } from 'vitest';
import {
  BLOCK,
  CHANNELS,
  openCombinedBench as openBench,
  PHASES,
  RATE_HZ,
} from '../../tests/helpers/combined-bench.js';
import { microamps, sampleIndex } from '../../protocols/units.js';

describe('a device combined of a recorder and a stimulator', () => {
  test('tells a stimulus where the recorder saw it, before the block that holds it', async () => {
    const bench = await openBench();
    await bench.runFor(1000);
    const due = bench.now() + RATE_HZ / 5;
    expect(await bench.stimulate([0, 1, 2], due)).toEqual({ type: 'scheduled', sample: due });
    await bench.runFor(500);
    const [delivered] = bench.of('stimulus-delivered');
    expect(delivered).toMatchObject({ electrodes: [0, 1, 2], stimulusId: 1 });
    const place = bench.events.findIndex(({ type }) => type === 'stimulus-delivered');
    const next = bench.events.slice(place).find((event) => event.type === 'block')!;
    expect(delivered!.sample).toBeGreaterThanOrEqual(next.firstSample);
    expect(delivered!.sample).toBeLessThan(next.firstSample + next.frames);
    // The recorder is 30 ms late, which nobody knew.
    expect(delivered!.sample - due).toBeGreaterThan(RATE_HZ * 0.02);
  });

  test('learns how late the recorder is, and then hits the sample but for a block', async () => {
    const bench = await openBench();
    await bench.runFor(1000);
    const errors: number[] = [];
    for (let trial = 0; trial < 5; trial++) {
      const due = bench.now() + RATE_HZ / 5;
      await bench.stimulate([3, 4], due);
      await bench.runFor(700);
      errors.push(bench.of('stimulus-delivered').at(-1)!.sample - due);
    }
    expect(errors).toHaveLength(5);
    for (const error of errors.slice(1)) expect(Math.abs(error)).toBeLessThanOrEqual(BLOCK);
  });

  test('fires both groups for a pattern of both, and refuses one that is no union of whole groups', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
    await bench.runFor(400);
    expect(bench.fired).toEqual([[0, 1]]);
    expect(await bench.stimulate([0, 1], bench.now() + 4000)).toMatchObject({
      type: 'refused',
      reason: 'unsupported',
      message: 'no whole group has electrodes 0, 1 within the pattern',
    });
    expect(bench.fired).toHaveLength(1);
  });

  test('refuses more groups at once than can begin together', async () => {
    const bench = await openBench({ maxTogether: 1 });
    await bench.runFor(500);
    const outcome = await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
    expect(outcome).toMatchObject({ reason: 'unsupported' });
    expect('message' in outcome && outcome.message).toMatch(/at most 1/u);
  });

  test('acknowledges an empty pattern at its own sample, and fires nothing', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    const due = bench.now() + 4321;
    await bench.stimulate([], due);
    await bench.runFor(400);
    expect(bench.of('stimulus-delivered')).toMatchObject([{ electrodes: [], sample: due }]);
    expect(bench.fired).toEqual([]);
  });

  test('tells of a stimulus whose pulse is not seen, and leaves it in the account', async () => {
    const bench = await openBench({ isDead: true });
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(1200);
    expect(bench.fired).toEqual([[1]]);
    expect(bench.of('stimulus-delivered')).toEqual([]);
    expect(bench.of('stimulus-dropped')).toEqual([]);
    expect(bench.of('fault').map(({ message }) => message)).toEqual([
      'The trigger of stimulus 1 was given, and no pulse was seen for 500 ms',
    ]);
  });

  test('puts pulses of one stimulus together that begin a sample apart, and no others', async () => {
    const bench = await openBench({ isDead: true });
    await bench.runFor(500);
    for (const apart of [1, 3]) {
      await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
      await bench.runFor(260);
      const sample = sampleIndex(bench.now() + 3);
      const later = sampleIndex(sample + apart);
      bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [3, 4], atCompliance: [] });
      bench.recorder$.next({ type: 'pulses-seen', sample: later, electrodes: [0, 1, 2], atCompliance: [1] });
      await bench.runFor(20);
      expect(bench.of('stimulus-delivered').at(-1)).toMatchObject(
        apart === 1 ? { sample, electrodes: [0, 1, 2, 3, 4], limitedElectrodes: [1] } : { sample, electrodes: [3, 4] },
      );
    }
    // What came too late belongs to nothing: nobody asked for it.
    expect(bench.of('fault')).toHaveLength(1);
    expect(bench.device.isArmed).toBe(false);
  });

  test('gives no trigger that has become late while the program stood still', async () => {
    const bench = await openBench({ stallMs: 30 });
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(600);
    expect(bench.fired).toEqual([]);
    expect(bench.of('stimulus-dropped')).toMatchObject([{ stimulusId: 1, reason: 'device-fault' }]);
  });

  test('switches off on stray pulses even when nothing is armed', async () => {
    const bench = await openBench();
    await bench.device.disarm();
    const before = bench.offs();
    const sample = sampleIndex(bench.now() + 5);
    bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [7], atCompliance: [] });
    await bench.runFor(10);
    expect(bench.offs()).toBe(before + 1);
  });

  test('is not armed while the recorder does not run', async () => {
    const bench = await openBench();
    const stopped = bench.device.stop();
    await bench.runFor(10);
    await stopped;
    const { profileHash } = await bench.device.configure({ blockFrames: BLOCK, safetyProfile: bench.profile });
    await expect(bench.device.arm({ serialNumber: 'R1+S1', profileHash })).rejects.toThrow(/recorder does not run/u);
  });

  test('is armed again only after it was configured again', async () => {
    const bench = await openBench();
    await bench.device.disarm();
    const profileHash = new Uint8Array(32);
    await expect(bench.device.arm({ serialNumber: 'R1+S1', profileHash })).rejects.toThrow(/not-configured/u);
  });

  test('turns all off on pulses that nobody asked for', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    bench.recorder$.next({
      type: 'pulses-seen',
      sample: sampleIndex(bench.now() + 5),
      electrodes: [7],
      atCompliance: [],
    });
    await bench.runFor(10);
    expect(bench.of('fault')).toMatchObject([{ code: 'stimulator' }]);
    expect(bench.of('fault')[0]!.message).toMatch(/electrodes 7/u);
    expect(bench.device.isArmed).toBe(false);
    expect(bench.offs()).toBeGreaterThan(0);
    expect(await bench.stimulate([3, 4], bench.now() + 4000)).toMatchObject({ reason: 'not-armed' });
  });

  test('turns all off when the main loop stands still, and fires nothing that waited', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + (RATE_HZ * 9) / 10);
    await bench.runFor(400, { alive: false });
    expect(bench.of('main-stalled')).toHaveLength(1);
    expect(bench.of('armed-changed').at(-1)).toMatchObject({ armed: false, cause: 'watchdog' });
    expect(bench.of('stimulus-dropped')).toMatchObject([{ reason: 'disarmed' }]);
    await bench.runFor(1500);
    expect(bench.fired).toEqual([]);
    expect(bench.offs()).toBe(1);
  });

  test('turns all off when the recorder is lost: what is not seen is not stimulated', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    bench.recorder$.next({ type: 'link-lost', reason: 'unplugged' });
    await bench.runFor(10);
    expect(bench.device.isArmed).toBe(false);
    expect(bench.offs()).toBe(1);
    expect(bench.of('link-lost')).toHaveLength(1);
  });

  test('arms a stimulator without a watchdog only by its name', async () => {
    await expect(openBench({ acceptsNoWatchdog: undefined })).rejects.toThrow(/acceptNoWatchdog: Test stimulator/u);
    await expect(openBench({ acceptsNoWatchdog: 'another' })).rejects.toThrow(/acceptNoWatchdog for another/u);
    const bench = await openBench();
    expect(bench.of('log')).toMatchObject([{ level: 'warn' }]);
    expect(bench.of('log')[0]!.message).toMatch(/without a watchdog/u);
  });

  test('tells samples that were lost as a gap and a jump', async () => {
    const bench = await openBench();
    await bench.runFor(100);
    const fromSample = sampleIndex(bench.now());
    const toSample = sampleIndex(fromSample + 256);
    bench.recorder$.next({ type: 'samples-lost', fromSample, toSample, messages: 2 });
    expect(bench.of('gap')).toMatchObject([{ fromSample, toSample, messages: 2 }]);
    expect(bench.of('sample-jump')).toMatchObject([{ fromSample, toSample, cause: 'gap' }]);
    expect(bench.device.counters).toMatchObject({ gaps: 1, lostMessages: 2, sampleJumps: 1 });
  });

  test('leaves samples out for a rest, whatever the cut into blocks', async () => {
    const bench = await openBench();
    await bench.runFor(100);
    const rested = bench.device.rest(300);
    const before = bench.of('block').length;
    await bench.runFor(100);
    await rested;
    const { fromSample, toSample } = bench.of('rested')[0]!;
    expect(toSample - fromSample).toBe(300);
    const after = bench.of('block').slice(before);
    expect(after[0]).toMatchObject({ firstSample: toSample });
    expect(after[0]!.samples).toHaveLength(after[0]!.frames * CHANNELS);
    expect(after[0]!.samples[0]).toBe(toSample % 1000);
  });

  test('ends an acquisition with what came of it', async () => {
    const bench = await openBench();
    await bench.runFor(100);
    const stopped = bench.device.stop();
    await bench.runFor(50);
    const blocks = bench.of('block');
    expect(await stopped).toMatchObject({
      type: 'ended',
      ended: { blocks: blocks.length, check: { verdict: 'complete' } },
    });
    await bench.device.close();
    expect(bench.isClosed()).toEqual({ recorder: true, stimulator: true });
  });

  test('refuses a pulse that the gate refuses, before anything is programmed', async () => {
    const phases = PHASES.map(({ currentUa, durationUs }) => ({ currentUa: microamps(currentUa * 100), durationUs }));
    await expect(openBench({ phases })).rejects.toThrow(/safety gate refuses the pulses of a group/u);
  });
});
