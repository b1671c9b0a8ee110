import { describe, expect, it } from 'vitest';
import type { StimulatorEvent } from '../drivers/parts/stimulator.js';
import { connectStimJim, type StimJim, type StimJimOptions } from '../drivers/stimjim/connect-stimjim.js';
import type { StimJimDelivery } from '../drivers/stimjim/delivery-watch.js';
import {
  StimJimFacade,
  type StimJimFacadeOptions,
  type StimJimPulse,
} from '../sim-device/facades/stimjim/stimjim-facade.js';
import {
  checkFor,
  containing,
  createFacadeBench,
  createPulse,
  PORT,
  type FacadeBench,
} from './helpers/facade-bench.js';

const GROUPS = [
  { trigger: 'output 1', electrodes: [7] },
  { trigger: 'output 2', electrodes: [9] },
];
const BIPHASIC = [
  [-20, 200],
  [20, 200],
] as const;

interface Bench extends FacadeBench {
  readonly facade: StimJimFacade;
  readonly pulses: StimJimPulse[];
  readonly options: StimJimOptions;
}

function createBench(facadeOptions: StimJimFacadeOptions = {}, pieceBytes?: number): Bench {
  const pulses: StimJimPulse[] = [];
  const facade = new StimJimFacade({ onPulse: (pulse) => pulses.push(pulse), ...facadeOptions });
  const bench = createFacadeBench(facade, pieceBytes);
  const { timers, openPort } = bench;
  return { ...bench, facade, pulses, options: { port: PORT, timers, openPort, groups: GROUPS } };
}

async function connect(bench: Bench, change: Partial<StimJimOptions> = {}): Promise<StimJim> {
  return bench.until(connectStimJim({ ...bench.options, ...change }, new AbortController().signal));
}

async function program(bench: Bench, stimulator: StimJim): Promise<void> {
  const patterns = [7, 9].map((electrode) => checkFor(stimulator, [createPulse(electrode, BIPHASIC)]));
  await bench.until(stimulator.program(patterns));
}

function listen(stimulator: StimJim): { events: StimulatorEvent[]; deliveries: StimJimDelivery[] } {
  const events: StimulatorEvent[] = [];
  const deliveries: StimJimDelivery[] = [];
  stimulator.events$.subscribe((event) => events.push(event));
  stimulator.deliveries$.subscribe((delivery) => deliveries.push(delivery));
  return { events, deliveries };
}

function linesOf(bench: Bench): string[] {
  return bench.port.written.map((bytes) => String.fromCharCode(...bytes));
}

describe('connecting a StimJim', () => {
  it.each([1, 2, 7, 64])('takes away what the last user left, in pieces of %d bytes', async (pieceBytes) => {
    const bench = createBench({}, pieceBytes);
    // both trigger inputs tied to trains of volts, and one playing for ten seconds
    for (const line of ['R0,0', 'R1,42', 'U1']) bench.facade.type(line);
    bench.facade.advance(50_000);
    expect(bench.pulses.length).toBeGreaterThan(5);
    const stimulator = await connect(bench);
    expect(bench.facade.isPlaying()).toBe(false);
    bench.pulses.length = 0;
    bench.facade.raiseTrigger(0);
    bench.facade.raiseTrigger(1);
    await bench.pass(100);
    expect(bench.pulses).toEqual([]);
    expect([1, 2].map((output) => bench.facade.outputMode(output))).toEqual([3, 3]);
    expect(stimulator.description).toMatchObject({ groups: GROUPS, maxTogether: 2, watchdogMs: null });
  });

  it('never sends a line that raises a raw value, calibrates, or ties an input to a train', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await bench.pass(50);
    await bench.until(stimulator.close());
    expect(bench.facade.forbidden).toEqual([]);
    const letters = new Set(linesOf(bench).map((line) => line[0]));
    expect(Array.from(letters).sort()).toEqual(['M', 'S', 'T', 'U']);
    expect(linesOf(bench).every((line) => line.endsWith('\n') && line.length < 999)).toBe(true);
    expect(bench.opened).toEqual([PORT]);
  });

  it('waits for a board that is booting', async () => {
    const bench = createBench({ isUp: false });
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([1]));
    await bench.pass(30);
    expect(bench.pulses.map(({ output }) => output)).toEqual([2]);
  });

  it('waits for one whose banner is under way', async () => {
    const bench = createBench({ isUp: false });
    bench.facade.advance(900_000);
    await connect(bench);
    expect(bench.timers.nowMs()).toBeLessThan(2000);
  });

  it('leaves outputs open where the rig wants that, after a pulse as well', async () => {
    const bench = createBench();
    const stimulator = await connect(bench, { whenOff: 'high-z' });
    const modes = (): unknown => [1, 2].map((output) => bench.facade.outputMode(output));
    expect(modes()).toEqual([2, 2]);
    expect(linesOf(bench).some((line) => line.startsWith('S50,2,2,'))).toBe(true);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await bench.pass(5);
    expect(modes()).toEqual([3, 2]);
    await bench.pass(30);
    expect(modes()).toEqual([2, 2]);
  });

  it('refuses firmware that cannot be stopped by a command', async () => {
    const bench = createBench({ canStop: false });
    await expect(connect(bench)).rejects.toThrow(/cannot be stopped by a command.*load the present firmware/);
    expect(bench.port.isOpen).toBe(false);
  });

  it('says so when nobody answers', async () => {
    const bench = createBench();
    bench.facade.hasCrashed = true;
    await expect(connect(bench)).rejects.toThrow(/Nothing answers as a StimJim does: .*is this the right port/);
    expect(bench.port.isOpen).toBe(false);
    expect(linesOf(bench)).toEqual(['S0\n']);
  });

  it('says so when the board holds another train than it was sent', async () => {
    const bench = createBench();
    const write = bench.port.write.bind(bench.port);
    // a digit that is lost on the way
    bench.port.write = (bytes, done) => {
      const line = String.fromCharCode(...bytes);
      const damaged = line.startsWith('S60,') ? line.replace('20000', '2000') : line;
      return write(
        Uint8Array.from(damaged, (letter) => letter.charCodeAt(0)),
        done,
      );
    };
    await expect(connect(bench)).rejects.toThrow(/holds another train than it was sent: got .*"periodUs":2000,/);
  });

  it.each([
    ['an output that it does not have', [{ trigger: 'output 3', electrodes: [1] }]],
    ['two electrodes on an output', [{ trigger: 'output 1', electrodes: [1, 2] }]],
  ])('refuses %s before it opens anything', async (_, groups) => {
    const bench = createBench();
    await expect(connect(bench, { groups })).rejects.toMatchObject({ tag: 'bad-input' });
    expect(bench.opened).toEqual([]);
  });
});

describe('a StimJim', () => {
  it('gives one pulse for each trigger, and says what it has measured', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { events, deliveries } = listen(stimulator);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await bench.pass(500);
    const stages = [
      { value: -20, durationUs: 200 },
      { value: 20, durationUs: 200 },
    ];
    expect(bench.pulses).toMatchObject([{ output: 1, unit: 'uA', stages }]);
    expect(deliveries).toEqual([
      {
        type: 'delivery',
        outputs: [1],
        pulses: 1,
        stages: [
          { asked: { amplitudes: [-20, 0], durationUs: 200 }, measured: [-20, 0] },
          { asked: { amplitudes: [20, 0], durationUs: 200 }, measured: [20, 0] },
        ],
      },
    ]);
    expect(events).toEqual([]);
  });

  it('gives both outputs at the same moment, each with its own pulse', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { deliveries } = listen(stimulator);
    const other = [
      [10, 100],
      [0, 50],
      [-5, 200],
    ] as const;
    const patterns = [checkFor(stimulator, [createPulse(7, BIPHASIC)]), checkFor(stimulator, [createPulse(9, other)])];
    await bench.until(stimulator.program(patterns));
    await bench.until(stimulator.fire([1, 0]));
    await bench.pass(100);
    expect(bench.pulses.map(({ output, atUs, stages }) => [output, atUs === bench.pulses[0]!.atUs, stages])).toEqual([
      [1, true, expect.anything()],
      [2, true, expect.anything()],
    ]);
    const currentsOf = (i: number): (readonly [number, number])[] =>
      bench.pulses[i]!.stages.map(({ value, durationUs }) => [value, durationUs] as const);
    // the stages of one train change both outputs: 100, 50, 50, 150 and 50 us
    expect(currentsOf(0)).toEqual([
      [-20, 100],
      [-20, 50],
      [-20, 50],
      [20, 150],
      [20, 50],
    ]);
    expect(currentsOf(1)).toEqual([
      [10, 100],
      [0, 50],
      [-5, 50],
      [-5, 150],
      [0, 50],
    ]);
    expect(deliveries).toMatchObject([{ outputs: [1, 2] }]);
  });

  it('refuses two pulses whose stages would be too short together', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const patterns = [
      checkFor(stimulator, [createPulse(7, BIPHASIC)]),
      checkFor(stimulator, [
        createPulse(9, [
          [-20, 190],
          [20, 190],
        ]),
      ]),
    ];
    await expect(bench.until(stimulator.program(patterns))).rejects.toThrow(/shortest of 10 us/);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
  });

  it('warns when less came than was asked for', async () => {
    const bench = createBench({ deliveredShare: 0.8 });
    const stimulator = await connect(bench);
    const { events, deliveries } = listen(stimulator);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([1]));
    await bench.pass(100);
    expect(deliveries[0]?.stages[0]?.measured).toEqual([0, -16]);
    expect(events).toMatchObject([
      { type: 'warning', message: containing('Output 2 of the StimJim was asked for -20 uA and gave -16 uA') },
    ]);
  });

  it('gives an empty pattern as nothing, and says nothing of it', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { events, deliveries } = listen(stimulator);
    const patterns = [checkFor(stimulator, []), checkFor(stimulator, [createPulse(9, BIPHASIC)])];
    await bench.until(stimulator.program(patterns));
    await bench.until(stimulator.fire([0]));
    await bench.pass(50);
    await bench.until(stimulator.fire([0, 1]));
    await bench.pass(50);
    expect(bench.pulses.map(({ output }) => output)).toEqual([2]);
    expect(deliveries.map(({ outputs }) => outputs)).toEqual([[], [2]]);
    expect(events).toEqual([]);
  });

  it('refuses a trigger while the last pulse is under way', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await expect(stimulator.fire([1])).rejects.toThrow(/still busy.*at least 20 ms/);
    await bench.pass(30);
    await bench.until(stimulator.fire([1]));
    expect(bench.pulses.length).toBe(2);
  });

  it('says when it hears nothing of a train', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { events } = listen(stimulator);
    await program(bench, stimulator);
    bench.facade.hasCrashed = true;
    await bench.until(stimulator.fire([0]));
    await bench.pass(1000);
    expect(events).toMatchObject([{ type: 'warning', message: containing('did not say that it started') }]);
  });

  it('fires nothing after the board has booted anew: its trains are those of its makers', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { events } = listen(stimulator);
    await program(bench, stimulator);
    bench.facade.restart();
    await bench.pass(10);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    await expect(stimulator.tryTrigger(0)).rejects.toThrow(/A program is there/);
    expect(events).toMatchObject([{ type: 'failed', message: containing('booted anew') }]);
    expect(bench.pulses).toEqual([]);
    // also where nobody has heard it say so
    await expect(program(bench, stimulator)).rejects.toThrow(/not programmed: got it has booted/);
    // all its trains are overwritten, and it can be programmed again
    await bench.until(stimulator.allOff());
    for (const n of [0, 42, 97, 99]) bench.facade.type(`T${n}`);
    await bench.pass(50);
    expect(bench.pulses).toEqual([]);
    await program(bench, stimulator);
    await bench.until(stimulator.fire([0]));
    await bench.pass(50);
    expect(bench.pulses.length).toBe(1);
  });

  it('is not known to be off when it boots in the midst of that, nor programmed when it boots in the midst of that', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    const echoed = bench.facade.receive.bind(bench.facade);
    let boots = 0;
    bench.facade.receive = (bytes) => {
      echoed(bytes);
      if (boots === 0 || !String.fromCharCode(...bytes).startsWith('S98,')) return;
      boots -= 1;
      bench.facade.restart();
    };
    boots = 1;
    await expect(bench.until(stimulator.allOff())).rejects.toThrow(/has booted while it was switched off/);
    await expect(stimulator.tryTrigger(0)).rejects.toThrow(/A program is there/);
    await bench.until(stimulator.allOff());
    boots = 1;
    const patterns = [7, 9].map((electrode) => checkFor(stimulator, [createPulse(electrode, BIPHASIC)]));
    await expect(bench.until(stimulator.program(patterns))).rejects.toThrow(/not programmed: got it has booted/);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
  });

  it.each([1, 2, 3])('is off for good when that is asked after %i messages of its programming', async (messages) => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const patterns = [7, 9].map((electrode) => checkFor(stimulator, [createPulse(electrode, BIPHASIC)]));
    const written = bench.port.written.length;
    const write = bench.port.write.bind(bench.port);
    const off: { promise?: Promise<void> } = {};
    bench.port.write = (bytes, done) => {
      const isTaken = write(bytes, done);
      if (bench.port.written.length === written + messages) {
        queueMicrotask(() => {
          off.promise ??= stimulator.allOff();
        });
      }
      return isTaken;
    };
    await expect(bench.until(stimulator.program(patterns))).rejects.toThrow(/it was switched off meanwhile/);
    await bench.until(off.promise!);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    for (const n of [97, 98, 99]) bench.facade.type(`T${n}`);
    await bench.pass(50);
    expect(bench.pulses).toEqual([]);
  });

  it('switches all off, and leaves nothing that an input could start', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    bench.facade.type('R0,97');
    await bench.until(stimulator.allOff());
    bench.facade.raiseTrigger(0);
    await bench.pass(50);
    expect(bench.pulses).toEqual([]);
    await expect(stimulator.fire([0])).rejects.toThrow(/Nothing is programmed/);
    await program(bench, stimulator);
    await bench.until(stimulator.close());
    bench.facade.raiseTrigger(0);
    bench.facade.advance(1000);
    expect(bench.pulses).toEqual([]);
    expect(bench.port.isOpen).toBe(false);
  });

  it('lets no trigger leave late when its line stands still', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { events } = listen(stimulator);
    await program(bench, stimulator);
    bench.port.block();
    await expect(bench.until(stimulator.fire([0]))).rejects.toMatchObject({ tag: 'deadline' });
    bench.port.unblock();
    await bench.pass(50);
    expect(bench.pulses).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: 'failed', message: containing('took no bytes for 250 ms') });
  });

  it('says what is not known to be off when it is closed', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    await program(bench, stimulator);
    const { events } = listen(stimulator);
    let isComplete = false;
    stimulator.events$.subscribe({ complete: () => (isComplete = true) });
    bench.facade.receive = () => undefined;
    await bench.until(stimulator.close());
    expect(events.at(-1)).toMatchObject({
      type: 'warning',
      message: containing('That the StimJim at /dev/facade is off is not known'),
    });
    expect([isComplete, bench.port.isOpen]).toEqual([true, false]);
  });

  it('says a loss once', async () => {
    const bench = createBench();
    const stimulator = await connect(bench);
    const { events } = listen(stimulator);
    await program(bench, stimulator);
    bench.port.unplug();
    await expect(stimulator.fire([0])).rejects.toMatchObject({ tag: 'link' });
    await bench.until(stimulator.close());
    expect(events.map(({ type }) => type)).toEqual(['failed']);
  });
});
