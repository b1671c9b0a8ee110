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

  it('says what is not known to be off when it is closed', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    const events: StimulatorEvent[] = [];
    stimulator.events$.subscribe((event) => events.push(event));
    let isComplete = false;
    stimulator.events$.subscribe({ complete: () => (isComplete = true) });
    bench.facade.receive = () => undefined;
    await bench.until(stimulator.close());
    expect(events.at(-1)).toMatchObject({
      type: 'warning',
      message: containing('That the Pulse Pal at /dev/facade stands at 0 V is not known'),
    });
    expect([isComplete, bench.port.isOpen]).toEqual([true, false]);
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

  it('gives up on a line that takes nothing, and nothing of that leaves when it moves again', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    const events: StimulatorEvent[] = [];
    stimulator.events$.subscribe((event) => events.push(event));
    bench.port.block();
    const fired = stimulator.fire([0]);
    fired.catch(() => undefined);
    await expect(stimulator.fire([1])).rejects.toThrow(/has not taken the last trigger/);
    await expect(bench.until(fired)).rejects.toMatchObject({ tag: 'deadline' });
    bench.port.unblock();
    await bench.pass(50);
    expect(bench.pulses).toEqual([]);
    expect(events).toMatchObject([{ type: 'failed', message: containing('took no bytes for 250 ms') }]);
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

/** A Pulse Pal that answers later, by its own clock, than it acts. */
class LateFacade extends PulsePalFacade {
  /** Of answers that are given from now on. */
  delayUs = 0;
  #tell: (bytes: Uint8Array) => void = () => undefined;
  #waiting: { readonly atUs: number; readonly bytes: Uint8Array }[] = [];
  #clockUs = 0;

  override onBytes(listener: (bytes: Uint8Array) => void): void {
    this.#tell = listener;
    super.onBytes((bytes) => {
      if (this.delayUs === 0) listener(bytes);
      else this.#waiting.push({ atUs: this.#clockUs + this.delayUs, bytes });
    });
  }

  override advance(durationUs: number): void {
    super.advance(durationUs);
    this.#clockUs += durationUs;
    const due = this.#waiting.filter(({ atUs }) => atUs <= this.#clockUs);
    this.#waiting = this.#waiting.filter(({ atUs }) => atUs > this.#clockUs);
    for (const { bytes } of due) this.#tell(bytes);
  }
}

function createLateBench(): Bench & { readonly facade: LateFacade } {
  const pulses: PulsePalPulse[] = [];
  const facade = new LateFacade({ onPulse: (pulse) => pulses.push(pulse) });
  const bench = createFacadeBench(facade);
  const { timers, openPort } = bench;
  const options = { port: PORT, timers, openPort, groups: GROUPS, isolator: ISOLATOR, recorderInput: RECORDER };
  return { ...bench, facade, pulses, options };
}

/** Both settled, and whether the first was kept. */
async function settleBoth(bench: Bench, first: Promise<void>, second: Promise<void>): Promise<boolean> {
  const [kept] = await bench.until(Promise.allSettled([first, second]));
  return kept.status === 'fulfilled';
}

describe('a Pulse Pal whose answers take their time', () => {
  it.each([0, 1, 2, 3, 5, 8])('is off for good when that is asked %i ms into its programming', async (ms) => {
    const bench = createLateBench();
    const stimulator = await connect(bench);
    bench.facade.delayUs = 3000;
    const patterns = [7, 9].map((electrode) => checkFor(stimulator, [createPulse(electrode, BIPHASIC)]));
    const programming = stimulator.program(patterns);
    programming.catch(() => undefined);
    await bench.pass(ms);
    const off = stimulator.allOff();
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    await expect(stimulator.program(patterns)).rejects.toThrow(/it is being switched off/);
    expect(await settleBoth(bench, programming, off)).toBe(ms >= 3);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    await bench.until(stimulator.tryTrigger(0));
    bench.facade.receive(Uint8Array.of(0xd5, 77, 15));
    await bench.pass(50);
    expect(bench.pulses).toEqual([]);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await bench.pass(50);
    expect(bench.pulses.length).toBe(1);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 8])('raises no line after an off that comes %i ms after its pulse', async (ms) => {
    const bench = createLateBench();
    const { timers, openPort } = bench;
    const box = await bench.until(connectPulsePalBox({ port: PORT, timers, openPort }, never()));
    bench.facade.delayUs = 3000;
    await bench.until(box.allOff());
    const startMs = timers.nowMs();
    const pulse = box.pulse([1]);
    pulse.catch(() => undefined);
    await bench.pass(ms);
    const before = bench.pulses.length;
    await settleBoth(bench, pulse, box.allOff());
    await bench.pass(50);
    expect(bench.pulses.length).toBe(before);
    await bench.until(box.pulse([1]));
    await bench.pass(50);
    expect(bench.pulses.length).toBe(before + 1);
    expect(timers.nowMs()).toBeGreaterThan(startMs);
  });

  it('raises no line long after it was asked to, because it had to be programmed anew first', async () => {
    const bench = createLateBench();
    const { timers, openPort } = bench;
    const box = await bench.until(connectPulsePalBox({ port: PORT, timers, openPort }, never()));
    await bench.until(box.allOff());
    bench.facade.delayUs = 400_000;
    const before = bench.pulses.length;
    await expect(bench.until(box.pulse([1]))).rejects.toMatchObject({ tag: 'refused', message: containing('late') });
    await bench.pass(100);
    expect(bench.pulses.length).toBe(before);
    await bench.until(box.pulse([1]));
    await bench.pass(50);
    expect(bench.pulses.length).toBe(before + 1);
  });

  it('takes the late answer to one command for no answer to another', async () => {
    const bench = createLateBench();
    const stimulator = await connect(bench);
    const events: StimulatorEvent[] = [];
    stimulator.events$.subscribe((event) => events.push(event));
    bench.facade.delayUs = 1_500_000;
    const patterns = [7, 9].map((electrode) => checkFor(stimulator, [createPulse(electrode, BIPHASIC)]));
    await expect(bench.until(stimulator.program(patterns))).rejects.toMatchObject({ tag: 'deadline' });
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    // what is sent next is held up by half a second, and the late answer comes before that
    const receive = bench.facade.receive.bind(bench.facade);
    bench.facade.receive = (bytes) => {
      timers.after(700, () => {
        receive(bytes);
      });
    };
    const { timers } = bench;
    bench.facade.delayUs = 0;
    const written = bench.port.written.length;
    const again = stimulator.program(patterns);
    again.catch(() => undefined);
    await bench.pass(600);
    // the late answer has come, and the settings have not even been sent
    expect(bench.port.written.slice(written).map((message) => message[1])).toEqual([72]);
    await bench.until(again);
    expect(bench.port.written.slice(written).map((message) => message[1])).toEqual([72, 73]);
    expect(events).toEqual([]);
  });

  it('is given up by name when it answers nothing any more', async () => {
    const bench = createLateBench();
    const stimulator = await connect(bench);
    const events: StimulatorEvent[] = [];
    stimulator.events$.subscribe((event) => events.push(event));
    bench.facade.receive = () => undefined;
    await expect(bench.until(stimulator.allOff())).rejects.toMatchObject({ tag: 'deadline' });
    await expect(stimulator.tryTrigger(0)).rejects.toThrow(/A program is there/);
    await expect(bench.until(stimulator.allOff())).rejects.toThrow(/which command an answer belongs to is not known/);
    expect(events).toMatchObject([{ type: 'failed', message: containing('is not known') }]);
    expect(bench.port.isOpen).toBe(false);
  });
});

describe('a second trigger within a pulse', () => {
  it('is refused on the same output, which would play its pulse once more', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const long = [
      [-5, 1000],
      [5, 1000],
    ] as const;
    const patterns = [checkFor(stimulator, [createPulse(7, long)]), checkFor(stimulator, [createPulse(9, BIPHASIC)])];
    await bench.until(stimulator.program(patterns));
    const first = stimulator.fire([0]);
    await expect(stimulator.fire([0])).rejects.toThrow(/still busy with the last pulse: got output 1/);
    await bench.until(first);
    await bench.pass(1);
    await expect(stimulator.fire([0, 1])).rejects.toMatchObject({
      tag: 'refused',
      message: containing('leave at least 7 ms between two stimuli'),
    });
    await bench.until(stimulator.fire([1]));
    await bench.pass(20);
    await bench.until(stimulator.fire([0]));
    await bench.pass(100);
    expect(bench.pulses.map(({ output }) => output)).toEqual([1, 3, 1]);
  });

  it('is none after a trigger that was refused: that output has nothing to play', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    bench.port.block();
    const first = stimulator.fire([0]);
    await expect(stimulator.fire([1])).rejects.toThrow(/has not taken the last trigger/);
    bench.port.unblock();
    await bench.until(first);
    await bench.pass(20);
    await bench.until(stimulator.fire([1]));
    await bench.pass(50);
    expect(bench.pulses.map(({ output }) => output)).toEqual([1, 3]);
  });

  it('is none after all was switched off', async () => {
    const bench = createBench();
    const { timers, openPort } = bench;
    const box = await bench.until(connectPulsePalBox({ port: PORT, timers, openPort, widthUs: 10_000 }, never()));
    await bench.until(box.pulse([2]));
    await bench.pass(3);
    await expect(box.pulse([2])).rejects.toThrow(/still busy/);
    await bench.until(box.allOff());
    await bench.until(box.pulse([2]));
    await bench.pass(50);
    expect(bench.pulses.length).toBe(2);
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
