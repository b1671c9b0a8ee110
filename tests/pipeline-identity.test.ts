import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { from, lastValueFrom, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { DeviceEvent } from '../drivers/mea-link/device-event.js';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import type { BlockMessage, StimulusDelivered } from '../protocols/mea-link/messages.js';
import { hertz, sampleIndex } from '../protocols/units.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { createEmulatedRig, type CulturedRig } from '../sim-device/rig/create-emulated-rig.js';
import { openVirtualRig } from '../src/closed-loop/signals/virtual-rig.js';
import type { RigEvent } from '../src/pipeline/events/rig-event.js';
import { detectSpikes } from '../src/pipeline/operators/detect-spikes.js';
import { trialResponses } from '../src/pipeline/operators/trial-responses.js';
import { shareEvents } from '../src/pipeline/operators/share-events.js';
import { createSpikePipeline } from '../src/pipeline/spike-pipeline.js';
import type { SpikeBatch } from '../src/pipeline/spike-batch.js';
import type { WindowedResponse } from '../src/pipeline/trials/windowed-response.js';
import { joinBatches } from './helpers/join-batches.js';
import { createBalancedPulse, createWideProfile } from './helpers/wide-profile.js';

// The same samples looked at three times: as a device sends them over its link, straight from the electrodes without any
// link, and read back from a file. Spikes, blind spans and trial responses must be the same, bit for bit.
const CHANNELS = 16;
const RATE = 20_000;
/** 200 + 200 us. */
const PULSE_SAMPLES = 8;
const END = 5 * RATE;
const DETECTOR = { deadMs: 0.8, noise: { mode: 'adaptive', settleMs: 700 } } as const;
/** Sample and how many of the stimulated electrodes; none is an empty pattern. */
const STIMULI = [
  [21_000, 3],
  [34_567, 8],
  [50_001, 0],
  [60_000, 5],
  [60_700, 1],
  [80_123, 8],
] as const;

interface Findings {
  readonly spikes: ReturnType<typeof joinBatches>;
  readonly responses: readonly WindowedResponse[];
}

function createRig(): CulturedRig {
  return createEmulatedRig({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 9,
      electrodes: CHANNELS,
      inputs: 8,
    },
    activity: { spontaneousHz: 4, burstHz: 0.5, burstSpikesPerUnit: 3, amplitudeMedianUv: 90 },
  });
}

/** All that lies before the end; a run may go on a little longer. */
function describeFindings(batches: readonly SpikeBatch[], responses: readonly WindowedResponse[]): Findings {
  const { samples, electrodes, amplitudesUv, blind } = joinBatches(batches, CHANNELS);
  const count = samples.filter((sample) => sample < END).length;
  return {
    spikes: {
      samples: samples.slice(0, count),
      electrodes: electrodes.slice(0, count),
      amplitudesUv: amplitudesUv.slice(0, count),
      blind: blind.map((spans) => spans.filter((_, i) => spans[i - (i % 2) + 1]! < END)),
    },
    responses,
  };
}

/** A device behind its link, its stimuli through the gate. */
async function runLive(blockFrames: number): Promise<{ readonly findings: Findings; readonly events: RigEvent[] }> {
  const rig = createRig();
  const device = new EmulatedDevice({
    rig,
    settings: DEFAULT_DEVICE_SETTINGS,
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: RATE }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  hub.listen(device.accept);
  const advance = (ticks: number): void => {
    device.advance(ticks);
  };
  const stepped = { transport: createMemoryTransport(hub), sampleRateHz: RATE, advance };
  const virtual = await openVirtualRig(stepped, { detector: DETECTOR });
  const events: RigEvent[] = [];
  virtual.events$.subscribe((event) => events.push(event));
  const { profileHash } = await virtual.configure({
    blockFrames,
    safetyProfile: createWideProfile(rig.stimulatedElectrodes),
  });
  await virtual.start();
  await virtual.arm({ serialNumber: virtual.capabilities.serialNumber, profileHash });
  const until = async (sample: number): Promise<void> => {
    while (rig.nextSample < sample) await virtual.passTime(Promise.resolve());
  };
  for (const [k, [sample, electrodes]] of STIMULI.entries()) {
    await until(sample - 4000);
    const pulses = rig.stimulatedElectrodes.slice(0, electrodes).map(createBalancedPulse);
    const at = { type: 'sample', sample: sampleIndex(sample) } as const;
    expect(await virtual.schedule({ pattern: { slot: k, pulses }, at })).toMatchObject({ type: 'stimulus-scheduled' });
  }
  await until(END + 4000);
  expect(await virtual.stop()).toMatchObject({ type: 'ended', ended: { check: { verdict: 'complete' } } });
  await virtual.close();
  const batches = events.flatMap((event) => (event.type === 'spikes' ? [event.batch] : []));
  const responses = events.filter((event) => event.type === 'windowed-response');
  return { findings: describeFindings(batches, responses), events };
}

/** Blocks and stimuli through the operators. */
async function look(events: readonly DeviceEvent[], gainUv: number): Promise<Findings> {
  const lengths = new Map(STIMULI.map(([, electrodes], k) => [k + 1, electrodes === 0 ? 0 : PULSE_SAMPLES]));
  const found$ = from(events).pipe(
    detectSpikes({
      createPipeline: () => createSpikePipeline({ ...DETECTOR, channels: CHANNELS, sampleRateHz: RATE, gainUv }),
      durationSamplesOf: ({ stimulusId }) => lengths.get(stimulusId)!,
    }),
    shareEvents(),
  );
  const all = await lastValueFrom(found$.pipe(toArray()));
  const responses = await lastValueFrom(
    from(all).pipe(trialResponses({ electrodes: CHANNELS, sampleRateHz: hertz(RATE) }), toArray()),
  );
  return describeFindings(
    all.flatMap((event) => (event.type === 'spikes' ? [event.batch] : [])),
    responses,
  );
}

/** Stimuli each before the block that holds them. */
function inOrder(blocks: readonly BlockMessage[], stimuli: readonly StimulusDelivered[]): DeviceEvent[] {
  return blocks.flatMap((block) => {
    const end = block.firstSample + block.frames;
    return [...stimuli.filter(({ sample }) => sample >= block.firstSample && sample < end), block];
  });
}

function cutIntoBlocks(samples: Int16Array, blockFrames: number): BlockMessage[] {
  const blocks: BlockMessage[] = [];
  for (let first = 0; first < samples.length / CHANNELS; first += blockFrames) {
    const part = samples.subarray(first * CHANNELS, (first + blockFrames) * CHANNELS);
    blocks.push({
      type: 'block',
      sequence: blocks.length,
      firstSample: sampleIndex(first),
      frames: part.length / CHANNELS,
      channels: CHANNELS,
      samples: part,
    });
  }
  return blocks;
}

/** The stimuli as a device without a link would tell them. */
function tellStimuli(rig: CulturedRig): StimulusDelivered[] {
  return STIMULI.map(([sample, electrodes], k) => ({
    type: 'stimulus-delivered',
    sequence: k,
    stimulusId: k + 1,
    sample: sampleIndex(sample),
    slot: k,
    electrodes: rig.stimulatedElectrodes.slice(0, electrodes),
  }));
}

describe('live, emulated and replayed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meactl-identity-'));
  const file = join(folder, 'samples.i16');
  let live: Findings;
  let told: StimulusDelivered[];
  const { gainUvPerBit } = createRig();
  beforeAll(async () => {
    const { findings, events } = await runLive(20);
    live = findings;
    told = events.filter((event) => event.type === 'stimulus-delivered');
    const blocks = events.filter((event) => event.type === 'block');
    const samples = new Int16Array(blocks.reduce((sum, block) => sum + block.samples.length, 0));
    let at = 0;
    for (const block of blocks) {
      expect(block.firstSample).toBe(at / CHANNELS);
      samples.set(block.samples, at);
      at += block.samples.length;
    }
    writeFileSync(file, samples);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('have something to find', () => {
    expect(live.spikes.samples.length).toBeGreaterThan(100);
    expect(live.responses.map(({ deliveredSample }) => deliveredSample)).toEqual(STIMULI.map(([sample]) => sample));
    expect(live.responses.map(({ delivery }) => delivery)).toEqual(
      STIMULI.map(([, electrodes]) => (electrodes === 0 ? 'nothing-as-asked' : 'delivered')),
    );
    expect(Math.max(...live.responses.flatMap(({ counts }) => [...counts]))).toBeGreaterThan(1);
    expect(live.spikes.blind.every((spans) => spans.length > 2)).toBe(true);
  });

  it.each([7, 200])('agree live, in blocks of %i frames on the link', async (blockFrames) => {
    expect((await runLive(blockFrames)).findings).toEqual(live);
  });

  it.each([1, 20, 333])('agree straight from the emulated electrodes, in blocks of %i frames', async (blockFrames) => {
    const rig = createRig();
    const stimuli = tellStimuli(rig);
    const frames = END + 5000;
    const samples = new Int16Array(frames * CHANNELS);
    let next = 0;
    for (let done = 0; done < frames; done += 500) {
      for (; next < stimuli.length && stimuli[next]!.sample < done + 500; next++) {
        rig.deliver(stimuli[next]!.electrodes.map(createBalancedPulse), stimuli[next]!.sample);
      }
      samples.set(rig.render(500), done * CHANNELS);
    }
    expect(await look(inOrder(cutIntoBlocks(samples, blockFrames), stimuli), gainUvPerBit)).toEqual(live);
  });

  it.each([13, 1000])('agree read back from a file, in blocks of %i frames', async (blockFrames) => {
    const bytes = readFileSync(file);
    const samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    expect(await look(inOrder(cutIntoBlocks(samples, blockFrames), told), gainUvPerBit)).toEqual(live);
  });
});
