import { connectParts, type ConnectedParts } from '../../drivers/parts/connect-parts.js';
import { CheckFailed, CheckSkipped } from '../../drivers/conformance/check-verdict.js';
import type { CheckOutcome } from '../../drivers/conformance/conformance-check.js';
import type { Stimulator } from '../../drivers/parts/stimulator.js';
import type { ClockRelation } from '../../protocols/clock-relation.js';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import type { ElectrodeSurvey } from '../pipeline/sample-survey.js';
import { toCombinedAddress } from '../closed-loop/device-address.js';
import { electrodeCount, type Rig } from '../closed-loop/rig.js';
import { CheckBench, type CheckStep } from './check-bench.js';
import { loadSteps } from './check-load.js';

/** A sine that somebody feeds into every electrode. */
export interface KnownSine {
  readonly amplitudeUv: number;
  readonly frequencyHz: number;
}

/** What is to be checked of a combined rig. */
export interface CombinedCheck {
  readonly rig: Rig;
  /** Real pulses into a dummy load: the serial number of the stimulator that a person has put it on. */
  readonly load: string | undefined;
  readonly sine?: KnownSine | undefined;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  readonly onResult: (row: CombinedRow) => void;
}

/** One check of a combined rig, and what came of it. */
export interface CombinedRow {
  readonly id: string;
  readonly title: string;
  readonly outcome: CheckOutcome;
  /** What was measured, where it passed. */
  readonly found?: string | undefined;
  /** What to do, where it failed. */
  readonly remedy?: string | undefined;
}

/** Samples are looked at for so long. */
const SURVEY_S = 5;
/** A rate is that of the rig file when the clocks of two computers make no larger a difference. */
const MAX_DRIFT_PPM = 500;
const MAX_RESIDUAL_MS = 20;
/** Noise of an electrode so many times the median one's. */
const NOISY = 10;
const SINE_TOLERANCE = 0.02;

/**
 * Checks a combined rig against its file: connection, names, rate, gain, clock relation, each trigger with everything
 * switched off, and, where asked for, real pulses into a dummy load and a known sine. What follows a connection that
 * could not be made is left out.
 *
 * @throws MeaError the reason of the signal
 */
export async function checkCombined(check: CombinedCheck): Promise<readonly CombinedRow[]> {
  const rows: CombinedRow[] = [];
  const tell = (row: CombinedRow): void => {
    rows.push(row);
    check.onResult(row);
  };
  const address = toCombinedAddress(withPulse(check));
  let parts: ConnectedParts;
  try {
    parts = await connectParts(address, { timers: check.timers }, check.signal);
  } catch (error) {
    check.signal.throwIfAborted();
    tell(toFailure({ id: 'connect', title: 'recorder and stimulator answer as what they should be' }, error));
    return rows;
  }
  const bench = new CheckBench(parts, check);
  try {
    tell({
      id: 'connect',
      title: 'recorder and stimulator answer as what they should be',
      outcome: { type: 'passed' },
      found: describeParts(parts),
    });
    for (const step of stepsOf(bench, check)) {
      check.signal.throwIfAborted();
      tell(await runStep(step));
    }
  } finally {
    await bench.close();
  }
  return rows;
}

/** A rig whose pulse nobody has set can still be checked: nothing is programmed then. */
function withPulse({ rig, load }: CombinedCheck): Rig {
  if (load !== undefined || (rig.pulse.amplitudeUa !== null && rig.pulse.phaseWidthUs !== null)) return rig;
  return { ...rig, pulse: { ...rig.pulse, amplitudeUa: 1, phaseWidthUs: 100 } };
}

async function runStep({ run, ...step }: CheckStep): Promise<CombinedRow> {
  try {
    return { id: step.id, title: step.title, outcome: { type: 'passed' }, found: await run() };
  } catch (error) {
    return toFailure(step, error);
  }
}

function toFailure(
  { id, title, remedy }: Omit<CheckStep, 'run' | 'remedy'> & { remedy?: string },
  error: unknown,
): CombinedRow {
  if (error instanceof CheckSkipped) return { id, title, outcome: { type: 'skipped', reason: error.message } };
  if (error instanceof CheckFailed) {
    return { id, title, outcome: { type: 'failed', got: error.got, wanted: error.wanted }, remedy };
  }
  if (!isMeaError(error)) throw error;
  const { what, got, wanted, remedy: own } = error.details;
  const outcome = { type: 'failed', got: got === undefined ? what : `${what}: ${got}`, wanted: wanted ?? 'no error' };
  return { id, title, outcome: { ...outcome, type: 'failed' }, remedy: own ?? remedy };
}

function describeParts({ recorder, stimulator }: ConnectedParts): string {
  const { device, firmware, serialNumber, emulated } = recorder.description;
  const second = stimulator?.description;
  const other =
    second === undefined ? '' : `; ${second.device}, serial number ${second.serialNumber}, firmware ${second.firmware}`;
  return `${device}, serial number ${serialNumber}, firmware ${firmware}${emulated ? ' (emulated)' : ''}${other}`;
}

function stepsOf(bench: CheckBench, check: CombinedCheck): readonly CheckStep[] {
  const { rig, sine, load } = check;
  const { recorder, stimulator } = bench.parts;
  return [
    {
      id: 'rate',
      title: 'the sample rate is that of the rig file',
      remedy: 'set the same rate in the device and in `sampleRateHz`',
      run: () => expectSame(recorder.description.sampleRateHz, rig.sampleRateHz, 'Hz'),
    },
    {
      id: 'channels',
      title: 'every electrode has a channel',
      remedy: 'see `channels` of the recorder in the rig file',
      run: () => expectSame(recorder.description.channels, electrodeCount(rig), 'channels'),
    },
    {
      id: 'samples',
      title: `samples come for ${SURVEY_S} s, and none is lost`,
      remedy: 'close what else runs on this computer; see the guide of the device',
      run: () => acquire(bench, check),
    },
    {
      id: 'electrodes',
      title: 'no electrode is flat, saturated or far noisier than the others',
      remedy: 'look at its contact, or list it under `detection.excluded`',
      run: () => judgeElectrodes(bench.survey.electrodes, rig.detection.excluded),
    },
    {
      id: 'sine',
      title: 'a known sine comes out as it went in, within 2 %',
      remedy: 'see `gainUvPerBit`, and the divider of your generator',
      run: () => judgeSine(bench.survey.electrodes, sine),
    },
    {
      id: 'clock',
      title: 'the clock of the recorder keeps step with that of this computer',
      remedy: 'a rate that is off by more than crystals are is another rate than `sampleRateHz`',
      run: () => judgeClock(bench.relation),
    },
    ...(stimulator === null ? [] : triggerSteps(bench, { stimulator, check })),
    ...(stimulator === null ? [] : loadSteps(bench, { stimulator, rig, load })),
  ];
}

function triggerSteps(
  bench: CheckBench,
  { stimulator, check }: { readonly stimulator: Stimulator; readonly check: CombinedCheck },
): readonly CheckStep[] {
  const { sight, stimulator: section } = check.rig.combined ?? {};
  // A box raises its line whether anything follows or not; an output that stands at 0 raises none.
  const line = sight?.type === 'line' && section?.type === 'intan-rhx' ? sight.line : undefined;
  return stimulator.description.groups.map(({ trigger }, group) => ({
    id: `trigger-${trigger.replaceAll(' ', '-')}`,
    title: `${trigger} is triggered, with everything switched off`,
    remedy: 'see the cable of that line, and the guide of the device',
    run: async () => {
      const seen = bench.untilSeen((event) => (event.type === 'line-changed' && event.isHigh ? event : undefined));
      await stimulator.tryTrigger(group);
      if (line === undefined) return 'taken; with everything off nothing is to be seen of it';
      const event = await seen;
      if (event === undefined) throw new CheckFailed('no line rose', `line ${line}`);
      if (event.line !== line) throw new CheckFailed(`line ${event.line} rose`, `line ${line}`);
      return `line ${event.line} rose at sample ${event.sample}`;
    },
  }));
}

function expectSame(got: number, wanted: number, unit: string): string {
  if (got !== wanted) throw new CheckFailed(`${got} ${unit}`, `${wanted} ${unit}`);
  return `${got} ${unit}`;
}

async function acquire(bench: CheckBench, { rig, signal }: CombinedCheck): Promise<string> {
  await bench.parts.recorder.start(signal);
  await bench.wait(SURVEY_S * 1000);
  const { samples, messages } = bench.lost;
  if (samples > 0) throw new CheckFailed(`${samples} samples lost`, 'none');
  const [problem] = messages;
  if (problem !== undefined) throw new CheckFailed(problem, 'no trouble');
  const seconds = bench.frames / rig.sampleRateHz;
  if (seconds < 0.8 * SURVEY_S) throw new CheckFailed(`${seconds.toFixed(2)} s of samples`, `${SURVEY_S} s`);
  return `${bench.frames} samples of each electrode`;
}

function judgeElectrodes(electrodes: readonly ElectrodeSurvey[], excluded: readonly number[]): string {
  const looked = electrodes
    .map((survey, electrode) => ({ ...survey, electrode }))
    .filter(({ electrode }) => !excluded.includes(electrode));
  const deviations = looked.map(({ deviationUv }) => deviationUv).sort((a, b) => a - b);
  const median = deviations[Math.floor(deviations.length / 2)] ?? 0;
  const wrong = looked.flatMap(({ electrode, isFlat, saturatedShare, deviationUv }) => {
    if (isFlat) return [`${electrode} flat`];
    if (saturatedShare > 0.001) return [`${electrode} saturated`];
    return deviationUv > NOISY * median ? [`${electrode} ${deviationUv.toFixed(0)} uV`] : [];
  });
  if (wrong.length > 0)
    throw new CheckFailed(`electrodes ${wrong.join(', ')}`, `about ${median.toFixed(1)} uV on each`);
  return `${(deviations[0] ?? 0).toFixed(1)} to ${(deviations.at(-1) ?? 0).toFixed(1)} uV, median ${median.toFixed(1)} uV (standard deviation, unfiltered)`;
}

function judgeSine(electrodes: readonly ElectrodeSurvey[], sine: KnownSine | undefined): string {
  if (sine === undefined) throw new CheckSkipped('with a generator at every electrode, give --sine UV@HZ');
  const off = electrodes.flatMap(({ sineUv = 0 }, electrode) =>
    Math.abs(sineUv / sine.amplitudeUv - 1) > SINE_TOLERANCE ? [`${electrode} ${sineUv.toFixed(1)} uV`] : [],
  );
  if (off.length > 0) throw new CheckFailed(`electrodes ${off.join(', ')}`, `${sine.amplitudeUv} uV within 2 %`);
  return `${sine.amplitudeUv} uV within 2 % on ${electrodes.length} electrodes`;
}

function judgeClock(relation: ClockRelation): string {
  const report = relation.report();
  if (report === null) throw new CheckSkipped('no samples came');
  const { driftPpm, residualMs, jitterMs } = report;
  const text = `drift ${driftPpm.toFixed(0)} ppm, jitter ${jitterMs.toFixed(2)} ms, residual ${residualMs?.toFixed(2) ?? '?'} ms`;
  if (Math.abs(driftPpm) > MAX_DRIFT_PPM || (residualMs ?? 0) > MAX_RESIDUAL_MS) {
    throw new CheckFailed(text, `less than ${MAX_DRIFT_PPM} ppm and ${MAX_RESIDUAL_MS} ms`);
  }
  return text;
}

/**
 * `1000@100`: microvolts at hertz.
 *
 * @throws MeaError `usage` for anything else
 */
export function parseSine(text: string): KnownSine {
  const [amplitudeUv = Number.NaN, frequencyHz = Number.NaN, ...more] = text.split('@').map(Number);
  if (more.length === 0 && amplitudeUv > 0 && frequencyHz > 0 && frequencyHz < 1e5 && amplitudeUv < 1e6) {
    return { amplitudeUv, frequencyHz };
  }
  throw new MeaError('usage', { what: 'Not a sine', got: text, wanted: 'microvolts@hertz, e.g. 1000@100' });
}
