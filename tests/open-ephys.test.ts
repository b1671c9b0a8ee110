import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';

import { isMeaError } from '../protocols/errors.js';
import type { Pulse } from '../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds } from '../protocols/units.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import {
  BUFFER_FRAMES,
  OpenEphysBench,
  outline,
  startOn,
  waitForSample,
  warningsOf,
} from './helpers/open-ephys-bench.js';
import { createRampRig, rampValue } from './helpers/ramp-rig.js';
import { describeRecorderContract } from './helpers/recorder-contract.js';
import { waitUntil } from './helpers/wait-until.js';

const bench = new OpenEphysBench();
afterEach(() => bench.end());

const CULTURE = {
  parameters: 'ctrl',
  plasticity: 'free-energy',
  condition: 'none',
  seed: 11,
  electrodes: 16,
  inputs: 8,
  sampleRateHz: hertz(30_000),
} as const;

function pulseOn(electrode: number): Pulse {
  const durationUs = microseconds(200);
  return {
    electrode,
    phases: [
      { currentUa: microamps(-2), durationUs },
      { currentUa: microamps(2), durationUs },
    ],
  };
}

describeRecorderContract('Open Ephys', async () => {
  const facade = await bench.facade(createRampRig());
  const { recorder } = await bench.connect(facade);
  return {
    recorder,
    runFor: async (ms) => {
      facade.advance((facade.sampleRateHz * ms) / 1000);
      await sleep(10);
    },
    poke: () => {
      facade.setLine(1, true);
    },
    close: () => facade.close(),
  };
});

describe('Open Ephys as a recorder', () => {
  it('says what it is, and that it is emulated', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder } = await bench.connect(facade);
    expect(recorder.description).toEqual({
      device: 'Open Ephys GUI (Open Ephys)',
      serialNumber: `127.0.0.1:${facade.dataPort}/mea-sim`,
      firmware: 'not told',
      emulated: true,
      channels: 4,
      sampleRateHz: 20_000,
      gainUvPerBit: 0.195,
      blockFrames: 1024,
      sees: 'lines',
    });
    expect(recorder.isConnected).toBe(true);
  });

  it.each([
    [0.195, 0],
    [0.31, 0.5],
  ])('gives the samples of the culture, stimuli included, within half a bit of %f uV', async (gainUvPerBit, bits) => {
    const facade = await bench.facade(createEmulatedRig({ culture: CULTURE }));
    const twin = createEmulatedRig({ culture: CULTURE });
    // what the culture does before anybody listens
    facade.advance(300);
    const { recorder, events } = await bench.connect(facade, { gainUvPerBit });
    await startOn(recorder, facade);
    const pulses = [pulseOn(twin.stimulatedElectrodes[1]!), pulseOn(twin.stimulatedElectrodes[4]!)];
    facade.advance(250);
    const atSample = facade.program.nextSample;
    // the two arrive by wires of their own, and meet the culture together
    facade.deliver(pulses.slice(0, 1));
    facade.deliver(pulses.slice(1));
    facade.advance(1250);
    await waitForSample(events, 1500);

    const blocks = events.filter((event) => event.type === 'block');
    const end = blocks.at(-1)!.firstSample + blocks.at(-1)!.frames;
    expect(outline(events).slice(0, 2)).toEqual([
      ['started', 0],
      ['block', 0, BUFFER_FRAMES],
    ]);
    twinPass(twin, facade.program.origin);
    const expected = [...twinPass(twin, atSample)];
    twin.deliver(pulses, twin.nextSample);
    expected.push(...twinPass(twin, end - atSample));
    const got = blocks.flatMap(({ samples }) => [...samples]);
    expect(got).toHaveLength(expected.length);
    const worst = Math.max(...got.map((bit, k) => Math.abs(bit * gainUvPerBit - expected[k]! * 0.195)));
    expect(worst).toBeLessThanOrEqual(bits * gainUvPerBit + 1e-3);
    // the artefact is there: this was not silence against silence
    expect(Math.max(...expected.map(Math.abs)) * 0.195).toBeGreaterThan(100);
    expect(warningsOf(events)).toEqual([]);
  });

  it('puts channels by name and number in the order of the electrodes, and leaves others out', async () => {
    const facade = await bench.facade(createRampRig(), { channelNames: ['A', 'B', 'ADC', 'D'] });
    const { recorder, events } = await bench.connect(facade, { channels: ['D', 1, 'A'] });
    await startOn(recorder, facade);
    const [block] = events.filter((event) => event.type === 'block');
    const expected = Array.from({ length: BUFFER_FRAMES }, (_, f) =>
      [3, 1, 0].map((channel) => rampValue(facade.program.origin + f, channel)),
    );
    expect([...block!.samples]).toEqual(expected.flat());
  });

  it('tells the changes of lines at their samples, before their blocks', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    const first = facade.program.nextSample;
    facade.advance(30);
    facade.setLine(3, true);
    facade.setLine(3, true);
    facade.advance(20);
    facade.setLine(3, false);
    facade.setLine(8, true);
    facade.advance(150);
    await waitForSample(events, first + 200);
    expect(outline(events).slice(-5)).toEqual([
      ['line-changed', first + 30, 3, true],
      ['line-changed', first + 50, 3, false],
      ['line-changed', first + 50, 8, true],
      ['block', first, BUFFER_FRAMES],
      ['block', first + 100, BUFFER_FRAMES],
    ]);
  });

  it('tells one dropped message as a gap with its samples, and goes on', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    const first = facade.program.nextSample;
    facade.program.dropWhere = (message) =>
      message.type === 'data' && message.channelNum === 2 && message.sampleNum === first + 100;
    facade.advance(400);
    await waitForSample(events, first + 400);
    expect(facade.program.dropped).toHaveLength(1);
    expect(outline(events).slice(-5)).toEqual([
      ['block', first, BUFFER_FRAMES],
      ['warning'],
      ['samples-lost', first + 100, first + 200, 1],
      ['block', first + 200, BUFFER_FRAMES],
      ['block', first + 300, BUFFER_FRAMES],
    ]);
    expect(warningsOf(events)[0]).toMatch(/only 3 of 4 channels came: lost for all/u);
    expect(recorder.counters).toMatchObject({ missingMessages: 1, incompleteBlocks: 1, badMessages: 0 });
  });

  it('tells exactly what was too much for the publisher, and no sample is told twice', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    // more in one go than the facade and its socket hold
    facade.advance(3000 * BUFFER_FRAMES);
    const newest = (): number =>
      events.flatMap((event) => (event.type === 'block' ? event.firstSample : [])).at(-1) ?? 0;
    do {
      facade.advance(BUFFER_FRAMES);
      await sleep(50);
    } while (newest() + BUFFER_FRAMES !== facade.program.nextSample);
    const end = facade.program.nextSample;
    expect(facade.unsent).toBeGreaterThan(1000);
    const { messages, missingMessages } = recorder.counters;
    expect(missingMessages).toBeGreaterThanOrEqual(facade.unsent);
    expect(messages + missingMessages).toBe((4 * end) / BUFFER_FRAMES);
    let next = 0;
    for (const event of events) {
      if (event.type === 'samples-lost') {
        expect(event.fromSample).toBe(next);
        next = event.toSample;
      } else if (event.type === 'block') {
        expect(event.firstSample).toBe(next);
        next += event.frames;
      }
    }
    expect(next).toBe(end);
    expect(events.filter(({ type }) => type === 'samples-lost').length).toBeGreaterThan(0);
  });

  it('tells a dropped change of a line as what it is', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    const first = facade.program.nextSample;
    facade.program.dropWhere = (message) => message.type === 'line';
    facade.setLine(1, true);
    facade.advance(100);
    await waitForSample(events, first + 100);
    expect(facade.program.dropped).toHaveLength(1);
    expect(warningsOf(events)).toEqual([expect.stringMatching(/changes of lines may be missing/u)]);
    expect(outline(events).some(([type]) => type === 'samples-lost')).toBe(false);
  });

  it('survives headers that letters outside ASCII have cut short', async () => {
    const facade = await bench.facade(createRampRig(), { stream: 'mea-sim Gerät µ' });
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    expect(outline(events)).toContainEqual(['block', 0, BUFFER_FRAMES]);
    expect(warningsOf(events)[0]).toMatch(/headers came without their end; rename/u);
    expect(recorder.counters.cutHeaders).toBeGreaterThanOrEqual(4);
  });

  it('is heard by two at once', async () => {
    const facade = await bench.facade(createRampRig());
    const [one, two] = [await bench.connect(facade), await bench.connect(facade)];
    await startOn(one.recorder, facade);
    await startOn(two.recorder, facade);
    const first = facade.program.nextSample;
    facade.advance(100);
    await waitForSample(one.events, first + 100);
    await waitForSample(two.events, first + 100);
    expect(two.events.at(-1)).toEqual(one.events.at(-1));
  });
});

describe('an acquisition', () => {
  it('that we began is ended by stop, with its end, and can be begun again', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    for (let round = 0; round < 2; round++) {
      events.length = 0;
      await startOn(recorder, facade);
      expect(facade.program.mode).toBe('ACQUIRE');
      const end = facade.program.nextSample;
      await recorder.stop();
      expect(facade.program.mode).toBe('IDLE');
      expect(outline(events)[0]).toEqual(['started', 0]);
      expect(outline(events).at(-1)).toEqual(['ended', end]);
    }
  });

  it.each(['ACQUIRE', 'RECORD'] as const)('that ran before is left as it was found: %s', async (mode) => {
    const facade = await bench.facade(createRampRig());
    facade.program.setMode(mode);
    facade.advance(1000);
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    expect(outline(events)[0]).toEqual(['started', expect.toSatisfy((sample: number) => sample >= 1000)]);
    await recorder.stop();
    expect(outline(events).at(-1)![0]).toBe('ended');
    await startOn(recorder, facade);
    await recorder.close();
    expect(facade.program.mode).toBe(mode);
    expect(warningsOf(events)).toEqual([]);
  });

  it('that we began is ended by close as well', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    await recorder.close();
    expect(facade.program.mode).toBe('IDLE');
    expect(outline(events).at(-1)![0]).toBe('ended');
    expect(recorder.isConnected).toBe(false);
    await expect(recorder.start()).rejects.toThrow(/The link to Open Ephys is closed/u);
  });

  it('that somebody records meanwhile is not ended', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    facade.program.setMode('RECORD');
    await recorder.stop();
    expect(facade.program.mode).toBe('RECORD');
    expect(warningsOf(events)).toEqual([expect.stringMatching(/Open Ephys records.*left running/u)]);
  });

  it('that begins anew in the program ends the one before, without a gap', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    const end = facade.program.nextSample;
    await waitForSample(events, end);
    facade.program.setMode('IDLE');
    facade.advance(77);
    facade.program.setMode('ACQUIRE');
    events.length = 0;
    facade.advance(200);
    await waitForSample(events, 200);
    expect(outline(events)).toEqual([
      ['ended', end],
      ['started', 0],
      ['block', 0, BUFFER_FRAMES],
      ['block', 100, BUFFER_FRAMES],
    ]);
    expect(recorder.counters.restarts).toBe(1);
  });

  it('that is ended in the program is told, and heard again when it is begun there', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade, { times: { silenceMs: 200 } });
    await startOn(recorder, facade);
    const end = facade.program.nextSample;
    await waitForSample(events, end);
    facade.program.setMode('IDLE');
    await waitUntil(
      () => events.at(-1)?.type === 'ended',
      () => JSON.stringify(outline(events)),
    );
    expect(outline(events).slice(-2)).toEqual([['warning'], ['ended', end]]);
    facade.program.setMode('ACQUIRE');
    facade.advance(100);
    await waitUntil(
      () => events.at(-1)?.type === 'block',
      () => JSON.stringify(outline(events)),
    );
    expect(outline(events).slice(-2)).toEqual([
      ['started', 0],
      ['block', 0, BUFFER_FRAMES],
    ]);
  });

  it('that runs but brings nothing is told once', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade, { times: { silenceMs: 200 } });
    await startOn(recorder, facade);
    await waitUntil(
      () => warningsOf(events).length > 0,
      () => 'no warning',
    );
    await sleep(1200);
    expect(warningsOf(events)).toEqual([expect.stringMatching(/in mode ACQUIRE, but nothing has come for 200 ms/u)]);
  });
});

describe('the link to Open Ephys', () => {
  it('that is lost is told, restored, and what was missed is not made up', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    const end = facade.program.nextSample;
    await waitForSample(events, end);
    await facade.close();
    await waitUntil(
      () => events.at(-1)?.type === 'link-lost',
      () => JSON.stringify(outline(events)),
    );
    expect(recorder.isConnected).toBe(false);
    const { dataPort, httpPort } = facade;
    // long enough for an attempt to come back that is refused
    await sleep(400);
    const again = await bench.facade(createRampRig(), { dataPort, httpPort });
    await waitUntil(
      () => events.some(({ type }) => type === 'link-restored'),
      () => JSON.stringify(outline(events)),
    );
    expect(recorder.isConnected).toBe(true);
    again.program.setMode('ACQUIRE');
    while (events.at(-1)?.type !== 'block') {
      again.advance(BUFFER_FRAMES);
      await sleep(20);
    }
    const after = outline(events).slice(outline(events).findIndex(([type]) => type === 'link-restored') + 1);
    expect(after[0]).toEqual(['ended', end]);
    expect(after[1]![0]).toBe('started');
    expect(after[2]![0]).toBe('block');
  });

  it('that does not come back is given up, and says so last', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder, events } = await bench.connect(facade, { times: { giveUpMs: 300 } });
    await startOn(recorder, facade);
    await waitForSample(events, facade.program.nextSample);
    await facade.close();
    await waitUntil(
      () => events.at(-1)?.type === 'failed',
      () => JSON.stringify(outline(events)),
    );
    expect(
      outline(events)
        .slice(-3)
        .map(([type]) => type),
    ).toEqual(['link-lost', 'ended', 'failed']);
    expect(recorder.isConnected).toBe(false);
    await expect(recorder.start()).rejects.toThrow(/given up.*connect again/u);
    await recorder.close();
  });

  it('is kept alive by heartbeats', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder } = await bench.connect(facade, { times: { heartbeatMs: 50 } });
    await waitUntil(
      () => recorder.counters.heartbeats.answered >= 3,
      () => JSON.stringify(recorder.counters),
    );
    expect(facade.requests[0]).toMatchObject({ type: 'heartbeat', application: 'meactl' });
    expect(new Set(facade.requests.map((request) => request?.uuid)).size).toBe(1);
    expect(recorder.counters.heartbeats.reopened).toBe(0);
  });

  it.each(['silent', 'gibberish'] as const)('goes on when heartbeats are not answered: %s', async (fault) => {
    const facade = await bench.facade(createRampRig());
    facade.replyFault = fault;
    const { recorder, events } = await bench.connect(facade, { times: { heartbeatMs: 50, replyMs: 100 } });
    await startOn(recorder, facade);
    await waitUntil(
      () => recorder.counters.heartbeats.reopened >= 3,
      () => JSON.stringify(recorder.counters),
    );
    expect(facade.requests.length).toBeGreaterThan(0);
    expect(recorder.counters.heartbeats.answered).toBe(0);
    const first = facade.program.nextSample;
    facade.advance(100);
    await waitForSample(events, first + 100);
    expect(warningsOf(events).filter((text) => text.includes('heartbeats are not answered')).length).toBeLessThan(2);
    if (fault === 'silent') return;
    facade.replyFault = 'none';
    await waitUntil(
      () => recorder.counters.heartbeats.answered > 0,
      () => 'no answer',
    );
  });
});

describe('the remote control', () => {
  it('passes messages on while the program acquires, and refuses to before', async () => {
    const texts: string[] = [];
    const facade = await bench.facade(createRampRig(), { onBroadcast: (text) => texts.push(text) });
    const { recorder } = await bench.connect(facade);
    await expect(recorder.remote.sendMessage('too early')).rejects.toThrow(/only while it acquires.*start the acquis/u);
    await startOn(recorder, facade);
    await recorder.remote.sendMessage('ACQBOARD TRIGGER 1 µ');
    expect(texts).toEqual(['ACQBOARD TRIGGER 1 µ']);
  });

  it('lets the program record where it is told to; stop then ends that as well', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder } = await bench.connect(facade);
    await startOn(recorder, facade);
    const settings = { parentDirectory: '/data/x', baseText: 'culture 7', startNewDirectory: true };
    const status = await recorder.remote.startRecording(settings);
    expect(status).toMatchObject({ parentDirectory: '/data/x', baseText: 'culture 7', recordEngine: 'BINARY' });
    expect(status.recordNodes).toMatchObject([{ experimentNumber: 2, recordingNumber: 1 }]);
    expect(facade.program.mode).toBe('RECORD');
    await recorder.remote.stopRecording();
    expect(facade.program.mode).toBe('ACQUIRE');
    await recorder.remote.startRecording(null);
    await expect(recorder.remote.startRecording(null)).rejects.toThrow(/records already/u);
    await recorder.stop();
    expect(facade.program.mode).toBe('IDLE');
  });

  it('leaves a recording alone that somebody else began, also after one of its own', async () => {
    const facade = await bench.facade(createRampRig());
    const { recorder } = await bench.connect(facade);
    await startOn(recorder, facade);
    await recorder.remote.startRecording(null);
    await recorder.stop();
    await startOn(recorder, facade);
    facade.program.setMode('RECORD');
    await recorder.remote.stopRecording();
    await recorder.stop();
    expect(facade.program.mode).toBe('RECORD');
  });

  it('says that there is no Record Node', async () => {
    const facade = await bench.facade(createRampRig(), { canRecord: false });
    const { recorder } = await bench.connect(facade);
    const failure: unknown = await recorder.remote.startRecording(null).catch((error: unknown) => error);
    expect(isMeaError(failure, 'refused')).toBe(true);
    expect(String(failure)).toMatch(/does not record.*put a Record Node into the signal chain/u);
  });
});

/** (frames * channels) the next samples of the twin. */
function twinPass(twin: ReturnType<typeof createEmulatedRig>, frames: number): number[] {
  const samples: number[] = [];
  for (let left = frames; left > 0; left -= 500) samples.push(...twin.render(Math.min(left, 500)));
  return samples;
}
