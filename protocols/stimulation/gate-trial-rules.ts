import type { ElectrodeHistory, RecentStimulus, StimHistory } from './gate-history.js';
import { isOver, isUnder, type GateLimits } from './gate-limits.js';
import type { PulseFigures } from './gate-pulse.js';
import { describeOver, describeUnder, format } from './gate-wording.js';
import type { SafetyRule } from './safety-rule.js';

/** Whether stimulation is armed, and up to where. */
export interface GateArming {
  readonly armed: boolean;
  /** First sample at which the arming is over: a stimulus has to begin before it. */
  readonly untilSample: number;
}

/** One stimulus at its place in time. */
export interface Trial {
  readonly limits: GateLimits;
  readonly figures: readonly PulseFigures[];
  readonly startSample: number;
  /** Age that the impedances will have when the stimulus begins, in seconds. */
  readonly impedanceAgeS: number;
  readonly arming: GateArming;
  readonly history: StimHistory;
}

/** Why a stimulus breaks a rule at its place in time; undefined when it keeps it. */
export type TrialCheck = (trial: Trial) => string | undefined;

/** The rules about what else is stimulated, and when. */
export const TRIAL_CHECKS = {
  armed: checkArmed,
  'net-charge': checkNetCharge,
  impedance: checkImpedance,
  interval: checkInterval,
  rate: checkRate,
  duty: checkDuty,
  'charge-rate': checkChargeRate,
  simultaneous: checkSimultaneous,
  'summed-current': checkSummedCurrent,
  'session-stimuli': checkSessionStimuli,
  'session-charge': checkSessionCharge,
} as const satisfies Partial<Record<SafetyRule, TrialCheck>>;

function checkArmed({ arming, startSample }: Trial): string | undefined {
  if (!arming.armed) return 'not armed';
  if (startSample < arming.untilSample) return undefined;
  return `armed until sample ${arming.untilSample}, the stimulus begins at ${startSample}`;
}

function checkNetCharge({ figures, limits: { profile }, history }: Trial): string | undefined {
  for (const { electrode, netPc } of figures) {
    const before = history.electrode(electrode).netPc;
    const netNc = Math.abs(before + netPc) / 1000;
    if (!isOver(netNc, profile.netChargeBudgetNc)) continue;
    const sum = `|${format(before / 1000)} nC + ${format(netPc / 1000)} nC|`;
    return `${sum} = ${describeOver(netNc, profile.netChargeBudgetNc, 'nC net in the session')} (electrode ${electrode})`;
  }
  return undefined;
}

function checkImpedance({ figures, limits, impedanceAgeS }: Trial): string | undefined {
  if (figures.length === 0) return undefined;
  for (const { electrode } of figures) {
    const safety = limits.electrodes.get(electrode);
    if (safety === undefined) continue;
    const { impedanceOhm } = safety;
    if (impedanceOhm === null) return `nobody measured the impedance (electrode ${electrode})`;
    if (!(impedanceOhm > 0 && impedanceOhm < Infinity))
      return `${impedanceOhm} ohm is no impedance (electrode ${electrode})`;
  }
  if (impedanceAgeS >= 0 && !isOver(impedanceAgeS, limits.profile.maxImpedanceAgeS)) return undefined;
  return `impedances of an age of ${describeOver(impedanceAgeS, limits.profile.maxImpedanceAgeS, 's')}`;
}

function checkInterval({ figures, limits, history, startSample }: Trial): string | undefined {
  for (const { electrode, lengthSamples } of figures) {
    for (const other of history.electrode(electrode).recent) {
      const distance = Math.abs(startSample - other.startSample);
      const earlierLength = other.startSample <= startSample ? other.lengthSamples : lengthSamples;
      const intervalMs = (1000 * distance) / limits.sampleRateHz;
      const overlaps = distance < earlierLength;
      if (!overlaps && !isUnder(intervalMs, limits.profile.minIntervalMs)) continue;
      const where = `to the pulse at sample ${other.startSample} (electrode ${electrode})`;
      if (overlaps) return `${format(intervalMs)} ms: overlaps, ${where}`;
      return `${describeUnder(intervalMs, limits.profile.minIntervalMs, 'ms')}, ${where}`;
    }
  }
  return undefined;
}

function checkRate(trial: Trial): string | undefined {
  const most = trial.limits.profile.maxRateHz;
  return findBusiest(trial, ({ count, electrode }) =>
    isOver(count, most) ? `${count} pulses within a second, limit ${most} (electrode ${electrode})` : undefined,
  );
}

function checkDuty(trial: Trial): string | undefined {
  const most = trial.limits.profile.maxDuty;
  return findBusiest(trial, ({ onUs, electrode }) =>
    isOver(onUs * 1e-6, most)
      ? `${format(onUs)} us with a current within a second = ${describeOver(onUs * 1e-4, most * 100, '%')} (electrode ${electrode})`
      : undefined,
  );
}

function checkChargeRate(trial: Trial): string | undefined {
  const most = trial.limits.profile.maxChargePerSecondNc;
  return findBusiest(trial, ({ sumPc, electrode }) =>
    isOver(sumPc / 1000, most)
      ? `${describeOver(sumPc / 1000, most, 'nC within a second')} (electrode ${electrode})`
      : undefined,
  );
}

interface SecondFigures {
  readonly electrode: number;
  count: number;
  onUs: number;
  sumPc: number;
}

/**
 * Judges every second that holds the new pulse together with others, as well as the new pulse alone. It is enough to look
 * at seconds that end with a pulse: no other holds more. A second is half open: pulses a whole second apart are never in
 * the same. A pulse counts whole at its start.
 */
function findBusiest(trial: Trial, judge: (second: SecondFigures) => string | undefined): string | undefined {
  const { figures, history, startSample } = trial;
  const { sampleRateHz } = trial.limits;
  for (const own of figures) {
    const { recent } = history.electrode(own.electrode);
    let broken = judge(sumSecond(own, { recent, startSample, endSample: startSample, sampleRateHz }));
    for (let i = recent.length - 1; i >= 0 && broken === undefined; i--) {
      const endSample = recent[i]!.startSample;
      if (endSample <= startSample) break;
      if (endSample - startSample >= sampleRateHz) continue;
      broken = judge(sumSecond(own, { recent, startSample, endSample, sampleRateHz }));
    }
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function sumSecond(
  own: PulseFigures,
  second: {
    readonly recent: ElectrodeHistory['recent'];
    readonly startSample: number;
    readonly endSample: number;
    readonly sampleRateHz: number;
  },
): SecondFigures {
  const { recent, endSample, sampleRateHz } = second;
  const sums: SecondFigures = { electrode: own.electrode, count: 1, onUs: own.onUs, sumPc: own.sumPc };
  for (let i = recent.length - 1; i >= 0; i--) {
    const { startSample, onUs, sumPc } = recent[i]!;
    if (endSample - startSample >= sampleRateHz) break;
    if (startSample > endSample) continue;
    sums.count++;
    sums.onUs += onUs;
    sums.sumPc += sumPc;
  }
  return sums;
}

function checkSimultaneous(trial: Trial): string | undefined {
  const most = trial.limits.profile.maxSimultaneous;
  const count = findPeak(trial, () => 1);
  return isOver(count, most) ? `${count} electrodes pulsed at once, limit ${most}` : undefined;
}

function checkSummedCurrent(trial: Trial): string | undefined {
  const most = trial.limits.profile.maxSummedCurrentUa;
  const sumUa = findPeak(trial, ({ peakUa }) => peakUa);
  return isOver(sumUa, most) ? describeOver(sumUa, most, 'uA over all electrodes') : undefined;
}

/**
 * The largest sum over the pulses that run at once while the new ones run. A pulse weighs the same from its first sample to
 * its last, so that the sum only rises where a stimulus begins.
 */
function findPeak(trial: Trial, weigh: (figures: PulseFigures) => number): number {
  const { figures, startSample, history } = trial;
  const own = { startSample, figures };
  let endSample = startSample;
  for (const { lengthSamples } of figures) endSample = Math.max(endSample, startSample + lengthSamples);
  const overlapping = history.recent.filter((other) => other.endSample > startSample && other.startSample < endSample);
  if (overlapping.length === 0) return sumRunning(own, startSample, weigh);
  const sumAt = (sample: number): number => {
    let sum = sumRunning(own, sample, weigh);
    for (const other of overlapping) sum += sumRunning(other, sample, weigh);
    return sum;
  };
  let peak = sumAt(startSample);
  for (const other of overlapping) {
    if (other.startSample > startSample) peak = Math.max(peak, sumAt(other.startSample));
  }
  return peak;
}

function sumRunning(
  stimulus: Pick<RecentStimulus, 'startSample' | 'figures'>,
  sample: number,
  weigh: (figures: PulseFigures) => number,
): number {
  let sum = 0;
  const age = sample - stimulus.startSample;
  if (age < 0) return 0;
  for (const figures of stimulus.figures) if (age < figures.lengthSamples) sum += weigh(figures);
  return sum;
}

function checkSessionStimuli({ limits, history }: Trial): string | undefined {
  const most = limits.profile.maxStimuliPerSession;
  const count = history.stimuli + 1;
  return isOver(count, most) ? `stimulus ${count} of the session, limit ${most}` : undefined;
}

function checkSessionCharge({ figures, limits: { profile }, history }: Trial): string | undefined {
  for (const { electrode, sumPc } of figures) {
    const before = history.electrode(electrode).sumPc;
    const sumNc = (before + sumPc) / 1000;
    if (!isOver(sumNc, profile.maxChargePerSessionNc)) continue;
    const sum = `${format(before / 1000)} nC + ${format(sumPc / 1000)} nC`;
    return `${sum} = ${describeOver(sumNc, profile.maxChargePerSessionNc, 'nC in the session')} (electrode ${electrode})`;
  }
  return undefined;
}
