import { createMemoryTransport } from '../drivers/transports/memory.js';
import type { CultureParameterName } from '../protocols/culture-names.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import { rowCount, type ResponseTable } from '../protocols/responses.js';
import { MIXING_OF_PARAMETERS } from '../sim-device/culture-parameters.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { openSignalSource } from '../src/closed-loop/signals/signal-source.js';
import { openVirtualRig } from '../src/closed-loop/signals/virtual-rig.js';
import { analyseCulture, type CultureAnalysis } from '../src/model/analysis.js';
import { jaccardIndex } from '../src/model/ensembles.js';
import { microamps, microseconds, milliseconds } from '../protocols/units.js';
import { memoryLedger, finishRun, prepareRun, smallExperiment } from '../tests/helpers/small-experiment.js';
import { dropClose } from '../tests/helpers/score-spikes.js';
import { correlate } from '../tests/helpers/signal-statistics.js';
import { createWideProfile } from '../tests/helpers/wide-profile.js';
import { medianOf, printLine } from './measure.js';

// `npm run bench -- raw-model [seeds] [sessions] [trials] [first seed]`: the same experiment seen twice, as the pipeline
// counts it in voltages and as the culture's units really fired, without the spikes within 0.8 ms of the last one kept. Asked
// for: counts correlated by 0.98 (median over electrodes), ensembles with a Jaccard index of 0.9, W correlated by 0.95, the
// same answer to whether the free energy beats a static culture, the same verdict; every stimulus at its sample.
const [seeds = 5, sessions = 24, trials = 128, first = 1001] = process.argv.slice(2).map(Number);
const RATE_HZ = 20_000;
const DEAD_FRAMES = 16;
const WINDOW = [200, 600] as const;
const INITIAL = Math.max(2, Math.round(sessions / 10));

interface Seen {
  readonly raw: ResponseTable;
  readonly truth: ResponseTable;
  readonly offSample: number;
  readonly uncounted: number;
}

async function run(parameters: CultureParameterName, seed: number): Promise<Seen> {
  const experiment = smallExperiment({
    name: `${parameters}-${seed}`,
    mixing: MIXING_OF_PARAMETERS[parameters],
    sessions,
    trials,
    initialSessions: INITIAL,
    rest: { seconds: 244 },
    seed,
    culture: { parameters, plasticity: 'free-energy', condition: 'none' },
  });
  const spikes: { readonly sample: number }[][] = Array.from({ length: 64 }, () => []);
  const rig = createEmulatedRig({
    culture: { ...experiment.culture, seed, electrodes: 64, inputs: 32 },
    onTruth: (record) => {
      if (record.type === 'spike') spikes[record.electrode]!.push({ sample: record.sample });
    },
  });
  const device = new EmulatedDevice({
    rig,
    settings: DEFAULT_DEVICE_SETTINGS,
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: RATE_HZ }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  const mount = hub.listen(device.accept);
  const advance = (ticks: number): void => {
    device.advance(ticks);
  };
  const virtual = await openVirtualRig(
    { transport: createMemoryTransport(hub), sampleRateHz: RATE_HZ, advance },
    { detector: { deadMs: 0.8 } },
  );
  const source = await openSignalSource(virtual, {
    stimulatedElectrodes: rig.stimulatedElectrodes,
    pulse: { amplitudeUa: microamps(20), phaseWidthUs: microseconds(200) },
    responseWindowMs: [milliseconds(10), milliseconds(30)],
    trialPeriodMs: milliseconds(1000),
    safetyProfile: createWideProfile(rig.stimulatedElectrodes, {
      maxStimuliPerSession: 1e6,
      maxChargePerSessionNc: 1e9,
    }),
    blockFrames: 200,
    settleMs: milliseconds(3000),
  });
  const ledger = memoryLedger();
  const result = await finishRun(prepareRun(experiment, { source, ledger }));
  await source.close();
  await device.close();
  await mount.close();
  const shown = ledger.records.filter((record) => record.type === 'trial');
  const raw = result!.table;
  const counts = new Uint16Array(raw.counts.length);
  spikes.forEach((all, e) => {
    const kept = dropClose(
      all.toSorted((a, b) => a.sample - b.sample),
      DEAD_FRAMES,
    );
    let at = 0;
    shown.forEach(({ atSample }, row) => {
      while (at < kept.length && kept[at]!.sample < atSample + WINDOW[0]) at++;
      for (; at < kept.length && kept[at]!.sample < atSample + WINDOW[1]; at++) counts[row * 64 + e]! += 1;
    });
  });
  return {
    raw,
    truth: { ...raw, counts },
    offSample: shown.filter(({ atSample, deliveredSample }) => atSample !== deliveredSample).length,
    uncounted: ledger.records.filter(({ type }) => type === 'trial-uncounted').length,
  };
}

function columnOf({ counts, electrodeCount }: ResponseTable, electrode: number): Float64Array {
  return Float64Array.from(
    { length: counts.length / electrodeCount },
    (_, row) => counts[row * electrodeCount + electrode]!,
  );
}

/** W = W1 - W0 of all ensembles and inputs in the last session. */
function lastWeights({ outcome }: CultureAnalysis): Float64Array | undefined {
  if (outcome.type !== 'fitted') return undefined;
  const { w1, w0 } = outcome.arrays;
  return Float64Array.from({ length: w1.length / sessions }, (_, i) => {
    const last = (i + 1) * sessions - 1;
    return w1[last]! - w0[last]!;
  });
}

const OPTIONS = { mode: 'causal', initialSessions: INITIAL, baseline: 'own' } as const;
printLine(
  `${sessions} sessions of ${trials} trials, the first ${INITIAL} initial; raw path against the units' own spikes`,
);
printLine('set    seed  counts  Jaccard       W     beats static  verdict                     off sample, uncounted');
for (const parameters of ['ctrl', 'mix0'] as const) {
  for (let seed = first; seed < first + seeds; seed++) {
    const { raw, truth, offSample, uncounted } = await run(parameters, seed);
    const correlations = Array.from({ length: 64 }, (_, e) => correlate(columnOf(raw, e), columnOf(truth, e)));
    const mixing = MIXING_OF_PARAMETERS[parameters];
    const [a, b] = [raw, truth].map((table) => analyseCulture(table, { ...OPTIONS, mixing }));
    const jaccard = a!.ensembles.map((members, k) => jaccardIndex(members, b!.ensembles[k]!));
    const [wa, wb] = [lastWeights(a!), lastWeights(b!)];
    const w = wa === undefined || wb === undefined ? Number.NaN : correlate(wa, wb);
    const beats = [a!, b!].map(({ outcome }) => (outcome.type === 'fitted' ? String(outcome.energy.beatsStatic) : '-'));
    printLine(
      `${parameters.padEnd(5)}  ${seed}  ${medianOf(correlations.filter((value) => !Number.isNaN(value))).toFixed(3)}   ` +
        `${jaccard.map((value) => value.toFixed(2)).join(' ')}     ${w.toFixed(3)}   ${beats.join('/').padEnd(12)}  ` +
        `${`${a!.verdict.answer} / ${b!.verdict.answer}`.padEnd(26)}  ${offSample} of ${rowCount(raw)}, ${uncounted}`,
    );
  }
}
