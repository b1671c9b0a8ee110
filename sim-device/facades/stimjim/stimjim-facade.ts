import { toAsciiBytes } from '../../../protocols/text-lines.js';
import type { SerialFacade } from '../serial-facade.js';
import { echoTrain, reportTrain, type FirmwareTrain } from './firmware-text.js';

/** A pulse that leaves an output. */
export interface StimJimPulse {
  /** From 1. */
  readonly output: number;
  readonly atUs: number;
  readonly unit: 'uA' | 'mV';
  readonly stages: readonly { readonly value: number; readonly durationUs: number }[];
}

export interface StimJimFacadeOptions {
  /** Default true: it was plugged in long ago. Else it boots, a second of silence first. */
  readonly isUp?: boolean;
  /** Share of the asked current that comes out: below 1 where an electrode is worn. Default 1. */
  readonly deliveredShare?: number;
  /** False for older firmware, which takes a stop for a train that is not there. Default true. */
  readonly canStop?: boolean;
  readonly onPulse?: (pulse: StimJimPulse) => void;
}

/** A train that a timer plays. */
interface Playing {
  readonly n: number;
  readonly startUs: number;
  dueUs: number;
  pulses: number;
}

const TRAINS = 100;
const BUFFER_BYTES = 1000;
const BOOT_US = 1_000_000;
const TIMERS = ['T', 'U'] as const;

/**
 * A StimJim with its manners: it reads a byte at a time and checks neither its buffer nor the number of stages, echoes
 * every train, and reports what it has measured one period after a train has ended. It has no memory of the host: trains and
 * trigger inputs are as the last user left them. What is never to be sent to it is counted.
 */
export class StimJimFacade implements SerialFacade {
  readonly sampleRateHz = 1_000_000;
  /** Lines that raise raw values, calibrate, or tie inputs to trains. */
  readonly forbidden: string[] = [];
  /** Written beyond its memory, by a line or a stage too many: it says nothing any more. */
  hasCrashed = false;

  readonly #options: Required<StimJimFacadeOptions>;
  readonly #trains: FirmwareTrain[] = Array.from({ length: TRAINS }, (_, n) => createDefaultTrain(n));
  readonly #playing = new Map<'T' | 'U', Playing>();
  /** (input) the train that a rising edge starts, -1 for none. */
  readonly #inputs = [-1, -1];
  /** (output) what it is between trains. */
  readonly #outputModes = [3, 3];
  #listener: (bytes: Uint8Array) => void = () => undefined;
  #nowUs = 0;
  #isUp: boolean;
  #buffer = '';
  #early: number[] = [];

  constructor({
    isUp = true,
    deliveredShare = 1,
    canStop = true,
    onPulse = () => undefined,
  }: StimJimFacadeOptions = {}) {
    this.#options = { isUp, deliveredShare, canStop, onPulse };
    this.#isUp = isUp;
  }

  onBytes(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#isUp) this.#readByte(byte);
      else this.#early.push(byte);
    }
  }

  advance(durationUs: number): void {
    const untilUs = this.#nowUs + durationUs;
    if (!this.#isUp && untilUs >= BOOT_US) this.#boot();
    for (;;) {
      const due = Array.from(this.#playing).sort(([, a], [, b]) => a.dueUs - b.dueUs)[0];
      if (due === undefined || due[1].dueUs > untilUs) break;
      this.#turn(due[0], due[1]);
    }
    this.#nowUs = untilUs;
  }

  /** A rising edge at a trigger input, 0 or 1. */
  raiseTrigger(input: 0 | 1): void {
    const n = this.#inputs[input] ?? -1;
    if (n >= 0) this.#start(TIMERS[input], n);
  }

  /** What the last user has typed, without the line. */
  type(line: string): void {
    this.receive(toAsciiBytes(`${line}\n`));
  }

  isPlaying(): boolean {
    return this.#playing.size > 0;
  }

  outputMode(output: number): number | undefined {
    return this.#outputModes[output - 1];
  }

  /** Pulls its plug and puts it in again. */
  restart(): void {
    this.#playing.clear();
    this.#trains.forEach((_, n) => (this.#trains[n] = createDefaultTrain(n)));
    this.#buffer = '';
    this.#boot();
  }

  #boot(): void {
    this.#isUp = true;
    this.#say('Booting StimJim on Teensy 3.5!\r\nInitializing inputs...\r\n');
    this.#say('current offsets: 0, 0\nvoltage offsets: 0, 0\n\r\nReady to go!\n\n\r\n');
    const early = this.#early;
    this.#early = [];
    for (const byte of early) this.#readByte(byte);
  }

  #readByte(byte: number): void {
    if (this.hasCrashed) return;
    if (byte !== 10) {
      this.#buffer += String.fromCharCode(byte);
      if (this.#buffer.length >= BUFFER_BYTES) this.hasCrashed = true;
      return;
    }
    const line = this.#buffer.replace(/\r$/u, '');
    this.#buffer = '';
    this.#execute(line);
  }

  #execute(line: string): void {
    const [, letter = '', rest = ''] = /^([A-Z])(.*)$/u.exec(line) ?? [];
    const [first = 0, second = 0] = rest.split(',').map(Number);
    switch (letter) {
      case 'S': {
        this.#setTrain(rest);
        return;
      }
      case 'T':
      case 'U': {
        this.#startOrStop(letter, first);
        return;
      }
      case 'M':
        this.#outputModes[first] = second;
        {
          this.#say(`Set channel ${first} to mode ${second}\r\n`);
          return;
        }
      case 'E': {
        this.#say('Read value: 0\r\n');
        return;
      }
      case 'D': {
        this.#say('current offsets: 0, 0\nvoltage offsets: 0, 0\n\r\n');
        return;
      }
      case 'R':
        this.#inputs[first] = second;
        this.forbidden.push(line);
        {
          this.#say(`Attaching interrupt to IN${first} to run PulseTrain[${second}]\r\n`);
          return;
        }
      default:
        // what raises raw values or calibrates; other letters say nothing to it
        if ('ABCV'.includes(letter)) this.forbidden.push(line);
    }
  }

  #setTrain(text: string): void {
    const [head = '', ...stageTexts] = text.split(';');
    const [n = -1, mode0, mode1, periodUs, durationUs] = head.split(',').map(Number);
    const train = this.#trains[n];
    if (train === undefined) {
      this.#say('Invalid PulseTrain index.\r\n');
      return;
    }
    const values = [mode0, mode1, periodUs, durationUs];
    if (values.every((value) => value !== undefined && Number.isFinite(value))) {
      const stages = stageTexts.map((stage) => stage.split(',').map(Number)).filter((stage) => stage.length === 3);
      if (stages.length > 10) this.hasCrashed = true;
      this.#trains[n] = {
        n,
        modes: [clampMode(mode0), clampMode(mode1)],
        periodUs: periodUs ?? 0,
        durationUs: durationUs ?? 0,
        stages: stages.map(([a = 0, b = 0, us = 0]) => ({ amplitudes: [a, b], durationUs: us })),
      };
    }
    this.#say(echoTrain(this.#trains[n] ?? train));
  }

  #startOrStop(timer: 'T' | 'U', n: number): void {
    if (n < 0 && this.#options.canStop) {
      this.#playing.delete(timer);
      this.#say(`Forcing ${timer} train to stop\r\n`);
      return;
    }
    if (n < 0 || n >= TRAINS) {
      this.#say('Invalid PulseTrain index.\r\n');
      return;
    }
    this.#start(timer, n);
  }

  #start(timer: 'T' | 'U', n: number): void {
    const playing = { n, startUs: this.#nowUs, dueUs: this.#nowUs, pulses: 0 };
    this.#playing.set(timer, playing);
    this.#turn(timer, playing);
    this.#say(`\nStarted ${timer} train with parameters of PulseTrain ${n}\r\n`);
  }

  /** The timer's interrupt: a pulse, or the end of the train. The train is read anew each time. */
  #turn(timer: 'T' | 'U', playing: Playing): void {
    const train = this.#trains[playing.n]!;
    if (playing.dueUs - playing.startUs >= train.durationUs) {
      this.#playing.delete(timer);
      this.#say(reportTrain(train, playing.pulses, this.#options.deliveredShare));
      return;
    }
    for (const output of [0, 1] as const) this.#give(train, output, playing.dueUs);
    playing.pulses += 1;
    playing.dueUs += train.periodUs;
  }

  #give(train: FirmwareTrain, output: 0 | 1, atUs: number): void {
    const mode = train.modes[output];
    if (mode > 1) return;
    // after a pulse an output is grounded, whatever it was
    this.#outputModes[output] = 3;
    if (train.stages.every(({ amplitudes }) => amplitudes[output] === 0)) return;
    this.#options.onPulse({
      output: output + 1,
      atUs,
      unit: mode === 0 ? 'mV' : 'uA',
      stages: train.stages.map(({ amplitudes, durationUs }) => ({ value: amplitudes[output], durationUs })),
    });
  }

  #say(text: string): void {
    this.#listener(toAsciiBytes(text));
  }
}

function clampMode(mode: number | undefined): number {
  return mode !== undefined && mode >= 0 && mode <= 3 ? mode : 3;
}

/** As its makers ship it: volts on both outputs. */
function createDefaultTrain(n: number): FirmwareTrain {
  return {
    n,
    modes: [0, 0],
    periodUs: 10_000,
    durationUs: 10_000_000,
    stages: [
      { amplitudes: [1000, -1000], durationUs: 100 },
      { amplitudes: [-1000, 1000], durationUs: 100 },
    ],
  };
}
