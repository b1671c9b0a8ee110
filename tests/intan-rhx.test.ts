import { afterEach, describe, expect, it } from 'vitest';
import type { PulsesSeen, RecorderEvent } from '../drivers/parts/recorder.js';
import type { Pulse } from '../protocols/stimulation/stim-pattern.js';
import type { RhxFacade } from '../sim-device/facades/intan-rhx/rhx-facade.js';
import { paceDevice } from '../sim-device/pace.js';
import {
  biphasic,
  countBlocks,
  createRhxRig,
  openRhxBench,
  passGate,
  RHX_RATE,
  wireBox,
  type RhxBench,
  type RhxBenchOptions,
} from './helpers/rhx-bench.js';
import { waitUntil } from './helpers/wait-until.js';

let bench: RhxBench | undefined;

async function open(options: RhxBenchOptions = {}): Promise<RhxBench> {
  bench = await openRhxBench(options);
  return bench;
}

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

function joinBlocks(events: readonly RecorderEvent[]): Int16Array {
  const blocks = events.flatMap((event) => (event.type === 'block' ? [event] : []));
  const joined = new Int16Array(blocks.reduce((sum, { samples }) => sum + samples.length, 0));
  let at = 0;
  for (const { samples } of blocks) {
    joined.set(samples, at);
    at += samples.length;
  }
  return joined;
}

function pulsesSeen(events: readonly RecorderEvent[]): readonly PulsesSeen[] {
  return events.flatMap((event) => (event.type === 'pulses-seen' ? [event] : []));
}

const KEYS = ['F1', 'F2'] as const;

/** Two groups of four stimulated electrodes of the culture. */
function groupsOf(facade: { readonly stimulatedElectrodes: readonly number[] }): readonly (readonly number[])[] {
  const { stimulatedElectrodes } = facade;
  return [stimulatedElectrodes.slice(0, 4), stimulatedElectrodes.slice(4, 8)];
}

describe('RHX as a recorder', () => {
  it('says what it is', async () => {
    const { rhx } = await open();
    expect(rhx.stimulator).toBeNull();
    expect(rhx.recorder.description).toMatchObject({
      firmware: 'RHX 3.4.0 (mea-sim)',
      emulated: true,
      channels: 64,
      sampleRateHz: RHX_RATE,
      gainUvPerBit: 0.195,
      blockFrames: 128,
      sees: 'nothing',
    });
    expect(rhx.recorder.isConnected).toBe(true);
  });

  it('gives the very samples of the culture, in the order of the electrodes', async () => {
    const { rhx, events, advance } = await open({ driver: { channels: ['B-031', 'A-000', 'A-017'] } });
    await rhx.recorder.start();
    await advance(3000);
    await rhx.recorder.stop();
    expect(events[0]).toEqual({ type: 'started', firstSample: 0 });
    expect(events.at(-1)).toEqual({ type: 'ended', endSample: 23 * 128 });
    expect(events).toHaveLength(25);
    const other = createRhxRig();
    const samples = joinBlocks(events);
    const wanted = Int16Array.from(collect(other, 23 * 128, [63, 0, 17]));
    expect(samples.length).toBeGreaterThan(0);
    expect(Buffer.from(samples.buffer).equals(Buffer.from(wanted.buffer))).toBe(true);
  });

  it('keeps up with a board that runs by the clock', async () => {
    const { rhx, events, facade } = await open();
    const ended = new AbortController();
    const pacing = paceDevice(facade, { driftPpm: 0, signal: ended.signal });
    await rhx.recorder.start();
    await waitUntil(
      () => countBlocks(events) >= 150,
      () => `${countBlocks(events)} blocks`,
    );
    await rhx.recorder.stop();
    ended.abort();
    await pacing;
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['started', 'block', 'ended']));
    expect(events.at(-1)).toEqual({ type: 'ended', endSample: countBlocks(events) * 128 });
  });

  it('goes on counting where it stopped', async () => {
    const { rhx, events, advance, facade } = await open({ driver: { channels: ['A-000'] } });
    await rhx.recorder.start();
    await advance(256);
    await rhx.recorder.stop();
    facade.advance(1000);
    await rhx.recorder.start();
    await advance(128);
    await rhx.recorder.stop();
    expect(events.map((event) => ('samples' in event ? event.firstSample : event))).toEqual([
      { type: 'started', firstSample: 0 },
      0,
      128,
      { type: 'ended', endSample: 256 },
      { type: 'started', firstSample: 256 },
      256,
      { type: 'ended', endSample: 384 },
    ]);
  });

  it('tells of lines at the sample at which they changed', async () => {
    const { rhx, events, advance, facade } = await open({ driver: { channels: ['A-000'], lines: [3, 16] } });
    expect(rhx.recorder.description.sees).toBe('lines');
    await rhx.recorder.start();
    facade.advance(300);
    facade.setLine(3, true);
    facade.setLine(2, true);
    facade.advance(20);
    facade.setLine(3, false);
    facade.setLine(16, true);
    await advance(448 - 320);
    const changes = events.filter(({ type }) => type === 'line-changed');
    expect(changes).toEqual([
      { type: 'line-changed', sample: 300, line: 3, isHigh: true },
      { type: 'line-changed', sample: 320, line: 3, isHigh: false },
      { type: 'line-changed', sample: 320, line: 16, isHigh: true },
    ]);
  });
});

function* collect(
  rig: ReturnType<typeof createRhxRig>,
  frames: number,
  channels: readonly number[],
): Generator<number> {
  for (let done = 0; done < frames; done += 128) {
    const samples = rig.render(128);
    for (let frame = 0; frame < 128; frame++) for (const channel of channels) yield samples[frame * 64 + channel]!;
  }
}

describe('RHX as a stimulator', () => {
  /** Fires groups at times, and gives what came of it. */
  async function stimulate(
    makeOptions: (groups: readonly (readonly number[])[]) => RhxBenchOptions,
    plan: readonly (readonly [frames: number, groups: readonly number[]])[],
  ): Promise<RhxBench> {
    const rig = createRhxRig();
    const groups = groupsOf(rig);
    const opened = await open({ rig, ...makeOptions(groups) });
    const { rhx, advance } = opened;
    const stimulator = rhx.stimulator!;
    const { stimulation } = stimulator.description;
    await stimulator.program(
      groups.map((electrodes, slot) =>
        passGate(
          electrodes.map((electrode) => biphasic(electrode, 10 + 5 * slot)),
          stimulation,
          slot,
        ),
      ),
    );
    await rhx.recorder.start();
    for (const [frames, fired] of plan) {
      await advance(frames);
      await opened.fire(fired);
    }
    await advance(1280);
    return opened;
  }

  function expectSame(opened: RhxBench, plan: readonly (readonly [sample: number, pulses: readonly Pulse[]])[]): void {
    const direct = createRhxRig();
    const samples = joinBlocks(opened.events);
    const frames = samples.length / 64;
    const wanted = new Int16Array(samples.length);
    let done = 0;
    for (const [sample, pulses] of [...plan, [frames, []] as const]) {
      while (done < sample) {
        const step = Math.min(100, sample - done);
        wanted.set(direct.render(step), done * 64);
        done += step;
      }
      if (done < frames) direct.deliver(pulses, sample);
    }
    expect(samples.length).toBeGreaterThan(0);
    expect(Buffer.from(samples.buffer).equals(Buffer.from(wanted.buffer))).toBe(true);
  }

  it('fires groups by keys: the same samples as from the culture itself, and pulses at the very samples', async () => {
    const plan = [
      [1000, [0]],
      [2000, [1]],
      [5000, [0]],
    ] as const;
    const opened = await stimulate(
      (groups) => ({ driver: { groups: KEYS.map((trigger, i) => ({ trigger, electrodes: groups[i]! })) } }),
      plan,
    );
    const groups = groupsOf(opened.rig);
    expect(opened.rhx.stimulator!.description).toMatchObject({ maxTogether: 1, watchdogMs: null });
    expect(opened.delivered.map(({ timestamp, sample }) => [timestamp, sample])).toEqual([
      [1000, 1000],
      [3000, 3000],
      [8000, 8000],
    ]);
    expect(pulsesSeen(opened.events)).toEqual([
      { type: 'pulses-seen', sample: 1000, electrodes: groups[0], atCompliance: [] },
      { type: 'pulses-seen', sample: 3000, electrodes: groups[1], atCompliance: [] },
      { type: 'pulses-seen', sample: 8000, electrodes: groups[0], atCompliance: [] },
    ]);
    expectSame(opened, [
      [1000, groups[0]!.map((electrode) => biphasic(electrode, 10))],
      [3000, groups[1]!.map((electrode) => biphasic(electrode, 15))],
      [8000, groups[0]!.map((electrode) => biphasic(electrode, 10))],
    ]);
    await expect(opened.rhx.stimulator!.fire([0, 1])).rejects.toThrow(/Several keys of RHX are not simultaneous/);
    expect(opened.told).toEqual([]);
  });

  it('tells of electrodes that reached compliance, also where the pulse goes on in the next block', async () => {
    const opened = await stimulate(
      (groups) => ({
        facade: { complianceV: 0 },
        driver: { groups: KEYS.map((trigger, i) => ({ trigger, electrodes: groups[i]! })) },
      }),
      [[127, [0]]],
    );
    const [electrodes] = groupsOf(opened.rig);
    expect(pulsesSeen(opened.events)).toEqual([
      { type: 'pulses-seen', sample: 127, electrodes, atCompliance: electrodes },
    ]);
    const types = opened.events.map(({ type }) => type);
    expect(types.slice(0, 4)).toEqual(['started', 'pulses-seen', 'block', 'block']);
  });

  it('fires groups together by a box', async () => {
    let wired: RhxFacade | undefined;
    const box = wireBox(() => wired!);
    const rig = createRhxRig();
    const groups = groupsOf(rig);
    const opened = await open({
      rig,
      prepare: (facade) => {
        wired = facade;
      },
      driver: {
        triggerBox: box,
        groups: [
          { trigger: 'digital-in 2', electrodes: groups[0]! },
          { trigger: 'digital-in 13', electrodes: groups[1]! },
        ],
      },
    });
    const stimulator = opened.rhx.stimulator!;
    expect(stimulator.description.maxTogether).toBe(2);
    await stimulator.program(
      groups.map((electrodes, slot) =>
        passGate(
          electrodes.map((electrode) => biphasic(electrode)),
          stimulator.description.stimulation,
          slot,
        ),
      ),
    );
    await opened.rhx.recorder.start();
    await opened.advance(777);
    await stimulator.fire([1, 0]);
    await opened.advance(2000);
    expect(box.words).toEqual([[13, 2]]);
    const electrodes = groups.flat();
    expect(pulsesSeen(opened.events)).toEqual([{ type: 'pulses-seen', sample: 777, electrodes, atCompliance: [] }]);
    expectSame(opened, [[777, electrodes.map((electrode) => biphasic(electrode))]]);
  });
});
