import type { ResponseTable } from '../../protocols/responses.js';
import type { ElectrodeChoice } from './electrode-choice.js';
import { lastSessionCount } from './model-run.js';
import { followSelectivity, type ElectrodeCourse, type SelectivityCourse } from './selectivity-course.js';
import { mean, sampleVariance } from './statistics/descriptive.js';
import { studentQuantile } from './statistics/student-t.js';

/** Whether the culture learned to tell the sources apart better, in words that a person can act on. */
export type VerdictAnswer = 'learned' | 'not' | 'cannot tell';

/** The answer, why, and the numbers behind it; raw counts stand beside every normalised figure. */
export interface Verdict {
  readonly answer: VerdictAnswer;
  /** One sentence. */
  readonly reason: string;
  /** Electrodes per ensemble, chosen on odd trials of the initial sessions. */
  readonly electrodes: readonly number[];
  /** Selectivity index (own - other) / (own + other) in [-1, 1], first and last sessions, mean over ensembles; NaN without electrodes. */
  readonly index: FirstAndLast;
  /** Own - other, spikes per trial, first and last sessions, mean over ensembles; NaN as `index`. */
  readonly counts: FirstAndLast;
  /** 95 % interval of the gain in index, [NaN, NaN] where it cannot be had. */
  readonly gainInterval: readonly [lower: number, upper: number];
  /**
   * How much wider the interval is because electrodes drift together: 1 when they drift independently; NaN where there
   * are too few sessions to measure it, and the interval is not widened.
   */
  readonly commonDrift: number;
}

export interface FirstAndLast {
  /** Over the first half of the initial sessions: much of the learning happens early, and all of them would hide it. */
  readonly first: number;
  /** Over the last sessions, as many as there are initial ones. */
  readonly last: number;
  readonly gain: number;
}

/** Gain in selectivity index that is worth calling learning; an interval below it answers `not`. */
export const SMALLEST_GAIN = 0.05;

/** Electrodes that an ensemble needs before their scatter says anything. */
export const FEWEST_ELECTRODES = 3;

const CONFIDENCE = 0.95;

/** Steps between sessions that the correlation of drift can be measured from. */
const FEWEST_STEPS = 10;

/**
 * Judges whether a culture learned: did its electrodes' preference for their own source grow from the first to the last
 * sessions by more than drift explains?
 *
 * The null that knows drift is the scatter between electrodes. Whatever its time constant, drift that goes up in one
 * electrode goes down in another, so how far electrodes end up apart after the whole experiment measures how far drift
 * carries one of them; learning moves them together. The interval of the mean gain is Student's t over electrodes,
 * ensembles weighted equally (Welch), widened by the measured correlation of drift between electrodes. The index
 * (own - other) / (own + other) leaves out changes of gain that scale both responses. Electrodes are chosen on odd trials
 * of the initial sessions and scored on even trials; being chosen while high, they tend to fall back, so errors are on
 * the side of `not`.
 *
 * `learned`: the 95 % interval lies above 0, and the preference in raw counts grew too. `not`: it does not, and lies below
 * `SMALLEST_GAIN`. `cannot tell`: neither, or an ensemble has fewer than `FEWEST_ELECTRODES` electrodes, or a source was
 * never on alone on an odd or an even trial. False and true positive rates on emulated cultures:
 * `npm run bench:verdict`.
 */
export function judgeLearning(
  table: ResponseTable,
  initialSessions: number,
  choice: ElectrodeChoice = 'seen',
): Verdict {
  const course = followSelectivity(table, initialSessions, choice);
  const electrodes = course.ensembles.map((members) => members.length);
  const early = { first: 0, end: Math.ceil(initialSessions / 2) };
  const late = {
    first: table.sessions - lastSessionCount({ sessions: table.sessions, initialSessions }),
    end: table.sessions,
  };
  const index = firstAndLast(course, (electrode) => [indexOf(electrode, early), indexOf(electrode, late)]);
  const counts = firstAndLast(course, (electrode) => [preferenceOf(electrode, early), preferenceOf(electrode, late)]);
  const unseen = course.unseen[0];
  if (unseen !== undefined || electrodes.some((count) => count < FEWEST_ELECTRODES)) {
    return {
      answer: 'cannot tell',
      reason:
        unseen !== undefined
          ? `source ${unseen.source + 1} was never on alone on an ${unseen.half} trial of ${unseen.sessions}`
          : `an ensemble has fewer than ${FEWEST_ELECTRODES} electrodes (${electrodes.join(' and ')})`,
      electrodes,
      index,
      counts,
      gainInterval: [Number.NaN, Number.NaN],
      commonDrift: Number.NaN,
    };
  }
  const commonDrift = driftInflation(course, initialSessions);
  const gainInterval = intervalOfGain(course, { early, late, commonDrift });
  return { ...answerOf(gainInterval, counts.gain), electrodes, index, counts, gainInterval, commonDrift };
}

function answerOf([lower, upper]: readonly [number, number], rawGain: number): Pick<Verdict, 'answer' | 'reason'> {
  if (Number.isNaN(lower)) {
    return {
      answer: 'cannot tell',
      reason: 'no early or no late session shows an own and another source alone on even trials',
    };
  }
  const interval = `the 95 % interval of the gain in selectivity index is ${lower.toFixed(3)} to ${upper.toFixed(3)}`;
  if (lower > 0 && rawGain > 0) return { answer: 'learned', reason: `${interval}: above what drift explains` };
  if (lower > 0) {
    const fall = (-rawGain).toFixed(2);
    return {
      answer: 'cannot tell',
      reason: `${interval}, but in raw counts the preference fell by ${fall} spikes a trial`,
    };
  }
  if (upper < SMALLEST_GAIN) return { answer: 'not', reason: `${interval}: below ${SMALLEST_GAIN}` };
  return { answer: 'cannot tell', reason: `${interval}: it holds both 0 and gains of ${SMALLEST_GAIN}` };
}

interface Window {
  readonly first: number;
  readonly end: number;
}

function windowMeans({ own, other }: ElectrodeCourse, { first, end }: Window): readonly [own: number, other: number] {
  let ownSum = 0;
  let otherSum = 0;
  let sessions = 0;
  for (let session = first; session < end; session++) {
    if (Number.isNaN(own[session]!) || Number.isNaN(other[session]!)) continue;
    ownSum += own[session]!;
    otherSum += other[session]!;
    sessions++;
  }
  return [ownSum / sessions, otherSum / sessions];
}

/** (own - other) / (own + other) over a window; 0 for an electrode that fell silent: it tells nothing apart. */
function indexOf(electrode: ElectrodeCourse, window: Window): number {
  const [own, other] = windowMeans(electrode, window);
  return own + other === 0 ? 0 : (own - other) / (own + other);
}

function preferenceOf(electrode: ElectrodeCourse, window: Window): number {
  const [own, other] = windowMeans(electrode, window);
  return own - other;
}

/** Mean over ensembles of the mean over their electrodes; NaN where an ensemble has none. */
function firstAndLast(
  course: SelectivityCourse,
  measure: (electrode: ElectrodeCourse) => readonly [first: number, last: number],
): FirstAndLast {
  const pairs = byEnsemble(course).map((electrodes) => electrodes.map(measure));
  const average = (pick: 0 | 1): number =>
    mean(pairs.map((list) => (list.length === 0 ? Number.NaN : mean(list.map((pair) => pair[pick])))));
  const first = average(0);
  const last = average(1);
  return { first, last, gain: last - first };
}

function byEnsemble(course: SelectivityCourse): readonly (readonly ElectrodeCourse[])[] {
  return course.ensembles.map((_, a) => course.electrodes.filter(({ ensemble }) => ensemble === a));
}

interface GainWindows {
  readonly early: Window;
  readonly late: Window;
  readonly commonDrift: number;
}

function intervalOfGain(
  course: SelectivityCourse,
  { early, late, commonDrift }: GainWindows,
): readonly [number, number] {
  const gains = byEnsemble(course).map((electrodes) =>
    electrodes.map((electrode) => indexOf(electrode, late) - indexOf(electrode, early)),
  );
  const ensembles = gains.length;
  const centre = mean(gains.map(mean));
  const parts = gains.map((list) => sampleVariance(list) / list.length / (ensembles * ensembles));
  const variance = parts.reduce((sum, part) => sum + part, 0);
  const freedom =
    variance === 0
      ? 1
      : (variance * variance) / parts.reduce((sum, part, a) => sum + (part * part) / (gains[a]!.length - 1), 0);
  const half =
    studentQuantile((1 + CONFIDENCE) / 2, freedom) *
    Math.sqrt(variance) *
    (Number.isNaN(commonDrift) ? 1 : commonDrift);
  return [centre - half, centre + half];
}

/**
 * How much more the mean index of all electrodes moves from session to session than independent electrodes would: the
 * square root of the design effect, at least 1. Measured after calibration, on steps between sessions, each electrode's
 * mean step removed so that a steady common rise (learning) is not taken for drift.
 */
function driftInflation(course: SelectivityCourse, initialSessions: number): number {
  const ensembles = course.ensembles.length;
  const weights: number[] = [];
  const steps: Float64Array[] = [];
  for (const electrode of course.electrodes) {
    weights.push(1 / (ensembles * course.ensembles[electrode.ensemble]!.length));
    steps.push(centredSteps(electrode, initialSessions));
  }
  const count = steps[0]?.length ?? 0;
  if (count < FEWEST_STEPS) return Number.NaN;
  let common = 0;
  let independent = 0;
  for (let i = 0; i < count; i++) {
    let sum = 0;
    steps.forEach((list, e) => {
      const weighted = weights[e]! * list[i]!;
      sum += weighted;
      independent += weighted * weighted;
    });
    common += sum * sum;
  }
  return independent === 0 ? 1 : Math.sqrt(Math.max(1, common / independent));
}

function centredSteps(electrode: ElectrodeCourse, initialSessions: number): Float64Array {
  const steps = new Float64Array(Math.max(0, electrode.own.length - initialSessions - 1));
  for (let i = 0; i < steps.length; i++) {
    const session = initialSessions + i;
    steps[i] =
      indexOf(electrode, { first: session + 1, end: session + 2 }) -
      indexOf(electrode, { first: session, end: session + 1 });
    if (Number.isNaN(steps[i]!)) steps[i] = 0;
  }
  const centre = steps.length === 0 ? 0 : mean(steps);
  return steps.map((step) => step - centre);
}
