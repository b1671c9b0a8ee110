import { sampleIndex } from '../../../protocols/units.js';
import type { SpikesPayload } from './payloads.js';

/** Batches of spikes that become one record. A class because it holds them. */
export class SpikeCollector {
  #batches: SpikesPayload[] = [];
  #spikes = 0;
  #spans = 0;

  add(batch: SpikesPayload): void {
    this.#batches.push(batch);
    this.#spikes += batch.samples.length;
    this.#spans += batch.blind.from.length;
  }

  /** All of them as one, in their order; undefined when there are none. */
  take(): SpikesPayload | undefined {
    const [first] = this.#batches;
    if (first === undefined) return undefined;
    const whole = {
      from: first.from,
      to: sampleIndex(this.#batches.at(-1)!.to),
      samples: new Float64Array(this.#spikes),
      electrodes: new Uint16Array(this.#spikes),
      amplitudesUv: new Float32Array(this.#spikes),
      blind: {
        electrodes: new Uint16Array(this.#spans),
        from: new Float64Array(this.#spans),
        to: new Float64Array(this.#spans),
      },
    };
    let at = 0;
    let span = 0;
    for (const { samples, electrodes, amplitudesUv, blind } of this.#batches) {
      whole.samples.set(samples, at);
      whole.electrodes.set(electrodes, at);
      whole.amplitudesUv.set(amplitudesUv, at);
      at += samples.length;
      whole.blind.electrodes.set(blind.electrodes, span);
      whole.blind.from.set(blind.from, span);
      whole.blind.to.set(blind.to, span);
      span += blind.from.length;
    }
    this.#batches = [];
    this.#spikes = 0;
    this.#spans = 0;
    return whole;
  }
}
