import { randomUUID } from 'node:crypto';
import type { Observable } from 'rxjs';

import { isMeaError, MeaError } from '../../protocols/errors.js';
import { waitAtMost } from '../../protocols/mea-link/link-options.js';
import { BlockAssembler, type AssemblerCounters } from '../../protocols/open-ephys/block-assembler.js';
import type { AssembledEvent } from '../../protocols/open-ephys/assembled-event.js';
import { decodeZmqMessage } from '../../protocols/open-ephys/decode-zmq.js';
import { EMULATED_MARK } from '../../protocols/open-ephys/emulated-mark.js';
import type { OpenEphysMode } from '../../protocols/open-ephys/http-api.js';
import type { BadMessage, ZmqMessage } from '../../protocols/open-ephys/zmq-messages.js';
import { pause, waitWithin } from '../mea-link/bounded-wait.js';
import { EventOutlet } from '../mea-link/event-outlet.js';
import type { Recorder, RecorderDescription, RecorderEvent } from '../parts/recorder.js';
import { OPEN_EPHYS_CAPABILITIES } from './capabilities.js';
import { DataSubscriber } from './data-subscriber.js';
import { Heartbeats, type HeartbeatCounters } from './heartbeats.js';
import type { FullOpenEphysOptions } from './open-ephys-options.js';
import { OpenEphysRemote } from './open-ephys-remote.js';
import { checkRate, checkSignalChain, isRate, StreamSurvey } from './stream-survey.js';

/** Between two looks at whether anything comes. */
const WATCH_MS = 500;
/** Pauses that are waited for the last messages of an acquisition. */
const MAX_QUIET_WAITS = 10;

/** The first block is awaited. */
interface Starting {
  readonly survey: StreamSurvey;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What was counted since the connection. */
export interface OpenEphysCounters extends AssemblerCounters {
  readonly heartbeats: HeartbeatCounters;
}

/**
 * Open Ephys as the recorder of a rig: it records, or not, as before, and we hear what it publishes. An acquisition that
 * was running is left running; one that we began is ended. See `connectOpenEphys`.
 */
export class OpenEphysRecorder implements Recorder {
  readonly description: RecorderDescription;
  /** For messages to plugins, and for letting the program record. */
  readonly remote: OpenEphysRemote;
  readonly events$: Observable<RecorderEvent>;
  readonly #options: FullOpenEphysOptions;
  readonly #outlet = new EventOutlet<RecorderEvent>();
  readonly #assembler: BlockAssembler;
  readonly #subscriber: DataSubscriber;
  readonly #heartbeats: Heartbeats;
  #state: 'connected' | 'failed' | 'closed' = 'connected';
  #isHearing = false;
  #hasBegunAcquisition = false;
  /** No message has come since `start`. */
  #isFirst = false;
  #starting: Starting | null = null;
  #lastMessageMs: number;
  #lostAtMs: number | null = null;
  /** A silence is told once. */
  #hasToldSilence = false;
  #cancelWatch: () => void = () => undefined;
  #cancelBeat: () => void = () => undefined;
  #closing: Promise<void> | null = null;

  constructor(options: FullOpenEphysOptions) {
    const { host, timers, times, stream, channels, gainUvPerBit, lineSource } = options;
    this.#options = options;
    this.events$ = this.#outlet.events$;
    this.description = describe(options);
    this.remote = new OpenEphysRemote({ ...times, host, timers, port: options.httpPort });
    this.#lastMessageMs = timers.nowMs();
    this.#assembler = new BlockAssembler({ stream, channels, gainUvPerBit, lineSource }, (event) => {
      this.#handleAssembled(event);
    });
    this.#subscriber = new DataSubscriber({
      host,
      port: options.dataPort,
      timers,
      connectMs: times.connectMs,
      deadPeerMs: times.deadPeerMs,
      onMessage: (parts) => {
        this.#handleParts(parts);
      },
      onLost: (reason) => {
        this.#lostAtMs = timers.nowMs();
        this.#outlet.emit({ type: 'link-lost', reason });
      },
      onRestored: (isNewProgram) => {
        this.#handleRestored(isNewProgram);
      },
    });
    this.#heartbeats = new Heartbeats({
      host,
      port: options.heartbeatPort,
      timers,
      replyMs: times.replyMs,
      application: { application: options.application, uuid: randomUUID() },
      onWarning: (message) => {
        this.#warn(message);
      },
    });
  }

  get isConnected(): boolean {
    return this.#state === 'connected' && this.#subscriber.isConnected;
  }

  get counters(): OpenEphysCounters {
    return { ...this.#assembler.counters, heartbeats: this.#heartbeats.counters };
  }

  /** Checks who is there, and connects; for `connectOpenEphys`, once. */
  async open(signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      await this.remote.mode(signal);
      checkSignalChain(await this.remote.processors(signal), this.#options);
      await this.#subscriber.open(signal);
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.#beat();
    this.#watch();
  }

  /**
   * Begins to hear, and the acquisition where the program is idle; resolves when the first block has been handed out.
   *
   * @throws MeaError `refused` when the program does not acquire, or what it sends is not what the rig says; `deadline`
   *   when nothing comes; `link` when it is gone
   */
  async start(signal?: AbortSignal): Promise<void> {
    this.#assertUsable();
    if (this.#isHearing) return;
    this.#isHearing = true;
    this.#isFirst = true;
    this.#hasToldSilence = false;
    const survey = new StreamSurvey();
    const firstBlock = new Promise<void>((resolve, reject) => {
      this.#starting = { survey, resolve, reject };
    });
    try {
      // whoever waits for nothing yet hears of a failure all the same
      firstBlock.catch(() => undefined);
      if ((await this.remote.mode(signal)) === 'IDLE') await this.#beginAcquisition(signal);
      await this.#waitForBlock(firstBlock, survey, signal);
    } catch (error) {
      this.#starting = null;
      await this.stop().catch(() => undefined);
      throw error;
    }
  }

  async stop(signal?: AbortSignal): Promise<void> {
    // after a failure nothing is heard, but what was begun may still run
    if (!this.#isHearing && !this.#hasBegunAcquisition) return;
    try {
      if (this.#hasBegunAcquisition) await this.#endAcquisition(signal);
    } finally {
      this.#isHearing = false;
      this.#hasBegunAcquisition = false;
      this.#assembler.end();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const { timers, times } = this.#options;
    const stopped = this.stop().catch(() => undefined);
    await waitAtMost(timers, times.closeMs, stopped);
    // where it took too long
    this.#isHearing = false;
    this.#assembler.end();
    if (this.#state === 'connected') this.#state = 'closed';
    await this.#release();
    this.#outlet.complete();
  }

  async #release(): Promise<void> {
    this.#cancelWatch();
    this.#cancelBeat();
    await Promise.all([this.#subscriber.close(), this.#heartbeats.close()]);
  }

  async #beginAcquisition(signal?: AbortSignal): Promise<void> {
    // also when the answer does not come: it may have begun
    this.#hasBegunAcquisition = true;
    const mode = await this.remote.setMode('ACQUIRE', signal);
    if (mode !== 'IDLE') return;
    throw new MeaError('refused', {
      what: 'Open Ephys does not acquire',
      got: mode,
      wanted: 'ACQUIRE',
      where: this.description.serialNumber,
      remedy: 'is the acquisition board connected, and does the play button work?',
    });
  }

  async #waitForBlock(firstBlock: Promise<void>, survey: StreamSurvey, signal?: AbortSignal): Promise<void> {
    const { timers, times } = this.#options;
    const where = this.description.serialNumber;
    try {
      await waitWithin(firstBlock, { timers, delayMs: times.firstBlockMs, what: 'The first block', where, signal });
    } catch (error) {
      if (isMeaError(error, 'deadline')) throw survey.explainSilence(this.#options, times.firstBlockMs);
      throw error;
    }
  }

  /** A recording that somebody else began is not ours to end. */
  async #endAcquisition(signal?: AbortSignal): Promise<void> {
    const mode = await this.remote.mode(signal);
    if (mode === 'RECORD' && !this.remote.hasBegunRecording) {
      this.#warn('Open Ephys records: the acquisition, though begun here, is left running');
      return;
    }
    if (mode !== 'IDLE') this.#assertIdle(await this.remote.setMode('IDLE', signal));
    await this.#waitForQuiet();
  }

  #assertIdle(mode: OpenEphysMode): void {
    if (mode === 'IDLE') return;
    const where = this.description.serialNumber;
    const remedy = 'stop it in its window';
    throw new MeaError('refused', { what: 'Open Ephys goes on acquiring', got: mode, wanted: 'IDLE', where, remedy });
  }

  async #waitForQuiet(): Promise<void> {
    const { timers, times } = this.#options;
    for (let waits = 0; waits < MAX_QUIET_WAITS; waits++) {
      await pause(timers, times.quietMs, NEVER);
      if (timers.nowMs() - this.#lastMessageMs >= times.quietMs) return;
    }
  }

  #handleParts(parts: readonly Uint8Array[]): void {
    if (!this.#isHearing || this.#state !== 'connected') return;
    this.#lastMessageMs = this.#options.timers.nowMs();
    this.#hasToldSilence = false;
    const message = decodeZmqMessage(parts);
    if (this.#hasRightRate(message)) this.#take(message);
  }

  #take(message: ZmqMessage | BadMessage): void {
    if (this.#isFirst) this.#lookAtFirst(message);
    this.#assembler.take(message);
    if (this.#starting === null || message.type !== 'data') return;
    const { survey, reject } = this.#starting;
    survey.note(message);
    const problem = survey.findProblem(this.#options);
    if (problem !== null) reject(problem);
  }

  /** Of an acquisition that we began nothing should be missing. */
  #lookAtFirst({ messageNum }: ZmqMessage | BadMessage): void {
    this.#isFirst = false;
    if (!this.#hasBegunAcquisition || messageNum === null || messageNum === 1) return;
    this.#warn(`the first ${messageNum - 1} messages of the acquisition did not come; it is heard from there on`);
  }

  /** Samples of another rate than the rig's would be misread by everything that follows. */
  #hasRightRate(message: ZmqMessage | BadMessage): boolean {
    if (message.type !== 'data' || message.stream !== this.#options.stream) return true;
    if (isRate(message.sampleRateHz, this.#options)) return true;
    try {
      checkRate(message.sampleRateHz, this.#options);
    } catch (error) {
      const problem = error instanceof Error ? error : new Error(String(error));
      if (this.#starting !== null) this.#starting.reject(problem);
      else this.#fail(problem.message);
    }
    return false;
  }

  #handleAssembled(event: AssembledEvent): void {
    this.#outlet.emit(event);
    if (event.type !== 'block' || this.#starting === null) return;
    const { resolve } = this.#starting;
    this.#starting = null;
    resolve();
  }

  /** A program that was started anew counts samples anew, perhaps already beyond where the last one was. */
  #handleRestored(isNewProgram: boolean): void {
    const outageMs = this.#options.timers.nowMs() - (this.#lostAtMs ?? this.#options.timers.nowMs());
    this.#lostAtMs = null;
    this.#lastMessageMs = this.#options.timers.nowMs();
    this.#outlet.emit({ type: 'link-restored', outageMs });
    if (isNewProgram) this.#assembler.end();
  }

  #beat(): void {
    const { timers, times } = this.#options;
    void this.#heartbeats.beat();
    this.#cancelBeat = timers.after(times.heartbeatMs, () => {
      this.#beat();
    });
  }

  #watch(): void {
    const { timers } = this.#options;
    this.#cancelWatch = timers.after(WATCH_MS, () => {
      this.#watch();
      this.#look();
    });
  }

  #look(): void {
    const { timers, times } = this.#options;
    const nowMs = timers.nowMs();
    if (this.#lostAtMs !== null) {
      if (nowMs - this.#lostAtMs >= times.giveUpMs) this.#fail(`the link did not come back in ${times.giveUpMs} ms`);
      return;
    }
    const isSilent = nowMs - this.#lastMessageMs >= times.silenceMs;
    if (!this.#isHearing || this.#starting !== null || !isSilent || this.#hasToldSilence) return;
    this.#hasToldSilence = true;
    this.remote.mode().then(
      (mode) => {
        this.#explainSilence(mode);
      },
      (error: unknown) => {
        this.#warn(`nothing comes, and ${error instanceof Error ? error.message : String(error)}`);
      },
    );
  }

  /** Somebody may have stopped the acquisition in the program's window. */
  #explainSilence(mode: OpenEphysMode): void {
    const { times } = this.#options;
    if (!this.#isHearing || !this.#hasToldSilence) return;
    if (mode === 'IDLE') {
      this.#warn('the acquisition was ended in Open Ephys; it is heard again when it is begun there');
      this.#assembler.end();
    } else {
      this.#warn(`Open Ephys is in mode ${mode}, but nothing has come for ${times.silenceMs} ms`);
    }
  }

  #fail(message: string): void {
    if (this.#state !== 'connected') return;
    this.#assembler.end();
    this.#state = 'failed';
    this.#isHearing = false;
    this.#starting?.reject(new MeaError('link', { what: message, where: this.description.serialNumber }));
    this.#outlet.emit({ type: 'failed', message });
    void this.#release();
  }

  #warn(message: string): void {
    this.#outlet.emit({ type: 'warning', message });
  }

  #assertUsable(): void {
    if (this.#state === 'connected' && this.#closing === null) return;
    throw new MeaError('link', {
      what: this.#state === 'failed' ? 'The link to Open Ephys was given up' : 'The link to Open Ephys is closed',
      where: this.description.serialNumber,
      remedy: 'connect again',
    });
  }
}

const NEVER = new AbortController().signal;

function describe(options: FullOpenEphysOptions): RecorderDescription {
  return {
    device: 'Open Ephys GUI (Open Ephys)',
    serialNumber: `${options.host}:${options.dataPort}/${options.stream}`,
    firmware: 'not told',
    emulated: options.stream.includes(EMULATED_MARK),
    channels: options.channels.length,
    sampleRateHz: options.sampleRateHz,
    gainUvPerBit: options.gainUvPerBit,
    blockFrames: OPEN_EPHYS_CAPABILITIES.blockFrames,
    sees: OPEN_EPHYS_CAPABILITIES.sees,
  };
}
