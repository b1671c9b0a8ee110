import { connectPulsePal } from '../drivers/pulse-pal/connect-pulse-pal.js';
import { connectStimJim } from '../drivers/stimjim/connect-stimjim.js';
import type { Pulse } from '../protocols/stimulation/stim-pattern.js';
import { PulsePalFacade } from '../sim-device/facades/pulse-pal/pulse-pal-facade.js';
import { StimJimFacade } from '../sim-device/facades/stimjim/stimjim-facade.js';
import { createFacadeBench, createPulse, PORT } from './helpers/facade-bench.js';
import { describeStimulatorContract } from './helpers/stimulator-contract.js';

const GROUPS = [
  { trigger: 'output 1', electrodes: [12] },
  { trigger: 'output 2', electrodes: [3] },
];
const { phases } = createPulse(0, [
  [-20, 200],
  [20, 200],
]);
const signal = new AbortController().signal;

/** Pulses by the moment at which they began. */
class Moments {
  readonly #pulses = new Map<number, Pulse[]>();

  add(atUs: number, pulse: Pulse): void {
    this.#pulses.set(atUs, [...(this.#pulses.get(atUs) ?? []), pulse]);
  }

  get(): readonly (readonly Pulse[])[] {
    return Array.from(this.#pulses.values());
  }
}

function electrodeAt(output: number): number {
  return GROUPS[output - 1]?.electrodes[0] ?? -1;
}

describeStimulatorContract('Pulse Pal', async () => {
  // one step of its converter is one microampere
  const uaPerVolt = 65_535 / 20;
  const moments = new Moments();
  const facade = new PulsePalFacade({
    onPulse: ({ output, atUs, phases: came }) => {
      // 0 V is the upper one of two steps
      const steps = came.map(({ volts, durationUs }) => [Math.round(volts * uaPerVolt - 0.5), durationUs] as const);
      moments.add(atUs, createPulse(electrodeAt(output), steps));
    },
  });
  const bench = createFacadeBench(facade);
  const { timers, openPort } = bench;
  const isolator = { name: 'dummy load', uaPerVolt };
  const recorderInput = { maxVolts: 1, protection: 'no recorder is connected' };
  const options = { port: PORT, timers, openPort, groups: GROUPS, isolator, recorderInput };
  return {
    stimulator: await bench.until(connectPulsePal(options, signal)),
    phases,
    sampleRateHz: 20_000,
    runFor: bench.pass,
    delivered: () => moments.get(),
    close: () => Promise.resolve(),
  };
});

describeStimulatorContract('StimJim', async () => {
  const moments = new Moments();
  const facade = new StimJimFacade({
    onPulse: ({ output, atUs, stages }) => {
      const steps = stages.map(({ value, durationUs }) => [value, durationUs] as const);
      moments.add(atUs, createPulse(electrodeAt(output), steps));
    },
  });
  const bench = createFacadeBench(facade);
  const { timers, openPort } = bench;
  return {
    stimulator: await bench.until(connectStimJim({ port: PORT, timers, openPort, groups: GROUPS }, signal)),
    phases,
    sampleRateHz: 20_000,
    runFor: bench.pass,
    delivered: () => moments.get(),
    close: () => Promise.resolve(),
  };
});
