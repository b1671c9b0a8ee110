import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { Subject, type Observable } from 'rxjs';
import type { AcquisitionEndResult } from '../../../drivers/mea-link/acquisition-end.js';
import type { Configured, DeviceConfiguration } from '../../../drivers/rig-device.js';
import type { ArmRequest } from '../../../drivers/mea-link/stimulation-control.js';
import { MeaError } from '../../../protocols/errors.js';
import type { Capabilities, Impedance, Refusal, StatusResult } from '../../../protocols/mea-link/messages.js';
import type { StimPattern } from '../../../protocols/stimulation/stim-pattern.js';
import type { StageLatencies } from '../../../protocols/trial.js';
import type { Hertz } from '../../../protocols/units.js';
import { toStageLatencies } from '../events/latency-recorder.js';
import type { RigEvent } from '../events/rig-event.js';
import { decodeRecord } from '../events/ring-records.js';
import { openRingReader, type RingReader } from '../events/shared-ring.js';
import type { StimulusOutcome } from './rig-account.js';
import type {
  FromRigThread,
  RigAnswer,
  RigRequest,
  RigWorkerSummary,
  StimulusRequest,
  ToRigThread,
} from './rig-messages.js';
import { fromWireError } from '../../../protocols/wire-error.js';

/** A thread that is ready, and what it was started with. */
export interface RigWorkerParts {
  readonly worker: Worker;
  readonly ring: SharedArrayBuffer;
  readonly progress: SharedArrayBuffer;
  readonly capabilities: Capabilities;
  readonly bootId: number;
  readonly ruleSlots: readonly number[];
  readonly requestMs: number;
  readonly maxRequests: number;
}

interface Waiting {
  readonly settle: (outcome: RigAnswer | Error) => void;
}

/** Records are handed out without a pause for so long, looked at after so many; then others have their turn. */
const TURN_MS = 10;
const RECORDS_IN_A_ROW = 64;
/** After its answer to `close` the thread has so long to end. */
const END_MS = 2000;

/**
 * A rig in a thread of its own, seen from the thread that started it. Every request throws MeaError: what the driver
 * threw, with its tag and fields; `deadline` when the thread did not answer; `refused` when too many wait; `link` when it
 * is closed or has ended.
 */
export class RigWorker {
  readonly capabilities: Capabilities;
  /** Pattern slots that belong to rules. */
  readonly ruleSlots: readonly number[];
  /** Of the device's boot that was greeted first. */
  readonly bootId: number;
  /**
   * All that happens, in one order, from the time of subscribing on; who subscribes right after the start misses
   * nothing. Completes after `close` or `link-failed`; errors with what ended the loop, or with `internal` when the
   * thread died: the device then disarms by its watchdog, if its link has not told it before.
   */
  readonly events$: Observable<RigEvent>;
  readonly #worker: Worker;
  readonly #reader: RingReader;
  readonly #progress: Int32Array;
  readonly #requestMs: number;
  readonly #maxRequests: number;
  readonly #events = new Subject<RigEvent>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  /** How the streams end; undefined while they go on. */
  #end: { readonly error: Error | undefined } | undefined;
  #isGone = false;
  #crash: Error | undefined;
  #closed: Promise<RigWorkerSummary> | undefined;

  constructor(parts: RigWorkerParts) {
    const { worker, ring, progress, capabilities, bootId } = parts;
    this.capabilities = capabilities;
    this.bootId = bootId;
    this.ruleSlots = parts.ruleSlots;
    this.events$ = this.#events.asObservable();
    this.#worker = worker;
    this.#reader = openRingReader(ring);
    this.#progress = new Int32Array(progress);
    this.#requestMs = parts.requestMs;
    this.#maxRequests = parts.maxRequests;
    worker.on('message', (message: FromRigThread) => {
      this.#onMessage(message);
    });
    worker.on('error', (error) => {
      this.#crash = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#onExit(code);
        resolve();
      });
    });
    void this.#read();
  }

  /** True until the streams have ended. */
  get isRunning(): boolean {
    return this.#end === undefined;
  }

  /**
   * The turn of the main loop was made: without such calls the device does not stay armed. Costs nothing; to be called
   * where the loop turns, not by a timer that would go on without it.
   */
  reportProgress(): void {
    Atomics.add(this.#progress, 0, 1);
  }

  /** As the driver's; fills the pattern slots of the rules besides. */
  async configure(configuration: DeviceConfiguration, signal?: AbortSignal): Promise<Configured> {
    return pick(await this.#ask({ method: 'configure', configuration }, signal), 'configure').value;
  }

  async start(signal?: AbortSignal): Promise<void> {
    await this.#ask({ method: 'start' }, signal);
  }

  /** Ends the acquisition; resolves when everything up to its end has come to the worker, or gaps in its place. */
  async stop(signal?: AbortSignal): Promise<AcquisitionEndResult> {
    return pick(await this.#ask({ method: 'stop' }, signal), 'stop').value;
  }

  /** Acquisition pauses: the sample counter jumps by so many samples. */
  async rest(durationSamples: number, signal?: AbortSignal): Promise<void> {
    await this.#ask({ method: 'rest', durationSamples }, signal);
  }

  /** Arms the device with a fresh token. The one way to arm: nothing does so by itself. */
  async arm(request: ArmRequest, signal?: AbortSignal): Promise<void> {
    await this.#ask({ method: 'arm', request }, signal);
  }

  /** Stimulation off, and what is scheduled is dropped. */
  async disarm(): Promise<void> {
    await this.#ask({ method: 'disarm' });
  }

  /** Stimulation off at once, in any state; see the driver's. */
  async abort(): Promise<void> {
    await this.#ask({ method: 'abort' });
  }

  /** Fills a pattern slot, of no rule, ahead of its stimuli: the gate checks it in the worker. */
  async upload(pattern: StimPattern, signal?: AbortSignal): Promise<void> {
    await this.#ask({ method: 'upload', pattern }, signal);
  }

  /** Asks for a stimulus: the gate checks it in the worker. A refusal is a result; both are told as events as well. */
  async schedule(stimulus: StimulusRequest, signal?: AbortSignal): Promise<StimulusOutcome> {
    return pick(await this.#ask({ method: 'schedule', stimulus }, signal), 'schedule').value;
  }

  /** Takes a scheduled stimulus back. */
  async cancel(stimulusId: number, signal?: AbortSignal): Promise<{ readonly type: 'done' } | Refusal> {
    return pick(await this.#ask({ method: 'cancel', stimulusId }, signal), 'cancel').value;
  }

  async measureImpedance(
    request: { readonly electrodes: readonly number[]; readonly frequencyHz: Hertz },
    signal?: AbortSignal,
  ): Promise<readonly Impedance[]> {
    return pick(await this.#ask({ method: 'measure-impedance', request }, signal), 'measure-impedance').value;
  }

  async status(signal?: AbortSignal): Promise<StatusResult> {
    return pick(await this.#ask({ method: 'status' }, signal), 'status').value;
  }

  /** Latencies and counters so far. */
  async summary(signal?: AbortSignal): Promise<RigWorkerSummary> {
    return pick(await this.#ask({ method: 'summary' }, signal), 'summary').value;
  }

  /** Host times of each step so far. */
  async stageLatencies(): Promise<StageLatencies> {
    return toStageLatencies((await this.summary()).latency);
  }

  /**
   * Stimulation off, acquisition off, link off, thread off, in this order and in bounded time. All events that came
   * before are handed out first.
   *
   * @returns the last summary
   * @throws MeaError when the thread had died, or did not answer and was ended by force
   */
  close(): Promise<RigWorkerSummary> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<RigWorkerSummary> {
    try {
      return pick(await this.#ask({ method: 'close' }), 'close').value;
    } finally {
      const late = setTimeout(() => void this.#worker.terminate(), END_MS);
      await this.#exited;
      clearTimeout(late);
    }
  }

  // ---- requests --------------------------------------------------------------------------------------------------------

  #ask(request: RigRequest, signal?: AbortSignal): Promise<RigAnswer> {
    const { method } = request;
    if (this.#isGone) return Promise.reject(this.#gone(`'${method}' cannot be carried out`));
    if (signal?.aborted === true) return Promise.reject(toError(signal.reason));
    // What ends stimulation is never kept out.
    const isLast = method === 'abort' || method === 'disarm' || method === 'close';
    if (!isLast && this.#waiting.size >= this.#maxRequests) return Promise.reject(this.#tooMany(method));
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const settle = (outcome: RigAnswer | Error): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(id);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const withdraw = (reason: Error): void => {
        settle(reason);
        this.#post({ type: 'withdraw', id });
        // It may be armed already, its answer on the way: who was told that arming failed must not have an armed device.
        if (method === 'arm') this.disarm().catch(() => undefined);
      };
      const onAbort = (): void => {
        withdraw(toError(signal?.reason));
      };
      const timer = setTimeout(() => {
        withdraw(this.#missed(method));
      }, this.#requestMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, { settle });
      try {
        this.#post({ type: 'request', id, request });
      } catch (error) {
        settle(
          new MeaError('bad-input', {
            what: `The request '${method}' cannot be sent to the worker`,
            got: toError(error).message,
            wanted: 'data alone: no functions, no objects of classes',
          }),
        );
      }
    });
  }

  #post(message: ToRigThread): void {
    this.#worker.postMessage(message);
  }

  #onMessage(message: FromRigThread): void {
    switch (message.type) {
      case 'answer':
        this.#waiting.get(message.id)?.settle(message.answer);
        break;
      case 'refusal':
        this.#waiting.get(message.id)?.settle(fromWireError(message.error));
        break;
      case 'ended':
        this.#end ??= { error: message.error === undefined ? undefined : fromWireError(message.error) };
        this.#reader.wakeReader();
        break;
      case 'ready':
        break;
    }
  }

  #onExit(code: number): void {
    this.#isGone = true;
    this.#end ??= { error: this.#died(code) };
    this.#reader.wakeReader();
    for (const { settle } of [...this.#waiting.values()]) settle(this.#end.error ?? this.#gone('No answer came'));
  }

  // ---- events ----------------------------------------------------------------------------------------------------------

  /** Hands the ring's records out until the streams have ended. */
  async #read(): Promise<void> {
    // After whoever waits for the start has subscribed.
    await setImmediate();
    for (;;) {
      // Asked before the ring is read: what was written before the end was said is there.
      const end = this.#end;
      let isEmpty = false;
      try {
        isEmpty = this.#takeTurn();
      } catch (error) {
        this.#events.error(error);
        return;
      }
      if (!isEmpty) await setImmediate();
      else if (end === undefined) await this.#reader.whenReadable();
      else {
        this.#finish(end.error);
        return;
      }
    }
  }

  /** @returns true when nothing was left */
  #takeTurn(): boolean {
    const untilMs = performance.now() + TURN_MS;
    do {
      const records = this.#reader.drain((record) => {
        this.#events.next(decodeRecord(record));
      }, RECORDS_IN_A_ROW);
      if (records < RECORDS_IN_A_ROW) return true;
    } while (performance.now() < untilMs);
    return false;
  }

  #finish(error: Error | undefined): void {
    if (error === undefined) this.#events.complete();
    else this.#events.error(error);
  }

  // ---- errors ----------------------------------------------------------------------------------------------------------

  #died(code: number): MeaError {
    return new MeaError(
      'internal',
      {
        what: 'The thread of the rig ended by itself',
        got: this.#crash?.message ?? `exit code ${code}`,
        remedy: 'the device disarms without its heartbeats; look at it before you begin anew',
      },
      this.#crash === undefined ? {} : { cause: this.#crash },
    );
  }

  #gone(what: string): MeaError {
    return new MeaError('link', { what: `${what}: the rig was closed, or its thread has ended` });
  }

  #missed(method: string): MeaError {
    return new MeaError('deadline', {
      what: `The thread of the rig did not answer '${method}'`,
      got: `silence for ${this.#requestMs} ms`,
      remedy:
        method === 'schedule' ? 'the stimulus may leave all the same: abort' : 'abort, or close the rig and begin anew',
    });
  }

  #tooMany(method: string): MeaError {
    return new MeaError('refused', {
      what: `The request '${method}' was not sent to the worker`,
      got: `${this.#waiting.size} that wait for an answer`,
      wanted: `less than ${this.#maxRequests}`,
      remedy: 'wait for answers before asking for more',
    });
  }
}

function pick<Method extends RigAnswer['method']>(
  answer: RigAnswer,
  method: Method,
): Extract<RigAnswer, { readonly method: Method }> {
  if (isAnswerTo(answer, method)) return answer;
  throw new MeaError('internal', { what: 'The worker answered another question', got: answer.method, wanted: method });
}

function isAnswerTo<Method extends RigAnswer['method']>(
  answer: RigAnswer,
  method: Method,
): answer is Extract<RigAnswer, { readonly method: Method }> {
  return answer.method === method;
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new MeaError('link', { what: 'Aborted', got: String(reason) });
}
