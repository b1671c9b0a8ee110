import { Worker } from 'node:worker_threads';
import type { Clock } from '../../protocols/clock.js';
import { MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import { fromWireError } from '../../protocols/wire-error.js';
import type { FromRecorder, RecorderThreadData } from './recorder-messages.js';
import { hostMs } from './host-time.js';
import type { RecorderPort } from './recorder-port.js';
import type { RecorderOptions } from './recorder.js';
import { ThreadedRecorder, type ThreadedRecorderLimits, type ThreadLink } from './threaded-recorder.js';

/** What a recorder in a thread of its own is started with. */
export interface RecorderThreadOptions
  extends Omit<RecorderOptions, 'disk' | 'clock' | 'ledgerBatch'>, Partial<ThreadedRecorderLimits> {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly timers: Timers;
  /** A module whose `createDisk` makes the disk, in place of the system's. */
  readonly diskProgram?: URL | undefined;
}

const LIMITS: ThreadedRecorderLimits = { maxPendingBytes: 2 ** 28, closeDeadlineMs: 30_000 };

/**
 * Starts a recorder in a thread of its own: a disk that is slow for a while, or stands still, holds nobody up. What is then
 * done with what comes, `ThreadedRecorder` says.
 *
 * @throws MeaError `storage` when the recording cannot be begun
 */
export async function startRecorder(options: RecorderThreadOptions): Promise<RecorderPort> {
  const { folder, session, probe, continued, syncMs, reserveBytes, onNotice, timers, diskProgram } = options;
  const limits = {
    maxPendingBytes: options.maxPendingBytes ?? LIMITS.maxPendingBytes,
    closeDeadlineMs: options.closeDeadlineMs ?? LIMITS.closeDeadlineMs,
  };
  const workerData = {
    isRecorder: true,
    wallOffsetMs: options.clock.wallMs() - hostMs(),
    folder,
    session,
    probe,
    continued,
    syncMs,
    reserveBytes,
    ...(diskProgram !== undefined && { diskProgram: diskProgram.href }),
  } satisfies RecorderThreadData;
  const { sampleRateHz } = session;
  const worker = new Worker(new URL('./recorder-thread.js', import.meta.url), { workerData });
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(new MeaError('internal', { what: 'The recorder did not start', got: error.message }, { cause: error }));
    };
    worker.once('error', onError);
    worker.once('message', (message: FromRecorder) => {
      worker.off('error', onError);
      if (message.type === 'ready')
        resolve(new ThreadedRecorder({ thread: linkTo(worker), folder, sampleRateHz, onNotice, timers, limits }));
      else {
        void worker.terminate();
        reject(
          message.type === 'refused'
            ? fromWireError(message.error)
            : new MeaError('internal', { what: 'The recorder said something else first', got: message.type }),
        );
      }
    });
  });
}

function linkTo(worker: Worker): ThreadLink {
  return {
    post: (message, transfer = []) => {
      worker.postMessage(message, [...transfer]);
    },
    listen: ({ onMessage, onError, onExit }) => {
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.on('exit', onExit);
    },
    abandon: () => {
      worker.unref();
    },
  };
}
