import { probeLimit, type ArtefactPlan } from './artefact-settings.js';
import { createFade, createLocalCubic, weighMoments, weighProbe, type LocalCubic } from './local-cubic.js';

/** One channel from its first sample to its last. */
export interface ChannelRecording {
  /** (frames) raw units. */
  readonly samples: Int16Array;
  readonly gainUvPerBit: number;
  /** The channel's noise, uV. */
  readonly noiseUv: number;
  /** Stretches that the stimuli blank on this channel, by rising first sample: pulse and blank after it. */
  readonly blanks: readonly { readonly from: number; readonly to: number }[];
}

/** The same, after artefact handling. */
export interface HandledChannel {
  /** (frames) uV. */
  readonly samplesUv: Float32Array;
  /** (frames) 1 where nothing could be seen. */
  readonly blind: Uint8Array;
}

/** A fitted cubic: coefficients of t from the sample `centre`. */
interface Fit {
  readonly centre: number;
  readonly a: readonly [number, number, number, number];
}

/**
 * What the kernels do, written to be read: one channel, the whole recording at once, each sum made afresh. Bit for bit
 * the same, because the sums are of integers below 2^53 and everything else has the same order.
 */
export function handleChannel(plan: ArtefactPlan, recording: ChannelRecording): HandledChannel {
  return new ChannelTwin(plan, recording).handle();
}

class ChannelTwin {
  readonly #plan: ArtefactPlan;
  readonly #recording: ChannelRecording;
  readonly #cubic: LocalCubic;
  readonly #fade: Float32Array;
  /** As float32: a sample times it, rounded once, is what a float32 multiplication gives. */
  readonly #gain: number;
  readonly #out: Float32Array;
  readonly #blind: Uint8Array;
  /** The level that is held, uV. */
  #heldUv = 0;

  constructor(plan: ArtefactPlan, recording: ChannelRecording) {
    this.#plan = plan;
    this.#recording = recording;
    this.#cubic = createLocalCubic(plan.halfWindow);
    this.#fade = createFade(plan.fade);
    this.#gain = Math.fround(recording.gainUvPerBit);
    this.#out = new Float32Array(recording.samples.length);
    this.#blind = new Uint8Array(recording.samples.length);
  }

  handle(): HandledChannel {
    const { samples } = this.#recording;
    const isBad = this.#findBad();
    let start = 0;
    while (start < samples.length) {
      if (isBad[start] === 1) {
        this.#out[start] = this.#heldUv;
        this.#blind[start] = 1;
        start++;
        continue;
      }
      let end = start + 1;
      while (end < samples.length && isBad[end] === 0) end++;
      this.#handleRun(start, end);
      start = end;
    }
    return { samplesUv: this.#out, blind: this.#blind };
  }

  /** 1 for samples that a stimulus blanks, and for the rail with its guard. */
  #findBad(): Uint8Array {
    const { mode, railLow, railHigh, railGuard } = this.#plan;
    const { samples, blanks } = this.#recording;
    const isBad = new Uint8Array(samples.length);
    if (mode === 'off') return isBad;
    for (const { from, to } of blanks) isBad.fill(1, from, to);
    for (let n = 0; n < samples.length; n++) {
      if (samples[n]! <= railLow || samples[n]! >= railHigh) isBad.fill(1, n, n + railGuard + 1);
    }
    return isBad;
  }

  /** Samples [start, end) are good, the ones on both sides are not. */
  #handleRun(start: number, end: number): void {
    const { mode } = this.#plan;
    const isRaw = mode === 'off' || mode === 'blank' || (mode === 'after-stimulus' && start === 0);
    if (isRaw) {
      for (let n = start; n < end; n++) this.#out[n] = this.#rawUv(n);
      this.#heldUv = this.#meanUv(Math.max(start, end - this.#plan.hold), end);
    } else this.#subtract(start, end);
  }

  #subtract(start: number, end: number): void {
    const { halfWindow, form, edgeGuard } = this.#plan;
    const first = this.#findFit(start, end);
    const held = this.#heldUv;
    for (let n = start; n < Math.min(first, end); n++) {
      this.#out[n] = held;
      this.#blind[n] = 1;
    }
    if (first >= end) return;
    const begin = form === 'symmetric' ? first : first + 2 * halfWindow;
    this.#out.fill(held, first, begin);
    this.#blind.fill(1, first, Math.min(begin + edgeGuard, end));
    const fadeStart = this.#fadeStart(start, begin);
    const early = this.#fitAround(first + halfWindow);
    const late = this.#fitAround(end - 1 - halfWindow);
    for (let n = begin; n < end; n++) {
      const left = Math.fround(this.#residualUv(n, { early, late }) + held);
      this.#out[n] = this.#mix(n, left, this.#shareAt(n - fadeStart));
    }
    this.#holdAfter(end, start, this.#shareAt(end - fadeStart));
  }

  #mix(n: number, leftUv: number, share: number): number {
    if (share === 1) return leftUv;
    const raw = this.#rawUv(n);
    return share === 0 ? raw : raw + Math.fround(share * Math.fround(leftUv - raw));
  }

  /** Share of the fit that is subtracted so many samples after the beginning of the fade. */
  #shareAt(k: number): number {
    return k < 0 ? 1 : k < this.#plan.fade ? this.#fade[k]! : 0;
  }

  /** First sample whose fit is not subtracted in full. */
  #fadeStart(start: number, begin: number): number {
    return this.#plan.mode === 'always' ? Number.POSITIVE_INFINITY : Math.max(start + this.#plan.active, begin);
  }

  #holdAfter(end: number, start: number, share: number): void {
    if (share === 1) return;
    const mean = this.#meanUv(Math.max(start, end - this.#plan.hold), end);
    this.#heldUv = share === 0 ? mean : Math.fround(mean + Math.fround(share * Math.fround(this.#heldUv - mean)));
  }

  /** First sample of the first window that the cubic fits; `end` when there is none before it. */
  #findFit(start: number, end: number): number {
    const { halfWindow, probeSamples } = this.#plan;
    const { samples, noiseUv } = this.#recording;
    const limit = probeLimit(this.#plan, noiseUv, this.#gain);
    const weights = weighProbe(this.#cubic, probeSamples);
    for (let n0 = start; n0 + 2 * halfWindow < end; n0++) {
      let sum = 0;
      for (let i = 0; i < probeSamples; i++) sum += samples[n0 + i]!;
      if (Math.abs(sum - this.#weigh(n0 + halfWindow, weights)) <= limit) return n0;
    }
    return end;
  }

  /** Weighted sum of the moments around a centre. */
  #weigh(centre: number, weights: readonly number[]): number {
    const [w0, w1, w2, w3] = this.#moments(centre);
    return weights[0]! * w0 + weights[1]! * w1 + (weights[2]! * w2 + weights[3]! * w3);
  }

  #residualUv(n: number, { early, late }: { readonly early: Fit; readonly late: Fit }): number {
    const { halfWindow, form } = this.#plan;
    const { samples } = this.#recording;
    if (form === 'one-sided') {
      const value = this.#weigh(n - halfWindow, weighMoments(this.#cubic, [halfWindow]));
      return Math.fround((samples[n]! - value) * this.#gain);
    }
    const held = n <= early.centre ? early : n > late.centre ? late : undefined;
    if (held !== undefined) {
      const t = n - held.centre;
      const [a0, a1, a2, a3] = held.a;
      return Math.fround((samples[n]! - (((a3 * t + a2) * t + a1) * t + a0)) * this.#gain);
    }
    const [w0, , w2] = this.#moments(n);
    const [scale, divisor] = this.#cubic.centre;
    return Math.fround((divisor * samples[n]! - (scale * w0 - 15 * w2)) * (this.#gain / divisor));
  }

  #fitAround(centre: number): Fit {
    const { even, odd } = this.#cubic;
    const [w0, w1, w2, w3] = this.#moments(centre);
    return {
      centre,
      a: [
        even[0] * w0 + even[1] * w2,
        odd[0] * w1 + odd[1] * w3,
        even[1] * w0 + even[2] * w2,
        odd[1] * w1 + odd[2] * w3,
      ],
    };
  }

  /** Moments 0 to 3 of the window around a centre: integers, exact. */
  #moments(centre: number): [number, number, number, number] {
    const { halfWindow } = this.#plan;
    const { samples } = this.#recording;
    const moments: [number, number, number, number] = [0, 0, 0, 0];
    for (let t = -halfWindow; t <= halfWindow; t++) {
      const value = samples[centre + t]!;
      moments[0] += value;
      moments[1] += t * value;
      moments[2] += t * t * value;
      moments[3] += t * t * t * value;
    }
    return moments;
  }

  #rawUv(n: number): number {
    return Math.fround(this.#recording.samples[n]! * this.#gain);
  }

  #meanUv(from: number, to: number): number {
    let sum = 0;
    for (let n = from; n < to; n++) sum += this.#recording.samples[n]!;
    return Math.fround((sum / (to - from)) * this.#gain);
  }
}
