import { describe, expect, it } from 'vitest';
import { encodePulsePal, type PulsePalCommand } from '../../../protocols/pulse-pal/commands.js';
import {
  decodeSettings,
  decodeSettingsFile,
  HARMLESS_CHANNEL,
  HARMLESS_SETTINGS,
  type PulsePalChannel,
} from '../../../protocols/pulse-pal/settings.js';
import { PulsePalFacade, type PulsePalPulse } from './pulse-pal-facade.js';

interface Bench {
  readonly facade: PulsePalFacade;
  readonly pulses: PulsePalPulse[];
  readonly said: number[];
  readonly tell: (...commands: readonly PulsePalCommand[]) => void;
  /** Sets output 1 alone. */
  readonly program: (channel: Partial<PulsePalChannel>) => void;
}

function createBench(pieceBytes = 1000): Bench {
  const pulses: PulsePalPulse[] = [];
  const said: number[] = [];
  const facade = new PulsePalFacade({ onPulse: (pulse) => pulses.push(pulse) });
  facade.onBytes((bytes) => said.push(...bytes));
  const tell = (...commands: readonly PulsePalCommand[]): void => {
    for (const command of commands) {
      const bytes = encodePulsePal(command);
      for (let at = 0; at < bytes.length; at += pieceBytes) facade.receive(bytes.slice(at, at + pieceBytes));
    }
  };
  const program = (channel: Partial<PulsePalChannel>): void => {
    const [, ...others] = HARMLESS_SETTINGS.channels;
    const settings = { ...HARMLESS_SETTINGS, channels: [{ ...HARMLESS_CHANNEL, ...channel }, ...others] } as const;
    tell({ type: 'program', settings });
  };
  return { facade, pulses, said, tell, program };
}

const FIRE = { type: 'trigger', outputs: [1] } as const;

it.each([1, 2, 7, 1000])('answers each operation as its firmware does, in pieces of %d bytes', (pieceBytes) => {
  const { facade, said, tell } = createBench(pieceBytes);
  const answerTo = (command: PulsePalCommand): number[] => {
    said.length = 0;
    tell(command);
    return [...said];
  };
  expect(answerTo({ type: 'handshake' })).toEqual([0x4b, 21, 0, 0, 0]);
  expect(answerTo({ type: 'client-name', name: 'MEACTL' })).toEqual([]);
  expect(answerTo({ type: 'program', settings: HARMLESS_SETTINGS })).toEqual([1]);
  expect(answerTo({ type: 'parameter', channel: 4, parameter: 'phase1Volts', value: 5 })).toEqual([1]);
  expect(answerTo({ type: 'parameter', channel: 4, parameter: 'phase1Us', value: 100 })).toEqual([1]);
  expect(answerTo({ type: 'parameter', channel: 2, parameter: 'triggerMode', value: 1 })).toEqual([1]);
  expect(answerTo({ type: 'custom-train', train: 2, pulses: [{ atUs: 0, volts: 1 }] })).toEqual([1]);
  expect(answerTo(FIRE)).toEqual([]);
  expect(answerTo({ type: 'display', lines: ['a', 'b'] })).toEqual([]);
  expect(facade.display).toBe('a\nb');
  expect(answerTo({ type: 'fixed-voltage', channel: 2, volts: 5 })).toEqual([1]);
  expect(facade.levelVolts(2)).toBeCloseTo(5, 3);
  expect(answerTo({ type: 'loop', channel: 1, isOn: false })).toEqual([1]);
  expect(answerTo({ type: 'read-pin', pin: 3 })).toEqual([0]);
  expect(answerTo({ type: 'write-pin', pin: 3, isHigh: true })).toEqual([]);
  const held = decodeSettingsFile(Uint8Array.from(answerTo({ type: 'read-settings-file' })));
  expect(held.channels[3]).toMatchObject({ phase1Us: 100, phase1Volts: 5.000228 });
  expect(held.triggers[1].mode).toBe('toggle');
  expect(answerTo({ type: 'settings-file', operation: 'save', name: 'x' })).toEqual([]);
  expect(decodeSettings(Uint8Array.from(answerTo({ type: 'settings-file', operation: 'load', name: 'x' })))).toEqual(
    held,
  );
  expect(answerTo({ type: 'settings-file', operation: 'delete', name: 'x' })).toEqual([]);
  expect(answerTo({ type: 'settings-file', operation: 'load', name: 'x' })).toEqual([]);
  expect(answerTo({ type: 'abort' })).toEqual([]);
  expect(answerTo({ type: 'disconnect' })).toEqual([]);
  expect([facade.overruns, facade.skipped]).toEqual([0, 0]);
});

describe('what it plays', () => {
  it('begins one to two cycles after a trigger', () => {
    const { facade, pulses, program, tell } = createBench();
    program({ phase1Volts: 1 });
    let nowUs = 0;
    for (const us of [1_000_000, 1, 49, 50]) {
      facade.advance(us);
      nowUs += us;
      tell(FIRE);
      facade.advance(10_000);
      const afterUs = pulses.at(-1)!.atUs - nowUs;
      expect(pulses.at(-1)!.atUs % 50).toBe(0);
      expect(afterUs).toBeGreaterThan(50);
      expect(afterUs).toBeLessThanOrEqual(100);
      nowUs += 10_000;
    }
    expect(pulses.length).toBe(4);
  });

  it('repeats pulses until the train ends, and cuts the last one there', () => {
    const { facade, pulses, program, tell } = createBench();
    program({ phase1Volts: 1, phase1Us: 200, interPulseUs: 300, trainUs: 1100 });
    tell(FIRE);
    facade.advance(10_000);
    expect(pulses.map(({ atUs, phases }) => [atUs - pulses[0]!.atUs, phases[0]!.durationUs])).toEqual([
      [0, 200],
      [500, 200],
      [1000, 100],
    ]);
  });

  it('keeps bursts apart', () => {
    const { facade, pulses, program, tell } = createBench();
    program({
      phase1Volts: 1,
      phase1Us: 50,
      interPulseUs: 50,
      burstUs: 200,
      interBurstUs: 800,
      trainUs: 1200,
      trainDelayUs: 500,
    });
    tell(FIRE);
    facade.advance(10_000);
    // one to two cycles after the trigger, and the delay
    expect(pulses[0]!.atUs).toBe(600);
    expect(pulses.map(({ atUs }) => atUs - 600)).toEqual([0, 100, 1000, 1100]);
  });

  it('plays a custom train, its second phase mirrored', () => {
    const { facade, pulses, program, tell } = createBench();
    program({ isBiphasic: true, customTrain: 1, trainUs: 10_000 });
    tell({
      type: 'custom-train',
      train: 1,
      pulses: [
        { atUs: 100, volts: 5 },
        { atUs: 2000, volts: -1 },
      ],
    });
    tell(FIRE);
    facade.advance(20_000);
    expect(pulses.map(({ atUs, phases }) => [atUs, ...phases.map(({ volts }) => volts.toFixed(2))])).toEqual([
      [200, '5.00', '-5.00'],
      [2100, '-1.00', '1.00'],
    ]);
  });

  it('plays again when it was triggered meanwhile, and loops for ever until it is told to end', () => {
    const { facade, pulses, program, tell } = createBench();
    program({ phase1Volts: 1, trainUs: 10_000 });
    tell(FIRE);
    facade.advance(1000);
    tell(FIRE);
    facade.advance(30_000);
    expect(pulses.length).toBe(2);
    pulses.length = 0;
    program({ phase1Volts: 1, interPulseUs: 950, trainUs: 1000 });
    tell({ type: 'loop', channel: 1, isOn: true });
    facade.advance(100_000);
    expect(pulses.length).toBe(100);
    tell({ type: 'abort' });
    facade.advance(10_000);
    expect(pulses.length).toBe(100);
    // the loop outlives an abort: the next trigger has no end
    tell(FIRE);
    facade.advance(10_000);
    expect(pulses.length).toBe(110);
    tell({ type: 'loop', channel: 1, isOn: false });
    facade.advance(10_000);
    expect(pulses.length).toBe(110);
  });

  it('is triggered by its inputs as the last user left them', () => {
    const { facade, pulses } = createBench();
    facade.raiseTrigger(2);
    facade.advance(1000);
    expect(pulses).toEqual([]);
    facade.raiseTrigger(1);
    facade.advance(1000);
    expect(pulses.map(({ output }) => output)).toEqual([1, 2, 3, 4]);
  });
});

describe('what it does not check', () => {
  it('skips bytes outside messages', () => {
    const { facade, said } = createBench();
    facade.receive(Uint8Array.of(1, 2, 3, 0xd5, 72, 9));
    expect(said).toEqual([0x4b, 21, 0, 0, 0]);
    expect(facade.skipped).toBe(4);
  });

  it.each([
    ['a channel', [0xd5, 79, 5, 0, 0x80]],
    ['the channel of a parameter', [0xd5, 74, 2, 0, 0, 0x80]],
    ['a trigger input', [0xd5, 74, 128, 3, 0]],
    ['a loop', [0xd5, 82, 0, 1]],
    ['a custom train', [0xd5, 75, 0x8a, 0x13, 0, 0, ...Array.from({ length: 6 * 5002 }, () => 0)]],
  ])('writes beyond its memory for %s that it does not have', (_, bytes) => {
    const { facade } = createBench();
    facade.receive(Uint8Array.from(bytes));
    expect(facade.overruns).toBe(1);
  });

  it('gives up on a message that stands still for half a second, until somebody clicks its joystick', () => {
    const { facade, said, tell } = createBench();
    facade.receive(encodePulsePal({ type: 'program', settings: HARMLESS_SETTINGS }).subarray(0, 100));
    facade.advance(500_000);
    expect(facade.display).not.toContain('FAILURE');
    facade.advance(1000);
    expect(facade.display).toBe('COMM. FAILURE!');
    tell({ type: 'handshake' });
    expect(said).toEqual([]);
    facade.clickJoystick();
    tell({ type: 'handshake' });
    expect(said).toEqual([0x4b, 21, 0, 0, 0]);
  });
});
