import { virtualClock } from '../../src/clock.js';
import { experimentSchema, type Experiment } from '../../src/closed-loop/experiment.js';
import { mixedSourcePolicy } from '../../src/closed-loop/pattern-policy.js';
import { rigSchema, stimulatedElectrodes, type Rig } from '../../src/closed-loop/rig.js';
import { runExperiment, type ExperimentResult, type ExperimentRun } from '../../src/closed-loop/run-experiment.js';
import type { LatencyRecord, LedgerRecord, LedgerSink } from '../../protocols/ledger.js';
import type { ResumableSource } from '../../protocols/trial.js';
import { milliseconds } from '../../protocols/units.js';
import { createEmulatedCultureSource } from '../../sim-device/emulated-culture-source.js';

/** What an experiment file says, as far as a test cares. */
export type ExperimentKeys = Readonly<Record<string, unknown>>;

const SMALL: ExperimentKeys = {
  version: 1,
  name: 'small',
  mixing: 0,
  sessions: 4,
  trials: 8,
  initialSessions: 2,
  rest: { seconds: 20 },
};

/** Four sessions of eight trials, the first two initial; both ensembles are found and empty patterns occur. */
export function smallExperiment(keys: ExperimentKeys = {}): Experiment {
  return experimentSchema.parse({ ...SMALL, ...keys });
}

/** The same as the text of an experiment file. */
export function smallExperimentFile(keys: ExperimentKeys = {}): string {
  // JSON is YAML
  return JSON.stringify({ ...SMALL, ...keys }, null, 1);
}

function emulatedRig(): Rig {
  return rigSchema.parse({
    version: 1,
    name: 'emulated',
    device: 'emulator',
    array: { rows: 8, columns: 8 },
    stimulated: { electrodes: 'black-squares', status: 'unconfirmed' },
    pulse: { amplitudeUa: null, phaseWidthUs: null, status: 'unconfirmed' },
  });
}

/** The emulated culture that an experiment asks for. */
export function emulatedSource(experiment: Experiment): ResumableSource {
  const inputs = stimulatedElectrodes(emulatedRig());
  return createEmulatedCultureSource({
    ...experiment.culture,
    seed: experiment.seed,
    electrodes: 64,
    inputs: inputs.length,
    stimulatedElectrodes: inputs,
    trialPeriodMs: milliseconds(experiment.trialPeriodS * 1000),
  });
}

/** A ledger in memory. */
export interface MemoryLedger extends LedgerSink {
  readonly records: LedgerRecord[];
  readonly latencies: LatencyRecord[];
  readonly states: Uint8Array[];
}

export function memoryLedger(): MemoryLedger {
  const ledger: MemoryLedger = {
    records: [],
    latencies: [],
    states: [],
    append: (record) => ledger.records.push(record),
    appendLatency: (record) => ledger.latencies.push(record),
    saveSourceState: (state) => ledger.states.push(state.slice()),
  };
  return ledger;
}

/** An experiment on its emulated culture, in memory and in virtual time, unless told otherwise. */
export function prepareRun(
  experiment: Experiment,
  options: Partial<ExperimentRun> = {},
): ExperimentRun & { readonly ledger: LedgerSink } {
  return {
    experiment,
    rig: emulatedRig(),
    policy: mixedSourcePolicy(experiment),
    source: emulatedSource(experiment),
    ledger: memoryLedger(),
    clock: virtualClock(),
    signal: new AbortController().signal,
    ...options,
  };
}

/** Runs an experiment to its end. */
export async function finishRun(run: ExperimentRun): Promise<ExperimentResult | undefined> {
  const steps = runExperiment(run);
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
  }
}

/** Runs an experiment to its end and hands out what it left. */
export async function runSmall(
  experiment: Experiment,
  options: Partial<ExperimentRun> = {},
): Promise<{ readonly ledger: MemoryLedger; readonly result: ExperimentResult | undefined }> {
  const ledger = memoryLedger();
  const result = await finishRun(prepareRun(experiment, { ledger, ...options }));
  return { ledger, result };
}

/** Lines of a ledger file. */
export function toLines(records: readonly LedgerRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
