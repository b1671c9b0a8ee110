import { describe, expect, it } from 'vitest';
import type { StimulatorEvent, TriggerBox } from '../drivers/parts/stimulator.js';
import { connectTtlBox, type TtlBoxOptions } from '../drivers/ttl-box/connect-ttl-box.js';
import {
  TtlBoxFacade,
  type TtlBoxFacadeOptions,
  type TtlBoxPulse,
} from '../sim-device/facades/ttl-box/ttl-box-facade.js';
import { createFacadeBench, PORT, type FacadeBench } from './helpers/facade-bench.js';

interface Bench extends FacadeBench {
  readonly facade: TtlBoxFacade;
  readonly pulses: TtlBoxPulse[];
  readonly events: StimulatorEvent[];
  connect(change?: Partial<TtlBoxOptions>): Promise<TriggerBox>;
}

function createBench(options: TtlBoxFacadeOptions = {}, pieceBytes?: number): Bench {
  const pulses: TtlBoxPulse[] = [];
  const events: StimulatorEvent[] = [];
  const facade = new TtlBoxFacade({ onPulse: (pulse) => pulses.push(pulse), ...options });
  const bench = createFacadeBench(facade, pieceBytes);
  const { timers, openPort } = bench;
  const connect = async (change: Partial<TtlBoxOptions> = {}): Promise<TriggerBox> => {
    const signal = new AbortController().signal;
    const box = await bench.until(connectTtlBox({ port: PORT, timers, openPort, ...change }, signal));
    box.events$.subscribe((event) => events.push(event));
    return box;
  };
  return { ...bench, facade, pulses, events, connect };
}

it.each([1, 2, 7, 64])('raises lines together, in pieces of %d bytes', async (pieceBytes) => {
  const bench = createBench({ serialNumber: 'mea-sim-7' }, pieceBytes);
  const box = await bench.connect({ widthUs: 5000 });
  expect(box.description).toEqual({ device: 'TTL box', serialNumber: 'mea-sim-7', firmware: 'mea-sim' });
  expect(box.lines).toBe(24);
  await bench.until(box.pulse([24, 1, 8]));
  expect(bench.pulses).toMatchObject([{ lines: [1, 8, 24], widthUs: 5000 }]);
  expect([1, 2, 8, 24].map((line) => bench.facade.isHigh(line))).toEqual([true, false, true, true]);
  await bench.pass(6);
  expect(bench.facade.isHigh(1)).toBe(false);
  expect(bench.events).toEqual([]);
});

it('raises all of 32 lines', async () => {
  const bench = createBench({ lines: 32 });
  const box = await bench.connect();
  const lines = Array.from({ length: 32 }, (_, i) => i + 1);
  await bench.until(box.pulse(lines));
  expect(bench.pulses).toMatchObject([{ lines }]);
});

it('makes all low at connect, at the word, and at the end', async () => {
  const bench = createBench();
  bench.facade.receive(Uint8Array.from('P 1 10000\n', (letter) => letter.charCodeAt(0)));
  const box = await bench.connect({ widthUs: 10_000 });
  expect(bench.facade.isHigh(1)).toBe(false);
  await bench.until(box.pulse([3]));
  await bench.until(box.allOff());
  expect(bench.facade.isHigh(3)).toBe(false);
  await bench.until(box.pulse([3]));
  await bench.until(box.close());
  expect(bench.facade.isHigh(3)).toBe(false);
  expect(bench.port.isOpen).toBe(false);
});

it('warns of lines that are still high', async () => {
  const bench = createBench();
  const box = await bench.connect({ widthUs: 10_000 });
  await bench.until(box.pulse([3]));
  await bench.until(box.pulse([3, 4]));
  await bench.pass(2);
  expect(bench.pulses.length).toBe(1);
  expect(bench.events).toEqual([{ type: 'warning', message: 'The TTL box did not raise lines 3, 4: busy' }]);
});

it('is dropped by its watchdog when its program hangs, and raises nothing until it was switched off', async () => {
  const bench = createBench();
  const box = await bench.connect();
  bench.facade.hang();
  await bench.until(box.pulse([5]));
  await bench.pass(17);
  expect(bench.facade.isHigh(5)).toBe(true);
  await bench.pass(4);
  expect(bench.facade.isHigh(5)).toBe(false);
  await expect(box.pulse([5])).rejects.toThrow(/raises no lines: got its watchdog has dropped all lines/);
  await bench.pass(2);
  expect(bench.events).toEqual([
    {
      type: 'failed',
      message: 'The watchdog of the TTL box has dropped all lines: it raises none before all are switched off',
    },
  ]);
  await bench.until(box.allOff());
  await bench.until(box.pulse([5]));
  expect(bench.pulses.length).toBe(2);
});

it('raises nothing while it is switched off, and is given up by name where it does not answer to that', async () => {
  const bench = createBench();
  const box = await bench.connect();
  const off = box.allOff();
  await expect(box.pulse([5])).rejects.toThrow(/raises no lines: got it is being switched off/);
  await bench.until(off);
  await bench.until(box.pulse([5]));
  bench.facade.receive = () => undefined;
  await expect(bench.until(box.allOff())).rejects.toMatchObject({ tag: 'deadline' });
  await expect(box.pulse([6])).rejects.toThrow(/The device is gone: got it has not answered to all lines low/);
  await bench.until(box.close());
  expect(bench.events).toMatchObject([{ type: 'failed' }]);
  expect(bench.pulses.length).toBe(1);
});

it('has no line beyond its own, and no width beyond every box', async () => {
  const bench = createBench();
  const box = await bench.connect();
  await expect(box.pulse([25])).rejects.toThrow(/no such line: got line 25, expected 1 to 24/);
  await expect(box.pulse([])).rejects.toMatchObject({ tag: 'bad-input' });
  await expect(bench.connect({ widthUs: 10_001 })).rejects.toThrow(/no such pulse/);
  expect(bench.pulses).toEqual([]);
});

describe('what may answer in place of a box', () => {
  function createAnswering(answer: string): FacadeBench {
    let listener: (bytes: Uint8Array) => void = () => undefined;
    return createFacadeBench({
      sampleRateHz: 1e6,
      advance: () => undefined,
      receive: () => {
        listener(Uint8Array.from(answer, (letter) => letter.charCodeAt(0)));
      },
      onBytes: (hears) => {
        listener = hears;
      },
    });
  }

  it.each([
    ['silence', '', /Nothing answers as a TTL box does/],
    ['a pump', 'ERROR\r\n', /Nothing answers as a TTL box does/],
    ['another version', 'meactl-ttl-box 2 lines=24 serial=x firmware=y\n', /another version: got version 2/],
    ['a box of 33 lines', 'meactl-ttl-box 1 lines=33 serial=x firmware=y\n', /another version: .* 33 lines/],
  ])('%s', async (_, answer, message) => {
    const bench = createAnswering(answer);
    const { timers, openPort } = bench;
    const connecting = connectTtlBox({ port: PORT, timers, openPort }, new AbortController().signal);
    await expect(bench.until(connecting)).rejects.toThrow(message);
    expect(bench.port.isOpen).toBe(false);
    // nothing was told to it but the question
    expect(new Set(bench.port.written.map((bytes) => String.fromCharCode(...bytes)))).toEqual(new Set(['?\n']));
  });
});

it('waits for a board that resets when its port is opened', async () => {
  const bench = createBench();
  const receive = bench.facade.receive.bind(bench.facade);
  const upAtMs = 1500;
  bench.facade.receive = (bytes) => {
    if (bench.timers.nowMs() >= upAtMs) receive(bytes);
  };
  await bench.connect();
  expect(bench.timers.nowMs()).toBeLessThan(2100);
});

it('ends a wait when it is told to', async () => {
  const bench = createBench();
  bench.facade.receive = () => undefined;
  const stop = new AbortController();
  const { timers, openPort } = bench;
  const connecting = connectTtlBox({ port: PORT, timers, openPort }, stop.signal);
  connecting.catch(() => undefined);
  await bench.pass(100);
  stop.abort(new Error('enough'));
  await expect(connecting).rejects.toThrow('enough');
  expect(bench.port.isOpen).toBe(false);
});

it('raises no line late when its port stands still, and a second word does not queue up', async () => {
  const bench = createBench();
  const box = await bench.connect();
  bench.port.block();
  const first = box.pulse([1]);
  first.catch(() => undefined);
  await expect(box.pulse([2])).rejects.toThrow(/has not taken the last trigger/);
  await expect(bench.until(first)).rejects.toMatchObject({ tag: 'deadline' });
  bench.port.unblock();
  await bench.pass(50);
  expect(bench.pulses).toEqual([]);
  expect(bench.events.map(({ type }) => type)).toEqual(['failed']);
});

it('says what is not known to be low when it is closed', async () => {
  const bench = createBench();
  const box = await bench.connect();
  bench.facade.receive = () => undefined;
  await bench.until(box.close());
  expect(bench.events.at(-1)?.message).toMatch(/^That the lines of the TTL box are low is not known: /);
});

it('says a loss once', async () => {
  const bench = createBench();
  const box = await bench.connect();
  bench.port.unplug();
  await expect(box.pulse([1])).rejects.toMatchObject({ tag: 'link' });
  await bench.until(box.close());
  expect(bench.events.map(({ type }) => type)).toEqual(['failed']);
});

it('answers every line of the specification, and names each refusal', () => {
  const facade = new TtlBoxFacade({ lines: 8 });
  let said = '';
  facade.onBytes((bytes) => {
    said += String.fromCharCode(...bytes);
  });
  const answers = [
    ['?', 'meactl-ttl-box 1 lines=8 serial=mea-sim firmware=mea-sim'],
    ['P 81 200', 'P 81 ok'],
    ['P 1 200', 'P 1 error busy'],
    ['P 2 10001', 'P 2 error too-long'],
    ['P 2 9', 'P 2 error too-short'],
    ['P 100 200', 'P 100 error no-line'],
    ['P 0 200', 'P 0 error syntax'],
    ['P 2', 'P 0 error syntax'],
    ['P 2 -5', 'P 0 error syntax'],
    ['Z', 'Z ok'],
    ['P 1 200', 'P 1 ok'],
    ['hello', 'error unknown'],
    ['x'.repeat(101), 'error length'],
  ] as const;
  for (const [line, answer] of answers) {
    said = '';
    facade.receive(Uint8Array.from(`${line}\n`, (letter) => letter.charCodeAt(0)));
    expect([line, said]).toEqual([line, `${answer}\n`]);
  }
});
