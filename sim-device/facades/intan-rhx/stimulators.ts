import { IDLE_STIM_WORD, makeStimWord } from '../../../protocols/intan-rhx/stim-word.js';
import type { Pulse, PulsePhase } from '../../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds } from '../../../protocols/units.js';
import type { ParameterStore } from './parameter-store.js';

/** An output as it was uploaded; times in samples, currents in steps, negative first where so asked. */
interface Output {
  readonly enabled: boolean;
  readonly source: string;
  readonly delay: number;
  /** Current in steps for so many samples. */
  readonly phases: readonly (readonly [steps: number, samples: number])[];
  readonly pulses: number;
  readonly period: number;
  readonly refractory: number;
  readonly settle: readonly [before: number, after: number];
  /** Samples after the pulse from and to which charge is recovered. */
  readonly recovery: readonly [on: number, off: number];
}

/** Something that a STIM word shows, from one sample to before another. */
interface Span {
  readonly channel: number;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  readonly bits: number;
}

const AMP_SETTLE = makeStimWord({ steps: 0, ampSettle: true, chargeRecovery: false, atCompliance: false });
const CHARGE_RECOVERY = makeStimWord({ steps: 0, ampSettle: false, chargeRecovery: true, atCompliance: false });
const AT_COMPLIANCE = makeStimWord({ steps: 0, ampSettle: false, chargeRecovery: false, atCompliance: true });

/** What the stimulators know of the controller. */
export interface StimulatorsOptions {
  readonly channels: readonly string[];
  readonly store: ParameterStore;
  readonly stepUa: number;
  readonly sampleRateHz: number;
  /** True where so much current takes more than the compliance voltage. */
  readonly isAtCompliance: (channel: number, currentUa: number) => boolean;
}

/** The stimulation outputs of all channels: what was uploaded, what was triggered, and what STIM words show of it. */
export class Stimulators {
  readonly #options: StimulatorsOptions;
  readonly #outputs = new Map<number, Output>();
  readonly #busyUntil = new Map<number, number>();
  #pending = new Map<number, Pulse[]>();
  #spans: Span[] = [];

  constructor(options: StimulatorsOptions) {
    this.#options = options;
  }

  /** Takes the parameters of one channel, by its place, or of all. */
  upload(channel?: number): void {
    const { channels } = this.#options;
    for (const index of channel === undefined ? channels.keys() : [channel])
      this.#outputs.set(index, this.#read(index));
  }

  /** Channels that an edge on this source would fire now. */
  listFiredBy(source: string): readonly number[] {
    return [...this.#outputs].filter(([, output]) => output.enabled && output.source === source).map(([i]) => i);
  }

  /** An edge on a source; pulses begin at `sample`, or later where the output waits. */
  trigger(source: string, sample: number): void {
    for (const channel of this.listFiredBy(source)) {
      if (sample < (this.#busyUntil.get(channel) ?? -1)) continue;
      this.#fire(channel, this.#outputs.get(channel)!, sample);
    }
  }

  /** The pulses that begin before a sample and were not taken yet, by the sample at which they begin. */
  takeBefore(end: number): readonly (readonly [sample: number, pulses: readonly Pulse[]])[] {
    const due = [...this.#pending].filter(([sample]) => sample < end).sort(([a], [b]) => a - b);
    for (const [sample] of due) this.#pending.delete(sample);
    return due;
  }

  /** Fills the STIM words of a channel. @param words those from sample `first` on */
  writeWords(channel: number, first: number, words: Uint16Array): void {
    words.fill(IDLE_STIM_WORD);
    for (const span of this.#spans) {
      if (span.channel !== channel) continue;
      const to = Math.min(words.length, span.to - first);
      for (let i = Math.max(0, span.from - first); i < to; i++) words[i] = this.#show(span, words[i]!);
    }
  }

  /** Forgets what no word shows any more. */
  forgetBefore(sample: number): void {
    if (this.#spans.length > 0) this.#spans = this.#spans.filter(({ to }) => to > sample);
  }

  /** The board has stopped: nothing goes on. */
  stop(): void {
    this.#pending = new Map();
    this.#spans = [];
    this.#busyUntil.clear();
  }

  #show({ steps, bits }: Span, word: number): number {
    if (steps === 0) return word | bits;
    const others = word & ~IDLE_STIM_WORD & 0xff00;
    return makeStimWord({ steps, ampSettle: false, chargeRecovery: false, atCompliance: false }) | others | bits;
  }

  #fire(channel: number, output: Output, sample: number): void {
    const length = output.phases.reduce((sum, [, samples]) => sum + samples, 0);
    const begin = sample + output.delay;
    const last = begin + (output.pulses - 1) * output.period;
    for (let at = begin; at <= last; at += Math.max(1, output.period)) this.#begin(channel, output, at);
    const end = last + length;
    const [before, after] = output.settle;
    if (before > 0) this.#mark(channel, [begin - before, begin], AMP_SETTLE);
    if (after > 0) this.#mark(channel, [begin, end + after], AMP_SETTLE);
    const [on, off] = output.recovery;
    if (off > on) this.#mark(channel, [end + on, end + off], CHARGE_RECOVERY);
    this.#busyUntil.set(channel, end + output.refractory);
  }

  #begin(channel: number, { phases }: Output, sample: number): void {
    const { stepUa, sampleRateHz, isAtCompliance } = this.#options;
    const made: PulsePhase[] = [];
    let at = sample;
    for (const [steps, samples] of phases) {
      const currentUa = Number((steps * stepUa).toPrecision(12));
      made.push({
        currentUa: microamps(currentUa),
        durationUs: microseconds(Number(((samples * 1e6) / sampleRateHz).toPrecision(12))),
      });
      const bits = isAtCompliance(channel, Math.abs(currentUa)) ? AT_COMPLIANCE & ~IDLE_STIM_WORD : 0;
      if (steps !== 0) this.#spans.push({ channel, from: at, to: at + samples, steps, bits });
      at += samples;
    }
    const together = this.#pending.get(sample);
    const pulse = { electrode: channel, phases: made };
    if (together === undefined) this.#pending.set(sample, [pulse]);
    else together.push(pulse);
  }

  #mark(channel: number, [from, to]: readonly [number, number], word: number): void {
    this.#spans.push({ channel, from, to, steps: 0, bits: word & ~IDLE_STIM_WORD });
  }

  #read(channel: number): Output {
    const { channels, store, stepUa, sampleRateHz } = this.#options;
    const get = (item: string): string => store.get(channels[channel]!, item);
    const steps = (item: string): number => Math.round(Number(get(item)) / stepUa);
    const samples = (item: string): number => Math.round((Number(get(item)) * sampleRateHz) / 1e6);
    const sign = get('Polarity') === 'NegativeFirst' ? -1 : 1;
    const first = [sign * steps('FirstPhaseAmplitudeMicroAmps'), samples('FirstPhaseDurationMicroseconds')] as const;
    const second = [
      -sign * steps('SecondPhaseAmplitudeMicroAmps'),
      samples('SecondPhaseDurationMicroseconds'),
    ] as const;
    const gap = [0, samples('InterphaseDelayMicroseconds')] as const;
    const shapes: Readonly<Record<string, Output['phases']>> = {
      Biphasic: [first, second],
      BiphasicWithInterphaseDelay: [first, gap, second],
      Triphasic: [first, second, first],
    };
    const isTrain = get('PulseOrTrain') === 'PulseTrain';
    const settles = get('EnableAmpSettle') === 'True';
    const recovers = get('EnableChargeRecovery') === 'True';
    return {
      enabled: get('StimEnabled') === 'True',
      source: get('Source'),
      delay: samples('PostTriggerDelayMicroseconds'),
      phases: shapes[get('Shape')] ?? [],
      pulses: isTrain ? Number(get('NumberOfStimPulses')) : 1,
      period: samples('PulseTrainPeriodMicroseconds'),
      refractory: samples('RefractoryPeriodMicroseconds'),
      settle: settles ? [samples('PreStimAmpSettleMicroseconds'), samples('PostStimAmpSettleMicroseconds')] : [0, 0],
      recovery: recovers
        ? [samples('PostStimChargeRecovOnMicroseconds'), samples('PostStimChargeRecovOffMicroseconds')]
        : [0, 0],
    };
  }
}
