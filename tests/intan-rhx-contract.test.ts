import { setTimeout as sleep } from 'node:timers/promises';
import type { IntanRhxOptions } from '../drivers/intan-rhx/options.js';
import type { RhxFacade } from '../sim-device/facades/intan-rhx/rhx-facade.js';
import { describeRecorderContract } from './helpers/recorder-contract.js';
import { biphasic, openRhxBench, RHX_RATE, wireBox, type RhxBench } from './helpers/rhx-bench.js';
import { describeStimulatorContract } from './helpers/stimulator-contract.js';

/** Frames of a millisecond. */
const FRAMES = RHX_RATE / 1000;
const GROUPS = [
  { trigger: 'F1', electrodes: [1, 3] },
  { trigger: 'F2', electrodes: [5] },
];
const LINES = GROUPS.map((group, i) => ({ ...group, trigger: `digital-in ${i + 1}` }));

async function open(driver: Partial<IntanRhxOptions>): Promise<RhxBench> {
  const wired: { facade?: RhxFacade } = {};
  const box = wireBox(() => wired.facade!);
  return openRhxBench({
    prepare: (facade) => {
      wired.facade = facade;
    },
    driver: { channels: ['A-000', 'A-001', 'A-002', 'A-003', 'A-004', 'A-005'], triggerBox: box, ...driver },
  });
}

/** Time passes on the facade, and what came of it over the wire arrives. */
async function runFor({ facade }: RhxBench, ms: number): Promise<void> {
  facade.advance(FRAMES * ms);
  await sleep(5);
}

describeRecorderContract('Intan RHX that sees nothing', async () => {
  const bench = await open({});
  return { recorder: bench.rhx.recorder, runFor: (ms) => runFor(bench, ms), close: bench.close };
});

describeRecorderContract('Intan RHX with lines', async () => {
  const bench = await open({ lines: [3] });
  return {
    recorder: bench.rhx.recorder,
    runFor: (ms) => runFor(bench, ms),
    poke: () => {
      bench.facade.setLine(3, true);
    },
    close: bench.close,
  };
});

describeRecorderContract('Intan RHX with stimulators', async () => {
  const bench = await open({ groups: GROUPS });
  return {
    recorder: bench.rhx.recorder,
    runFor: (ms) => runFor(bench, ms),
    // Somebody at the program itself: a current that begins is seen whoever has triggered it.
    poke: () => {
      bench.facade.operate(
        'set a-003.shape biphasic;set a-003.source keypressf1;set a-003.firstphaseamplitudemicroamps 10;set a-003.stimenabled true;execute uploadstimparameters a-003;execute manualstimtriggerpulse f1;',
      );
    },
    close: bench.close,
  };
});

for (const [name, groups] of [
  ['keys', GROUPS],
  ['a box', LINES],
] as const) {
  describeStimulatorContract(`Intan RHX with ${name}`, async () => {
    const bench = await open({ groups });
    const { recorder, stimulator } = bench.rhx;
    return {
      stimulator: stimulator!,
      acquisition: recorder,
      phases: biphasic(0).phases,
      sampleRateHz: RHX_RATE,
      runFor: (ms) => runFor(bench, ms),
      delivered: () => bench.delivered.map(({ pulses }) => pulses),
      close: bench.close,
    };
  });
}
