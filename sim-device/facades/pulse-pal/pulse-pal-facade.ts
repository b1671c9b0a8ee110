import type { SerialFacade } from '../serial-facade.js';
import { pulsesOf, ZERO_CODE, type TrainPulse, type TrainSettings } from './pulse-pal-train.js';

/** A pulse that leaves an output; phases of 0 V are gaps. */
export interface PulsePalPulse {
  /** From 1. */
  readonly output: number;
  /** When it begins, in us of the facade's time. */
  readonly atUs: number;
  readonly phases: readonly { readonly volts: number; readonly durationUs: number }[];
}

export interface PulsePalFacadeOptions {
  /** Version that it answers the handshake with; default 21. */
  readonly firmware?: number;
  /** What a cable at its outputs carries. A pulse that stays at 0 V is none. */
  readonly onPulse?: (pulse: PulsePalPulse) => void;
}

/** A train that an output plays. */
interface Playing {
  readonly startCycle: number;
  readonly endCycle: number;
  readonly pulses: Iterator<TrainPulse>;
  next: TrainPulse | null;
}

const START = 213;
const CYCLE_US = 50;
const OUTPUTS = 4;
const CUSTOM_CAPACITY = 5001;
const SETTINGS_BYTES = 178;
/** A message that stands still for longer makes it give up until somebody clicks its joystick. */
const STALL_US = 500_000;
const FIXED_LENGTHS = new Map([
  [72, 0],
  [73, SETTINGS_BYTES],
  [77, 1],
  [79, 3],
  [80, 0],
  [81, 0],
  [82, 2],
  [85, 0],
  [86, 2],
  [87, 1],
  [89, 6],
]);

/**
 * A Pulse Pal 2 with its manners: bytes outside messages are skipped, a message that stands still ends in COMM. FAILURE,
 * half of its operations are not answered, and nothing is checked: what would be written beyond its memory is counted.
 * It begins with settings as a user left them: 5 V on every output at its first trigger input.
 * Not emulated: custom trains of bursts, looped custom trains, the other trigger modes.
 */
export class PulsePalFacade implements SerialFacade {
  readonly sampleRateHz = 1_000_000;
  /** What its display shows. */
  display = 'PULSE PAL 2';
  /** Writes beyond its memory: channels that it does not have, custom trains that are too long. */
  overruns = 0;
  /** Bytes outside messages. */
  skipped = 0;

  readonly #firmware: number;
  readonly #onPulse: (pulse: PulsePalPulse) => void;
  #listener: (bytes: Uint8Array) => void = () => undefined;
  #nowUs = 0;
  #input: number[] = [];
  #lastByteUs = 0;
  #hasFailed = false;
  /** In the order of operation 73. */
  #settings = createDefaultSettings();
  readonly #files = new Map<string, Uint8Array>();
  readonly #custom: [TrainSettings['custom'], TrainSettings['custom']] = [null, null];
  readonly #levels = [ZERO_CODE, ZERO_CODE, ZERO_CODE, ZERO_CODE];
  readonly #isLooping = [false, false, false, false];
  readonly #playing: (Playing | null)[] = [null, null, null, null];
  /** Triggers that came while a train was playing: they start it again at its end. */
  readonly #isTriggered = [false, false, false, false];

  constructor({ firmware = 21, onPulse = () => undefined }: PulsePalFacadeOptions = {}) {
    this.#firmware = firmware;
    this.#onPulse = onPulse;
  }

  onBytes(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
  }

  receive(bytes: Uint8Array): void {
    this.#lastByteUs = this.#nowUs;
    for (const byte of bytes) this.#input.push(byte);
    while (this.#takeMessage());
  }

  advance(durationUs: number): void {
    const untilUs = this.#nowUs + durationUs;
    if (this.#input.length > 0 && untilUs - this.#lastByteUs > STALL_US) this.#fail();
    for (let output = this.#nextDue(untilUs); output !== null; output = this.#nextDue(untilUs)) this.#play(output);
    this.#nowUs = untilUs;
  }

  /** A rising edge at a trigger input, 1 or 2. */
  raiseTrigger(input: 1 | 2): void {
    for (let output = 0; output < OUTPUTS; output++) {
      if (this.#settings[168 + 4 * (input - 1) + output] === 1 && this.#playing[output] === null) {
        this.#begin(output, Math.floor(this.#nowUs / CYCLE_US) + 1);
      }
    }
  }

  /** Somebody clicks the joystick: a failure is over, and the settings are those of its makers. */
  clickJoystick(): void {
    this.#abort();
    this.#hasFailed = false;
    this.#settings = createDefaultSettings();
    this.display = 'PULSE PAL 2';
  }

  /** The voltage at which an output stands between pulses. */
  levelVolts(output: number): number {
    return toVolts(this.#levels[output - 1] ?? ZERO_CODE);
  }

  isPlaying(output: number): boolean {
    return this.#playing[output - 1] !== null;
  }

  /** True when a message was taken, or a byte skipped. */
  #takeMessage(): boolean {
    if (this.#hasFailed) this.#input = [];
    if (this.#input.length === 0) return false;
    if (this.#input[0] !== START) {
      this.#input.shift();
      this.skipped += 1;
      return true;
    }
    const operation = this.#input[1];
    if (operation === undefined) return false;
    const length = this.#lengthOf(operation);
    if (length === null || this.#input.length < 2 + length) return false;
    const message = this.#input.splice(0, 2 + length);
    this.#execute(operation, Uint8Array.from(message.slice(2)));
    return true;
  }

  /** Bytes after the operation; null while the bytes that tell are not there. */
  #lengthOf(operation: number): number | null {
    const fixed = FIXED_LENGTHS.get(operation);
    if (fixed !== undefined) return fixed;
    const [first, second, third, fourth] = this.#input.slice(2, 6);
    switch (operation) {
      case 74:
        return first === undefined ? null : 2 + valueBytes(first);
      case 75:
      case 76:
        if (first === undefined || second === undefined || third === undefined || fourth === undefined) return null;
        return 4 + 6 * (first + 256 * (second + 256 * (third + 256 * fourth)));
      case 78:
        return first === undefined ? null : 1 + first;
      case 90:
        return second === undefined ? null : 2 + second;
      default:
        return 0;
    }
  }

  #execute(operation: number, data: Uint8Array): void {
    const view = new DataView(data.buffer);
    switch (operation) {
      case 72: {
        this.#say([0x4b, ...uint32(this.#firmware)]);
        return;
      }
      case 73:
        this.#settings = data.slice();
        for (let output = 0; output < OUTPUTS; output++) this.#levels[output] = this.#restingCode(output);
        {
          this.#say([1]);
          return;
        }
      case 74:
        this.#setParameter(data);
        {
          this.#say([1]);
          return;
        }
      case 75:
      case 76:
        this.#custom[operation === 75 ? 0 : 1] = this.#readCustom(view);
        {
          this.#say([1]);
          return;
        }
      case 77: {
        this.#softTrigger(data[0]!);
        return;
      }
      case 78:
        this.display = String.fromCharCode(...data.subarray(1)).replace(String.fromCharCode(254), '\n');
        return;
      case 79:
        this.#atOutput(data[0]!, (output) => (this.#levels[output] = view.getUint16(1, true)));
        {
          this.#say([1]);
          return;
        }
      case 80:
      case 81: {
        this.#abort();
        return;
      }
      case 82:
        this.#setLoop(data[0]!, data[1] === 1);
        {
          this.#say([1]);
          return;
        }
      case 85: {
        this.#say(Array.from(toFileOrder(this.#settings)));
        return;
      }
      case 87: {
        this.#say([0]);
        return;
      }
      case 89:
        this.display = `${String.fromCharCode(...data)} Connected`;
        return;
      case 90: {
        this.#useFile(data[0]!, String.fromCharCode(...data.subarray(2)));
        return;
      }
      default:
        // 86 moves a pin that nothing hangs on; what is no operation is not answered
        return;
    }
  }

  #setParameter(data: Uint8Array): void {
    const [code = 0, channel = 0] = data;
    const channels = code === 128 ? 2 : OUTPUTS;
    const at = offsetOf(code, channel - 1);
    if (at === null || channel < 1 || channel > channels) {
      this.overruns += 1;
      return;
    }
    this.#settings.set(data.subarray(2), at);
    if (code === 17) this.#levels[channel - 1] = this.#restingCode(channel - 1);
  }

  #readCustom(view: DataView): TrainSettings['custom'] {
    const count = view.getUint32(0, true);
    if (count > CUSTOM_CAPACITY) this.overruns += 1;
    const cycles = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i, true));
    const codes = Array.from({ length: count }, (_, i) => view.getUint16(4 + 4 * count + 2 * i, true));
    return { cycles, codes };
  }

  #softTrigger(mask: number): void {
    for (let output = 0; output < OUTPUTS; output++) {
      const isAsked = ((mask >> output) & 1) === 1;
      if (isAsked && this.#playing[output] === null) this.#begin(output, Math.floor(this.#nowUs / CYCLE_US) + 2);
      else this.#isTriggered[output] = isAsked;
    }
  }

  #setLoop(channel: number, isOn: boolean): void {
    this.#atOutput(channel, (output) => {
      this.#isLooping[output] = isOn;
      this.#playing[output] = null;
      if (isOn) this.#begin(output, Math.floor(this.#nowUs / CYCLE_US) + 2);
    });
  }

  #useFile(operation: number, name: string): void {
    if (operation === 1) this.#files.set(name, this.#settings.slice());
    if (operation === 3) this.#files.delete(name);
    if (operation !== 2) return;
    const file = this.#files.get(name);
    this.#settings = file?.slice() ?? createDefaultSettings();
    // a file that is not there is not answered
    if (file !== undefined) this.#say(Array.from(file));
  }

  #atOutput(channel: number, act: (output: number) => void): void {
    if (channel >= 1 && channel <= OUTPUTS) act(channel - 1);
    else this.overruns += 1;
  }

  #abort(): void {
    for (let output = 0; output < OUTPUTS; output++) {
      this.#playing[output] = null;
      this.#isTriggered[output] = false;
      this.#levels[output] = this.#restingCode(output);
    }
  }

  #fail(): void {
    this.#hasFailed = true;
    this.#input = [];
    this.display = 'COMM. FAILURE!';
  }

  #begin(output: number, cycle: number): void {
    const settings = this.#trainOf(output);
    const isEndless = this.#isLooping[output] === true;
    const startCycle = cycle + this.#uint32(32 * output + 28);
    const pulses = pulsesOf(settings, isEndless);
    const playing = {
      startCycle,
      endCycle: isEndless ? Infinity : startCycle + settings.trainCycles,
      pulses,
      next: null,
    };
    this.#playing[output] = playing;
    this.#step(playing);
  }

  #step(playing: Playing): void {
    const step = playing.pulses.next();
    playing.next = step.done === true ? null : step.value;
  }

  /** The output at which something is due first, by `untilUs`. */
  #nextDue(untilUs: number): number | null {
    let due: number | null = null;
    let dueCycle = Math.floor(untilUs / CYCLE_US);
    this.#playing.forEach((playing, output) => {
      if (playing === null) return;
      const cycle = dueCycleOf(playing);
      if (cycle < dueCycle || (cycle === dueCycle && due === null)) {
        due = output;
        dueCycle = cycle;
      }
    });
    return due;
  }

  /** Gives the pulse that is due, or ends the train. */
  #play(output: number): void {
    const playing = this.#playing[output];
    if (playing === null || playing === undefined) return;
    const { next } = playing;
    if (next === null) {
      this.#playing[output] = null;
      if (this.#isTriggered[output] === true) {
        this.#isTriggered[output] = false;
        this.#begin(output, playing.endCycle + 1);
      }
      return;
    }
    this.#step(playing);
    if (next.phases.every(({ code }) => code === ZERO_CODE)) return;
    this.#onPulse({
      output: output + 1,
      atUs: (playing.startCycle + next.atCycle) * CYCLE_US,
      phases: next.phases.map(({ code, cycles }) => ({ volts: toVolts(code), durationUs: cycles * CYCLE_US })),
    });
  }

  #trainOf(output: number): TrainSettings {
    const times = 32 * output;
    const custom = this.#settings[153 + 4 * output]!;
    const isOfPulses = this.#settings[154 + 4 * output] === 0;
    return {
      isBiphasic: this.#settings[152 + 4 * output] === 1,
      phase1: this.#uint16(128 + 6 * output),
      phase2: this.#uint16(130 + 6 * output),
      phase1Cycles: this.#uint32(times),
      interPhaseCycles: this.#uint32(times + 4),
      phase2Cycles: this.#uint32(times + 8),
      interPulseCycles: this.#uint32(times + 12),
      burstCycles: this.#uint32(times + 16),
      interBurstCycles: this.#uint32(times + 20),
      trainCycles: this.#uint32(times + 24),
      custom: custom > 0 && isOfPulses ? (this.#custom[custom === 1 ? 0 : 1] ?? null) : null,
    };
  }

  #restingCode(output: number): number {
    return this.#uint16(132 + 6 * output);
  }

  #uint16(at: number): number {
    return this.#settings[at]! + 256 * this.#settings[at + 1]!;
  }

  #uint32(at: number): number {
    return this.#uint16(at) + 65_536 * this.#uint16(at + 2);
  }

  #say(bytes: readonly number[]): void {
    this.#listener(Uint8Array.from(bytes));
  }
}

function dueCycleOf({ startCycle, endCycle, next }: Playing): number {
  return next === null ? endCycle : startCycle + next.atCycle;
}

/** 5 V for 1 ms every 11 ms for a second, on every output, at trigger input 1. */
function createDefaultSettings(): Uint8Array {
  const bytes = new Uint8Array(SETTINGS_BYTES);
  const view = new DataView(bytes.buffer);
  for (let output = 0; output < OUTPUTS; output++) {
    [20, 20, 20, 200, 0, 0, 20_000, 0].forEach((cycles, i) => {
      view.setUint32(32 * output + 4 * i, cycles, true);
    });
    [49_152, 16_384, ZERO_CODE].forEach((code, i) => {
      view.setUint16(128 + 6 * output + 2 * i, code, true);
    });
    bytes[168 + output] = 1;
  }
  return bytes;
}

/** Where a parameter of operation 74 lies in the order of operation 73; null for a code that is none. */
function offsetOf(code: number, output: number): number | null {
  if (code === 1) return 152 + 4 * output;
  if (code === 2 || code === 3) return 128 + 6 * output + 2 * (code - 2);
  if (code >= 4 && code <= 11) return 32 * output + 4 * (code - 4);
  if (code === 12 || code === 13) return 168 + 4 * (code - 12) + output;
  if (code >= 14 && code <= 16) return 153 + 4 * output + (code - 14);
  if (code === 17) return 132 + 6 * output;
  return code === 128 ? 176 + output : null;
}

function valueBytes(code: number): number {
  if (code >= 4 && code <= 11) return 4;
  return code === 2 || code === 3 || code === 17 ? 2 : 1;
}

/** The settings file lists output by output, then trigger by trigger. */
function toFileOrder(settings: Uint8Array): Uint8Array {
  const file: number[] = [];
  for (let output = 0; output < OUTPUTS; output++) {
    file.push(...settings.subarray(32 * output, 32 * output + 32), settings[152 + 4 * output]!);
    file.push(...settings.subarray(128 + 6 * output, 134 + 6 * output));
    file.push(...settings.subarray(153 + 4 * output, 156 + 4 * output));
  }
  for (const trigger of [0, 1]) {
    file.push(settings[176 + trigger]!, ...settings.subarray(168 + 4 * trigger, 172 + 4 * trigger));
  }
  return Uint8Array.from(file);
}

function toVolts(code: number): number {
  // 0 V lies between two steps of its converter; its makers call the upper one 0 V
  return code === ZERO_CODE ? 0 : (code * 20) / 65_535 - 10;
}

function uint32(value: number): readonly number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}
