import { describe, expect, test } from 'vitest';
import { MeaError } from '../../protocols/errors.js';
import { sampleIndex } from '../../protocols/units.js';
import {
  BLOCK,
  LATENCY_MS,
  openCombinedBench,
  RATE_HZ,
  type CombinedBench,
} from '../../tests/helpers/combined-bench.js';

/** One stimulus from plan to sight. */
async function trial(bench: CombinedBench, electrodes: readonly number[]): Promise<void> {
  await bench.stimulate(electrodes, bench.now() + RATE_HZ / 5);
  await bench.runFor(700);
}

function messagesOf(bench: CombinedBench): readonly string[] {
  return bench.of('fault').map(({ message }) => message);
}

describe('pulses and the stimuli whose they are', () => {
  test('a refused trigger has not left: the next pulse is not taken for it', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    bench.world.refuses = new MeaError('refused', { what: 'busy' });
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(300);
    expect(bench.of('stimulus-dropped')).toMatchObject([{ stimulusId: 1, reason: 'device-fault' }]);
    bench.world.refuses = undefined;
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(600);
    expect(bench.of('stimulus-delivered')).toMatchObject([{ stimulusId: 2 }]);
    expect(messagesOf(bench)).toEqual([]);
  });

  test('a trigger whose answer was lost may have left: it is told where it was seen', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    const fire = bench.world.fire.bind(bench.world);
    bench.world.fire = async (groups) => {
      await fire(groups);
      throw new MeaError('deadline', { what: 'no answer' });
    };
    await trial(bench, [3, 4]);
    expect(bench.of('stimulus-delivered')).toMatchObject([{ stimulusId: 1 }]);
    expect(bench.of('driver-warning')).toHaveLength(1);
  });

  test("a pulse on electrodes that no stimulus under way has is nobody's", async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    bench.world.isSilent = true;
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(260);
    bench.recorder$.next({ type: 'pulses-seen', sample: bench.sampleNow(), electrodes: [0, 1, 2], atCompliance: [] });
    expect(bench.of('stimulus-delivered')).toEqual([]);
    expect(messagesOf(bench)[0]).toMatch(/on electrodes 0, 1, 2 that nobody asked for/u);
    expect(bench.device.isArmed).toBe(false);
  });

  test('pulses beyond those that were asked for are told with the stimulus, and end the arming', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    bench.world.isSilent = true;
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(260);
    bench.recorder$.next({ type: 'pulses-seen', sample: bench.sampleNow(), electrodes: [3, 4, 7], atCompliance: [] });
    expect(bench.of('stimulus-delivered')).toMatchObject([{ stimulusId: 1, electrodes: [3, 4, 7] }]);
    expect(messagesOf(bench)[0]).toMatch(/on electrodes 7 that nobody asked for/u);
    expect(bench.device.isArmed).toBe(false);
  });

  test("once the device is known, a pulse far from where it is expected is nobody's", async () => {
    const bench = await openCombinedBench();
    await bench.runFor(1000);
    for (let i = 0; i < 4; i++) await trial(bench, [3, 4]);
    bench.world.isSilent = true;
    const due = bench.now() + RATE_HZ / 5;
    await bench.stimulate([3, 4], due);
    await bench.runFor(260);
    const sample = sampleIndex(due + RATE_HZ / 5);
    bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [3, 4], atCompliance: [] });
    expect(bench.of('stimulus-delivered')).toHaveLength(4);
    expect(bench.device.isArmed).toBe(false);
  });

  test('of two stimuli on the same electrodes the nearer one is meant', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(1000);
    for (let i = 0; i < 4; i++) await trial(bench, [3, 4]);
    bench.world.isSilent = true;
    await bench.stimulate([3, 4], bench.now() + RATE_HZ / 5);
    const second = bench.now() + RATE_HZ / 5 + 3000;
    await bench.stimulate([3, 4], second);
    await bench.runFor(400);
    const sample = sampleIndex(second + 10);
    bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [3, 4], atCompliance: [] });
    expect(bench.of('stimulus-delivered').at(-1)).toMatchObject({ stimulusId: 6, sample });
    await bench.runFor(500);
    expect(messagesOf(bench)).toEqual(['The trigger of stimulus 5 was given, and no pulse was seen for 500 ms']);
  });

  test("a first delivery that was another's is outvoted", async () => {
    const bench = await openCombinedBench();
    await bench.runFor(1000);
    bench.world.isSilent = true;
    const due = bench.now() + RATE_HZ / 5;
    await bench.stimulate([3, 4], due);
    await bench.runFor(500);
    // 200 ms late, where 30 ms are true
    bench.recorder$.next({
      type: 'pulses-seen',
      sample: sampleIndex(due + 4000),
      electrodes: [3, 4],
      atCompliance: [],
    });
    bench.world.isSilent = false;
    await bench.runFor(300);
    const errors: number[] = [];
    for (let i = 0; i < 5; i++) {
      const at = bench.now() + RATE_HZ / 2;
      await bench.stimulate([3, 4], at);
      await bench.runFor(1000);
      errors.push(bench.of('stimulus-delivered').at(-1)!.sample - at);
    }
    expect(Math.abs(errors.at(-1)!)).toBeLessThanOrEqual(BLOCK);
    expect(bench.device.isArmed).toBe(true);
  });

  test('what was fired and cannot be seen any more is told when the acquisition ends', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    bench.world.isSilent = true;
    await bench.stimulate([3, 4], bench.now() + 2000);
    await bench.runFor(150);
    const stopped = bench.device.stop();
    await bench.runFor(10);
    await stopped;
    expect(messagesOf(bench)).toEqual([
      'The trigger of stimulus 1 was given, and the acquisition ended before its pulse was seen',
    ]);
    const place = bench.events.findIndex(({ type }) => type === 'fault');
    expect(bench.events.slice(place).some(({ type }) => type === 'stream-ended')).toBe(true);
  });

  test('nothing is fired while no samples come in which it would be seen', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.stimulate([3, 4], bench.now() + 0.9 * RATE_HZ);
    bench.world.isMute = true;
    await bench.runFor(1500);
    expect(bench.fired).toHaveLength(1);
    expect(bench.of('stimulus-dropped')).toMatchObject([{ stimulusId: 2, reason: 'device-fault' }]);
    expect(bench.device.isArmed).toBe(true);
    for (let i = 0; i < 2; i++) {
      await bench.stimulate([3, 4], bench.sampleNow() + 4000);
      await bench.runFor(400);
    }
    expect(bench.fired).toHaveLength(1);
    expect(bench.device.isArmed).toBe(false);
  });

  test('three triggers in a row of which nothing is seen end the arming', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    bench.world.isSilent = true;
    for (let i = 0; i < 2; i++) await trial(bench, [3, 4]);
    bench.world.isSilent = false;
    await trial(bench, [3, 4]);
    bench.world.isSilent = true;
    for (let i = 0; i < 2; i++) await trial(bench, [3, 4]);
    expect(bench.device.isArmed).toBe(true);
    await trial(bench, [3, 4]);
    expect(bench.device.isArmed).toBe(false);
    expect(bench.offs()).toBe(1);
    expect(messagesOf(bench).at(-1)).toMatch(/3 stimuli in a row of which nothing was seen/u);
  });

  test('pulses of one stimulus on either side of the border of a block are put together, before the block', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    bench.world.isSilent = true;
    await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
    await bench.runFor(260);
    const border = bench.now() + BLOCK;
    const blocks = bench.of('block').length;
    const sample = sampleIndex(border - 1);
    bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [3, 4], atCompliance: [] });
    while (bench.now() < border) await bench.runFor(1);
    // It waits for what may come with the next.
    expect(bench.of('block')).toHaveLength(blocks);
    bench.recorder$.next({ type: 'pulses-seen', sample: sampleIndex(border), electrodes: [0, 1, 2], atCompliance: [] });
    expect(bench.of('stimulus-delivered')).toMatchObject([{ sample, electrodes: [0, 1, 2, 3, 4] }]);
    expect(bench.of('block')).toHaveLength(blocks + 1);
    expect(bench.of('block').at(-1)!.firstSample + BLOCK).toBe(border);
    await bench.runFor(20);
    expect(bench.device.isArmed).toBe(true);
  });

  test('ids rise: one that was accepted is not accepted again', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    expect(await bench.stimulateAgain()).toMatchObject({ type: 'refused', reason: 'stale-id' });
    await bench.runFor(900);
    expect(bench.fired).toHaveLength(1);
  });

  test('a stimulus of now is seen as late as the device is', async () => {
    const bench = await openCombinedBench({ sight: { type: 'line', line: 3 } });
    await bench.runFor(500);
    const rise = (): void => {
      const sample = bench.sampleNow();
      bench.recorder$.next({ type: 'line-changed', sample, line: 3, isHigh: true });
      bench.recorder$.next({ type: 'line-changed', sample: sampleIndex(sample + 20), line: 3, isHigh: false });
    };
    for (let i = 0; i < 3; i++) {
      await bench.stimulate([3, 4], bench.now() + RATE_HZ / 5);
      const fired = bench.fired.length;
      while (bench.fired.length === fired) await bench.runFor(1);
      rise();
      await bench.runFor(400);
    }
    expect(bench.of('stimulus-delivered')).toHaveLength(3);
    expect(bench.of('stimulus-delivered').at(-1)!.electrodes).toEqual([3, 4]);
    rise();
    expect(messagesOf(bench)[0]).toMatch(/that nobody asked for/u);
    expect(bench.device.isArmed).toBe(false);
  });
});

describe('deliveries seen by their artefacts', () => {
  const sight = { type: 'artefact', aboveUv: 500 } as const;

  /** A block with steps; `at` is counted from its first sample. */
  function blockWith(bench: CombinedBench, steps: readonly { at: number; electrodes: readonly number[] }[]) {
    const channels = 8;
    const samples = new Int16Array(BLOCK * channels);
    for (const { at, electrodes } of steps)
      for (const electrode of electrodes) samples[at * channels + electrode] = 5000;
    return { type: 'block', firstSample: sampleIndex(bench.now()), frames: BLOCK, channels, samples } as const;
  }

  test('the first step on a pulsed electrode is the delivery; what follows of the artefact is part of it', async () => {
    const bench = await openCombinedBench({ sight });
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(260);
    const at = bench.now();
    bench.recorder$.next(
      blockWith(bench, [
        { at: 40, electrodes: [2, 3, 4, 5] },
        { at: 41, electrodes: [6] },
        { at: 44, electrodes: [3, 4] },
        { at: 60, electrodes: [3] },
      ]),
    );
    expect(bench.of('stimulus-delivered')).toMatchObject([{ sample: at + 40, electrodes: [3, 4] }]);
    expect(bench.device.isArmed).toBe(true);
  });

  test('steps of one artefact on either side of the border of a block are one, told before the block', async () => {
    const bench = await openCombinedBench({ sight });
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(260);
    const first = blockWith(bench, [{ at: BLOCK - 1, electrodes: [3] }]);
    const border = first.firstSample + BLOCK;
    const told = bench.events.length;
    bench.recorder$.next(first);
    // the amplifiers return in the next block, and the artefact has spread
    const second = blockWith(bench, [{ at: 0, electrodes: [3, 4, 6] }]);
    bench.recorder$.next({ ...second, firstSample: sampleIndex(border) });
    expect(bench.of('stimulus-delivered')).toMatchObject([{ sample: border - 1, electrodes: [3, 4] }]);
    const types = bench.events.slice(told).map(({ type }) => type);
    expect(types.indexOf('stimulus-delivered')).toBeLessThan(types.indexOf('block'));
    expect(messagesOf(bench)).toEqual([]);
    expect(bench.device.isArmed).toBe(true);
  });

  test('an artefact that nobody asked for ends the arming; while nothing is armed it is somebody at the bench', async () => {
    const bench = await openCombinedBench({ sight });
    await bench.runFor(500);
    bench.recorder$.next(blockWith(bench, [{ at: 7, electrodes: [6] }]));
    expect(messagesOf(bench)[0]).toMatch(/An artefact at sample \d+ on electrodes 6 that nobody asked for/u);
    expect(bench.device.isArmed).toBe(false);
    await bench.runFor(100);
    bench.recorder$.next(blockWith(bench, [{ at: 7, electrodes: [6] }]));
    expect(messagesOf(bench)).toHaveLength(1);
  });
});

describe('switching off', () => {
  test('disarm, configure, stop and close wait for one that is under way', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.world.offMs = 50;
    bench.stimulator$.next({ type: 'failed', message: 'booted anew' });
    const done: string[] = [];
    const note = (what: string) => () => {
      done.push(what);
    };
    void bench.device.disarm().then(note('disarm'));
    void bench.device.stop().then(note('stop'));
    void bench.device.close().then(note('close'));
    await bench.runFor(40);
    expect(done).toEqual([]);
    expect(bench.isClosed()).toEqual({});
    await bench.runFor(30);
    expect(done.sort()).toEqual(['close', 'disarm', 'stop']);
    expect(bench.offs()).toBe(1);
  });

  test('a stop holds at once, lets the recorder end, and switches off for certain', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    const stopped = bench.device.stop();
    expect(bench.world.hows).toEqual(['hold']);
    await bench.runFor(10);
    await stopped;
    expect(bench.world.hows).toEqual(['hold', 'sure']);
    bench.world.offFailures = 3;
    await bench.device.start();
    await expect(bench.device.abort()).rejects.toThrow(/not known to be off/u);
    // The end of the acquisition tries, and then the stop does.
    bench.world.offFailures = 6;
    await expect(bench.device.stop()).rejects.toThrow(/not known to be off/u);
    expect(bench.of('stream-ended')).toHaveLength(2);
  });

  test('one that fails is tried again, and told', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.world.offFailures = 2;
    await bench.device.abort();
    expect(bench.offs()).toBe(3);
    expect(bench.of('driver-warning').map(({ message }) => message)).toEqual([
      'Stimulation is not known to be off, it is tried again: The stimulator did not answer',
      'Stimulation is not known to be off, it is tried again: The stimulator did not answer',
    ]);
  });

  test('while it is not known to be off nothing is armed nor programmed, and every turn tries again', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.world.offFailures = 3;
    await expect(bench.device.abort()).rejects.toThrow(
      /Stimulation is not known to be off.*switch the stimulator off by hand/u,
    );
    const { programmed } = bench.world;
    bench.world.offFailures = 3;
    const configuration = { blockFrames: BLOCK, safetyProfile: bench.profile };
    await expect(bench.device.configure(configuration)).rejects.toThrow(/not known to be off/u);
    expect(bench.world.programmed).toBe(programmed);
    const { profileHash } = await bench.device.configure(configuration);
    await bench.device.arm({ serialNumber: 'R1+S1', profileHash });
    expect(bench.offs()).toBe(7);
  });

  test('an abort while it is being programmed wins: off comes last, and nothing is configured', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    const stopped = bench.device.stop();
    await bench.runFor(10);
    await stopped;
    const offs = bench.offs();
    bench.world.programMs = 30;
    const configured = bench.device.configure({ blockFrames: BLOCK, safetyProfile: bench.profile });
    const outcome = expect(configured).rejects.toThrow(/switched off/u);
    await bench.runFor(10);
    const aborted = bench.device.abort();
    expect(bench.offs()).toBe(offs + 1);
    await bench.runFor(40);
    await Promise.all([aborted, outcome]);
    expect(bench.offs()).toBe(offs + 2);
    await bench.device.start();
    const profileHash = new Uint8Array(32);
    await expect(bench.device.arm({ serialNumber: 'R1+S1', profileHash })).rejects.toThrow(/not-configured/u);
  });

  test('an abort while it is configured wins, also before anything is programmed', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.world.offMs = 50;
    const before = bench.world.programmed;
    const configured = bench.device.configure({ blockFrames: BLOCK, safetyProfile: bench.profile });
    const outcome = configured.then(
      () => 'configured',
      (error: unknown) => error,
    );
    await bench.runFor(10);
    const aborted = bench.device.abort();
    await bench.runFor(300);
    await aborted;
    expect(await outcome).toMatchObject({ tag: 'refused' });
    expect(bench.world.programmed).toBe(before);
  });

  test('a lost recorder is told last, when it is known whether stimulation is off', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.world.offMs = 20;
    bench.world.offFailures = 3;
    bench.recorder$.next({ type: 'failed', message: 'the recorder is gone' });
    expect(bench.of('link-failed')).toEqual([]);
    await bench.runFor(100);
    expect(bench.events.at(-1)).toMatchObject({ type: 'link-failed' });
    expect(bench.events.at(-2)).toMatchObject({ type: 'driver-warning' });
    expect(bench.of('driver-warning').at(-1)!.message).toMatch(/not known to be off: got The stimulator did not/u);
  });
});

describe('the beginning of an acquisition', () => {
  test('has come when its first samples have', async () => {
    const bench = await openCombinedBench();
    const stopped = bench.device.stop();
    await bench.runFor(10);
    await stopped;
    bench.world.start = () => Promise.resolve();
    const done: string[] = [];
    const started = bench.device.start().then(() => done.push('started'));
    await bench.runFor(500);
    expect(done).toEqual([]);
    bench.recorder$.next({ type: 'started', firstSample: sampleIndex(0) });
    await started;
    const late = expect(bench.device.start()).rejects.toThrow(/first samples took longer than 10000 ms/u);
    await bench.runFor(10_100);
    await late;
  });

  test('configuring while it runs does not end it', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    await bench.device.disarm();
    const { profileHash } = await bench.device.configure({ blockFrames: BLOCK, safetyProfile: bench.profile });
    expect(bench.device.state).toBe('running');
    await bench.device.arm({ serialNumber: 'R1+S1', profileHash });
  });
});

describe('the end of acquisitions and of rests', () => {
  test('samples that were lost within a rest are no gap; those after it are', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    const from = bench.now();
    const rested = bench.device.rest(1000);
    bench.recorder$.next({
      type: 'samples-lost',
      fromSample: sampleIndex(from),
      toSample: sampleIndex(from + 400),
      messages: null,
    });
    expect(bench.of('gap')).toEqual([]);
    bench.recorder$.next({
      type: 'samples-lost',
      fromSample: sampleIndex(from + 400),
      toSample: sampleIndex(from + 1300),
      messages: null,
    });
    await rested;
    expect(bench.of('rested')).toMatchObject([{ fromSample: from, toSample: from + 1000 }]);
    expect(bench.of('gap')).toMatchObject([{ fromSample: from + 1000, toSample: from + 1300 }]);
    expect(bench.of('driver-warning').map(({ message }) => message)).toEqual([
      '400 samples were lost within a rest',
      '600 samples were lost within a rest',
    ]);
  });

  test('a rest ends with its acquisition, with its signal, and in bounded time', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    const from = bench.now();
    const controller = new AbortController();
    const stopped = bench.device.rest(20_000, controller.signal);
    const outcome = expect(stopped).rejects.toThrow(/enough/u);
    await bench.runFor(50);
    controller.abort(new Error('enough'));
    await outcome;
    expect(bench.of('rested')).toMatchObject([{ fromSample: from, toSample: bench.now() }]);
    const rest = bench.device.rest(20_000);
    const ended = expect(rest).rejects.toThrow(/ended within the rest/u);
    await bench.runFor(50);
    bench.recorder$.next({ type: 'ended', endSample: sampleIndex(bench.now()) });
    await ended;
    expect(bench.of('rested')).toHaveLength(2);
    expect(bench.device.isArmed).toBe(false);
  });

  test('an acquisition that has ended by itself is stopped at once', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.recorder$.next({ type: 'ended', endSample: sampleIndex(bench.now()) });
    expect(await bench.device.stop()).toMatchObject({ type: 'ended', ended: { endSample: bench.now() } });
  });

  test('a recorder that never tells its end is given up after a while', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(100);
    bench.world.stop = () => Promise.resolve();
    const outcome = expect(bench.device.stop()).rejects.toThrow(/took longer than 5000 ms/u);
    await bench.runFor(5100);
    await outcome;
  });

  test('how the two clocks went is told at the end', async () => {
    const bench = await openCombinedBench();
    await bench.runFor(5000);
    const stopped = bench.device.stop();
    await bench.runFor(10);
    await stopped;
    const message = bench.of('log').at(-1)!.message;
    const [, offset, drift] = /offset (-?[\d.]+) ms, drift (-?[\d.]+) ppm, residual [\d.]+ ms/u.exec(message)!;
    // A block is at hand 30 ms after its last sample, to the millisecond of the test's clock.
    expect(Math.abs(Number(offset) - LATENCY_MS)).toBeLessThan(1.5);
    expect(Math.abs(Number(drift))).toBeLessThan(60);
  });
});
