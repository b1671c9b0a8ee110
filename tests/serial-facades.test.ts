import { expect, it } from 'vitest';
import { connectPulsePal } from '../drivers/pulse-pal/connect-pulse-pal.js';
import { connectStimJim } from '../drivers/stimjim/connect-stimjim.js';
import { connectTtlBox } from '../drivers/ttl-box/connect-ttl-box.js';
import { PulsePalFacade } from '../sim-device/facades/pulse-pal/pulse-pal-facade.js';
import type { SerialFacade } from '../sim-device/facades/serial-facade.js';
import { serveFacade } from '../sim-device/facades/serve-facade.js';
import { StimJimFacade } from '../sim-device/facades/stimjim/stimjim-facade.js';
import { TtlBoxFacade } from '../sim-device/facades/ttl-box/ttl-box-facade.js';
import { systemTimers } from '../src/timers.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { checkFor, createPulse } from './helpers/facade-bench.js';
import { openPtyPair, socat } from './helpers/pty-pair.js';
import { waitUntil } from './helpers/wait-until.js';

const signal = new AbortController().signal;
const timers = systemTimers();
const PULSE = [
  [-20, 200],
  [20, 200],
] as const;

/** Serves a facade at one end of a line, and lets a test use the other. */
async function withLine(facade: SerialFacade, use: (port: string) => Promise<void>): Promise<void> {
  const line = await openPtyPair();
  const served = await serveFacade(facade, line.devicePath);
  try {
    await use(line.hostPath);
  } finally {
    await served.close();
    await line.end();
  }
}

describeWithDebianTool('over a real serial line', socat, () => {
  it('a Pulse Pal is connected, programmed, triggered and left at 0 V', async () => {
    const outputs: number[] = [];
    const facade = new PulsePalFacade({ onPulse: ({ output }) => outputs.push(output) });
    await withLine(facade, async (port) => {
      const stimulator = await connectPulsePal(
        {
          port,
          timers,
          groups: [{ trigger: 'output 2', electrodes: [4] }],
          isolator: { name: 'dummy load', uaPerVolt: 10 },
          recorderInput: { maxVolts: 1, protection: 'no recorder is connected' },
        },
        signal,
      );
      await stimulator.program([checkFor(stimulator, [createPulse(4, PULSE)])]);
      await stimulator.fire([0]);
      await waitUntil(
        () => outputs.length > 0,
        () => 'nothing came',
      );
      await stimulator.close();
    });
    expect(outputs).toEqual([2]);
    expect(facade.skipped).toBe(0);
  });

  it('a StimJim is connected, programmed, triggered, and says what it measured', async () => {
    const outputs: number[] = [];
    const measured: number[] = [];
    const facade = new StimJimFacade({ onPulse: ({ output }) => outputs.push(output) });
    await withLine(facade, async (port) => {
      const stimulator = await connectStimJim(
        { port, timers, groups: [{ trigger: 'output 1', electrodes: [4] }] },
        signal,
      );
      stimulator.deliveries$.subscribe(({ stages }) => measured.push(...stages.map((stage) => stage.measured[0])));
      await stimulator.program([checkFor(stimulator, [createPulse(4, PULSE)])]);
      await stimulator.fire([0]);
      await waitUntil(
        () => measured.length > 0,
        () => 'nothing came',
      );
      await stimulator.close();
    });
    expect(outputs).toEqual([1]);
    expect(measured).toEqual([-20, 20]);
    expect(facade.forbidden).toEqual([]);
  });

  it('a TTL box is connected, raises lines and is left low', async () => {
    const raised: (readonly number[])[] = [];
    const facade = new TtlBoxFacade({ onPulse: ({ lines }) => raised.push(lines) });
    await withLine(facade, async (port) => {
      const box = await connectTtlBox({ port, timers }, signal);
      await box.pulse([1, 24]);
      await waitUntil(
        () => raised.length > 0,
        () => 'nothing came',
      );
      await box.close();
    });
    expect(raised).toEqual([[1, 24]]);
    expect(facade.isHigh(1)).toBe(false);
  });

  it('a port that somebody has open is refused, with what to do', async () => {
    await withLine(new TtlBoxFacade(), async (port) => {
      const box = await connectTtlBox({ port, timers }, signal);
      await expect(connectTtlBox({ port, timers }, signal)).rejects.toThrow(/another program has it open/);
      await box.close();
    });
  });

  // Several times, for a cable may be pulled in the midst of a read of the port or between two.
  it.each([1, 2, 3, 4, 5])('a cable that is pulled is a named loss, and nothing hangs (pull %i)', async () => {
    const line = await openPtyPair();
    const served = await serveFacade(new TtlBoxFacade(), line.devicePath);
    const box = await connectTtlBox({ port: line.hostPath, timers }, signal);
    const lost: string[] = [];
    box.events$.subscribe(({ type }) => lost.push(type));
    await line.end();
    await waitUntil(
      () => lost.length > 0,
      () => 'nothing came',
    );
    expect(lost).toEqual(['failed']);
    await expect(box.pulse([1])).rejects.toMatchObject({ tag: 'link' });
    await box.close();
    await served.close();
  });
});

it('a port that is not there is refused, with what to do', async () => {
  await expect(connectTtlBox({ port: '/dev/no-such-port', timers }, signal)).rejects.toThrow(
    /cannot be opened: .*plugged in and switched on\?/,
  );
});
