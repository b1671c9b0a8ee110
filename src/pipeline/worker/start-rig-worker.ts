import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { DeviceAddress } from '../../../drivers/device-address.js';
import { MeaError } from '../../../protocols/errors.js';
import { hostOffsetMs } from './host-timers.js';
import type { FromRigThread, RigThreadData, ToRigThread } from './rig-messages.js';
import type { RigLoopSettings } from './rig-settings.js';
import { RigWorker } from './rig-worker.js';
import { fromWireError } from '../../../protocols/wire-error.js';

/** What a worker is started with; all but the signal is data. */
export interface RigWorkerOptions extends RigLoopSettings {
  readonly address: DeviceAddress;
  /** Name and version of the controller, for the device's log. */
  readonly client: string;
  /** How long this thread may stand still without a loss of blocks: memory is reserved for it. 500 by default. */
  readonly holdMs?: number | undefined;
  /** Bytes of spikes, results and events that wait in the worker when the ring is full; 16 MiB by default. */
  readonly maxBacklogBytes?: number | undefined;
  /** A request that was not answered for so long has failed; more than the driver waits. 10,000 by default. */
  readonly requestMs?: number | undefined;
  /** Most requests that wait for an answer at once; 256 by default. */
  readonly maxRequests?: number | undefined;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal | undefined;
  /** The compiled program of the thread; beside this module by default. */
  readonly program?: URL | undefined;
}

/** A thread that is no longer wanted has so long to close its link. */
const END_MS = 5000;

/**
 * Connects to a device in a thread of its own, where all that must be fast happens: samples to spikes, rules, the safety
 * gate, commands. The device is neither configured nor armed by it. Close it before the process ends.
 *
 * @throws MeaError of the driver (`link`, `deadline`, `refused`), `bad-input` for settings that cannot be or that the
 *   device does not meet; the signal's reason
 */
export async function startRigWorker(options: RigWorkerOptions): Promise<RigWorker> {
  const { signal, program = new URL('./rig-thread.js', import.meta.url) } = options;
  signal?.throwIfAborted();
  const progress = new SharedArrayBuffer(4);
  const worker = createThread(program, toThreadData(options, progress));
  try {
    const { ring, capabilities, bootId } = await untilReady(worker, signal);
    const { requestMs = 10_000, maxRequests = 256, rules = [] } = options;
    const ruleSlots = rules.map(({ pattern }) => pattern.slot);
    return new RigWorker({ worker, ring, progress, capabilities, bootId, ruleSlots, requestMs, maxRequests });
  } catch (error) {
    await endThread(worker);
    throw error;
  }
}

/** The thread closes its link itself: a ZeroMQ socket that is open when the thread is ended by force ends the process. */
async function endThread(worker: Worker): Promise<void> {
  worker.on('error', () => undefined);
  if (worker.threadId < 0) return;
  const exited = once(worker, 'exit');
  worker.postMessage({ type: 'give-up' } satisfies ToRigThread);
  const late = setTimeout(() => void worker.terminate(), END_MS);
  await exited;
  clearTimeout(late);
}

function toThreadData(options: RigWorkerOptions, progress: SharedArrayBuffer): RigThreadData {
  const { address, client, detector, windows, rules, delivery, streams, driver } = options;
  const { holdMs = 500, maxBacklogBytes = 2 ** 24 } = options;
  if (!(holdMs > 0 && holdMs <= 10_000)) throw badOption('holdMs', holdMs, 'above 0, at most 10000');
  if (!(maxBacklogBytes >= 0 && maxBacklogBytes <= 2 ** 30))
    throw badOption('maxBacklogBytes', maxBacklogBytes, '0 to 2^30');
  return {
    address,
    client,
    settings: { detector, windows, rules, delivery, streams, driver } satisfies Record<keyof RigLoopSettings, unknown>,
    holdMs,
    maxBacklogBytes,
    progress,
    hostOffsetMs: hostOffsetMs(),
  };
}

function createThread(program: URL, workerData: RigThreadData): Worker {
  try {
    return new Worker(program, { workerData });
  } catch (error) {
    throw new MeaError(
      'bad-input',
      {
        what: 'The settings of the worker cannot be sent to it',
        got: error instanceof Error ? error.message : String(error),
        wanted: 'data alone: no functions, no objects of classes',
      },
      { cause: error },
    );
  }
}

function untilReady(
  worker: Worker,
  signal: AbortSignal | undefined,
): Promise<Extract<FromRigThread, { type: 'ready' }>> {
  return new Promise((resolve, reject) => {
    const settle = (settlement: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      signal?.removeEventListener('abort', onAbort);
      settlement();
    };
    const fail = (error: Error): void => {
      settle(() => {
        reject(error);
      });
    };
    const onMessage = (message: FromRigThread): void => {
      if (message.type === 'ready') {
        settle(() => {
          resolve(message);
        });
      } else if (message.type === 'ended' && message.error !== undefined) fail(fromWireError(message.error));
    };
    const onError = (error: Error): void => {
      fail(
        new MeaError(
          'internal',
          { what: 'The thread of the rig could not start', got: error.message },
          { cause: error },
        ),
      );
    };
    const onExit = (code: number): void => {
      fail(new MeaError('internal', { what: 'The thread of the rig ended at its start', got: `exit code ${code}` }));
    };
    const onAbort = (): void => {
      const reason: unknown = signal?.reason;
      fail(reason instanceof Error ? reason : new MeaError('link', { what: 'Aborted', got: String(reason) }));
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function badOption(name: string, value: number, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad ${name} of the worker`, got: String(value), wanted });
}
