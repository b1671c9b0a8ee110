import { MeaError } from '../../../protocols/errors.js';
import { EMULATED_MARK } from '../../../protocols/open-ephys/emulated-mark.js';
import { encodeZmqMessage, type ZmqParts } from '../../../protocols/open-ephys/encode-zmq.js';
import type { OpenEphysMode } from '../../../protocols/open-ephys/http-api.js';
import type { DataMessage, LineMessage } from '../../../protocols/open-ephys/zmq-messages.js';
import type { Pulse } from '../../../protocols/stimulation/stim-pattern.js';
import { MAX_RENDER_FRAMES, type EmulatedRig } from '../../rig/emulated-rig.js';

/** Processors of the emulated signal chain. */
export const SOURCE_NODE = 100;
export const RECORD_NODE = 101;
export const ZMQ_NODE = 102;

/** Frames of a buffer unless others are asked for: 64 channels at 30 kHz are then 1,875 messages a second. */
const DEFAULT_BUFFER_FRAMES = 1024;
const MAX_LINES = 64;

/** A message before it is published. */
export type ProgramMessage = Omit<DataMessage, 'isCut'> | Omit<LineMessage, 'isCut'>;

export interface ProgramOptions {
  readonly rig: EmulatedRig;
  readonly publish: (parts: ZmqParts) => void;
  /** Must contain `mea-sim`; that alone by default. */
  readonly stream?: string | undefined;
  /** (channels) CH1, CH2 and so on by default. */
  readonly channelNames?: readonly string[] | undefined;
  readonly bufferFrames?: number | undefined;
  /** False for a signal chain without a Record Node: it cannot record. */
  readonly canRecord?: boolean | undefined;
  /** Takes the texts that were broadcast while the program acquired: how plugins are driven. */
  readonly onBroadcast?: ((text: string) => void) | undefined;
  /** The program's own milliseconds. */
  readonly nowMs?: (() => number) | undefined;
}

/**
 * What Open Ephys does with an emulated rig as its source, without any socket: samples and lines go out in buffers, a
 * message for each channel, numbered from 1 since the acquisition began. The sample counter begins at 0 with each.
 * Time passes by `advance` alone; what the electrodes have while nothing is acquired is lost.
 */
export class EmulatedProgram {
  readonly stream: string;
  readonly channelNames: readonly string[];
  /** Numbers of the messages that `dropWhere` has taken out: the proof that the fault was there. */
  readonly dropped: number[] = [];
  /** Leaves messages out after they were numbered, as a publisher does whose reader is slow; null for none. */
  dropWhere: ((message: ProgramMessage) => boolean) | null = null;
  readonly #options: ProgramOptions;
  readonly #rig: EmulatedRig;
  readonly #bufferFrames: number;
  readonly #buffer: Int16Array;
  #buffered = 0;
  #lines: { readonly sampleNum: number; readonly line: number; readonly isHigh: boolean; readonly word: bigint }[] = [];
  #word = 0n;
  #pulses: Pulse[] = [];
  #mode: OpenEphysMode = 'IDLE';
  #origin = 0;
  #messageNum = 0;
  #published = 0;
  #recordings = 0;

  /** @throws MeaError `bad-input` for a stream without `mea-sim` in its name, or names that are not one a channel */
  constructor(options: ProgramOptions) {
    const { rig, stream = EMULATED_MARK, bufferFrames = DEFAULT_BUFFER_FRAMES } = options;
    this.#options = options;
    this.#rig = rig;
    this.#bufferFrames = bufferFrames;
    this.#buffer = new Int16Array(bufferFrames * rig.channels);
    this.stream = stream;
    this.channelNames = options.channelNames ?? Array.from({ length: rig.channels }, (_, c) => `CH${c + 1}`);
    if (!stream.includes(EMULATED_MARK)) throw badOption('stream', stream, `a name with ${EMULATED_MARK} in it`);
    if (this.channelNames.length !== rig.channels) {
      throw badOption('channel names', String(this.channelNames.length), `${rig.channels} of them`);
    }
    if (!(Number.isInteger(bufferFrames) && bufferFrames >= 1)) {
      throw badOption('bufferFrames', String(bufferFrames), 'a whole number of at least 1');
    }
  }

  get sampleRateHz(): number {
    return this.#rig.sampleRateHz;
  }

  get mode(): OpenEphysMode {
    return this.#mode;
  }

  /** The rig's sample that was number 0 of the last acquisition. */
  get origin(): number {
    return this.#origin;
  }

  /** The sample that comes next, on the counter of the acquisition. */
  get nextSample(): number {
    return this.#rig.nextSample - this.#origin;
  }

  /** Messages that went out since the program was started, and recordings that were begun. */
  get published(): number {
    return this.#published;
  }
  get recordings(): number {
    return this.#recordings;
  }

  /** As over HTTP: to record one must have a Record Node, and `ACQUIRE` ends a recording. */
  setMode(mode: OpenEphysMode): void {
    if (mode === 'RECORD' && this.#options.canRecord === false) return;
    if (mode === this.#mode) return;
    if (this.#mode === 'IDLE') this.#begin();
    if (mode === 'RECORD') this.#recordings += 1;
    if (mode === 'IDLE') this.#drop();
    this.#mode = mode;
  }

  /** A text for all plugins; heard only while the program acquires. */
  broadcast(text: string): void {
    if (this.#mode !== 'IDLE') this.#options.onBroadcast?.(text);
  }

  /** Pulses begin now, at the next sample. */
  deliver(pulses: readonly Pulse[]): void {
    this.#pulses.push(...pulses);
  }

  /** A line changes now, at the next sample; from 1. */
  setLine(line: number, isHigh: boolean): void {
    if (!(Number.isInteger(line) && line >= 1 && line <= MAX_LINES)) {
      throw badOption('line', String(line), `1 to ${MAX_LINES}`);
    }
    const bit = 1n << BigInt(line - 1);
    if (((this.#word & bit) !== 0n) === isHigh) return;
    this.#word ^= bit;
    const sampleNum = this.#rig.nextSample - this.#origin;
    if (this.#mode !== 'IDLE') this.#lines.push({ sampleNum, line, isHigh, word: this.#word });
  }

  /** Lets time pass, in samples; publishes each buffer that fills. */
  advance(frames: number): void {
    for (let left = frames; left > 0;) {
      const count = Math.min(left, this.#bufferFrames - this.#buffered, MAX_RENDER_FRAMES);
      this.#pass(count);
      left -= count;
    }
  }

  #pass(frames: number): void {
    if (this.#pulses.length > 0) this.#rig.deliver(this.#pulses, this.#rig.nextSample);
    this.#pulses = [];
    const samples = this.#rig.render(frames);
    if (this.#mode === 'IDLE') return;
    this.#buffer.set(samples, this.#buffered * this.#rig.channels);
    this.#buffered += frames;
    if (this.#buffered === this.#bufferFrames) this.#publishBuffer();
  }

  #begin(): void {
    this.#drop();
    this.#origin = this.#rig.nextSample;
    this.#messageNum = 0;
  }

  /** A buffer that is not full does not go out. */
  #drop(): void {
    this.#buffered = 0;
    this.#lines = [];
  }

  /** Events first, then the channels one by one. */
  #publishBuffer(): void {
    const sampleNum = this.#rig.nextSample - this.#origin - this.#bufferFrames;
    for (const line of this.#lines) {
      this.#publish({ type: 'line', messageNum: 0, stream: this.stream, sourceNode: SOURCE_NODE, ...line });
    }
    for (const [channelNum, channelName] of this.channelNames.entries()) {
      this.#publish({
        type: 'data',
        messageNum: 0,
        stream: this.stream,
        channelNum,
        channelName,
        numSamples: this.#bufferFrames,
        sampleNum,
        sampleRateHz: this.sampleRateHz,
        samples: this.#voltagesOf(channelNum),
      });
    }
    this.#drop();
  }

  /** (bufferFrames) float32 microvolts of a channel. */
  #voltagesOf(channel: number): Uint8Array {
    const { channels, gainUvPerBit } = this.#rig;
    const voltages = new Float32Array(this.#bufferFrames);
    for (let f = 0; f < voltages.length; f++) voltages[f] = this.#buffer[f * channels + channel]! * gainUvPerBit;
    return new Uint8Array(voltages.buffer);
  }

  #publish(message: ProgramMessage): void {
    this.#messageNum += 1;
    const numbered = { ...message, messageNum: this.#messageNum };
    if (this.dropWhere?.(numbered) === true) {
      this.dropped.push(numbered.messageNum);
      return;
    }
    this.#published += 1;
    this.#options.publish(encodeZmqMessage(numbered, Math.round(this.#options.nowMs?.() ?? 0)));
  }
}

function badOption(what: string, got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad ${what} of the emulated Open Ephys`, got, wanted });
}
