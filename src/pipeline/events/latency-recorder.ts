import type { Timers } from '../../../protocols/timers.js';
import type { StageLatencies, StageLatency } from '../../../protocols/trial.js';

/**
 * Host times of one stimulus, or of one trial's result, in milliseconds on a clock that never steps; null for a step that
 * was not noted. Records of their own: no result holds a host time, and no comparison of results reads them.
 */
export interface EventLatency {
  readonly type: 'latency';
  /** `stimulus`: from the block that a decision rests on to the device's answer; `trial`: from block to result. */
  readonly about: 'stimulus' | 'trial';
  readonly stimulusId: number;
  /** The last block before came in. */
  readonly receivedMs: number | null;
  /** Its spikes were settled. */
  readonly detectedMs: number | null;
  /** A rule or the experiment decided on the stimulus; of a trial: its result was there. */
  readonly decidedMs: number | null;
  /** The command was given to the driver. */
  readonly sentMs: number | null;
  /** The device answered. */
  readonly acknowledgedMs: number | null;
}

/** Figures of one step, in microseconds. */
export interface StepLatency {
  readonly count: number;
  /** Over the newest values that are kept; 0 without any. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** Over all values. */
  readonly maxUs: number;
}

/** Figures of every step: what goes into the recording and the report. */
export interface LatencyFigures {
  /** Block received to spikes settled. */
  readonly detect: StepLatency;
  /** Spikes settled to stimulus decided. */
  readonly decide: StepLatency;
  /** Decided to given to the driver. */
  readonly send: StepLatency;
  /** Given to the driver to answered by the device. */
  readonly acknowledge: StepLatency;
  /** Block received to command given to the driver. */
  readonly loop: StepLatency;
  /** Block received to trial result. */
  readonly trial: StepLatency;
}

/** The figures as a recording and a report hold them. */
export function toStageLatencies({ detect, decide, send, acknowledge, loop, trial }: LatencyFigures): StageLatencies {
  const toStage = ({ count, p50Us, p99Us, maxUs }: StepLatency): StageLatency => {
    return { count, median: p50Us, p99: p99Us, max: maxUs };
  };
  return {
    detect: toStage(detect),
    decide: toStage(decide),
    send: toStage(send),
    acknowledge: toStage(acknowledge),
    loop: toStage(loop),
    trial: toStage(trial),
  };
}

/** What a recorder needs. */
export interface LatencyRecorderOptions {
  readonly clock: Pick<Timers, 'nowMs'>;
  /** Takes each record when it is complete, or given up. */
  readonly onRecord?: ((record: EventLatency) => void) | undefined;
  /** Most stimuli that wait for an answer; more give up the oldest. 1024 by default. */
  readonly maxOpen?: number | undefined;
  /** Newest values of each step that the percentiles are taken over; 4096 by default. */
  readonly maxValues?: number | undefined;
}

/** Notes host times where things happen. The order is the caller's: what is noted late is measured late. */
export interface LatencyRecorder {
  /** A block came in. */
  received(): void;
  /** Its spikes are settled. */
  detected(): void;
  /** A stimulus was decided on, because of what was detected last. */
  decided(stimulusId: number): void;
  sent(stimulusId: number): void;
  /** It was decided on and not sent after all: there is no record of it. */
  dropped(stimulusId: number): void;
  /** The device answered, whatever it answered: the record is complete. */
  acknowledged(stimulusId: number): void;
  /** The result of a stimulus's trial is there. */
  settled(stimulusId: number): void;
  /** Gives up what waits for an answer: those records lack it. */
  close(): void;
  readonly figures: LatencyFigures;
  /** Records that were given up without an answer. */
  readonly givenUp: number;
}

/** Makes a recorder whose memory is bounded. */
export function createLatencyRecorder(options: LatencyRecorderOptions): LatencyRecorder {
  return new Recorder(options);
}

type Times = { -readonly [Key in keyof EventLatency]: EventLatency[Key] };

class Recorder implements LatencyRecorder {
  readonly #clock: Pick<Timers, 'nowMs'>;
  readonly #onRecord: (record: EventLatency) => void;
  readonly #maxOpen: number;
  readonly #open = new Map<number, Times>();
  readonly #steps: Record<keyof LatencyFigures, StepValues>;
  #receivedMs: number | null = null;
  #detectedMs: number | null = null;
  #givenUp = 0;

  constructor({ clock, onRecord, maxOpen = 1024, maxValues = 4096 }: LatencyRecorderOptions) {
    this.#clock = clock;
    this.#onRecord = onRecord ?? ((): void => undefined);
    this.#maxOpen = maxOpen;
    const values = (): StepValues => new StepValues(maxValues);
    this.#steps = {
      detect: values(),
      decide: values(),
      send: values(),
      acknowledge: values(),
      loop: values(),
      trial: values(),
    };
  }

  get figures(): LatencyFigures {
    const { detect, decide, send, acknowledge, loop, trial } = this.#steps;
    return {
      detect: detect.summarise(),
      decide: decide.summarise(),
      send: send.summarise(),
      acknowledge: acknowledge.summarise(),
      loop: loop.summarise(),
      trial: trial.summarise(),
    };
  }

  get givenUp(): number {
    return this.#givenUp;
  }

  received(): void {
    this.#receivedMs = this.#clock.nowMs();
    this.#detectedMs = null;
  }

  detected(): void {
    this.#detectedMs = this.#clock.nowMs();
    this.#steps.detect.add(this.#receivedMs, this.#detectedMs);
  }

  decided(stimulusId: number): void {
    if (this.#open.size >= this.#maxOpen) this.#giveUp(this.#open.keys().next().value!);
    const times = this.#begin('stimulus', stimulusId);
    this.#open.set(stimulusId, times);
    this.#steps.decide.add(times.detectedMs, times.decidedMs);
  }

  sent(stimulusId: number): void {
    const times = this.#open.get(stimulusId);
    if (times === undefined) return;
    times.sentMs = this.#clock.nowMs();
    this.#steps.send.add(times.decidedMs, times.sentMs);
    this.#steps.loop.add(times.receivedMs, times.sentMs);
  }

  dropped(stimulusId: number): void {
    this.#open.delete(stimulusId);
  }

  acknowledged(stimulusId: number): void {
    const times = this.#open.get(stimulusId);
    if (times === undefined) return;
    this.#open.delete(stimulusId);
    times.acknowledgedMs = this.#clock.nowMs();
    this.#steps.acknowledge.add(times.sentMs, times.acknowledgedMs);
    this.#onRecord(times);
  }

  settled(stimulusId: number): void {
    const times = this.#begin('trial', stimulusId);
    this.#steps.trial.add(times.receivedMs, times.decidedMs);
    this.#onRecord(times);
  }

  close(): void {
    for (const stimulusId of [...this.#open.keys()]) this.#giveUp(stimulusId);
  }

  #begin(about: EventLatency['about'], stimulusId: number): Times {
    return {
      type: 'latency',
      about,
      stimulusId,
      receivedMs: this.#receivedMs,
      detectedMs: this.#detectedMs,
      decidedMs: this.#clock.nowMs(),
      sentMs: null,
      acknowledgedMs: null,
    };
  }

  #giveUp(stimulusId: number): void {
    const times = this.#open.get(stimulusId);
    this.#open.delete(stimulusId);
    this.#givenUp += 1;
    if (times !== undefined) this.#onRecord(times);
  }
}

/** The newest values of a step, and the largest of all. */
class StepValues {
  readonly #values: Float64Array;
  #count = 0;
  #maxUs = 0;

  constructor(maxValues: number) {
    this.#values = new Float64Array(maxValues);
  }

  add(fromMs: number | null, toMs: number | null): void {
    if (fromMs === null || toMs === null) return;
    const us = (toMs - fromMs) * 1000;
    this.#values[this.#count % this.#values.length] = us;
    this.#count += 1;
    this.#maxUs = Math.max(this.#maxUs, us);
  }

  summarise(): StepLatency {
    const sorted = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { count: this.#count, p50Us: at(0.5), p99Us: at(0.99), maxUs: this.#maxUs };
  }
}
