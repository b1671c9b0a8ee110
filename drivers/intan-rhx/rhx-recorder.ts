import type { Socket } from 'node:net';
import type { Observable } from 'rxjs';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import {
  AMPLIFIER_UV_PER_BIT,
  BLOCK_FRAMES,
  layOutWaveform,
  type AmplifierBand,
} from '../../protocols/intan-rhx/waveform-layout.js';
import type { RhxCommand } from '../../protocols/intan-rhx/command.js';
import { hertz, sampleIndex } from '../../protocols/units.js';
import { pause, waitWithin } from '../mea-link/bounded-wait.js';
import { toError } from '../mea-link/command-channel.js';
import { EventOutlet } from '../mea-link/event-outlet.js';
import { SilenceWatch } from '../mea-link/silence-watch.js';
import type { Recorder, RecorderDescription, RecorderEvent } from '../parts/recorder.js';
import { openSocket } from './open-socket.js';
import type { RhxIdentity, RhxSession } from './rhx-session.js';
import { WaveformReader } from './waveform-reader.js';

/** Pause between two attempts to reach the waveform port. */
const RETRY_MS = 50;
/** Text of a version by which an emulator tells that it is one. */
const EMULATED = 'mea-sim';

const WAVEFORM_REMEDY = 'another program may have the waveform port of RHX: it takes one client';

/** The recording half of a controller: its waveform stream, as blocks of the rig's electrodes. */
export class RhxRecorder implements Recorder {
  readonly description: RecorderDescription;
  readonly #session: RhxSession;
  readonly #outlet = new EventOutlet<RecorderEvent>();
  readonly #reader: WaveformReader;
  readonly #silence: SilenceWatch;
  readonly #closing = new AbortController();
  readonly #stimulated: readonly number[];
  #socket: Socket | undefined;
  #state: 'stopped' | 'running' | 'failed' | 'closed' = 'stopped';
  #heardMs = 0;
  /** It failed, and the board that we started runs on. */
  #boardRunsOn = false;
  /** We are stopping the board: no sample is no surprise. */
  #isStopping = false;
  #restoring: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #onFirstBlock: () => void = () => undefined;

  constructor(session: RhxSession, { version, steps }: RhxIdentity) {
    const { channels, groups, lines, address, deadlines, timers } = session.options;
    this.#session = session;
    session.hold();
    this.#stimulated = groups.flatMap(({ electrodes }) => electrodes).sort((a, b) => a - b);
    this.description = {
      device: 'Intan RHX (RHS stimulation/recording controller)',
      serialNumber: address,
      firmware: `RHX ${version}`,
      emulated: version.includes(EMULATED),
      channels: channels.length,
      sampleRateHz: hertz(steps.sampleRateHz),
      gainUvPerBit: AMPLIFIER_UV_PER_BIT,
      blockFrames: BLOCK_FRAMES,
      sees: this.#stimulated.length > 0 ? 'pulses' : lines.length > 0 ? 'lines' : 'nothing',
    };
    this.#reader = new WaveformReader({
      layout: layOutWaveform({ amplifiers: this.#listBands(), digitalIn: lines.length > 0 }),
      channels,
      stimulated: this.#stimulated,
      lines,
      emit: (event) => {
        this.#outlet.emit(event);
      },
    });
    this.#silence = new SilenceWatch({
      timers,
      silenceMs: deadlines.silenceMs,
      onSilence: (silentMs) => {
        this.#handleSilence(silentMs).catch((error: unknown) => {
          // Something more urgent was sent instead of the question: it is asked again where that was no stop.
          if (isMeaError(error, 'refused')) {
            if (this.isRunning && !this.#isStopping && this.#ending === undefined) this.#silence.start();
          } else this.#fail(`RHX is silent: ${toError(error).message}`);
        });
      },
    });
  }

  get events$(): Observable<RecorderEvent> {
    return this.#outlet.events$;
  }

  get isConnected(): boolean {
    return this.#socket !== undefined && this.#state !== 'failed' && this.#state !== 'closed';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Longest time without a current within a pulse, in samples. */
  set pulseGap(samples: number) {
    this.#reader.pulseGap = samples;
  }

  /** Enables what is recorded, reads that back and connects to the waveform port. */
  async attach(signal: AbortSignal): Promise<void> {
    const outputs = this.#listOutputs();
    await this.#session.do([
      { type: 'execute', action: 'ClearAllDataOutputs' },
      { type: 'set', item: 'TCPNumberDataBlocksPerWrite', value: 1 },
      ...outputs.map((item): RhxCommand => ({ type: 'set', item, value: true })),
    ]);
    const values = await this.#session.read([...outputs, 'TCPNumberDataBlocksPerWrite']);
    const wanted = [...outputs.map(() => 'true'), '1'];
    const odd = values.findIndex((value, i) => value.toLowerCase() !== wanted[i]);
    if (odd >= 0) {
      const what = `RHX holds another ${outputs[odd] ?? 'TCPNumberDataBlocksPerWrite'} than it was told`;
      throw new MeaError('refused', { what, got: values[odd]!, wanted: wanted[odd]! });
    }
    await this.#connect(signal);
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#state !== 'stopped') throw this.#wrongState('start', 'stopped');
    this.#reader.beginRun();
    this.#state = 'running';
    const hasBegun = new Promise<void>((resolve) => {
      this.#onFirstBlock = resolve;
    });
    try {
      await this.#session.start(hasBegun, signal);
    } catch (error) {
      if (this.isRunning) await this.#endFailedStart();
      throw error;
    }
    this.#silence.start();
  }

  /** The board may run all the same, or yet: it is stopped, and the end is told where the start was. */
  async #endFailedStart(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    this.beginStop();
    await this.#session.stop().catch((error: unknown) => {
      this.warn(`the board may still run: ${toError(error).message}`);
    });
    if (this.#reader.hasStarted) return this.handleStopped();
    this.#isStopping = false;
    if (this.isRunning) this.#state = 'stopped';
    return undefined;
  }

  async stop(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    if (this.#state === 'stopped') return undefined;
    if (this.#state !== 'running') throw this.#wrongState('stop', 'running');
    this.beginStop();
    try {
      await this.#session.stop();
    } catch (error) {
      this.handleStopFailed();
      throw error;
    }
    return this.handleStopped();
  }

  /** The board is being stopped by us; `handleStopped` or `handleStopFailed` follows. */
  beginStop(): void {
    this.#isStopping = true;
    this.#silence.stop();
  }

  /** The board was not stopped, as far as is known: what it sends goes on being awaited. */
  handleStopFailed(): void {
    this.#isStopping = false;
    if (this.isRunning && this.#socket !== undefined) this.#silence.start();
  }

  /** The board was stopped: takes what is still on its way, then tells the end. */
  handleStopped(reason?: string): Promise<void> {
    this.#isStopping = false;
    if (!this.isRunning) return Promise.resolve();
    if (reason !== undefined) this.warn(reason);
    this.#silence.stop();
    this.#ending ??= this.#drain().finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  /** The command port is gone. Samples go on coming as long as the waveform port stands. */
  handleGone(reason: string): void {
    if (this.#state === 'closed') return;
    this.warn(`RHX can no longer be commanded (${reason}): its board goes on as it was`);
  }

  warn(message: string): void {
    this.#outlet.emit({ type: 'warning', message });
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const { timers, deadlines, address } = this.#session.options;
    const bounds = { timers, delayMs: 2 * deadlines.answerMs + deadlines.drainMs, what: 'Closing', where: address };
    const isToStop = this.#boardRunsOn && this.#session.console.isConnected;
    if (this.isRunning || isToStop) {
      await waitWithin(isToStop ? this.#session.stop() : this.stop(), bounds).catch((error: unknown) => {
        this.warn(`the board may still run: ${toError(error).message}`);
      });
    }
    this.#state = 'closed';
    this.#closing.abort(new MeaError('link', { what: 'The driver of RHX was closed', where: address }));
    this.#silence.stop();
    this.#dropSocket();
    this.#session.release();
    this.#outlet.complete();
  }

  #listBands(): ReadonlyMap<string, ReadonlySet<AmplifierBand>> {
    return new Map(
      this.#session.options.channels.map((channel, electrode) => [
        channel,
        new Set<AmplifierBand>(this.#stimulated.includes(electrode) ? ['wide', 'stim'] : ['wide']),
      ]),
    );
  }

  #listOutputs(): readonly string[] {
    const { channels, lines } = this.#session.options;
    return [
      ...channels.map((channel) => `${channel}.TCPDataOutputEnabled`),
      ...this.#stimulated.map((electrode) => `${channels[electrode]!}.TCPDataOutputEnabledStim`),
      ...lines.map((line) => `DIGITAL-IN-${String(line).padStart(2, '0')}.TCPDataOutputEnabled`),
    ];
  }

  /** Has RHX listen at its waveform port, and connects; again and again for a while, because it listens when it gets to it. */
  async #connect(signal: AbortSignal): Promise<void> {
    const { host, ports, timers, deadlines } = this.#session.options;
    const item = 'TCPWaveformDataOutputConnectionStatus';
    const [status] = await this.#session.read([item]);
    if (status === 'Connected') {
      throw new MeaError('refused', { what: 'The waveform port is taken', got: status, remedy: WAVEFORM_REMEDY });
    }
    if (status !== 'Pending') await this.#session.do([{ type: 'execute', action: 'ConnectTCPWaveformDataOutput' }]);
    const endMs = timers.nowMs() + deadlines.connectMs;
    const place = { host, port: ports.waveform, remedy: WAVEFORM_REMEDY };
    for (;;) {
      try {
        this.#adopt(await openSocket(place, { timers, connectMs: deadlines.connectMs, signal }));
        return;
      } catch (error) {
        if (!isMeaError(error, 'link') || timers.nowMs() >= endMs) throw error;
        await pause(timers, RETRY_MS, signal);
      }
    }
  }

  #adopt(socket: Socket): void {
    this.#socket = socket;
    this.#reader.reconnect();
    let failure = 'the connection was closed';
    socket.on('data', (chunk) => {
      if (this.#socket === socket) this.#hear(chunk);
    });
    socket.on('error', (error) => {
      failure = error.message;
    });
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#restore(failure);
    });
  }

  #hear(chunk: Uint8Array): void {
    this.#heardMs = this.#session.options.timers.nowMs();
    if (!this.isRunning) return;
    const blocks = this.#reader.push(chunk);
    if (blocks === 'back')
      this.#fail('the sample counter of RHX went back: somebody has stopped and started its board');
    else if (blocks > 0) {
      this.#onFirstBlock();
      this.#silence.heard();
    }
  }

  #restore(reason: string): void {
    if (this.#state === 'closed' || this.#state === 'failed' || this.#restoring !== undefined) return;
    const { timers, deadlines } = this.#session.options;
    const lostMs = timers.nowMs();
    this.#silence.stop();
    this.#outlet.emit({ type: 'link-lost', reason: `the waveform port of RHX: ${reason}` });
    this.#restoring = this.#reconnect(lostMs + deadlines.giveUpMs)
      .then(() => {
        this.#outlet.emit({ type: 'link-restored', outageMs: timers.nowMs() - lostMs });
        if (this.isRunning && !this.#isStopping) this.#silence.start();
      })
      .catch((error: unknown) => {
        this.#fail(`the waveform port of RHX was not reached again: ${toError(error).message}`, { boardRuns: true });
      })
      .finally(() => {
        this.#restoring = undefined;
      });
  }

  async #reconnect(untilMs: number): Promise<void> {
    const { timers } = this.#session.options;
    for (;;) {
      try {
        await this.#connect(this.#closing.signal);
        return;
      } catch (error) {
        const isOver = timers.nowMs() >= untilMs || !this.#session.console.isConnected;
        if (isOver || this.#closing.signal.aborted) throw error;
        await pause(timers, RETRY_MS, this.#closing.signal);
      }
    }
  }

  /** Nothing has come for too long: does the board run at all, and what comes instead? */
  async #handleSilence(silentMs: number): Promise<void> {
    const { timers, deadlines } = this.#session.options;
    const mode = await this.#session.askMode();
    if (!this.isRunning || this.#isStopping || this.#ending !== undefined) return;
    if (mode === 'Stop') {
      this.#reader.endRun();
      this.#fail('somebody has stopped the board in RHX');
    } else if (timers.nowMs() - this.#heardMs < deadlines.silenceMs) {
      this.#fail('the blocks of RHX have another size: somebody has changed what it sends; connect again', {
        boardRuns: true,
      });
    } else {
      this.warn(`no block for ${Math.round(silentMs)} ms: connecting to the waveform port again`);
      this.#dropSocket();
      this.#restore('it is silent');
    }
  }

  async #drain(): Promise<void> {
    const { timers, deadlines } = this.#session.options;
    const beganMs = timers.nowMs();
    for (;;) {
      const quietSinceMs = Math.max(beganMs, this.#heardMs);
      const leftMs = quietSinceMs + deadlines.drainMs - timers.nowMs();
      const isOver = timers.nowMs() - beganMs > deadlines.boardMs;
      if (leftMs <= 0 || isOver || this.#closing.signal.aborted) break;
      await pause(timers, leftMs, this.#closing.signal).catch(() => undefined);
    }
    if (!this.isRunning) return;
    this.#reader.endRun();
    this.#state = 'stopped';
    this.#outlet.emit({ type: 'ended', endSample: sampleIndex(this.#reader.endSample) });
  }

  #dropSocket(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  /** @param boardRuns true where the board that we started runs on, as far as is known: `close` stops it then */
  #fail(message: string, { boardRuns = false } = {}): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#boardRunsOn = boardRuns && this.isRunning;
    this.#state = 'failed';
    this.#silence.stop();
    this.#dropSocket();
    this.#outlet.emit({ type: 'failed', message });
    this.#outlet.complete();
  }

  #wrongState(what: string, wanted: string): MeaError {
    const where = this.#session.options.address;
    return new MeaError('refused', { what: `Not the time to ${what} the recorder`, got: this.#state, wanted, where });
  }
}
