import { PLASTICITY_NAMES, type PlasticityName } from '../protocols/culture-names.js';
import { milliseconds } from '../protocols/units.js';
import { createEmulatedCultureSource } from '../sim-device/emulated-culture-source.js';
import { virtualClock } from '../src/clock.js';
import { experimentSchema } from '../src/closed-loop/experiment.js';
import { createPolicy } from '../src/closed-loop/policies/create-policy.js';
import { rigSchema, stimulatedElectrodes } from '../src/closed-loop/rig.js';
import { runExperiment } from '../src/closed-loop/run-experiment.js';
import { printLine } from './measure.js';

// `npm run bench -- active [SEEDS]`: does choosing patterns by expected information gain teach the model its A in fewer trials?
// The error of A is that of docs/policies.md: the model's q1 and q0 against the generative process of the design, mean
// over ensembles of the relative squared error, as `errA` of result.json. The target is the error that `mixed-source` has after
// so many sessions, once with fresh patterns, which have the active policy's freedom to differ from session to session
// and the same initial sessions, and once with the published frozen ones. The ratio is the trials that a policy needs over those.
const SEEDS = Number(process.argv[2] ?? 10);
const TARGETS = [20, 50, 99];
const SESSIONS = 100;
const INITIAL = 10;
const WANTED = 0.9;

const BASELINES = ['fresh', 'frozen'] as const;
const RIVALS = [
  ['active', { type: 'active' }, 'fresh'],
  ['active, states chosen too', { type: 'active', states: 'chosen' }, 'fresh'],
  ['mixed-source, fresh', { type: 'mixed-source' }, 'fresh'],
] as const;

interface Kind {
  readonly policy: object;
  readonly patterns: 'frozen' | 'fresh';
}

/** (sessions) error of A at the beginning of each session. */
async function errorsOfA(seed: number, plasticity: PlasticityName, kind: Kind): Promise<Float64Array | undefined> {
  const experiment = experimentSchema.parse({
    version: 1,
    name: 'active',
    mixing: 0.25,
    sessions: SESSIONS,
    seed,
    culture: { plasticity },
    ...kind,
  });
  const rig = rigSchema.parse({
    version: 1,
    name: 'emulated',
    device: 'emulator',
    array: { rows: 8, columns: 8 },
    stimulated: { electrodes: 'black-squares', status: 'unconfirmed' },
    pulse: { amplitudeUa: null, phaseWidthUs: null, status: 'unconfirmed' },
  });
  const inputs = stimulatedElectrodes(rig);
  const culture = createEmulatedCultureSource({
    ...experiment.culture,
    seed,
    electrodes: 64,
    inputs: inputs.length,
    stimulatedElectrodes: inputs,
    trialPeriodMs: milliseconds(1000),
  });
  const steps = runExperiment({
    experiment,
    rig,
    policy: createPolicy(experiment),
    // Without its saved states: nobody resumes.
    source: {
      description: culture.description,
      nextSample: () => culture.nextSample(),
      run: (requests, signal) => culture.run(requests, signal),
      rest: (duration) => culture.rest(duration),
      close: () => culture.close(),
    },
    ledger: { append: () => undefined, appendLatency: () => undefined, saveSourceState: () => undefined },
    clock: virtualClock(),
    signal: new AbortController().signal,
  });
  for (;;) {
    const step = await steps.next();
    if (step.done !== true) continue;
    const { calibration, run } = step.value!.model;
    if (calibration?.type !== 'calibrated') return undefined;
    const rows = run.arrays.errA.length / SESSIONS;
    const mean = (session: number): number => {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += run.arrays.errA[row * SESSIONS + session]!;
      return sum / rows;
    };
    return Float64Array.from({ length: SESSIONS }, (_, session) => mean(session));
  }
}

/** Sessions until the error is at most `target`, interpolated between sessions; undefined where it never is. */
function sessionsUntil(errors: Float64Array, target: number): number | undefined {
  const at = errors.findIndex((error) => error <= target);
  if (at <= 0) return at < 0 ? undefined : 0;
  return at - (target - errors[at]!) / (errors[at - 1]! - errors[at]!);
}

function describeRatios(ratios: readonly (number | undefined)[]): string {
  const sorted = ratios.map((ratio) => ratio ?? Infinity).sort((a, b) => a - b);
  const at = (i: number): string => (Number.isFinite(sorted[i]!) ? sorted[i]!.toFixed(2) : 'never');
  const middle = (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
  const median = Number.isFinite(middle) ? middle.toFixed(2) : 'never';
  const helps = middle <= WANTED ? 'helps' : 'does not help';
  return `ratio ${median} (${at(0)} to ${at(sorted.length - 1)}): ${helps}`;
}

/** Errors of all policies on the culture of one seed; undefined where an ensemble was not found. */
async function errorsOfSeed(
  seed: number,
  plasticity: PlasticityName,
): Promise<ReadonlyMap<string, Float64Array> | undefined> {
  const runs = [...RIVALS, ['frozen', { type: 'mixed-source' }, 'frozen']] as const;
  const errors = new Map<string, Float64Array>();
  for (const [name, policy, patterns] of runs) {
    const found = await errorsOfA(seed, plasticity, { policy, patterns });
    if (found === undefined) return undefined;
    errors.set(name, found);
  }
  return errors.set('fresh', errors.get('mixed-source, fresh')!);
}

function printRatios(baseline: (typeof BASELINES)[number], seeds: readonly ReadonlyMap<string, Float64Array>[]): void {
  for (const sessions of TARGETS) {
    // Where the error has not fallen since the initial sessions there is nothing to reach.
    const falling = seeds.filter((errors) => errors.get(baseline)![sessions]! < errors.get(baseline)![INITIAL]!);
    const target = seeds.reduce((sum, errors) => sum + errors.get(baseline)![sessions]!, 0) / seeds.length;
    printLine(
      `  to the error of mixed-source, ${baseline}, after ${sessions} sessions (mean ${target.toFixed(4)}); it had fallen in ${falling.length} of ${seeds.length}`,
    );
    for (const [name] of RIVALS) {
      if (name === `mixed-source, ${baseline}` || falling.length === 0) continue;
      const ratios = falling.map((errors) => {
        const wanted = errors.get(baseline)!;
        const needed = sessionsUntil(errors.get(name)!, wanted[sessions]!);
        return needed === undefined ? undefined : needed / sessionsUntil(wanted, wanted[sessions]!)!;
      });
      printLine(`    ${name}: ${describeRatios(ratios)}`);
    }
  }
}

printLine(
  `trials that a policy needs over those of mixed-source, to the same error of A: median (range) of ${SEEDS} seeds`,
);
for (const plasticity of PLASTICITY_NAMES) {
  const seeds: ReadonlyMap<string, Float64Array>[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const errors = await errorsOfSeed(seed, plasticity);
    if (errors !== undefined) seeds.push(errors);
  }
  printLine(`${plasticity}: both ensembles found in ${seeds.length} of ${SEEDS} seeds`);
  if (seeds.length > 0) for (const baseline of BASELINES) printRatios(baseline, seeds);
}
