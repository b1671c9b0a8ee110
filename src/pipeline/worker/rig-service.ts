import type { RigDevice } from '../../../drivers/rig-device.js';
import type { CancelTimer, Timers } from '../../../protocols/timers.js';
import type { RigEvent } from '../events/rig-event.js';
import { createSharedRing, openRingWriter, type RingWriter } from '../events/shared-ring.js';
import { RigLoop } from './rig-loop.js';
import type {
  FromRigThread,
  RigAnswer,
  RigRequest,
  RigThreadData,
  RigWorkerSummary,
  ToRigThread,
} from './rig-messages.js';
import { RingOutlet } from './ring-outlet.js';
import { toWireError, type WireError } from '../../../protocols/wire-error.js';

/** What a service needs. */
export interface RigServiceOptions {
  readonly device: RigDevice;
  readonly timers: Timers;
  readonly data: Pick<RigThreadData, 'settings' | 'holdMs' | 'maxBacklogBytes' | 'progress'>;
  readonly post: (message: FromRigThread) => void;
}

/** Room for what is no block, with blocks of a millisecond: heads, spikes, results, events; and for any one of them. */
const EVENT_BYTES_PER_MS = 600;
const EVENT_BYTES = 2 ** 16;
/** Events that come with every block, or of a rule with every stimulus; for so long they wait for more of their kind. */
const BULK: ReadonlySet<RigEvent['type']> = new Set([
  'block',
  'spikes',
  'snippets',
  'spike-rates',
  'trace',
  'latency',
  'detector-levels',
  'stimulus-scheduled',
  'stimulus-refused',
]);
const WAKE_MS = 5;
/** Largest ring. */
const MAX_RING_BYTES = 2 ** 29;
/** How long what waits for room is given at the end. */
const FLUSH_MS = 1000;
const FLUSH_STEP_MS = 2;

/** The rig in its thread: a loop, the ring that its events go into, and the requests that come in. */
export class RigService {
  readonly #options: RigServiceOptions;
  readonly #loop: RigLoop;
  readonly #writer: RingWriter;
  readonly #outlet: RingOutlet;
  readonly #progress: Int32Array;
  /** (request) ends what can be ended. */
  readonly #running = new Map<number, AbortController>();
  #seenProgress = 0;
  #isWakePlanned = false;
  #cancelWake: CancelTimer | undefined;
  readonly #wake = (): void => {
    this.#isWakePlanned = false;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#writer.wake();
  };
  /** How the streams ended, until it has been told. */
  #end: { readonly error: WireError | undefined } | undefined;
  #hasToldEnd = false;
  #closed: Promise<void> | undefined;

  /** @throws MeaError `bad-input` for settings that cannot be; the device is then the caller's to close */
  constructor(options: RigServiceOptions) {
    const { device, timers, data, post } = options;
    this.#options = options;
    const ring = createSharedRing(toRingBytes(device, data.holdMs));
    this.#writer = openRingWriter(ring, 'by-hand');
    this.#outlet = new RingOutlet({ writer: this.#writer, maxBacklogBytes: data.maxBacklogBytes });
    this.#progress = new Int32Array(data.progress);
    this.#loop = new RigLoop({
      device,
      timers,
      settings: data.settings,
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onFailure: (error) => {
        this.#noteEnd(toWireError(error));
      },
    });
    device.events$.subscribe({
      complete: () => {
        this.#noteEnd(undefined);
      },
    });
    post({ type: 'ready', ring, capabilities: device.capabilities, bootId: device.bootId });
  }

  get summary(): RigWorkerSummary {
    return { ...this.#loop.summary, outlet: this.#outlet.counters };
  }

  /** To be called every few milliseconds: looks after the main loop's progress, and after what waits for room. */
  turn(): void {
    this.#followProgress();
    if (this.#outlet.isWaiting) {
      this.#outlet.flush();
      this.#writer.wake();
    }
    if (!this.#outlet.isWaiting) this.#tellEnd();
  }

  /** A message of the starting thread. @param onClosed called when it asked for the end, and was told that it has come */
  onMessage(message: Exclude<ToRigThread, { readonly type: 'give-up' }>, onClosed: () => void): void {
    if (message.type === 'withdraw') this.#running.get(message.id)?.abort();
    else void this.#answer(message.id, message.request, onClosed);
  }

  /** Ends it all in bounded time; what waits for room is given a while. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #onEvent(event: RigEvent): void {
    if (event.type === 'block') this.#followProgress();
    this.#outlet.push(event);
    // Waking a thread costs more than writing, and takes a processor that the device's command may be waiting for. So
    // what comes with every block waits a little, and what is seldom is told when the command has left.
    if (BULK.has(event.type)) this.#cancelWake ??= this.#options.timers.after(WAKE_MS, this.#wake);
    else if (!this.#isWakePlanned) {
      this.#isWakePlanned = true;
      setImmediate(this.#wake);
    }
  }

  /** The main thread made a turn: the heartbeats may go on. Without that the driver lets the arming end. */
  #followProgress(): void {
    const progress = Atomics.load(this.#progress, 0);
    if (progress === this.#seenProgress) return;
    this.#seenProgress = progress;
    this.#options.device.reportProgress();
  }

  #noteEnd(error: WireError | undefined): void {
    this.#end ??= { error };
    if (!this.#outlet.isWaiting) this.#tellEnd();
  }

  /** Once all that came before is in the ring. */
  #tellEnd(): void {
    if (this.#end === undefined || this.#hasToldEnd) return;
    this.#hasToldEnd = true;
    this.#options.post({ type: 'ended', error: this.#end.error });
  }

  async #answer(id: number, request: RigRequest, onClosed: () => void): Promise<void> {
    const { post } = this.#options;
    const running = new AbortController();
    this.#running.set(id, running);
    try {
      post({ type: 'answer', id, answer: await this.#carryOut(request, running.signal) });
    } catch (error) {
      post({ type: 'refusal', id, error: toWireError(error) });
    }
    this.#running.delete(id);
    if (request.method === 'close') onClosed();
  }

  async #carryOut(request: RigRequest, signal: AbortSignal): Promise<RigAnswer> {
    const { device } = this.#options;
    const { method } = request;
    switch (method) {
      case 'configure':
        return { method, value: await this.#loop.configure(request.configuration, signal) };
      case 'start':
        await this.#loop.start(signal);
        return { method };
      case 'stop':
        return { method, value: await this.#loop.stop(signal) };
      case 'rest':
        await device.rest(request.durationSamples, signal);
        return { method };
      case 'arm':
        await this.#loop.arm(request.request, signal);
        return { method };
      case 'disarm':
        await device.disarm();
        return { method };
      case 'abort':
        await device.abort();
        return { method };
      case 'upload':
        await this.#loop.upload(request.pattern, signal);
        return { method };
      case 'schedule':
        return { method, value: await this.#schedule(request.stimulus, signal) };
      case 'cancel':
        return { method, value: await device.cancel(request.stimulusId, signal) };
      case 'measure-impedance':
        return { method, value: await device.measureImpedance(request.request, signal) };
      case 'status':
        return { method, value: await device.status(signal) };
      case 'summary':
        return { method, value: this.summary };
      case 'close':
        await this.close();
        return { method, value: this.summary };
    }
  }

  #schedule(
    { pattern, at, label }: Extract<RigRequest, { readonly method: 'schedule' }>['stimulus'],
    signal: AbortSignal,
  ): ReturnType<RigLoop['schedule']> {
    const origin = { type: 'request', ...(label !== undefined && { label }) } as const;
    return this.#loop.schedule({ pattern, at, origin }, signal);
  }

  async #close(): Promise<void> {
    const { timers } = this.#options;
    await this.#loop.close();
    const untilMs = timers.nowMs() + FLUSH_MS;
    while (this.#outlet.isWaiting && timers.nowMs() < untilMs) {
      this.#outlet.flush();
      this.#writer.wake();
      await new Promise<void>((resolve) => timers.after(FLUSH_STEP_MS, resolve));
    }
    this.#writer.wake();
    this.#tellEnd();
  }
}

/** As many bytes as come in `holdMs`, and room for events. */
function toRingBytes({ capabilities }: RigDevice, holdMs: number): number {
  const bytesPerMs = (2 * capabilities.channels * capabilities.sampleRateHz) / 1000 + EVENT_BYTES_PER_MS;
  return Math.min(MAX_RING_BYTES, Math.ceil(holdMs * bytesPerMs) + EVENT_BYTES);
}
