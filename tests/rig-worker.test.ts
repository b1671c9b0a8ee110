import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { from, lastValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import type { DeviceEvent } from '../drivers/mea-link/device-event.js';
import { updateCrc32c } from '../protocols/mea-link/crc32c.js';
import { isMeaError, type ErrorTag } from '../protocols/errors.js';
import { hertz, milliseconds } from '../protocols/units.js';
import { packageFolder } from '../src/cli/package-info.js';
import type { OverrunEvent, RigEvent } from '../src/pipeline/events/rig-event.js';
import type { PipelineEvent } from '../src/pipeline/events/pipeline-event.js';
import { detectSpikes } from '../src/pipeline/operators/detect-spikes.js';
import { trialResponses } from '../src/pipeline/operators/trial-responses.js';
import { createSpikePipeline } from '../src/pipeline/spike-pipeline.js';
import type { RigWorker } from '../src/pipeline/worker/rig-worker.js';
import { startRigWorker, type RigWorkerOptions } from '../src/pipeline/worker/start-rig-worker.js';
import { createRampRig } from './helpers/ramp-rig.js';
import { describeRigRun, RIG_RUN, runRigInProcess, serveCulture } from './helpers/rig-runs.js';
import { serveDevice, type LinkName, type ServedDevice } from './helpers/served-device.js';
import { waitUntil } from './helpers/wait-until.js';
import { createBalancedPulse, createWideProfile } from './helpers/wide-profile.js';

// The worker's program is the built one: threads cannot begin from TypeScript. All of this is real time on a machine that
// may be loaded, so the times that the device and the driver wait are long where the test is not about them.
const PROGRAM = join(packageFolder(), 'dist/src/pipeline/worker/rig-thread.js');
const PATIENT = { mainStallMs: 60_000, armedForMs: 1000, silenceMs: 5000, deadlineMs: 20_000, longDeadlineMs: 20_000 };

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function start(options: RigWorkerOptions): Promise<RigWorker> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there: build first, as npm test does`);
  const rig = await startRigWorker({ driver: PATIENT, program: pathToFileURL(PROGRAM), requestMs: 30_000, ...options });
  opened.push(() => rig.close().catch(() => undefined));
  return rig;
}

async function serve(link: LinkName = 'tcp', watchdogMs = 2000): Promise<ServedDevice> {
  const served = await serveDevice(link, { rig: createRampRig(), settings: { watchdogMs } });
  opened.push(() => served.close());
  return served;
}

/** A device with 64 channels in a process of its own, which goes on while this thread stands still; its address. */
async function startDevice(): Promise<string> {
  const program = join(packageFolder(), 'dist/tests/programs/latency-device.js');
  const device = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  opened.push(async () => {
    const ended = once(device, 'exit');
    device.kill('SIGKILL');
    await ended;
  });
  const lines: unknown[] = await once(createInterface({ input: device.stdout }), 'line');
  return String(lines[0]);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function listen(rig: RigWorker): { readonly events: RigEvent[]; readonly ended: Promise<unknown> } {
  const events: RigEvent[] = [];
  const ended = new Promise<unknown>((resolve) => {
    rig.events$.subscribe({
      next: (event) => events.push(event),
      error: resolve,
      complete: () => {
        resolve('completed');
      },
    });
  });
  return { events, ended };
}

function ofType<Type extends RigEvent['type']>(
  events: readonly RigEvent[],
  type: Type,
): Extract<RigEvent, { readonly type: Type }>[] {
  return events.filter((event): event is Extract<RigEvent, { readonly type: Type }> => event.type === type);
}

async function untilEvent(events: readonly RigEvent[], type: RigEvent['type'], count = 1): Promise<void> {
  await waitUntil(
    () => events.filter((event) => event.type === type).length >= count,
    () => `${count} of ${type} in ${[...new Set(events.map((event) => event.type))].join(' ')}`,
    60_000,
  );
}

async function begin(rig: RigWorker, electrodes: readonly number[], blockFrames = 20): Promise<void> {
  const { profileHash } = await rig.configure({ blockFrames, safetyProfile: createWideProfile(electrodes) });
  await rig.arm({ serialNumber: rig.capabilities.serialNumber, profileHash });
  await rig.start();
}

function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe('a rig in a worker', () => {
  it('finds the same spikes, answers and stimuli as one in process, bit for bit', async () => {
    const wanted = await runRigInProcess();
    // It did something: spikes, answers to what was asked for, and stimuli of the rule.
    expect(wanted.spikes.samples.length).toBeGreaterThan(100);
    expect(wanted.scheduled.filter(({ origin }) => origin.type === 'rule').length).toBeGreaterThanOrEqual(2);
    expect(wanted.responses.length).toBeGreaterThan(RIG_RUN.requests.length);
    const served = await serveCulture();
    opened.push(() => served.close());
    const rig = await start({ ...RIG_RUN.settings, address: served.address, client: 'same' });
    const { events } = listen(rig);
    await begin(rig, rig.capabilities.stimulation!.electrodes);
    for (const stimulus of RIG_RUN.requests) {
      expect(await rig.schedule(stimulus)).toMatchObject({ type: 'stimulus-scheduled' });
    }
    await waitUntil(
      () => ofType(events, 'block').some(({ firstSample }) => firstSample > RIG_RUN.endSample + 4000),
      () => `${events.length} events came`,
      60_000,
    );
    const end = await rig.stop();
    expect(end).toMatchObject({ type: 'ended', ended: { check: { verdict: 'complete' } } });
    await rig.close();
    expect(ofType(events, 'stimulus-refused')).toEqual([]);
    expect(describeRigRun(events)).toEqual(wanted);
  });

  it('loses nothing while the main thread stands still for 200 ms again and again, at 64 channels of 20 kHz', async () => {
    const detector = { noise: { mode: 'adaptive', settleMs: 300 } } as const;
    const rig = await start({ address: await startDevice(), client: 'stalls', detector, holdMs: 1000 });
    const { events, ended } = listen(rig);
    const electrode = rig.capabilities.stimulation!.electrodes[0]!;
    await begin(rig, [electrode]);
    const pattern = { slot: 3, pulses: [createBalancedPulse(electrode)] };
    for (let stall = 0; stall < 6; stall++) {
      block(200);
      rig.reportProgress();
      const outcome = await rig.schedule({ pattern, at: { type: 'now' }, label: `stall ${stall}` });
      expect(outcome).toMatchObject({
        type: 'stimulus-scheduled',
        origin: { type: 'request', label: `stall ${stall}` },
      });
      await pause(100);
    }
    block(200);
    await untilEvent(events, 'windowed-response', 6);
    await rig.stop();
    const { outlet } = await rig.close();
    expect(await ended).toBe('completed');
    expect(outlet).toMatchObject({ lostBlocks: 0, lostEvents: 0, waitingBytes: 0 });
    expect(ofType(events, 'overrun')).toEqual([]);
    const blocks = ofType(events, 'block');
    const { check, samplesCrc32c, frames } = ofType(events, 'stream-ended')[0]!;
    const crc = blocks.reduce(
      (sum, { samples }) => updateCrc32c(sum, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)),
      0,
    );
    expect(check.verdict).toBe('complete');
    expect(blocks.reduce((sum, one) => sum + one.frames, 0)).toBe(frames);
    expect(crc).toBe(samplesCrc32c);
    expect(frames).toBeGreaterThan(20_000);
    // Spikes and results are those that the blocks that came give here.
    const { channels, sampleRateHz, gainUvPerBit } = rig.capabilities;
    const settings = { ...detector, channels, sampleRateHz, gainUv: gainUvPerBit };
    const again = await lastValueFrom(
      from(events.flatMap(toDeviceEvent)).pipe(
        detectSpikes({ createPipeline: () => createSpikePipeline(settings), durationSamplesOf: () => 8 }),
        toArray(),
      ),
    );
    expect(ofType(events, 'spikes')).toEqual(again.filter(({ type }) => type === 'spikes'));
    const responses = await lastValueFrom(
      from<PipelineEvent[]>(again).pipe(trialResponses({ electrodes: channels, sampleRateHz }), toArray()),
    );
    expect(responses).toHaveLength(6);
    expect(ofType(events, 'windowed-response')).toEqual(responses);
    // Host times came beside them, on this thread's clock.
    const latency = ofType(events, 'latency');
    expect(latency.filter(({ about }) => about === 'trial')).toHaveLength(6);
    for (const { about, receivedMs, decidedMs, sentMs, acknowledgedMs } of latency) {
      const times = about === 'trial' ? [receivedMs, decidedMs] : [receivedMs, decidedMs, sentMs, acknowledgedMs];
      expect(times).toEqual(times.toSorted((a, b) => a! - b!));
      expect(times.every((ms) => ms !== null && ms > 0 && ms < performance.now())).toBe(true);
    }
  });

  it('says what a ring that is too small has lost, to the block, and goes on', async () => {
    const rig = await start({ address: await startDevice(), client: 'small', holdMs: 0.1, maxBacklogBytes: 2000 });
    const { events, ended } = listen(rig);
    await begin(rig, [rig.capabilities.stimulation!.electrodes[0]!]);
    await untilEvent(events, 'block');
    for (let stall = 0; stall < 4; stall++) {
      block(300);
      await pause(50);
    }
    await rig.stop();
    const { outlet } = await rig.close();
    expect(await ended).toBe('completed');
    const sum = (pick: (overrun: OverrunEvent) => number): number =>
      ofType(events, 'overrun').reduce((all, one) => all + pick(one), 0);
    expect(outlet.lostBlocks).toBeGreaterThan(0);
    expect(sum(({ blocks }) => blocks)).toBe(outlet.lostBlocks);
    expect(sum(({ spikeBatches, trials, others }) => spikeBatches + trials + others)).toBe(outlet.lostEvents);
    expect(events.filter(({ type }) => type !== 'overrun')).toHaveLength(outlet.written);
    const { check } = ofType(events, 'stream-ended')[0]!;
    expect(check.verdict).toBe('complete');
    expect(ofType(events, 'block').length + outlet.lostBlocks).toBe(check.blocks);
    // The samples that are missing are those of the overruns, each told before the next block.
    let next = 0;
    for (const event of events) {
      if (event.type === 'overrun' && event.blocks > 0) next = event.toSample!;
      if (event.type !== 'block') continue;
      expect(event.firstSample).toBe(next);
      next = event.firstSample + event.frames;
    }
  });
});

function toDeviceEvent(event: RigEvent): DeviceEvent[] {
  if (event.type === 'block') return [{ ...event, sequence: 0 }];
  if (event.type === 'stimulus-delivered' || event.type === 'stream-started' || event.type === 'stream-ended') {
    return [event];
  }
  return [];
}

/** The worker's program, with ways to end or block the thread: by the label of a request. */
const FRAGILE = `data:text/javascript,${encodeURIComponent(`
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', ({ request }) => {
    const label = request?.stimulus?.label;
    if (label === 'exit') process.exit(3);
    if (label === 'hang') for (;;);
    if (label === 'throw') setImmediate(() => { throw new RangeError('thrown in the thread'); });
  });
  await import(${JSON.stringify(pathToFileURL(PROGRAM).href)});
`)}`;
const PATTERN = { slot: 0, pulses: [createBalancedPulse(0)] };

interface Armed {
  readonly served: ServedDevice;
  readonly rig: RigWorker;
  readonly events: readonly RigEvent[];
  readonly ended: Promise<unknown>;
}

async function openArmed(options: Partial<RigWorkerOptions>): Promise<Armed> {
  const served = await serve('tcp', 500);
  const rig = await start({ address: served.address, client: 'dead man', ...options });
  const { events, ended } = listen(rig);
  await begin(rig, [0, 1, 2], 200);
  await untilEvent(events, 'armed-changed');
  expect(served.device.firmware.armed).toBe(true);
  return { served, rig, events, ended };
}

async function untilDisarmed({ device }: ServedDevice): Promise<void> {
  await waitUntil(
    () => !device.firmware.armed,
    () => 'the device is still armed',
  );
}

describe('what ends stimulation by a rig in a worker', () => {
  it('is a main loop without progress, although events come and timers run; nothing arms again by itself', async () => {
    const { served, rig, events } = await openArmed({ driver: { ...PATIENT, mainStallMs: 400 } });
    for (let turn = 0; turn < 20; turn++) {
      rig.reportProgress();
      await pause(50);
    }
    expect(ofType(events, 'main-stalled')).toEqual([]);
    expect(served.device.firmware.armed).toBe(true);
    await untilEvent(events, 'main-stalled');
    await untilDisarmed(served);
    expect(await rig.schedule({ pattern: PATTERN, at: { type: 'now' } })).toMatchObject({
      type: 'stimulus-refused',
      by: 'gate',
      reason: 'armed',
      stimulusId: null,
    });
    for (let turn = 0; turn < 20; turn++) {
      rig.reportProgress();
      await pause(20);
    }
    expect(served.device.firmware.armed).toBe(false);
    expect(ofType(events, 'armed-changed').map(({ armed }) => armed)).toEqual([true, false]);
  });

  it('is a thread that dies: the device disarms, the stream errors, and nothing is taken any more', async () => {
    const { served, rig, ended } = await openArmed({ program: new URL(FRAGILE) });
    await expect(rig.schedule({ pattern: PATTERN, at: { type: 'now' }, label: 'exit' })).rejects.toMatchObject({
      tag: 'internal',
      details: { what: 'The thread of the rig ended by itself', got: 'exit code 3' },
    });
    expect(isMeaError(await ended, 'internal')).toBe(true);
    expect(rig.isRunning).toBe(false);
    await untilDisarmed(served);
    await expect(rig.status()).rejects.toMatchObject({ tag: 'link' });
    await expect(rig.close()).rejects.toMatchObject({ tag: 'link' });
  });

  it('is a thread that hangs: the watchdog disarms, requests end at their deadline, and close ends it by force', async () => {
    const { served, rig, ended } = await openArmed({ program: new URL(FRAGILE), requestMs: 1000 });
    const asked = rig.schedule({ pattern: PATTERN, at: { type: 'now' }, label: 'hang' });
    await expect(asked).rejects.toMatchObject({ tag: 'deadline' });
    await untilDisarmed(served);
    await expect(rig.close()).rejects.toMatchObject({ tag: 'deadline' });
    expect(isMeaError(await ended, 'internal')).toBe(true);
  });

  it('is an error that nobody caught in the thread: it closes the device and says what it was', async () => {
    const { served, rig, events, ended } = await openArmed({ program: new URL(FRAGILE) });
    await rig.schedule({ pattern: PATTERN, at: { type: 'now' }, label: 'throw' });
    expect(String(await ended)).toContain('thrown in the thread');
    await untilDisarmed(served);
    await waitUntil(
      () => served.acts.at(-1)?.message.type === 'stream-ended',
      () => 'the acquisition goes on',
    );
    expect(ofType(events, 'main-stalled')).toEqual([]);
    expect(rig.isRunning).toBe(false);
  });

  it('is abort, disarm and close, each at once', async () => {
    const { served, rig, events, ended } = await openArmed({});
    await rig.abort();
    expect(served.device.firmware.armed).toBe(false);
    await rig.disarm();
    await rig.close();
    expect(await ended).toBe('completed');
    expect(served.device.firmware.armed).toBe(false);
    expect(ofType(events, 'stream-ended')).toHaveLength(1);
  });
});

describe('arming that nobody waits for any more', () => {
  it('is ended again, also where the device is armed already and its answer on the way', async () => {
    const rig = await start({ address: await startDevice(), client: 'impatient' });
    const { events } = listen(rig);
    const electrode = rig.capabilities.stimulation!.electrodes[0]!;
    const { profileHash } = await rig.configure({ blockFrames: 20, safetyProfile: createWideProfile([electrode]) });
    const { serialNumber } = rig.capabilities;
    const stop = new AbortController();
    const arming = rig.arm({ serialNumber, profileHash }, stop.signal);
    // The worker goes on, and its answer waits for this thread.
    block(500);
    stop.abort(new Error('enough'));
    await expect(arming).rejects.toThrow('enough');
    await untilEvent(events, 'armed-changed', 2);
    expect(ofType(events, 'armed-changed').map(({ armed }) => armed)).toEqual([true, false]);
  });
});

describe('what a rig in a worker refuses', () => {
  const RULE = {
    name: 'r',
    when: {
      electrodes: [1, 2],
      withinMs: milliseconds(10),
      refractoryMs: milliseconds(10),
      maxPerSecond: 1,
      maxTriggers: 1,
    },
    pattern: PATTERN,
    leadMs: milliseconds(10),
  };

  it.each([
    ['a threshold of 0', { detector: { threshold: 0 } }, 'threshold 0'],
    ['a threshold that is no number', { detector: { threshold: Number.NaN } }, 'threshold NaN'],
    ['a band above half the rate', { detector: { band: { type: 'cascade', lowHz: 300, highHz: 10_001 } } }, '10001'],
    ['another number of channels', { detector: { channels: 64 } }, '4'],
    ['another rate', { detector: { sampleRateHz: hertz(25_000) } }, '20000'],
    ['noise for other channels', { detector: { noise: { mode: 'adaptive', initialUv: new Float32Array(3) } } }, '3'],
    ['an empty window', { windows: { responseMs: [milliseconds(5), milliseconds(5)] } }, '5 to 5 ms'],
    ['a rule without electrodes', { rules: [{ ...RULE, when: { ...RULE.when, electrodes: [] } }] }, '[]'],
    ['two rules for a slot', { rules: [RULE, { ...RULE, name: 's' }] }, '0'],
    ['a driver option', { driver: { armedForMs: 5000 } }, '5000'],
    ['a hold of no length', { holdMs: Number.NaN }, 'NaN'],
  ] as const)('%s, as the same error that it is in process', async (_name, options, got) => {
    const served = await serve();
    const starting = start({ address: served.address, client: 'bad', ...options });
    await expect(starting).rejects.toSatisfy((error) => isMeaError(error, 'bad-input'));
    await expect(starting).rejects.toThrow(got);
  });

  it.each<[string, Partial<RigWorkerOptions>, ErrorTag]>([
    ['no address', { address: 'nowhere' }, 'usage'],
    ['nobody at an address', { address: 'tcp://127.0.0.1:1' }, 'link'],
  ])('%s', async (_name, options, tag) => {
    await expect(start({ address: '', client: 'bad', ...options })).rejects.toMatchObject({ tag });
  });

  it('functions, which do not cross threads', async () => {
    const rules = [{ ...RULE, strange: (): void => undefined }];
    await expect(start({ address: 'tcp://127.0.0.1:1', client: 'bad', rules })).rejects.toMatchObject({
      tag: 'bad-input',
      details: { wanted: 'data alone: no functions, no objects of classes' },
    });
  });

  it('what the device or the gate refuses, by its name', async () => {
    const served = await serve();
    const rig = await start({ address: served.address, client: 'refused', rules: [RULE] });
    await expect(rig.start()).rejects.toMatchObject({ tag: 'refused' });
    const tight = createWideProfile([0], { maxPhases: 1 });
    await expect(rig.configure({ blockFrames: 20, safetyProfile: tight })).rejects.toThrow('phase-count');
    const outcome = await rig.schedule({ pattern: PATTERN, at: { type: 'now' } });
    expect(outcome).toMatchObject({ type: 'stimulus-refused', by: 'gate', reason: 'not-configured' });
  });

  it('more requests than may wait, but never an abort; and answers that are late', async () => {
    const served = await serve();
    const rig = await start({ address: served.address, client: 'many', maxRequests: 3, requestMs: 200 });
    const asked = [rig.status(), rig.status(), rig.status()];
    const settled = Promise.allSettled(asked);
    await expect(rig.status()).rejects.toMatchObject({ tag: 'refused', details: { wanted: 'less than 3' } });
    const aborted = rig.abort();
    // Timers come before messages when this thread goes on.
    block(300);
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(asked[0]).rejects.toMatchObject({ tag: 'deadline' });
    await expect(aborted).rejects.toMatchObject({ tag: 'deadline' });
    expect((await rig.status()).state).toBe('idle');
  });
});

describe('a rig in a worker over ZeroMQ', () => {
  it('runs, and closes its sockets before the thread ends', async () => {
    const served = await serve('zmq');
    const rig = await start({ address: served.address, client: 'zmq' });
    const { events, ended } = listen(rig);
    await begin(rig, [0, 1, 2], 200);
    await untilEvent(events, 'block', 5);
    const summary = await rig.summary();
    expect(summary.latency.detect.count).toBeGreaterThan(0);
    await rig.close();
    expect(await ended).toBe('completed');
    expect(ofType(events, 'stream-ended')[0]?.check.verdict).toBe('complete');
  });

  it('gives up a connection that is no longer wanted, and the process goes on', async () => {
    // It takes connections and says nothing, so that the thread's socket stays open.
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    opened.push(() => new Promise((resolve) => mute.close(resolve)));
    await once(mute, 'listening');
    const address = mute.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const stop = new AbortController();
    const connected = once(mute, 'connection');
    const starting = start({ address: `zmq+tcp://127.0.0.1:${address.port}`, client: 'zmq', signal: stop.signal });
    await connected;
    stop.abort(new Error('enough'));
    await expect(starting).rejects.toThrow('enough');
  });
});
