import type { Delivery, DeliveryDoubts, Rearming, StageLatencies, TrialSourceDescription } from './trial.js';

/**
 * The trial ledger: what happened in an experiment, in order, one record per trial and event. Sessions and trials count
 * from 0. Everything in it follows from the experiment, the seed and the responses, so that a replay can be compared
 * record by record; host times are kept apart, as `LatencyRecord`s.
 */
export type LedgerRecord =
  | ExperimentStarted
  | SessionStarted
  | TrialRecord
  | TrialUncountedRecord
  | RescheduledRecord
  | SessionRestartedRecord
  | AnotherClockRecord
  | CalibratedRecord
  | EnsembleNotFoundRecord
  | DetectorLevelsRecord
  | SessionEnded
  | ForecastRecord
  | ForecastScoreRecord
  | StoppedRecord
  | RestRecord
  | ExperimentEnded
  | InterruptedRecord
  | RearmedRecord
  | ResumedRecord;

/** Version of the records; a reader refuses a newer one. */
export const LEDGER_VERSION = 1;

export interface ExperimentStarted {
  readonly type: 'experiment-started';
  readonly version: number;
  /** The checked experiment file, every default filled in. */
  readonly experiment: unknown;
  /** The checked rig file, every default filled in. */
  readonly rig: unknown;
  readonly source: TrialSourceDescription;
  /** What a person said before a device could stimulate; absent where nothing was armed by a person. */
  readonly arming?: ArmingRecord;
}

/** The word of the person who armed a device. */
export interface ArmingRecord {
  readonly serialNumber: string;
  /** Name of the limits that every stimulus was held against. */
  readonly limits: string;
  /** Limits whose source nobody had opened, and why they were accepted all the same; absent where there were none. */
  readonly acceptedUnconfirmed?: { readonly limits: readonly string[]; readonly why: string };
  /** Name of a stimulator that does not turn itself off when this program dies, accepted in the rig file. */
  readonly acceptedNoWatchdog?: string;
  /** How often it may be armed again after a trip of the host; absent where it may not. */
  readonly rearms?: number;
  /** A treatment of the culture as a person confirmed it; absent where the experiment has none. */
  readonly treatment?: TreatmentRecord;
}

export interface TreatmentRecord {
  readonly drug: string;
  readonly concentrationUm: number;
  readonly lot: string;
  /** ISO 8601, UTC. */
  readonly appliedAt: string;
  /** Time from the application to the first stimulus that the experiment asks for. */
  readonly washInS: number;
}

export interface SessionStarted {
  readonly type: 'session-started';
  readonly session: number;
  /** Sample of the first trial. */
  readonly atSample: number;
}

/** One trial that counts: stimulus, the samples it was judged by, response, and what the model made of it at once. */
export interface TrialRecord {
  readonly type: 'trial';
  readonly session: number;
  readonly trial: number;
  /** Hidden sources, one digit each: `10` is source 1 on, source 2 off. */
  readonly sources: string;
  /** Inputs, one digit each. */
  readonly inputs: string;
  readonly atSample: number;
  readonly delivery: Delivery;
  readonly deliveredSample: number;
  /** First sample of the response window and the first after it. */
  readonly window: readonly [number, number];
  /** Spikes per electrode in the window. */
  readonly counts: readonly number[];
  /** Share of the window that each electrode could not see; absent where all saw everything. */
  readonly blindFraction?: readonly number[];
  /** The window before the stimulus; absent where the source has none. */
  readonly baseline?: BaselineRecord;
  /** First sample that went into the counts and the first after the last; absent where there were no samples. */
  readonly usedSamples?: readonly [number, number];
  /**
   * Samples of the responses that the choice of the pattern could look at: the first one and the first after the last, once for
   * each clock of the device, in their order. Absent where it looked at none.
   */
  readonly decidedFrom?: readonly (readonly [number, number])[];
  /** Why the pattern is not the policy's own: an event of the trial, in its record so that no crash can part the two. */
  readonly fallback?: PolicyFallback;
  /** Provisional normalised response per ensemble, once calibrated. */
  readonly x?: readonly number[];
  /** Predicted response per ensemble, once calibrated. */
  readonly xp?: readonly number[];
}

/**
 * Why a trial is no data: its stimulus came late, was refused or went missing; the device did something else than asked, or
 * at another sample; no electrode could see the whole response window; or electrodes showed another stimulus than the device told,
 * or got less current than was asked for.
 */
export type UncountedReason = 'late' | 'refused' | 'missing' | 'other-delivery' | 'off-time' | 'unseen' | 'doubted';

/** A trial that does not count. The same trial is carried out again, later. */
export interface TrialUncountedRecord {
  readonly type: 'trial-uncounted';
  readonly session: number;
  readonly trial: number;
  /** From 1: how often it has failed now. */
  readonly attempt: number;
  readonly reason: UncountedReason;
  /** As in the record of a trial that counts. */
  readonly sources: string;
  readonly inputs: string;
  readonly decidedFrom?: readonly (readonly [number, number])[];
  readonly fallback?: PolicyFallback;
  readonly atSample: number;
  readonly delivery: Delivery;
  readonly deliveredSample: number;
  readonly window: readonly [number, number];
  /** Of a `doubted` one: what its electrodes showed. */
  readonly doubt?: DeliveryDoubts;
}

/** A trial, and those after it in the session, come later than planned; or by a clock of the device that began anew. */
export interface RescheduledRecord {
  readonly type: 'rescheduled';
  readonly session: number;
  readonly trial: number;
  readonly atSample: number;
  readonly bySamples: number;
}

/**
 * A session begins anew, because a gap in it was too long: its trials so far do not count, so that no session of an analysis
 * has a gap.
 */
export interface SessionRestartedRecord {
  readonly type: 'session-restarted';
  readonly session: number;
  /** The trial before which the gap is. */
  readonly trial: number;
  /** Absent where the device's clock is another one, and nobody knows. */
  readonly gapSamples?: number;
}

/**
 * The device was booted anew: from here on samples are told by another clock, and how many lie between the two nobody knows.
 * What it does to the session is in the record after it.
 */
export interface AnotherClockRecord {
  readonly type: 'another-clock';
  readonly session: number;
  /** The first trial that was planned by the other clock. */
  readonly trial: number;
  /** Where it is due, by the other clock. */
  readonly atSample: number;
  readonly previousBootId: number;
  readonly bootId: number;
}

/** Why the fallback policy had to decide a trial in place of an external one. */
export interface PolicyFallback {
  /** No answer in time, or an answer that was refused. */
  readonly cause: 'deadline' | 'bad-answer';
  /** What was wrong, in words. */
  readonly detail: string;
}

export interface BaselineRecord {
  readonly window: readonly [number, number];
  readonly counts: readonly number[];
  readonly blindFraction?: readonly number[];
}

/** What the detector went by at the last trial of a session. */
export interface DetectorLevelsRecord {
  readonly type: 'detector-levels';
  readonly session: number;
  readonly atSample: number;
  readonly noise: 'adaptive' | 'frozen';
  /** Per electrode, uV rms. */
  readonly noiseUv: readonly number[];
  /** Per electrode, uV without sign; null where no spike can be found. */
  readonly thresholdsUv: readonly (number | null)[];
}

/** Electrodes that no ensemble may hold, by reason; absent where the choice leaves none out. */
export interface LeftOutRecord {
  readonly blind: readonly number[];
  readonly pulsed: readonly number[];
}

/** The end of the initial sessions: what they fixed, and their model figures in retrospect. */
export interface CalibratedRecord {
  readonly type: 'calibrated';
  readonly session: number;
  readonly ensembles: readonly (readonly number[])[];
  readonly leftOut?: LeftOutRecord;
  readonly baseline: number;
  readonly phi1: readonly number[];
  readonly phi0: readonly number[];
  readonly freeEnergy: readonly number[];
  readonly errX: readonly number[];
}

/** No electrode prefers these sources: the experiment goes on, without a model. */
export interface EnsembleNotFoundRecord {
  readonly type: 'ensemble-not-found';
  readonly session: number;
  readonly missing: readonly number[];
  readonly leftOut?: LeftOutRecord;
}

export interface SessionEnded {
  readonly type: 'session-ended';
  readonly session: number;
  /** Mean spikes per electrode and trial. */
  readonly meanCount: number;
  /** Raw selectivity of the ensembles in this session, spikes per trial; once calibrated. */
  readonly selectivity?: number;
  /** Nats; once calibrated. */
  readonly freeEnergy?: number;
  readonly errX?: number;
  readonly errW?: number;
}

/**
 * What was forecast of all later sessions from the initial ones. It stands before the first of them, after the rest.
 * Selectivity in x of each ensemble, (n)(later sessions), to four decimals.
 */
export interface ForecastRecord {
  readonly type: 'forecast';
  /** The last initial session. */
  readonly session: number;
  /** Names the method with its constants. */
  readonly method: string;
  /** Share of the sessions that the bands claim to hold. */
  readonly level: number;
  /** Futures that the bands were taken from. */
  readonly draws: number;
  /** False where the stimuli of later sessions could not be known. */
  readonly isKnownAhead: boolean;
  readonly published: RecordedBand;
  readonly empirical: RecordedBand;
  /** (n) mean over the initial sessions */
  readonly initialMean: readonly number[];
}

export interface RecordedBand {
  readonly centre: readonly (readonly number[])[];
  readonly low: readonly (readonly number[])[];
  readonly high: readonly (readonly number[])[];
}

/** How a later session came out against its forecast; follows its `session-ended`. */
export interface ForecastScoreRecord {
  readonly type: 'forecast-score';
  readonly session: number;
  /** (n) selectivity in x; null where the session has no trial with the source on, or none with it off */
  readonly selectivity: readonly (number | null)[];
  readonly published: RecordedBandScore;
  readonly empirical: RecordedBandScore;
  /** Mean squared error, so far, of taking the mean of the initial sessions for a forecast. */
  readonly initialMeanError: number | null;
}

export interface RecordedBandScore {
  /** (n) null where there was nothing to score */
  readonly inside: readonly (boolean | null)[];
  /** Values inside, of `scored`, over ensembles and the later sessions so far. */
  readonly insideSoFar: number;
  readonly scored: number;
  /** Mean squared error of the centre so far. */
  readonly error: number | null;
}

/** Rules that end an experiment before its last session. */
export const STOP_RULES = ['selectivityReached', 'drift', 'deadCulture'] as const;

export type StopRule = (typeof STOP_RULES)[number];

/** What a stop rule looks at. */
export const STOP_MEASURES = [
  'selectivity',
  'x-selectivity',
  'mean-count',
  'mean-count-share',
  'silent-share',
] as const;

export type StopMeasure = (typeof STOP_MEASURES)[number];

/** A stop rule of the experiment file ended the experiment; the record of its end follows. */
export interface StoppedRecord {
  readonly type: 'stopped';
  /** The last session carried out. */
  readonly session: number;
  readonly rule: StopRule;
  readonly measure: StopMeasure;
  /** In the last session. */
  readonly value: number;
  readonly limit: number;
  /** Sessions in a row that it took. */
  readonly sessions: number;
}

export interface RestRecord {
  readonly type: 'rest';
  /** The session that the rest follows. */
  readonly session: number;
  readonly seconds: number;
}

export interface ExperimentEnded {
  readonly type: 'experiment-ended';
  readonly trials: number;
}

/** Written when a person stops a run; left out of every comparison. */
export interface InterruptedRecord {
  readonly type: 'interrupted';
  readonly session: number;
  /** The first trial that was not carried out. */
  readonly trial: number;
}

/** Written when a run goes on; left out of every comparison. */
export interface ResumedRecord {
  readonly type: 'resumed';
  readonly session: number;
  readonly trial: number;
  /** The word of the person who armed the device this time; absent where nothing was armed by a person. */
  readonly arming?: ArmingRecord;
}

/** The device was armed again, as the person who armed it had allowed; left out of every comparison. */
export interface RearmedRecord extends Rearming {
  readonly type: 'rearmed';
  readonly session: number;
  /** The next trial that had not counted yet. */
  readonly trial: number;
}

/** Host times of one session, in microseconds per trial; no comparison reads them. */
export interface LatencyRecord {
  readonly type: 'latency';
  readonly session: number;
  /** From asking the source for a trial to having its response. */
  readonly responseUs: LatencySummary;
  /** The model's update. */
  readonly updateUs: LatencySummary;
  /** From samples to stimuli, in microseconds, since the source was opened; absent where it takes no host times. */
  readonly stagesUs?: StageLatencies;
}

export interface LatencySummary {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** The model after a session; no comparison reads it, because it follows from the records. */
export interface ModelSnapshot {
  readonly session: number;
  readonly sources: number;
  readonly inputs: number;
  /** (sources, inputs) synaptic strengths, row by row. */
  readonly w1: Float64Array;
  readonly w0: Float64Array;
}

/** Where an experiment puts its records. Implementations write whole records in order, or throw MeaError `storage`. */
export interface LedgerSink {
  append(record: LedgerRecord): void;
  /** True while the next record is held against one that was recorded before; a sink without it repeats nothing. */
  isRepeating?(): boolean;
  appendLatency(record: LatencyRecord): void;
  /** A sink without it keeps no models. */
  appendModel?(model: ModelSnapshot): void;
  /** Keeps the state of a resumable source as of the records appended so far. */
  saveSourceState(state: Uint8Array): void;
}

/** True for the records that tell of a stop or a trip and its mending rather than of the experiment. */
export function isInterruption(record: LedgerRecord): boolean {
  return record.type === 'interrupted' || record.type === 'resumed' || record.type === 'rearmed';
}
