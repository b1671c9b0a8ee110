import { MeaError } from '../protocols/errors.js';
import { rowCount, type ResponseTable } from '../protocols/responses.js';
import { correlation, mean, median, quantile, variance } from './moments.js';
import { foldBlock, type SessionBlock } from './session-block.js';

/**
 * What the counts of one culture look like: the statistics by which an emulated culture is held against real ones.
 *
 * All are computed from the first and the last ten sessions (blocks A and B), which is what reproduces the published
 * cultures' columns of the reference table: bic and mix0, to the digits printed there but for one (the active share of
 * mix0 is .645, printed .65). The definitions were settled on those two columns and on nothing else. "Mean" of an
 * electrode is over both blocks; a "trial position" is one trial of the pattern, whose repeats are its responses in
 * other sessions, so the same pattern must have been shown in every session.
 */
export interface ResponseStatistics {
  /** Spikes per electrode and trial. */
  readonly meanCount: number;
  /** Share of electrodes with a mean below 0.1. */
  readonly quietShare: number;
  /** Share of electrodes with a mean above 1. */
  readonly activeShare: number;
  /** Standard deviation over mean of the electrodes' means (population form). */
  readonly electrodeCv: number;
  /** 95th percentile of the electrodes' means, interpolated. */
  readonly electrodeMean95: number;
  /**
   * Variance over repeats within a block (n - 1; both blocks averaged), averaged over trial positions and divided by the
   * electrode's mean; median over electrodes with a mean above 1.
   */
  readonly fano: number;
  /** Standard deviation over mean of the trial positions' means; median over electrodes with a mean above 0.1. */
  readonly stimulusCv: number;
  /**
   * Share of the variance of the trial positions' means that lies between the states of the sources; median over
   * electrodes with a mean above 0.1.
   */
  readonly stateShare: number;
  /** Correlation of the trial positions' means in block A with the number of pulses; median as above. */
  readonly pulseCorrelation: number;
  /** Share of trials without a spike, over electrodes with a mean above 0.5. */
  readonly zeroShare: number;
  /** Standard deviation (n - 1) over mean of the session means of block A; median over electrodes with a mean above 0.5. */
  readonly driftCv: number;
  /**
   * Correlation over trial positions of the means in block A and in block B, the sampling variance of the means taken off
   * the denominators; median over electrodes with a mean above 0.5.
   */
  readonly patternCorrelation: number;
  /** Share of electrodes with a mean above 1, every session mean above 0.1, and |c10 - c01| above 0.5: the selective ones. */
  readonly selectiveShare: number;
  /** Mean preference of the selective electrodes in block A, in spikes: c10 - c01 with the sign it has over both blocks. */
  readonly selectivityFirst: number;
  /** The same in block B. */
  readonly selectivityLast: number;
}

/** Sessions in a block. */
const BLOCK = 10;

/**
 * Computes the statistics of one culture. Those for which no electrode qualifies are `NaN`.
 *
 * @throws MeaError `bad-input` for fewer than 20 sessions, other than two sources, or a pattern that changes
 */
export function computeResponseStatistics(table: ResponseTable): ResponseStatistics {
  assertComparable(table);
  const a = foldBlock(table, 0, BLOCK);
  const b = foldBlock(table, table.sessions - BLOCK, BLOCK);
  const electrodes = Array.from({ length: table.electrodeCount }, (_, e) => describeElectrode(table, [a, b], e));
  const means = electrodes.map((electrode) => electrode.mean);
  const above = (least: number): ElectrodeStatistics[] => electrodes.filter((electrode) => electrode.mean > least);
  const medianOf = (among: ElectrodeStatistics[], value: (of: ElectrodeStatistics) => number): number =>
    median(among.map(value));
  const selective = above(1).filter((of) => of.leastSessionMean > 0.1 && Math.abs(of.preferenceA + of.preferenceB) > 1);
  return {
    meanCount: mean(means),
    quietShare: means.filter((value) => value < 0.1).length / means.length,
    activeShare: above(1).length / means.length,
    electrodeCv: Math.sqrt(variance(means, 0)) / mean(means),
    electrodeMean95: quantile(means, 0.95),
    fano: medianOf(above(1), (of) => of.fano),
    stimulusCv: medianOf(above(0.1), (of) => of.stimulusCv),
    stateShare: medianOf(above(0.1), (of) => of.stateShare),
    pulseCorrelation: medianOf(above(0.1), (of) => of.pulseCorrelation),
    zeroShare: mean(above(0.5).map((of) => of.zeroShare)),
    driftCv: medianOf(above(0.5), (of) => of.driftCv),
    patternCorrelation: medianOf(above(0.5), (of) => of.patternCorrelation),
    selectiveShare: selective.length / means.length,
    selectivityFirst: mean(selective.map((of) => Math.sign(of.preferenceA + of.preferenceB) * of.preferenceA)),
    selectivityLast: mean(selective.map((of) => Math.sign(of.preferenceA + of.preferenceB) * of.preferenceB)),
  };
}

/** The same for one electrode. */
interface ElectrodeStatistics {
  readonly mean: number;
  readonly leastSessionMean: number;
  readonly fano: number;
  readonly stimulusCv: number;
  readonly stateShare: number;
  readonly pulseCorrelation: number;
  readonly zeroShare: number;
  readonly driftCv: number;
  readonly patternCorrelation: number;
  readonly preferenceA: number;
  readonly preferenceB: number;
}

function describeElectrode(
  table: ResponseTable,
  [a, b]: readonly [SessionBlock, SessionBlock],
  e: number,
): ElectrodeStatistics {
  const positionsA = a.positionMeansOf(e);
  const positionsB = b.positionMeansOf(e);
  const positions = positionsA.map((value, trial) => (value + positionsB[trial]!) / 2);
  const noiseA = mean(a.positionVariancesOf(e));
  const noiseB = mean(b.positionVariancesOf(e));
  const states = toStates(table);
  const stateMeans = meansByState(positions, states);
  const sessionsA = a.sessionMeansOf(e);
  return {
    mean: mean(positions),
    leastSessionMean: Math.min(...sessionsA, ...b.sessionMeansOf(e)),
    fano: (noiseA + noiseB) / 2 / mean(positions),
    stimulusCv: Math.sqrt(variance(positions, 0)) / mean(positions),
    stateShare:
      variance(
        [...states].map((state) => stateMeans[state]!),
        0,
      ) / variance(positions, 0),
    pulseCorrelation: correlation(positionsA, toPulses(table)),
    zeroShare: (a.zeroShareOf(e) + b.zeroShareOf(e)) / 2,
    driftCv: Math.sqrt(variance(sessionsA, 1)) / mean(sessionsA),
    patternCorrelation:
      correlation(positionsA, positionsB) *
      Math.sqrt(inflation(positionsA, noiseA / BLOCK) * inflation(positionsB, noiseB / BLOCK)),
    preferenceA: preferenceOf(positionsA, states),
    preferenceB: preferenceOf(positionsB, states),
  };
}

/** Variance of noisy means over the variance of what they estimate. */
function inflation(values: readonly number[], noise: number): number {
  const total = variance(values, 1);
  return total / (total - noise);
}

/** State of the two sources per trial position: 2 s_1 + s_2. */
function toStates({ sources, trialsPerSession }: ResponseTable): Uint8Array {
  return Uint8Array.from({ length: trialsPerSession }, (_, trial) => 2 * sources[2 * trial]! + sources[2 * trial + 1]!);
}

function toPulses({ inputs, inputCount, trialsPerSession }: ResponseTable): number[] {
  return Array.from({ length: trialsPerSession }, (_, trial) =>
    inputs.subarray(trial * inputCount, (trial + 1) * inputCount).reduce((sum, value) => sum + value, 0),
  );
}

/** Mean of each of the four states; `NaN` for one that does not occur. */
function meansByState(values: readonly number[], states: Uint8Array): number[] {
  return [0, 1, 2, 3].map((state) => mean(values.filter((_, trial) => states[trial] === state)));
}

/** c10 - c01: mean over trials with the first source on alone, less that with the second on alone. */
function preferenceOf(values: readonly number[], states: Uint8Array): number {
  const means = meansByState(values, states);
  return means[2]! - means[1]!;
}

function assertComparable(table: ResponseTable): void {
  const { sessions, sourceCount, inputs, inputCount, trialsPerSession } = table;
  if (sessions < 2 * BLOCK || sourceCount !== 2) {
    throw new MeaError('bad-input', {
      what: 'These responses have no comparable statistics',
      got: `${sessions} sessions, ${sourceCount} sources`,
      wanted: `at least ${2 * BLOCK} sessions, 2 sources`,
    });
  }
  const period = trialsPerSession * inputCount;
  for (let k = period; k < rowCount(table) * inputCount; k++) {
    if (inputs[k] === inputs[k % period]) continue;
    throw new MeaError('bad-input', {
      what: 'The pattern changes between sessions',
      got: `another stimulus in session ${Math.floor(k / period)}`,
      wanted: 'the pattern of session 0 in every session',
    });
  }
}
