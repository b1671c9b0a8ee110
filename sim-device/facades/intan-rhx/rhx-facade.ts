import { MeaError } from '../../../protocols/errors.js';
import type { Pulse } from '../../../protocols/stimulation/stim-pattern.js';
import type { EmulatedRig } from '../../rig/emulated-rig.js';
import { Board, BOARD_CHANNELS } from './board.js';
import { CommandInterpreter } from './command-interpreter.js';
import { nameAmplifiers, RHX_FACADE_VERSION, type RhxFacadeOptions } from './facade-settings.js';
import { OneClientServer } from './one-client-server.js';
import { ParameterStore } from './parameter-store.js';
import { Stimulators } from './stimulators.js';

const RUN_MODES: Readonly<Record<string, readonly [mode: 'Run' | 'Record' | 'Trigger', noun: string]>> = {
  run: ['Run', 'running'],
  record: ['Record', 'recording'],
  trigger: ['Trigger', 'trigger'],
};

/**
 * An emulated rig behind the remote control of Intan's program RHX, as that program was seen to behave: three servers for
 * one client each, no buffering over two reads, replies without an end, silence for success. Its time is the rig's, moved
 * by `advance`.
 */
export class RhxFacade {
  readonly #options: RhxFacadeOptions;
  readonly #rig: EmulatedRig;
  readonly #store: ParameterStore;
  readonly #stimulators: Stimulators;
  readonly #interpreter: CommandInterpreter;
  readonly #command: OneClientServer;
  readonly #waveform: OneClientServer;
  readonly #spike: OneClientServer;
  /** Native names of the rig's channels. */
  readonly amplifiers: readonly string[];
  #mode: 'Stop' | 'Run' | 'Record' | 'Trigger' = 'Stop';
  #board: Board | undefined;
  #digitalWord = 0;
  readonly #analogHigh = new Set<number>();
  /** Samples that passed since the board stopped; null before its first run. */
  #stoppedFor: number | null = null;
  #uploadReads = 0;
  #replies: string[] | undefined;
  #dropBlocks = 0;

  constructor(options: RhxFacadeOptions) {
    const { rig, host = '127.0.0.1', ports = { command: 0, waveform: 0, spike: 0 } } = options;
    this.#options = options;
    this.#rig = rig;
    this.amplifiers = nameAmplifiers(rig.channels, options.channelsPerPort ?? 32);
    this.#store = new ParameterStore([...this.amplifiers, ...BOARD_CHANNELS]);
    this.#stimulators = new Stimulators({
      channels: this.amplifiers,
      store: this.#store,
      stepUa: this.stepUa,
      sampleRateHz: rig.sampleRateHz,
      isAtCompliance: (channel, currentUa) => this.#isAtCompliance(channel, currentUa),
    });
    this.#interpreter = this.#createInterpreter();
    this.#command = new OneClientServer(
      { host, port: ports.command },
      {
        onRead: (bytes) => {
          this.#log(`heard: ${Buffer.from(bytes).toString('latin1')}`);
          this.#interpreter.read(Buffer.from(bytes).toString('latin1'));
        },
      },
    );
    this.#waveform = new OneClientServer({ host, port: ports.waveform });
    this.#spike = new OneClientServer({ host, port: ports.spike });
    this.#stimulators.upload();
  }

  get sampleRateHz(): number {
    return this.#rig.sampleRateHz;
  }

  get stepUa(): number {
    return this.#options.stepUa ?? 0.5;
  }

  get ports(): { readonly command: number; readonly waveform: number; readonly spike: number } {
    return { command: this.#command.port, waveform: this.#waveform.port, spike: this.#spike.port };
  }

  get mode(): 'Stop' | 'Run' | 'Record' | 'Trigger' {
    return this.#mode;
  }

  /** The rig's sample that comes next. */
  get nextSample(): number {
    return this.#rig.nextSample;
  }

  /** Somebody presses Connect in the window for remote control: the command port listens for one client. */
  async pressConnect(): Promise<void> {
    for (const server of [this.#waveform, this.#spike]) {
      if (server.port !== 0) continue;
      await server.open();
      server.close();
    }
    await this.#command.open();
  }

  /** Somebody sits at the program itself: what a command does, and what it would have answered. */
  operate(text: string): string {
    this.#replies = [];
    this.#interpreter.read(text);
    const replies = this.#replies.join('');
    this.#replies = undefined;
    return replies;
  }

  /** Time passes; while the board runs, that many frames are sampled. */
  advance(frames: number): void {
    let left = frames;
    while (left > 0) {
      const board = this.#board;
      if (board === undefined) {
        if (this.#stoppedFor !== null) this.#stoppedFor += left;
        return;
      }
      const step = Math.min(left, board.room);
      for (const [sample, pulses] of this.#stimulators.takeBefore(this.#rig.nextSample + step)) {
        this.#deliver(pulses, { sample, timestamp: board.timestamp + sample - this.#rig.nextSample });
      }
      board.render(step);
      left -= step;
    }
  }

  /** A digital input changes, from the next sample on. @param line from 1 */
  setLine(line: number, isHigh: boolean): void {
    const bit = 1 << (line - 1);
    const wasHigh = (this.#digitalWord & bit) !== 0;
    this.#digitalWord = isHigh ? this.#digitalWord | bit : this.#digitalWord & ~bit;
    if (this.#board !== undefined) this.#board.digitalWord = this.#digitalWord;
    if (isHigh && !wasHigh) this.#trigger(`DigitalIn${String(line).padStart(2, '0')}`);
  }

  /** The same of an analog input. */
  setAnalogLine(line: number, isHigh: boolean): void {
    const wasHigh = this.#analogHigh.has(line);
    if (isHigh) this.#analogHigh.add(line);
    else this.#analogHigh.delete(line);
    if (isHigh && !wasHigh) this.#trigger(`AnalogIn${String(line).padStart(2, '0')}`);
  }

  /** Lines go high together, and low again: what a trigger box does. */
  raiseLines(lines: { readonly digital?: readonly number[]; readonly analog?: readonly number[] }): void {
    for (const isHigh of [true, false]) {
      for (const line of lines.digital ?? []) this.setLine(line, isHigh);
      for (const line of lines.analog ?? []) this.setAnalogLine(line, isHigh);
    }
  }

  /** Pulses of a stimulator that is none of RHX's, at the next sample. */
  deliver(pulses: readonly Pulse[]): void {
    this.#rig.deliver(pulses, this.#rig.nextSample);
  }

  /** Channels that an edge on any source would fire. */
  listArmed(): readonly string[] {
    const sources = ['KeyPressF', 'DigitalIn0', 'DigitalIn1', 'AnalogIn0'].flatMap((prefix) =>
      Array.from({ length: 10 }, (_, i) => `${prefix}${i}`),
    );
    const armed = new Set(sources.flatMap((source) => this.#stimulators.listFiredBy(source)));
    return this.amplifiers.filter((_, channel) => armed.has(channel));
  }

  // ---- faults ----------------------------------------------------------------------------------------------------------

  /** A connection is cut. */
  disconnect(port: 'command' | 'waveform' | 'spike'): void {
    ({ command: this.#command, waveform: this.#waveform, spike: this.#spike })[port].close();
  }

  /** Bytes that are none of the program's stand in the waveform stream. */
  injectWaveform(bytes: Uint8Array): void {
    this.#waveform.write(bytes);
  }

  /** The next writes of blocks never leave. */
  dropWaveform(writes: number): void {
    this.#dropBlocks += writes;
  }

  /** Everything is gone: the program has ended. */
  close(): void {
    for (const server of [this.#command, this.#waveform, this.#spike]) server.close();
    this.#board = undefined;
    this.#mode = 'Stop';
  }

  // ---- commands --------------------------------------------------------------------------------------------------------

  #createInterpreter(): CommandInterpreter {
    return new CommandInterpreter({
      store: this.#store,
      look: (owner, name) => this.#look(owner, name),
      lookNameless: (name) => this.#lookNameless(name),
      mode: () => this.#mode,
      setMode: (mode) => this.#setMode(mode.toLowerCase()),
      execute: (action, argument) => this.#execute(action, argument),
      reply: (text) => {
        this.#log(`says: ${text}`);
        if (this.#replies !== undefined) this.#replies.push(text);
        else this.#command.write(Buffer.from(text, 'latin1'));
      },
      crash: (why) => {
        this.#log(`crashed: ${why}`);
        this.close();
      },
    });
  }

  #look(owner: string, name: string): string | undefined {
    switch (name) {
      case 'Version':
        return this.#options.version ?? RHX_FACADE_VERSION;
      case 'Type':
        return this.#options.controller ?? 'ControllerStimRecord';
      case 'SampleRateHertz':
        return String(this.#rig.sampleRateHz);
      case 'StimStepSizeMicroAmps':
        return String(this.stepUa);
      case 'RunMode':
        return this.#mode;
      case 'UploadInProgress':
        return this.#uploadReads-- > 0 ? 'True' : 'False';
      case 'NativeChannelName':
        return owner;
      case 'NumberAmplifierChannels':
        return String(this.amplifiers.filter((channel) => channel.startsWith(`${owner}-`)).length);
      case 'TCPWaveformDataOutputConnectionStatus':
        return this.#waveform.status;
      case 'TCPSpikeDataOutputConnectionStatus':
        return this.#spike.status;
      case 'TCPWaveformDataOutputPort':
        return String(this.#waveform.port);
      case 'TCPSpikeDataOutputPort':
        return String(this.#spike.port);
      default:
        return undefined;
    }
  }

  #lookNameless(name: string): string | undefined {
    if (name !== 'CurrentTimestamp' && name !== 'CurrentTimeSeconds') return undefined;
    if (this.#board === undefined) return '-1';
    return String(name === 'CurrentTimestamp' ? this.#board.timestamp : this.#board.timestamp / this.sampleRateHz);
  }

  #setMode(mode: string): string | undefined {
    if (mode === 'stop') {
      if (this.#mode === 'Stop') return 'Board must be running in order to stop';
      this.#mode = 'Stop';
      this.#board = undefined;
      this.#stimulators.stop();
      this.#stoppedFor = 0;
      return undefined;
    }
    const known = RUN_MODES[mode];
    if (known === undefined) return 'Invalid value for SetRunMode command';
    if (this.#mode !== 'Stop') return `Board must be stopped in order to start ${known[1]}`;
    const names = ['Filename.path', 'Filename.basefilename'].map((name) => this.#store.get('', name));
    if (mode === 'record' && names.includes('')) {
      return 'Filename.BaseFilename and Filename.Path must both be specified before recording can occur';
    }
    if (this.#stoppedFor !== null && this.#stoppedFor > 0) this.#rig.rest(this.#stoppedFor);
    this.#mode = known[0];
    this.#board = this.#createBoard();
    return undefined;
  }

  #createBoard(): Board {
    const board = new Board({
      rig: this.#rig,
      channels: this.amplifiers,
      store: this.#store,
      stimulators: this.#stimulators,
      sendWaveform: (bytes) => {
        if (this.#dropBlocks > 0) this.#dropBlocks -= 1;
        else this.#waveform.write(bytes);
      },
      sendSpikes: (bytes) => this.#spike.write(bytes),
    });
    board.digitalWord = this.#digitalWord;
    return board;
  }

  #execute(action: string, argument: string): string | undefined {
    switch (action) {
      case 'ClearAllDataOutputs':
        this.#clearOutputs();
        return undefined;
      case 'ConnectTCPWaveformDataOutput':
        this.#listen(this.#waveform);
        return undefined;
      case 'ConnectTCPSpikeDataOutput':
        this.#listen(this.#spike);
        return undefined;
      case 'DisconnectTCPWaveformDataOutput':
        this.#waveform.close();
        return undefined;
      case 'DisconnectTCPSpikeDataOutput':
        this.#spike.close();
        return undefined;
      case 'UploadStimParameters':
        return this.#upload(argument);
      case 'ManualStimTriggerOn':
      case 'ManualStimTriggerPulse':
        this.#trigger(`KeyPress${argument.toUpperCase()}`);
        return undefined;
      case 'ManualStimTriggerOff':
        return undefined;
      default:
        return 'Unrecognized action';
    }
  }

  #listen(server: OneClientServer): void {
    server.open().catch((error: unknown) => {
      this.#log(String(error));
    });
  }

  #clearOutputs(): void {
    for (const channel of [...this.amplifiers, ...BOARD_CHANNELS]) {
      for (const band of ['', 'Low', 'High', 'Spike', 'DC', 'Stim']) {
        this.#store.set(channel, `TCPDataOutputEnabled${band}`, 'False');
      }
    }
  }

  #upload(channel: string): string | undefined {
    if (this.#uploadReads > 0) return 'Error - Another upload cannot be started until the previous upload completes';
    if (channel === '') {
      if (this.#mode !== 'Stop') return 'UploadStimParameters cannot be executed while the board is running';
      this.#stimulators.upload();
    } else {
      const index = this.amplifiers.indexOf(channel.toUpperCase());
      if (index < 0) return 'Unrecognized parameter';
      this.#stimulators.upload(index);
    }
    this.#uploadReads = this.#options.uploadReads ?? 0;
    return undefined;
  }

  #trigger(source: string): void {
    if (this.#board !== undefined) this.#stimulators.trigger(source, this.#rig.nextSample);
  }

  #deliver(pulses: readonly Pulse[], { sample, timestamp }: { sample: number; timestamp: number }): void {
    const reached = pulses.filter(({ electrode }) => this.#rig.stimulatedElectrodes.includes(electrode));
    if (reached.length < pulses.length) this.#log('a pulse on an electrode that the culture has no input at');
    const rising = [...reached].sort((a, b) => a.electrode - b.electrode);
    this.#rig.deliver(rising, sample);
    this.#options.onDelivered?.({ timestamp, sample, pulses: [...pulses] });
  }

  #isAtCompliance(channel: number, currentUa: number): boolean {
    const { magnitudeOhm } = this.#rig.impedance(channel, 1000);
    return currentUa * 1e-6 * magnitudeOhm > (this.#options.complianceV ?? 7);
  }

  #log(text: string): void {
    this.#options.onLog?.(text);
  }
}

/** Refuses a rig that no RHS controller has. @throws MeaError `bad-input` */
export function createRhxFacade(options: RhxFacadeOptions): RhxFacade {
  const { sampleRateHz, channels } = options.rig;
  const perPort = options.channelsPerPort ?? 32;
  if (![20_000, 25_000, 30_000].includes(sampleRateHz) || channels > 8 * perPort) {
    throw new MeaError('bad-input', {
      what: 'No RHS controller samples so',
      got: `${channels} channels at ${sampleRateHz} Hz`,
      wanted: `20000, 25000 or 30000 Hz, at most ${8 * perPort} channels`,
    });
  }
  return new RhxFacade(options);
}
