import { updateCrc32c } from '../../protocols/mea-link/crc32c.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { EmulatedRig } from '../rig/emulated-rig.js';
import type { DataBody } from './device-events.js';

/**
 * The recording half of the device: turns what the rig samples into blocks, and counts them.
 *
 * The device's counter is the rig's plus an offset, so that a counter may begin anywhere and may step, as a fault.
 */
export class Acquisition {
  readonly #rig: EmulatedRig;
  readonly #emit: (body: DataBody) => void;
  #offset: number;
  #block: Int16Array;
  #blockFrames: number;
  #filled = 0;
  #blocks = 0;
  #frames = 0;
  #crc = 0;

  /**
   * @param rig what is sampled
   * @param options frames in a block, the device's counter at boot
   * @param emit takes each message; it must use the samples of a block before it returns
   */
  constructor(
    rig: EmulatedRig,
    options: { readonly blockFrames: number; readonly startSample: number },
    emit: (body: DataBody) => void,
  ) {
    this.#rig = rig;
    this.#emit = emit;
    this.#offset = options.startSample - rig.nextSample;
    this.#blockFrames = options.blockFrames;
    this.#block = new Int16Array(options.blockFrames * rig.channels);
  }

  /** The sample that comes next, on the device's counter. */
  get nextSample(): SampleIndex {
    return sampleIndex(this.#rig.nextSample + this.#offset);
  }

  get blockFrames(): number {
    return this.#blockFrames;
  }

  /** Frames until the present block is full. */
  get room(): number {
    return this.#blockFrames - this.#filled;
  }

  /** The rig's sample that has this number on the device's counter. */
  toRigSample(sample: number): number {
    return sample - this.#offset;
  }

  setBlockFrames(frames: number): void {
    this.#blockFrames = frames;
    this.#block = new Int16Array(frames * this.#rig.channels);
  }

  start(): void {
    this.#blocks = 0;
    this.#frames = 0;
    this.#crc = 0;
    this.#emit({ type: 'stream-started', firstSample: this.nextSample });
  }

  /** Samples the next frames, at most `room`, and sends the block when it is full. */
  render(frames: number): void {
    const samples = this.#rig.render(frames);
    if (frames === this.#blockFrames) {
      this.#send(samples, frames);
      return;
    }
    this.#block.set(samples, this.#filled * this.#rig.channels);
    this.#filled += frames;
    if (this.room === 0) this.#flush();
  }

  /** A rest: what was sampled goes out, then the counter jumps. */
  rest(samples: number): void {
    this.#flush();
    const fromSample = this.nextSample;
    this.#rig.rest(samples);
    this.#emit({ type: 'rested', fromSample, toSample: this.nextSample });
  }

  /** The counter jumps although no sample is missing: a fault of the clock. */
  step(samples: number): void {
    this.#flush();
    this.#offset += samples;
  }

  stop(): void {
    this.#flush();
    this.#emit({
      type: 'stream-ended',
      endSample: this.nextSample,
      blocks: this.#blocks,
      frames: this.#frames,
      samplesCrc32c: this.#crc,
    });
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const frames = this.#filled;
    this.#filled = 0;
    this.#send(this.#block.subarray(0, frames * this.#rig.channels), frames);
  }

  #send(samples: Int16Array, frames: number): void {
    const { channels } = this.#rig;
    this.#blocks += 1;
    this.#frames += frames;
    this.#crc = updateCrc32c(this.#crc, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    this.#emit({ type: 'block', firstSample: sampleIndex(this.nextSample - frames), frames, channels, samples });
  }
}
