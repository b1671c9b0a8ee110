import type { SpikeBatch } from './spike-batch.js';

/** No spikes; arrays without elements may be shared. */
const NONE = { samples: new Float64Array(0), electrodes: new Uint16Array(0), amplitudesUv: new Float32Array(0) };

/** Spikes as columns that grow. A class because its arrays are reused. */
export class SpikeColumns {
  samples = new Float64Array(64);
  electrodes = new Uint16Array(64);
  amplitudesUv = new Float32Array(64);
  count = 0;

  /** Adds one spike: sample of its peak, electrode, voltage. */
  push(sample: number, electrode: number, amplitudeUv: number): void {
    if (this.count === this.samples.length) this.#grow();
    this.samples[this.count] = sample;
    this.electrodes[this.count] = electrode;
    this.amplitudesUv[this.count] = amplitudeUv;
    this.count++;
  }

  /** Moves the spike at `from` to `to`. */
  move(from: number, to: number): void {
    this.samples[to] = this.samples[from]!;
    this.electrodes[to] = this.electrodes[from]!;
    this.amplitudesUv[to] = this.amplitudesUv[from]!;
  }

  /** Hands out copies of the columns, and begins anew. */
  take(): Pick<SpikeBatch, 'samples' | 'electrodes' | 'amplitudesUv'> {
    const { count } = this;
    if (count === 0) return NONE;
    this.count = 0;
    return {
      samples: this.samples.slice(0, count),
      electrodes: this.electrodes.slice(0, count),
      amplitudesUv: this.amplitudesUv.slice(0, count),
    };
  }

  #grow(): void {
    const size = 2 * this.samples.length;
    const { samples, electrodes, amplitudesUv } = this;
    this.samples = new Float64Array(size);
    this.samples.set(samples);
    this.electrodes = new Uint16Array(size);
    this.electrodes.set(electrodes);
    this.amplitudesUv = new Float32Array(size);
    this.amplitudesUv.set(amplitudesUv);
  }
}
