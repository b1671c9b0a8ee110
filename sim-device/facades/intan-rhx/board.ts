import { SPIKE_BYTES, SPIKE_MAGIC } from '../../../protocols/intan-rhx/spike-decoder.js';
import {
  AMPLIFIER_BANDS,
  AMPLIFIER_UV_PER_BIT,
  AMPLIFIER_ZERO,
  BLOCK_FRAMES,
  DC_ZERO,
  layOutWaveform,
  WAVEFORM_MAGIC,
  type AmplifierBand,
  type WaveformLayout,
} from '../../../protocols/intan-rhx/waveform-layout.js';
import type { EmulatedRig } from '../../rig/emulated-rig.js';
import type { ParameterStore } from './parameter-store.js';
import type { Stimulators } from './stimulators.js';

const ENABLING: Readonly<Record<AmplifierBand, string>> = {
  wide: 'TCPDataOutputEnabled',
  low: 'TCPDataOutputEnabledLow',
  high: 'TCPDataOutputEnabledHigh',
  dc: 'TCPDataOutputEnabledDC',
  stim: 'TCPDataOutputEnabledStim',
};
const DIGITAL_INPUTS = Array.from({ length: 16 }, (_, i) => `DIGITAL-IN-${String(i + 1).padStart(2, '0')}`);

/** Where samples come from and blocks go to. */
export interface BoardPorts {
  readonly rig: EmulatedRig;
  readonly channels: readonly string[];
  readonly store: ParameterStore;
  readonly stimulators: Stimulators;
  readonly sendWaveform: (bytes: Uint8Array) => void;
  readonly sendSpikes: (bytes: Uint8Array) => void;
}

/** Names of what has no amplifier. */
export const BOARD_CHANNELS: readonly string[] = [
  ...Array.from({ length: 8 }, (_, i) => `ANALOG-IN-${i + 1}`),
  ...DIGITAL_INPUTS,
  ...Array.from({ length: 16 }, (_, i) => `DIGITAL-OUT-${String(i + 1).padStart(2, '0')}`),
];

/** The acquisition board while it runs: blocks of 128 frames, on a counter that begins at 0. */
export class Board {
  readonly #ports: BoardPorts;
  /** The rig's sample that has the time stamp 0. */
  readonly #origin: number;
  readonly #samples: Int16Array;
  readonly #digital = new Uint16Array(BLOCK_FRAMES);
  readonly #belowThreshold: Uint8Array;
  #filled = 0;
  /** Blocks since the last write. */
  #blocks = 0;
  #waiting: Uint8Array[] = [];
  #spikes: Uint8Array[] = [];
  /** Bit n - 1: digital input n is high. */
  digitalWord = 0;

  constructor(ports: BoardPorts) {
    this.#ports = ports;
    this.#origin = ports.rig.nextSample;
    this.#samples = new Int16Array(BLOCK_FRAMES * ports.rig.channels);
    this.#belowThreshold = new Uint8Array(ports.rig.channels);
  }

  /** Frames until the present block is full. */
  get room(): number {
    return BLOCK_FRAMES - this.#filled;
  }

  /** Time stamp of the next sample. */
  get timestamp(): number {
    return this.#ports.rig.nextSample - this.#origin;
  }

  /** Samples the next frames, at most `room`. */
  render(frames: number): void {
    const { rig } = this.#ports;
    this.#samples.set(rig.render(frames), this.#filled * rig.channels);
    this.#digital.fill(this.digitalWord, this.#filled, this.#filled + frames);
    this.#filled += frames;
    if (this.#filled === BLOCK_FRAMES) this.#complete();
  }

  #complete(): void {
    const { store, stimulators } = this.#ports;
    this.#filled = 0;
    const first = this.timestamp - BLOCK_FRAMES;
    const layout = this.#layOut();
    if (layout !== undefined) this.#waiting.push(this.#write(layout, first));
    this.#findSpikes(first);
    stimulators.forgetBefore(this.#origin + this.timestamp);
    this.#blocks += 1;
    if (this.#blocks < Number(store.get('', 'TCPNumberDataBlocksPerWrite'))) return;
    this.#blocks = 0;
    if (this.#waiting.length > 0) this.#ports.sendWaveform(Buffer.concat(this.#waiting));
    if (this.#spikes.length > 0) this.#ports.sendSpikes(Buffer.concat(this.#spikes));
    this.#waiting = [];
    this.#spikes = [];
  }

  /** What is enabled now; it may change from block to block, and nothing in the stream says so. */
  #layOut(): WaveformLayout | undefined {
    const { channels, store } = this.#ports;
    const amplifiers = new Map<string, ReadonlySet<AmplifierBand>>();
    for (const channel of channels) {
      const bands = AMPLIFIER_BANDS.filter((band) => store.isOn(channel, ENABLING[band]));
      if (bands.length > 0) amplifiers.set(channel, new Set(bands));
    }
    const analogIn = [1, 2, 3, 4, 5, 6, 7, 8].filter((input) => store.isOn(`ANALOG-IN-${input}`, ENABLING.wide));
    const digitalIn = DIGITAL_INPUTS.some((name) => store.isOn(name, ENABLING.wide));
    if (amplifiers.size === 0 && analogIn.length === 0 && !digitalIn) return undefined;
    return layOutWaveform({ amplifiers, analogIn, digitalIn });
  }

  #write(layout: WaveformLayout, first: number): Uint8Array {
    const bytes = new Uint8Array(layout.blockBytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, WAVEFORM_MAGIC, true);
    for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
      view.setUint32(4 + frame * layout.frameBytes, (first + frame) % 2 ** 32, true);
    }
    for (const [place, word] of layout.words.entries()) {
      const values = this.#valuesOf(word, first);
      for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
        view.setUint16(8 + frame * layout.frameBytes + 2 * place, values[frame]!, true);
      }
    }
    return bytes;
  }

  #valuesOf(word: WaveformLayout['words'][number], first: number): Uint16Array {
    const values = new Uint16Array(BLOCK_FRAMES);
    if (word.type === 'digital-in') return this.#digital;
    if (word.type !== 'amplifier') return values.fill(word.type === 'analog-in' ? AMPLIFIER_ZERO : 0);
    const { channels, rig, stimulators } = this.#ports;
    const channel = channels.indexOf(word.channel);
    if (word.band === 'dc') return values.fill(DC_ZERO);
    if (word.band === 'stim') {
      stimulators.writeWords(channel, this.#origin + first, values);
      return values;
    }
    for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
      values[frame] = this.#samples[frame * rig.channels + channel]! + AMPLIFIER_ZERO;
    }
    return values;
  }

  /** A spike where a sample falls below the threshold, as a record. */
  #findSpikes(first: number): void {
    const { channels, store, rig } = this.#ports;
    for (const [channel, name] of channels.entries()) {
      if (!store.isOn(name, 'TCPDataOutputEnabledSpike')) continue;
      const threshold = Number(store.get(name, 'SpikeThresholdMicroVolts')) / AMPLIFIER_UV_PER_BIT;
      for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
        const isBelow = this.#samples[frame * rig.channels + channel]! < threshold;
        if (isBelow && this.#belowThreshold[channel] === 0) this.#spikes.push(toSpikeRecord(name, first + frame));
        this.#belowThreshold[channel] = isBelow ? 1 : 0;
      }
    }
  }
}

function toSpikeRecord(name: string, timestamp: number): Uint8Array {
  const bytes = new Uint8Array(SPIKE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SPIKE_MAGIC, true);
  for (let i = 0; i < 5; i++) bytes[4 + i] = name.charCodeAt(i);
  view.setUint32(9, timestamp % 2 ** 32, true);
  view.setUint8(13, 1);
  return bytes;
}
