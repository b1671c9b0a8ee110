import { sampleIndex, type SampleIndex } from '../../protocols/units.js';

/** Samples that were left out of the stream. */
export interface RestedStretch {
  readonly fromSample: SampleIndex;
  /** The sample that comes next. */
  readonly toSample: SampleIndex;
}

interface OpenRest {
  readonly fromSample: number;
  readonly toSample: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A rest of a recorder that goes on sampling: which samples are to be left out, and who waits for their end. */
export class RestWindow {
  #rest: OpenRest | undefined;

  get isOpen(): boolean {
    return this.#rest !== undefined;
  }

  /** Resolves when the samples have passed; rejects with what ends the rest before. */
  open(fromSample: number, durationSamples: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#rest = { fromSample, toSample: fromSample + durationSamples, resolve, reject };
    });
  }

  /** The first sample that is not left out; `sample` itself where there is no rest. */
  skipFrom(sample: number): number {
    return Math.max(sample, this.#rest?.toSample ?? sample);
  }

  /** Samples up to `endSample` have passed, whether they came or not; returns the rest when it is over with them. */
  pass(endSample: number): RestedStretch | undefined {
    const rest = this.#rest;
    if (rest === undefined || endSample < rest.toSample) return undefined;
    this.#rest = undefined;
    rest.resolve();
    return stretch(rest.fromSample, rest.toSample);
  }

  /** Ends a rest before its time; returns what was left out until `atSample`, undefined for nothing. */
  breakOff(atSample: number, error: Error): RestedStretch | undefined {
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    this.#rest = undefined;
    rest.reject(error);
    return atSample > rest.fromSample ? stretch(rest.fromSample, atSample) : undefined;
  }
}

function stretch(fromSample: number, toSample: number): RestedStretch {
  return { fromSample: sampleIndex(fromSample), toSample: sampleIndex(toSample) };
}
