import { describe, expect, it } from 'vitest';
import type { Stimulator, StimulatorEvent } from '../drivers/parts/stimulator.js';
import { connectPulsePalBox } from '../drivers/pulse-pal/connect-pulse-pal-box.js';
import { connectPulsePal, type PulsePalOptions } from '../drivers/pulse-pal/connect-pulse-pal.js';
import {
  PulsePalFacade,
  type PulsePalFacadeOptions,
  type PulsePalPulse,
} from '../sim-device/facades/pulse-pal/pulse-pal-facade.js';
import {
  checkFor,
  containing,
  createFacadeBench,
  near,
  createPulse,
  PORT,
  type FacadeBench,
} from './helpers/facade-bench.js';

const GROUPS = [
  { trigger: 'output 1', electrodes: [7] },
  { trigger: 'output 3', electrodes: [9] },
];
const ISOLATOR = { name: 'A.M.P.I. Iso-Flex', uaPerVolt: 10 };
const RECORDER = { maxVolts: 1, protection: 'the headstage is switched off its electrode by a relay' };
const BIPHASIC = [
  [-20, 200],
  [20, 200],
] as const;

interface Bench extends FacadeBench {
  readonly facade: PulsePalFacade;
  readonly pulses: PulsePalPulse[];
  readonly options: PulsePalOptions;
}

function createBench(facadeOptions: PulsePalFacadeOptions = {}, pieceBytes?: number): Bench {
  const pulses: PulsePalPulse[] = [];
  const facade = new PulsePalFacade({ onPulse: (pulse) => pulses.push(pulse), ...facadeOptions });
  const bench = createFacadeBench(facade, pieceBytes);
  const { timers, openPort } = bench;
  const options = { port: PORT, timers, openPort, groups: GROUPS, isolator: ISOLATOR, recorderInput: RECORDER };
  return { ...bench, facade, pulses, options };
}

function never(): AbortSignal {
  return new AbortController().signal;
}

async function connect(bench: Bench, change: Partial<PulsePalOptions> = {}): Promise<Stimulator> {
  return bench.until(connectPulsePal({ ...bench.options, ...change }, never()));
}

async function program(bench: Bench, stimulator: Stimulator): Promise<void> {
  const patterns = [7, 9].map((electrode) => checkFor(stimulator, [createPulse(electrode, BIPHASIC)]));
  await bench.until(stimulator.program(patterns));
}

describe('connecting a Pulse Pal', () => {
  it.each([1, 2, 7, 64])('takes away what the last user left, in pieces of %d bytes', async (pieceBytes) => {
    const bench = createBench({}, pieceBytes);
    // an endless loop on output 2, 5 V for good on output 4, and every output at trigger input 1
    bench.facade.receive(Uint8Array.of(0xd5, 82, 2, 1, 0xd5, 79, 4, 0x00, 0xc0));
    bench.facade.advance(50_000);
    expect(bench.pulses.length).toBeGreaterThan(3);
    bench.facade.raiseTrigger(1);
    const stimulator = await connect(bench);
    bench.pulses.length = 0;
    bench.facade.raiseTrigger(1);
    bench.facade.raiseTrigger(2);
    await bench.pass(1000);
    expect(bench.pulses).toEqual([]);
    expect([1, 2, 3, 4].map((output) => [bench.facade.isPlaying(output), bench.facade.levelVolts(output)])).toEqual(
      Array.from({ length: 4 }, () => [false, 0]),
    );
    expect(bench.facade.display).toBe('MEACTL Connected');
    expect([bench.facade.overruns, bench.facade.skipped]).toEqual([0, 0]);
    expect(stimulator.description).toMatchObject({ firmware: '21', groups: GROUPS, maxTogether: 4, watchdogMs: null });
  });

  it('opens the port that was named, and no other', async () => {
    const bench = createBench();
    await connect(bench);
    expect(bench.opened).toEqual([PORT]);
  });

  it('writes each message at once', async () => {
    const bench = createBench();
    await connect(bench);
    expect(bench.port.written.every((message) => message[0] === 0xd5)).toBe(true);
    expect(Array.from(bench.port.written[0]!)).toEqual([0xd5, 72]);
    expect(bench.port.written.map((message) => message[1])).toEqual([
      72, 80, 73, 82, 82, 82, 82, 79, 79, 79, 79, 80, 89,
    ]);
  });

  it.each([
    ['a first model', { firmware: 12 }, /first model .* got firmware 12/],
    ['firmware that nobody knows', { firmware: 40 }, /got firmware 40/],
  ])('refuses %s, having told it nothing but hello', async (_, options, message) => {
    const bench = createBench(options);
    await expect(connect(bench)).rejects.toThrow(message);
    expect(bench.port.written.length).toBe(1);
    expect(bench.port.isOpen).toBe(false);
  });

  it('says so when nobody answers', async () => {
    const bench = createBench();
    bench.facade.receive(Uint8Array.of(0xd5, 73, 1));
    bench.facade.advance(600_000);
    expect(bench.facade.display).toBe('COMM. FAILURE!');
    await expect(connect(bench)).rejects.toMatchObject({
      tag: 'deadline',
      message: containing('joystick'),
    });
    expect(bench.port.isOpen).toBe(false);
  });

  it('knows another device by its first answer, and lets it alone', async () => {
    const bench = createBench();
    let listener: (bytes: Uint8Array) => void = () => undefined;
    const pump = {
      sampleRateHz: 1e6,
      advance: () => undefined,
      receive: () => {
        listener(Uint8Array.from('ERROR\r\n', (letter) => letter.charCodeAt(0)));
      },
      onBytes: (hears: typeof listener) => {
        listener = hears;
      },
    };
    const other = createFacadeBench(pump);
    const options = { ...bench.options, timers: other.timers, openPort: other.openPort };
    await expect(other.until(connectPulsePal(options, never()))).rejects.toMatchObject({ tag: 'link' });
    expect(other.port.written.length).toBe(1);
  });

  it.each([
    ['an output that it does not have', [{ trigger: 'output 5', electrodes: [1] }]],
    ['an output twice', [GROUPS[0]!, GROUPS[0]!]],
    ['another name', [{ trigger: 'F1', electrodes: [1] }]],
    ['two electrodes on an output', [{ trigger: 'output 1', electrodes: [1, 2] }]],
    ['no group', []],
  ])('refuses %s before it opens anything', async (_, groups) => {
    const bench = createBench();
    await expect(connect(bench, { groups })).rejects.toMatchObject({ tag: 'bad-input' });
    expect(bench.opened).toEqual([]);
  });
});

describe('a Pulse Pal behind an isolator', () => {
  it('gives one pulse for each trigger, as the gate let it pass', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await bench.pass(500);
    const at = bench.pulses[0]!.atUs;
    expect(at % 50).toBe(0);
    expect(bench.pulses.map(({ output }) => output)).toEqual([1]);
    const [first, second] = bench.pulses[0]!.phases;
    // 20 uA are 2 V; a step is 0.3 mV
    expect(first).toMatchObject({ durationUs: 200, volts: near(-2) });
    expect(second).toMatchObject({ durationUs: 200, volts: near(2) });
  });

  it('fires several outputs at the same moment', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([1, 0]));
    await bench.pass(100);
    expect(bench.pulses.map(({ output }) => output)).toEqual([1, 3]);
    expect(bench.pulses[0]!.atUs).toBe(bench.pulses[1]!.atUs);
  });

  it('makes a gap between the phases, and a single phase', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const withGap = checkFor(stimulator, [
      createPulse(7, [
        [-20, 100],
        [0, 50],
        [10, 200],
      ]),
    ]);
    await bench.until(stimulator.program([withGap, checkFor(stimulator, [])]));
    await bench.until(stimulator.fire([0, 1]));
    await bench.pass(100);
    expect(bench.pulses.map(({ output, phases }) => [output, ...phases.map(({ durationUs }) => durationUs)])).toEqual([
      [1, 100, 50, 200],
    ]);
  });

  it.each([
    ['an isolator', { isolator: undefined }],
    ["an isolator's name", { isolator: { name: ' ', uaPerVolt: 10 } }],
    ["an isolator's range", { isolator: { name: 'x', uaPerVolt: 0 } }],
    ['a word about the recorder', { recorderInput: undefined }],
    ["the recorder's protection", { recorderInput: { maxVolts: 1, protection: '' } }],
  ])('programs nothing without %s', async (_, change) => {
    const bench = createBench();
    const whole = await connect(bench);
    const patterns = [7, 9].map((electrode) => checkFor(whole, [createPulse(electrode, BIPHASIC)]));
    const { isolator, recorderInput, ...rest } = { ...bench.options, ...change };
    const options = {
      ...rest,
      ...(isolator !== undefined && { isolator }),
      ...(recorderInput !== undefined && { recorderInput }),
    };
    const stimulator = await bench.until(connectPulsePal(options, never()));
    const before = bench.port.written.length;
    await expect(bench.until(stimulator.program(patterns))).rejects.toThrow(/programs no pulses without an isolator/);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    expect(bench.port.written.length).toBe(before);
  });

  it('takes nothing but what passed the gate, on the electrodes of the group', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const good = checkFor(stimulator, [createPulse(9, BIPHASIC)]);
    // it looks like one, and is none
    const forged = structuredClone(checkFor(stimulator, [createPulse(7, BIPHASIC)]));
    await expect(stimulator.program([forged, good])).rejects.toThrow(/passed the safety gate/);
    await expect(stimulator.program([good, good])).rejects.toThrow(
      /A group is pulsed whole.*: got electrodes 9, expected electrodes 7/,
    );
    await expect(stimulator.program([good])).rejects.toThrow(/Not as many patterns as groups: got 1/);
  });

  it('refuses groups that are not there, and to fire before it is programmed', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    await program(bench, stimulator);
    for (const groups of [[], [2], [0, 0], [-1]])
      await expect(stimulator.fire(groups)).rejects.toMatchObject({ tag: 'bad-input' });
  });

  it('switches all off at once, and fires nothing before it is programmed again', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await stimulator.fire([0, 1]);
    // the abort is on the line before the trigger's cycle has begun
    const off = stimulator.allOff();
    await bench.until(off);
    await bench.pass(100);
    expect(bench.pulses).toEqual([]);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([1]));
    await bench.pass(100);
    expect(bench.pulses.length).toBe(1);
  });

  it('says that a command was not confirmed', async () => {
    const facade = new PulsePalFacade();
    const denying = {
      sampleRateHz: 1e6,
      advance: (us: number) => {
        facade.advance(us);
      },
      receive: (bytes: Uint8Array) => {
        facade.receive(bytes);
      },
      onBytes: (listener: (bytes: Uint8Array) => void) => {
        facade.onBytes((bytes) => {
          listener(bytes.length === 1 ? Uint8Array.of(0) : bytes);
        });
      },
    };
    const bench = createFacadeBench(denying);
    const { timers, openPort } = bench;
    const options = { port: PORT, timers, openPort, groups: GROUPS };
    await expect(bench.until(connectPulsePal(options, never()))).rejects.toThrow(
      /did not confirm: program: got 0, expected 1/,
    );
    expect(bench.port.isOpen).toBe(false);
  });

  it('says a loss once, and closes without a word', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    const events: StimulatorEvent[] = [];
    stimulator.events$.subscribe((event) => events.push(event));
    bench.port.unplug();
    await expect(bench.until(stimulator.fire([0]))).rejects.toThrow(
      /The device is gone: got .*disconnected.*\/dev\/facade/,
    );
    await bench.until(stimulator.close());
    expect(events.map(({ type }) => type)).toEqual(['failed']);
  });

  it('gives up on a line that takes nothing', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    bench.port.block();
    await expect(bench.until(stimulator.fire([0]))).rejects.toMatchObject({ tag: 'deadline' });
    await bench.until(stimulator.close());
  });

  it('leaves it at 0 V and disconnected', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await bench.until(stimulator.close());
    expect(Array.from(bench.port.written.at(-1)!)).toEqual([0xd5, 81]);
    bench.facade.raiseTrigger(1);
    bench.facade.receive(Uint8Array.of(0xd5, 77, 15));
    bench.facade.advance(1_000_000);
    expect(bench.pulses).toEqual([]);
    expect(bench.port.isOpen).toBe(false);
  });

  it('warns of bytes that answer nothing', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const events: StimulatorEvent[] = [];
    stimulator.events$.subscribe((event) => events.push(event));
    bench.port.emit('data', Uint8Array.of(1, 1));
    await program(bench, stimulator);
    expect(events).toMatchObject([{ type: 'warning', message: containing('2 bytes') }]);
  });
});

describe('a Pulse Pal as a trigger box', () => {
  it('raises lines to 5 V together, for as long as it was opened for', async () => {
    const bench = createBench();
    const { timers, openPort } = bench;
    const box = await bench.until(connectPulsePalBox({ port: PORT, timers, openPort, widthUs: 250 }, never()));
    await bench.until(box.pulse([4, 2]));
    await bench.pass(100);
    expect(bench.pulses.map(({ output }) => output)).toEqual([2, 4]);
    expect(bench.pulses[0]!.phases).toEqual([{ durationUs: 250, volts: near(5) }]);
    await bench.until(box.allOff());
    await bench.until(box.pulse([1]));
    await bench.pass(100);
    expect(bench.pulses.length).toBe(3);
    await expect(box.pulse([5])).rejects.toMatchObject({ tag: 'bad-input' });
    await bench.until(box.close());
    expect(bench.port.isOpen).toBe(false);
  });

  it.each([0, 25, 10_050])('has no width of %d us', async (widthUs) => {
    const bench = createBench();
    const { timers, openPort } = bench;
    await expect(connectPulsePalBox({ port: PORT, timers, openPort, widthUs }, never())).rejects.toThrow(
      /no such pulse on a line/,
    );
    expect(bench.opened).toEqual([]);
  });
});
