import type { Hertz, Milliseconds, SampleIndex, Seconds } from './units.js';

/** Where trial responses come from. Fixed by the source itself, so that an emulated run cannot be taken for a real one. */
export type Provenance = 'emulated' | 'replayed' | 'real';

/** One trial to carry out: pulse the inputs that are 1 at the given sample, and look at the window after it. */
export interface TrialRequest {
  /** Session from 0. */
  readonly session: number;
  /** Trial within the session, from 0. */
  readonly trial: number;
  /** (inputs) 0 or 1 for each stimulated electrode, in the order of `TrialSourceDescription.stimulatedElectrodes`. */
  readonly inputs: Uint8Array;
  /** The sample at which the pulse is due. A pattern without a pulse is due there too. */
  readonly atSample: SampleIndex;
}

/**
 * What became of a stimulus. Only `delivered` and `nothing-as-asked` (an empty pattern, acknowledged) are data; the
 * others are events, and the trial is repeated or marked, never counted.
 */
export type Delivery = 'delivered' | 'nothing-as-asked' | 'late' | 'refused' | 'missing';

/** The response to one trial: spike counts per recording electrode in the window after the pulse. */
export interface TrialResponse {
  readonly session: number;
  readonly trial: number;
  readonly delivery: Delivery;
  /** The sample at which the pulse left, or at which nothing left as asked. */
  readonly deliveredSample: SampleIndex;
  /** First sample of the response window, and the first sample after it: the samples that `counts` came from. */
  readonly window: readonly [first: SampleIndex, end: SampleIndex];
  /** (electrodes) spikes in the window. The receiver owns it. */
  readonly counts: Uint16Array;
  /** (electrodes) share of the window in [0, 1] that could not be seen; absent when every electrode saw all of it. */
  readonly blindFraction?: Float32Array;
  /** The same before the stimulus; absent where the source has counts of the response window alone. */
  readonly baseline?: BaselineCounts;
  /** What the electrodes showed otherwise than the device told; absent where they did not, or nobody looked. */
  readonly doubt?: DeliveryDoubts;
  /** First sample that went into this response, and the first after the last; absent where there were no samples. */
  readonly usedSamples?: readonly [first: SampleIndex, end: SampleIndex];
}

/** Electrodes whose signal does not fit the stimulus that the device says it delivered, or which got less than was asked for. */
export interface DeliveryDoubts {
  /** Pulsed, without an artefact. */
  readonly missing: readonly number[];
  /** With an artefact, far from every pulsed one. */
  readonly unexpected: readonly number[];
  /** Pulsed, but the device says that it reached its compliance voltage there; absent where it did nowhere. */
  readonly limited?: readonly number[];
}

/** Spikes in a window before a stimulus. */
export interface BaselineCounts {
  readonly window: readonly [first: SampleIndex, end: SampleIndex];
  /** (electrodes) The receiver owns it. */
  readonly counts: Uint16Array;
  /** (electrodes) share of the window in [0, 1] that could not be seen; absent when every electrode saw all of it. */
  readonly blindFraction?: Float32Array;
}

/** What a detector went by at a sample. An adaptive threshold that drifts over hours looks like learning. */
export interface DetectorLevels {
  readonly atSample: SampleIndex;
  /** Whether thresholds follow the noise, or stand still after a baseline. */
  readonly noise: 'adaptive' | 'frozen';
  /** (electrodes) uV rms */
  readonly noiseUv: readonly number[];
  /** (electrodes) uV without sign; null where no spike can be found: excluded, or not settled yet. */
  readonly thresholdsUv: readonly (number | null)[];
}

/** What a source is and how it looks at a trial; written into the ledger before the first trial. */
export interface TrialSourceDescription {
  readonly provenance: Provenance;
  /** Name of the device and its version, e.g. `emulated-culture 1`. */
  readonly device: string;
  /** Number of recording electrodes: the length of `TrialResponse.counts`. */
  readonly electrodes: number;
  /** Recording-electrode index of each input, in the order of `TrialRequest.inputs`. */
  readonly stimulatedElectrodes: readonly number[];
  readonly sampleRateHz: Hertz;
  /** Response window after the pulse. */
  readonly responseWindowMs: readonly [first: Milliseconds, end: Milliseconds];
  /**
   * A stimulus that left within so many samples of the one it was due at counts; absent where every one leaves at its sample
   * or not at all.
   */
  readonly toleranceSamples?: number;
}

/**
 * The seam between an experiment and whatever answers it: schedule patterns, get their responses.
 *
 * The emulated culture implements it directly; pipeline and device implement it on voltages. Nothing above sees which.
 * One caller at a time: a `run` must be finished, or its iterator returned, before the next call.
 */
export interface TrialSource {
  readonly description: TrialSourceDescription;
  /** The earliest sample at which a first trial may be scheduled. */
  nextSample(): SampleIndex;
  /**
   * Carries out a batch of trials and yields one response for each, in their order. A source may prepare the whole
   * batch ahead, but nothing that it yields may depend on how trials are cut into batches.
   *
   * @throws MeaError `bad-input` for a request whose inputs do not fit the source or whose sample is past
   */
  run(requests: readonly TrialRequest[], signal: AbortSignal): AsyncIterable<TrialResponse>;
  /** Stops stimulating for a while; the sample counter advances by the rest. Two rests bound a session. */
  rest(duration: Seconds): Promise<void>;
  /** Releases the device, stimulation off first. Idempotent. */
  close(): Promise<void>;
}

/** A source whose state can be saved after any trial, so that an interrupted run goes on as if it had not been. */
export interface ResumableSource extends TrialSource {
  /** Everything that later responses depend on, as of the last response yielded or rest finished. */
  saveState(): Uint8Array;
  /** @throws MeaError `bad-format` for bytes that this source, with these settings, did not save */
  restoreState(state: Uint8Array): void;
}

/** A source that detects spikes itself, and says what it went by. */
export interface DetectingSource extends TrialSource {
  /** As of the last response yielded; undefined before the first levels are known. */
  detectorLevels(): DetectorLevels | undefined;
}

export function isDetecting(source: TrialSource): source is DetectingSource {
  return 'detectorLevels' in source;
}

/** What may be followed by another arming, where a person has allowed it: the host stood still, or its heartbeats came too late. */
export type RearmingCause = 'main-stalled' | 'armed-time';

/** An arming that followed a trip. */
export interface Rearming {
  readonly cause: RearmingCause;
  /** Where the device disarmed. */
  readonly atSample: number;
  /** From 1. */
  readonly number: number;
  /** Of so many. */
  readonly allowed: number;
}

/** A source whose device may trip and be armed again. */
export interface RearmingSource extends TrialSource {
  /** Those since the last call, in their order. */
  takeRearmings(): readonly Rearming[];
}

export function isRearming(source: TrialSource): source is RearmingSource {
  return 'takeRearmings' in source;
}

/** A source that knows by which boot of its device samples are counted: another boot has another sample clock. */
export interface BootedSource extends TrialSource {
  /** The boot that the sample of the last `nextSample` belongs to; undefined where nobody knows. */
  bootId(): number | undefined;
}

/** The boot of a source's device, as of its last `nextSample`; undefined where nobody knows. */
export function bootIdOf(source: TrialSource): number | undefined {
  return isBooted(source) ? source.bootId() : undefined;
}

function isBooted(source: TrialSource): source is BootedSource {
  return 'bootId' in source;
}

/** A source that takes host times on its way from samples to stimuli. */
export interface TimedSource extends TrialSource {
  /** By step, since the source was opened. */
  stageLatencies(): Promise<StageLatencies>;
}

export function isTimed(source: TrialSource): source is TimedSource {
  return 'stageLatencies' in source && typeof source.stageLatencies === 'function';
}

/** Host times of one step, in microseconds. */
export interface StageLatency {
  readonly count: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** The way from a block of samples to a stimulus and to a result. */
export interface StageLatencies {
  /** Block received to its spikes settled. */
  readonly detect: StageLatency;
  /** Spikes settled to stimulus decided. */
  readonly decide: StageLatency;
  /** Decided to given to the driver. */
  readonly send: StageLatency;
  /** Given to the driver to answered by the device. */
  readonly acknowledge: StageLatency;
  /** Block received to command given to the driver. */
  readonly loop: StageLatency;
  /** Block received to trial result. */
  readonly trial: StageLatency;
}

export function isResumable(source: TrialSource): source is ResumableSource {
  return 'saveState' in source && 'restoreState' in source;
}
