import { describe, expect, it } from 'vitest';

import { isMeaError } from '../../protocols/errors.js';
import { DeviceFaults } from './device-faults.js';
import { parseFaults } from './fault-settings.js';

const SEED = 11;

function createFaults(...texts: readonly string[]): DeviceFaults {
  return new DeviceFaults(parseFaults(texts), { seed: SEED, sampleRateHz: 20_000 });
}

/** Sends numbered frames of 32 bytes through the faults. */
function sendFrames(faults: DeviceFaults, count: number): readonly Uint8Array[] {
  const sent: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    const frame = new Uint8Array(32).fill(n & 0xff);
    new DataView(frame.buffer).setUint32(0, n);
    sent.push(...faults.filterFrame(frame).map((bytes) => bytes.slice()));
  }
  return sent;
}

function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(0);
}

describe('the faults of a device', () => {
  it('change nothing while all are off', () => {
    const sent = sendFrames(createFaults(), 1000);
    expect(sent.map(numberOf)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  it('drop the share that was asked for, and count exactly what is missing', () => {
    const faults = createFaults('drop=0.05');
    const sent = sendFrames(faults, 10_000);
    const dropped = faults.applied.get('drop')!;
    expect(10_000 - sent.length).toBe(dropped);
    expect(dropped).toBeGreaterThan(400);
    expect(dropped).toBeLessThan(600);
  });

  it('send twice, hold back, damage and cut short, each as often as it says', () => {
    const faults = createFaults('duplicate=0.02', 'reorder=0.02', 'corrupt=0.02', 'truncate=0.02');
    const count = 10_000;
    const sent = sendFrames(faults, count);
    const applied = faults.applied;
    for (const name of ['duplicate', 'reorder', 'corrupt', 'truncate'] as const) {
      expect(applied.get(name), name).toBeGreaterThan(100);
      expect(applied.get(name), name).toBeLessThan(300);
    }
    expect(sent.filter((frame) => frame.length < 32)).toHaveLength(applied.get('truncate')! + both(sent));
    expect(sent.length).toBeGreaterThanOrEqual(count + applied.get('duplicate')! - 10);
    const whole = sent.filter((frame) => frame.length === 32).map(numberOf);
    const backwards = whole.filter((n, k) => k > 0 && n < whole[k - 1]!).length;
    expect(backwards).toBeGreaterThan(100);
  });

  it('let at most three frames overtake one that is held back', () => {
    const order = sendFrames(createFaults('reorder=0.1'), 5000).map(numberOf);
    for (const [k, n] of order.entries()) expect(Math.abs(n - k)).toBeLessThanOrEqual(12);
    const late = order.map((n, k) => order.slice(Math.max(0, k - 12), k).filter((other) => other > n).length);
    expect(Math.max(...late)).toBeGreaterThan(0);
  });

  it('strike the same frames for the same seed, whatever other switches are on', () => {
    const lost = (faults: DeviceFaults): readonly number[] => {
      const seen = new Set(sendFrames(faults, 2000).map((frame) => (frame.length === 32 ? numberOf(frame) : -1)));
      return Array.from({ length: 2000 }, (_, n) => n).filter((n) => !seen.has(n));
    };
    const alone = lost(createFaults('drop=0.03'));
    const together = lost(createFaults('drop=0.03', 'duplicate=0.2'));
    expect(alone.length).toBeGreaterThan(20);
    expect(together).toEqual(alone);
  });

  it('strike at random times around the mean that was asked for', () => {
    const faults = createFaults('stall=100:10', 'disconnect=250:5', 'clock-step=500:7');
    let stalls = 0;
    const due: string[] = [];
    for (let tick = 0; tick < 20 * 100_000; tick += 20) {
      for (const fault of faults.takeDue(tick)) due.push(fault.type);
      if (faults.stalled(tick)) stalls += 1;
    }
    expect(faults.applied.get('stall')).toBeGreaterThan(900);
    expect(faults.applied.get('stall')).toBeLessThan(1100);
    expect(stalls / faults.applied.get('stall')!).toBeGreaterThan(8);
    expect(due.filter((type) => type === 'disconnect')).toHaveLength(faults.applied.get('disconnect')!);
    expect(faults.applied.get('disconnect')).toBeGreaterThan(340);
    expect(due.filter((type) => type === 'clock-step')).toHaveLength(faults.applied.get('clock-step')!);
  });

  it('are listed with 0 while they have not been applied', () => {
    expect([...createFaults('drop=0', 'stall=5000:1').applied]).toEqual([
      ['drop', 0],
      ['stall', 0],
    ]);
  });

  it.each([
    ['drop', 'nothing'],
    ['drop=2', '2'],
    ['drop=', 'nothing'],
    ['drop=0.1:5', '0.1:5'],
    ['stall=100', '100'],
    ['stall=0:10', '0:10'],
    ['stall=100:', '100:'],
    ['counter-wrap=x', 'x'],
    ['counter-wrap=-5', '-5'],
    ['counter-wrap=0.5', '0.5'],
    ['clock-drift=-1e9', '-1e9'],
    ['drop=0.1=0.2', '0.1=0.2'],
    ['clock-step=1000:0.4', '1000:0.4'],
    ['no-such-fault=1', 'no-such-fault'],
  ])('are refused with what was written where they make no sense: %s', (text, got) => {
    let error: unknown;
    try {
      parseFaults([text]);
    } catch (caught) {
      error = caught;
    }
    expect(isMeaError(error, 'usage')).toBe(true);
    expect(String(error)).toContain(`got ${got}`);
  });
});

/** Frames that were cut short and sent twice. */
function both(sent: readonly Uint8Array[]): number {
  return sent.filter(
    (frame, k) => k > 0 && frame.length < 32 && frame.length === sent[k - 1]!.length && frame[4] === sent[k - 1]![4],
  ).length;
}
