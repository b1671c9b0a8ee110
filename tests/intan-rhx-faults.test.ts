import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectIntanRhx } from '../drivers/intan-rhx/connect-intan-rhx.js';
import type { IntanRhxOptions } from '../drivers/intan-rhx/options.js';
import type { RecorderEvent } from '../drivers/parts/recorder.js';
import { isMeaError, type ErrorTag } from '../protocols/errors.js';
import type { CheckedPattern } from '../protocols/stimulation/gate.js';
import type { RhxFacadeOptions } from '../sim-device/facades/intan-rhx/facade-settings.js';
import type { RhxFacade } from '../sim-device/facades/intan-rhx/rhx-facade.js';
import { systemTimers } from '../src/timers.js';
import {
  biphasic,
  countBlocks,
  openRhxBench,
  openRhxFacade,
  passGate,
  toRhxOptions,
  wireBox,
  type RhxBench,
  type RhxBenchOptions,
} from './helpers/rhx-bench.js';
import { waitUntil } from './helpers/wait-until.js';

const facades: RhxFacade[] = [];
const benches: RhxBench[] = [];
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close();
  for (const facade of facades.splice(0)) facade.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function openFacade(options: Partial<RhxFacadeOptions> = {}): Promise<RhxFacade> {
  const facade = await openRhxFacade(options);
  facades.push(facade);
  return facade;
}

async function openBench(options: RhxBenchOptions = {}): Promise<RhxBench> {
  const bench = await openRhxBench(options);
  benches.push(bench);
  return bench;
}

/** Connecting fails so. */
async function expectRefusal(options: IntanRhxOptions, tag: ErrorTag, message: RegExp): Promise<void> {
  const connecting = connectIntanRhx(options, new AbortController().signal);
  await expect(connecting).rejects.toThrow(message);
  await connecting.catch((error: unknown) => {
    expect(isMeaError(error, tag)).toBe(true);
  });
}

/** Something that listens at a port and is no RHX. */
function listen(onConnection: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      onConnection(socket);
    });
    servers.push(server);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
}

/** A type, and what was said with it. */
function tellOf(event: { readonly type: string; readonly message?: string } | undefined): string {
  return event === undefined ? 'nothing' : `${event.type}: ${event.message ?? ''}`;
}

function typesOf(events: readonly RecorderEvent[]): readonly string[] {
  return events.map(({ type }) => type).filter((type) => type !== 'block');
}

/** Electrodes of the culture's first inputs, behind the first key. */
async function openStimulating(options: RhxBenchOptions = {}): Promise<{
  readonly bench: RhxBench;
  readonly pattern: CheckedPattern;
}> {
  const { driver, ...others } = options;
  const electrodes = [1, 3, 5];
  const bench = await openBench({ ...others, driver: { groups: [{ trigger: 'F1', electrodes }], ...driver } });
  const { stimulation } = bench.rhx.stimulator!.description;
  const pattern = passGate(
    electrodes.map((electrode) => biphasic(electrode)),
    stimulation,
  );
  return { bench, pattern };
}

describe('connecting to RHX', () => {
  it('is refused by a controller without stimulators', async () => {
    const facade = await openFacade({ controller: 'ControllerRecordUSB3' });
    await expectRefusal(toRhxOptions(facade), 'refused', /no stimulators: got ControllerRecordUSB3/);
  });

  it('is refused at another rate or step than the rig says', async () => {
    const facade = await openFacade();
    await expectRefusal(
      toRhxOptions(facade, { expected: { sampleRateHz: 20_000 } }),
      'refused',
      /another sample rate: got 30000 Hz, expected 20000 Hz/,
    );
    await waitUntil(
      () => facade.operate('get runmode;') !== '',
      () => 'gone',
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await facade.pressConnect();
    await expectRefusal(
      toRhxOptions(facade, { expected: { stimStepUa: 0.1 } }),
      'refused',
      /another stimulation step: got 0.5 uA, expected 0.1 uA/,
    );
  });

  it('is refused where a channel of the rig is not there', async () => {
    const facade = await openFacade();
    await expectRefusal(toRhxOptions(facade, { channels: ['A-000', 'C-000'] }), 'refused', /64 channels, no C-000/);
  });

  it('fails where nobody listens, with what to click', async () => {
    const facade = await openFacade();
    facade.close();
    await expectRefusal(toRhxOptions(facade), 'link', /ECONNREFUSED.*Remote TCP Control and press Connect/);
  });

  it('fails for a second client', async () => {
    const bench = await openBench();
    await expectRefusal(toRhxOptions(bench.facade), 'link', /it takes one client/);
    expect(bench.rhx.recorder.isConnected).toBe(true);
  });

  it('fails where the waveform port is taken', async () => {
    const facade = await openFacade();
    facade.operate('execute connecttcpwaveformdataoutput;');
    await new Promise((resolve) => setTimeout(resolve, 20));
    sockets.push(connect({ host: '127.0.0.1', port: facade.ports.waveform }));
    await waitUntil(
      () => facade.operate('get tcpwaveformdataoutputconnectionstatus;').endsWith('Connected'),
      () => 'not connected',
    );
    await expectRefusal(toRhxOptions(facade), 'refused', /waveform port is taken/);
  });

  it.each([
    ['silent', (): undefined => undefined, /did not answer within 150 ms: got nothing/],
    [
      'an echo',
      (socket: Socket): void => {
        socket.pipe(socket);
      },
      /did not answer within 150 ms: got "get version;get type;get runmode;"/,
    ],
    [
      'a web server',
      (socket: Socket): void => {
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      },
      /command port of RHX is gone: got the connection was closed/,
    ],
    [
      'something that knows run modes only',
      (socket: Socket): void => {
        socket.on('data', () => socket.write('Unrecognized parameterUnrecognized parameterReturn: RunMode Stop'));
      },
      /This is not RHX: got "Unrecognized parameter"/,
    ],
    [
      'garbage',
      (socket: Socket): void => {
        socket.on('data', () => socket.write(Buffer.from([0, 255, 1, 254])));
      },
      /did not answer within 150 ms/,
    ],
  ])('fails where what listens is %s', async (_, onConnection, message) => {
    const port = await listen(onConnection);
    const options: IntanRhxOptions = {
      ports: { command: port, waveform: port },
      channels: ['A-000'],
      timers: systemTimers(),
      deadlines: { answerMs: 150 },
    };
    await expect(connectIntanRhx(options, new AbortController().signal)).rejects.toThrow(message);
  });

  it('can be given up', async () => {
    const port = await listen(() => undefined);
    const controller = new AbortController();
    const options = { ports: { command: port, waveform: port }, channels: ['A-000'], timers: systemTimers() };
    const connecting = connectIntanRhx(options, controller.signal);
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 20);
    await expect(connecting).rejects.toThrow('enough');
  });

  it('leaves nothing of the last user', async () => {
    const facade = await openFacade({ uploadReads: 2 });
    for (const channel of ['a-000', 'a-031', 'b-007']) {
      facade.operate(
        `set ${channel}.stimenabled true;set ${channel}.source digitalin02;set ${channel}.pulseortrain pulsetrain;set ${channel}.numberofstimpulses 256;set ${channel}.firstphaseamplitudemicroamps 127.5;set ${channel}.shape triphasic;`,
      );
    }
    facade.operate('execute uploadstimparameters;get uploadinprogress;get uploadinprogress;set runmode run;');
    facade.operate('set tcpnumberdatablocksperwrite 100;');
    expect(facade.listArmed()).toEqual(['A-000', 'A-031', 'B-007']);
    const rhx = await connectIntanRhx(toRhxOptions(facade, { channels: ['A-001'] }), new AbortController().signal);
    expect(facade.mode).toBe('Stop');
    expect(facade.listArmed()).toEqual([]);
    for (const channel of facade.amplifiers) {
      const items = ['stimenabled', 'firstphaseamplitudemicroamps', 'pulseortrain', 'shape', 'numberofstimpulses'];
      expect(facade.operate(items.map((item) => `get ${channel}.${item};`).join(''))).toBe(
        'Return: StimEnabled FalseReturn: FirstPhaseAmplitudeMicroAmps 0Return: PulseOrTrain SinglePulseReturn: Shape BiphasicReturn: NumberOfStimPulses 1',
      );
    }
    facade.operate('set runmode run;');
    facade.raiseLines({ digital: [2] });
    facade.advance(1000);
    expect(facade.nextSample).toBe(1000);
    await rhx.close();
  });

  it('ends no recording', async () => {
    const facade = await openFacade();
    facade.operate('set filename.path /data;set filename.basefilename a;set runmode record;');
    await expectRefusal(toRhxOptions(facade), 'refused', /RHX is recording/);
    expect(facade.mode).toBe('Record');
  });

  it('fails where RHX holds other values than it was told', async () => {
    const late: { facade?: RhxFacade } = {};
    const facade = await openFacade({
      onLog: (text) => {
        if (text.includes('execute uploadstimparameters')) late.facade!.operate('set b-003.numberofstimpulses 7;');
      },
    });
    late.facade = facade;
    await expectRefusal(
      toRhxOptions(facade),
      'refused',
      /RHX holds another NumberOfStimPulses than it was told: got 7, expected 1 \(B-003/,
    );
  });
});

describe('a stream of RHX', () => {
  it('goes on after garbage, without a loss', async () => {
    const { rhx, facade, events, advance } = await openBench({ driver: { channels: ['A-000'] } });
    await rhx.recorder.start();
    await advance(256);
    facade.injectWaveform(Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) % 256));
    await advance(256);
    expect(typesOf(events)).toEqual(['started', 'warning']);
    expect(events.find(({ type }) => type === 'warning')).toEqual({
      type: 'warning',
      message: `1000 bytes at byte ${2 * 772} of the waveform stream of RHX are no block: they were skipped`,
    });
    expect(countBlocks(events)).toBe(4);
  });

  it('tells exactly which samples are missing, at the beginning too', async () => {
    const { rhx, facade, events, advance } = await openBench({ driver: { channels: ['A-000'] } });
    await rhx.recorder.start();
    facade.dropWaveform(1);
    facade.advance(128);
    await advance(256);
    facade.dropWaveform(3);
    facade.advance(3 * 128);
    await advance(128);
    expect(events.filter(({ type }) => type !== 'block')).toEqual([
      { type: 'started', firstSample: 0 },
      { type: 'samples-lost', fromSample: 0, toSample: 128, messages: null },
      { type: 'samples-lost', fromSample: 384, toSample: 768, messages: null },
    ]);
  });

  it('is restored when its connection was cut, and says what is missing', async () => {
    const { rhx, facade, events, advance } = await openBench({ driver: { channels: ['A-000'] } });
    await rhx.recorder.start();
    await advance(256);
    facade.disconnect('waveform');
    facade.advance(640);
    await waitUntil(
      () => events.some(({ type }) => type === 'link-restored'),
      () => typesOf(events).join(', '),
    );
    await advance(128);
    expect(typesOf(events)).toEqual(['started', 'link-lost', 'link-restored', 'samples-lost']);
    expect(events.find(({ type }) => type === 'samples-lost')).toMatchObject({ fromSample: 256, toSample: 896 });
    await rhx.recorder.stop();
    expect(events.at(-1)).toEqual({ type: 'ended', endSample: 1024 });
  });

  it('ends by name where its blocks change their size', async () => {
    const { rhx, facade, events, advance } = await openBench({
      driver: { channels: ['A-000'], deadlines: { silenceMs: 300 } },
    });
    await rhx.recorder.start();
    await advance(128);
    facade.operate('set a-001.tcpdataoutputenabled true;');
    const pace = setInterval(() => {
      facade.advance(128);
    }, 10);
    await waitUntil(
      () => events.some(({ type }) => type === 'failed'),
      () => typesOf(events).join(', '),
    );
    clearInterval(pace);
    expect(tellOf(events.at(-1))).toMatch(/^failed: .*another size/);
  });

  it('ends by name where somebody stops the board', async () => {
    const { rhx, facade, events, advance } = await openBench({
      driver: { channels: ['A-000'], deadlines: { silenceMs: 200 } },
    });
    await rhx.recorder.start();
    await advance(128);
    facade.operate('set runmode stop;');
    await waitUntil(
      () => events.some(({ type }) => type === 'failed'),
      () => typesOf(events).join(', '),
    );
    expect(events.at(-1)).toMatchObject({ type: 'failed', message: 'somebody has stopped the board in RHX' });
    expect(rhx.recorder.isConnected).toBe(false);
  });

  it('goes on when the command port is gone, but nothing is fired', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, facade, events, told, advance } = bench;
    await rhx.stimulator!.program([pattern]);
    await rhx.recorder.start();
    await advance(128);
    facade.disconnect('command');
    await waitUntil(
      () => told.length > 0,
      () => 'nothing told',
    );
    expect(told.map(tellOf)).toEqual([expect.stringMatching(/^failed: RHX can no longer be commanded/)]);
    await expect(rhx.stimulator!.fire([0])).rejects.toThrow(/Nothing can be fired/);
    await expect(rhx.stimulator!.program([pattern])).rejects.toThrow(/stopped/);
    await expect(rhx.recorder.stop()).rejects.toThrow(/command port of RHX is gone/);
    await advance(256);
    expect(countBlocks(events)).toBe(3);
    await rhx.close();
    expect(tellOf(events.at(-1))).toMatch(/^warning: the board may still run/);
  });

  it('ends with the whole program', async () => {
    const { rhx, facade, events, advance } = await openBench({ driver: { channels: ['A-000'] } });
    await rhx.recorder.start();
    await advance(128);
    facade.close();
    await waitUntil(
      () => events.some(({ type }) => type === 'failed'),
      () => typesOf(events).join(', '),
    );
    expect(typesOf(events)).toContain('link-lost');
  });
});

describe('a stimulator of RHX', () => {
  it('takes nothing but what passed the gate and the device can make, while the board is stopped', async () => {
    const { bench, pattern } = await openStimulating();
    const stimulator = bench.rhx.stimulator!;
    const { stimulation } = stimulator.description;
    expect(stimulation).toMatchObject({
      electrodes: [1, 3, 5],
      currentStepUa: 0.5,
      maxCurrentUa: 127.5,
      maxPhases: 2,
      slots: 1,
      scheduling: 'immediate',
      delivery: 'observed',
    });
    const forged = { slot: 0, pulses: pattern.pulses };
    await expect(stimulator.program([JSON.parse(JSON.stringify(forged))])).rejects.toThrow(
      /did not pass the safety gate/,
    );
    await expect(stimulator.program([])).rejects.toThrow(/One pattern for each group/);
    const elsewhere = passGate([biphasic(7)], { ...stimulation, electrodes: [7] });
    await expect(stimulator.program([elsewhere])).rejects.toThrow(/electrode 7/);
    const finer = passGate([biphasic(1, 10.1)], { ...stimulation, currentStepUa: 0.1 });
    await expect(stimulator.program([finer])).rejects.toThrow(/RHX cannot make this pulse: got amplitude/);
    await expect(stimulator.fire([0])).rejects.toThrow(/nothing is programmed/);
    await stimulator.program([pattern]);
    await expect(stimulator.fire([0])).rejects.toThrow(/the board does not run/);
    await bench.rhx.recorder.start();
    await expect(stimulator.program([pattern])).rejects.toThrow(/only while its board is stopped/);
    await expect(stimulator.fire([1])).rejects.toThrow(/No such groups/);
    await expect(stimulator.fire([])).rejects.toThrow(/No such groups/);
    expect(bench.delivered).toEqual([]);
  });

  it('leaves out the electrodes of a group that its pattern leaves out', async () => {
    const { bench } = await openStimulating();
    const { stimulation } = bench.rhx.stimulator!.description;
    await bench.rhx.stimulator!.program([passGate([biphasic(3)], stimulation)]);
    expect(bench.facade.listArmed()).toEqual(['A-003']);
  });

  it('drops what waits when it is held, and the recording goes on', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, facade, events, delivered, advance } = bench;
    await rhx.stimulator!.program([pattern]);
    await rhx.recorder.start();
    await advance(128);
    // The first is written at once; a second one would wait for its answer, and come late.
    const first = rhx.stimulator!.fire([0]);
    const second = expect(rhx.stimulator!.fire([0])).rejects.toThrow(/has not answered to the last trigger/);
    await rhx.stimulator!.allOff({ how: 'hold' });
    await Promise.all([first, second]);
    await advance(1280);
    expect(facade.mode).toBe('Run');
    expect(typesOf(events)).toEqual(['started', 'pulses-seen']);
    await expect(rhx.stimulator!.fire([0])).rejects.toThrow(/nothing is programmed/);
    await expect(rhx.stimulator!.tryTrigger(0)).rejects.toThrow(/a program may be there/);
    await advance(128);
    expect(delivered).toHaveLength(1);
    await rhx.recorder.stop();
    await rhx.stimulator!.allOff({ how: 'hold' });
    expect(facade.listArmed()).toEqual([]);
  });

  it('is off with its board, whoever triggers it, until it is programmed again', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, facade, events, delivered, advance } = bench;
    await rhx.stimulator!.program([pattern]);
    await rhx.recorder.start();
    await advance(128);
    await rhx.stimulator!.allOff();
    expect(facade.mode).toBe('Stop');
    expect(facade.listArmed()).toEqual([]);
    expect(typesOf(events)).toEqual(['started', 'warning']);
    await rhx.recorder.stop();
    expect(typesOf(events)).toEqual(['started', 'warning', 'ended']);
    await expect(rhx.stimulator!.fire([0])).rejects.toThrow(/nothing is programmed/);
    facade.operate('set runmode run;execute manualstimtriggerpulse f1;');
    facade.operate('execute manualstimtriggerpulse f1;');
    facade.advance(1000);
    expect(delivered).toEqual([]);
    facade.operate('set runmode stop;');
    await rhx.stimulator!.program([pattern]);
    expect(facade.listArmed()).toEqual(['A-001', 'A-003', 'A-005']);
  });

  it('tells the end of the recording that it ended, and stops it no second time', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, events, advance } = bench;
    await rhx.stimulator!.program([pattern]);
    await rhx.recorder.start();
    await advance(256);
    const stopping = rhx.recorder.stop();
    await Promise.all([rhx.stimulator!.allOff(), rhx.stimulator!.allOff(), stopping]);
    expect(events.at(-1)).toEqual({ type: 'ended', endSample: 256 });
    await rhx.recorder.start();
    await rhx.stimulator!.tryTrigger(0);
    await rhx.stimulator!.allOff();
    await waitUntil(
      () => events.at(-1)?.type === 'ended',
      () => typesOf(events).join(', '),
    );
    await rhx.recorder.stop();
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is switched off while it is programmed, after %i of its messages',
    async (messages) => {
      const counted = { begun: false, count: 0 };
      const { bench, pattern } = await openStimulating({
        facade: {
          uploadReads: 2,
          onLog: (text) => {
            if (!counted.begun || !text.startsWith('heard')) return;
            counted.count += 1;
            if (counted.count === messages) off.promise = bench.rhx.stimulator!.allOff();
          },
        },
      });
      const off: { promise?: Promise<void> } = {};
      counted.begun = true;
      await expect(bench.rhx.stimulator!.program([pattern])).rejects.toThrow(/switched off/);
      await off.promise;
      expect(off.promise).toBeDefined();
      expect(bench.facade.listArmed()).toEqual([]);
      await expect(bench.rhx.stimulator!.fire([0])).rejects.toThrow(/nothing is programmed/);
      counted.begun = false;
      await bench.rhx.stimulator!.program([pattern]);
      expect(bench.facade.listArmed()).toEqual(['A-001', 'A-003', 'A-005']);
    },
  );

  it('is off, and its board does not run, where that is asked while the board starts', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, facade, events } = bench;
    await rhx.stimulator!.program([pattern]);
    const starting = expect(rhx.recorder.start()).rejects.toThrow(/stopped meanwhile|switched off/);
    await rhx.stimulator!.allOff();
    await starting;
    expect(facade.mode).toBe('Stop');
    expect(facade.listArmed()).toEqual([]);
    await rhx.recorder.stop();
    expect(typesOf(events).filter((type) => type !== 'warning')).toEqual([]);
    await rhx.recorder.start();
    await bench.advance(256);
    await rhx.recorder.stop();
    expect(typesOf(events).filter((type) => type !== 'warning')).toEqual(['started', 'ended']);
  });

  it('tells the end of a recording that was switched off while it started, once it had told its start', async () => {
    const { bench, pattern } = await openStimulating({ driver: { deadlines: { startMs: 20_000 } } });
    const { rhx, facade, events } = bench;
    await rhx.stimulator!.program([pattern]);
    const off: { promise?: Promise<void> } = {};
    rhx.recorder.events$.subscribe((event) => {
      if (event.type === 'started') off.promise = rhx.stimulator!.allOff();
    });
    const starting = expect(rhx.recorder.start()).rejects.toThrow(/stopped meanwhile|switched off/);
    await waitUntil(
      () => facade.mode === 'Run',
      () => facade.mode,
    );
    await bench.advance(256);
    await starting;
    await off.promise;
    await rhx.recorder.stop();
    expect(facade.mode).toBe('Stop');
    expect(typesOf(events).filter((type) => type !== 'warning')).toEqual(['started', 'ended']);
  });

  it('says so where it cannot be switched off', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, facade, advance } = bench;
    await rhx.stimulator!.program([pattern]);
    await rhx.recorder.start();
    await advance(128);
    facade.disconnect('command');
    await expect(rhx.stimulator!.allOff()).rejects.toThrow(/command port of RHX is gone/);
    await expect(rhx.stimulator!.fire([0])).rejects.toThrow(/nothing is programmed/);
    await expect(rhx.stimulator!.tryTrigger(0)).rejects.toThrow(/a program may be there/);
  });

  it('is off after close, whichever half is closed first', async () => {
    for (const first of ['recorder', 'stimulator'] as const) {
      const { bench, pattern } = await openStimulating();
      const { rhx, facade, advance } = bench;
      await rhx.stimulator!.program([pattern]);
      await rhx.recorder.start();
      await advance(128);
      await rhx[first]!.close();
      await rhx.close();
      await rhx.close();
      expect(facade.mode).toBe('Stop');
      expect(facade.listArmed()).toEqual([]);
    }
  });

  it('gives the pulses that were triggered, and none more, when its controller is killed', async () => {
    const { bench, pattern } = await openStimulating();
    const { rhx, facade, delivered, advance } = bench;
    await rhx.stimulator!.program([pattern]);
    await rhx.recorder.start();
    await advance(500);
    await bench.fire([0]);
    facade.disconnect('command');
    facade.disconnect('waveform');
    // Ten seconds in which nobody is there: the board goes on, and RHX has no watchdog.
    facade.advance(300_000);
    expect(facade.mode).toBe('Run');
    expect(delivered.map(({ timestamp, pulses }) => [timestamp, pulses.length])).toEqual([[500, 3]]);
  });

  it('gives none more behind a box either', async () => {
    const wired: { facade?: RhxFacade } = {};
    const box = wireBox(() => wired.facade!);
    const { bench, pattern } = await openStimulating({
      prepare: (facade) => {
        wired.facade = facade;
      },
      driver: { triggerBox: box, groups: [{ trigger: 'analog-in 4', electrodes: [1, 3, 5], boxLine: 2 }] },
    });
    await bench.rhx.stimulator!.program([pattern]);
    await bench.rhx.recorder.start();
    await bench.rhx.stimulator!.fire([0]);
    expect(box.words).toEqual([[2]]);
    bench.facade.raiseLines({ analog: [4] });
    bench.facade.disconnect('command');
    bench.facade.disconnect('waveform');
    bench.facade.advance(30_000);
    expect(bench.delivered.map(({ timestamp }) => timestamp)).toEqual([0]);
  });
});
