import { open } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { MeaError } from '../../../protocols/errors.js';
import type { Hdf5Command, Hdf5Writer } from './hdf5-commands.js';

/** What the thread is asked, one after the other. */
export type Hdf5Request =
  { readonly type: 'apply'; readonly commands: readonly Hdf5Command[] } | { readonly type: 'close' };

/** Its answer to each request, in their order. */
export type Hdf5Answer = { readonly type: 'done' } | { readonly type: 'failed'; readonly message: string };

/**
 * Creates an HDF5 file in a thread of its own. One request is under way while the next is prepared, so that reading and
 * writing overlap and no more than two pieces are held.
 *
 * @param path must not exist
 * @param program the compiled program of the thread; beside this module by default
 */
export function createHdf5InThread(
  path: string,
  program: URL = new URL('./hdf5-thread.js', import.meta.url),
): Hdf5Writer {
  const worker = new Worker(program, { workerData: path });
  let waiting: ((answer: Hdf5Answer) => void) | undefined;
  let failure: MeaError | undefined;
  const settle = (answer: Hdf5Answer): void => {
    if (answer.type === 'failed') failure ??= toError(answer.message, path);
    waiting?.(answer);
    waiting = undefined;
  };
  worker.on('message', settle);
  worker.on('error', (cause) => {
    settle({ type: 'failed', message: String(cause) });
  });
  worker.on('exit', () => {
    settle({ type: 'failed', message: 'the thread ended early' });
  });
  let pending: Promise<unknown> = Promise.resolve();

  const request = async (message: Hdf5Request): Promise<void> => {
    await pending;
    if (failure !== undefined) throw failure;
    pending = new Promise((resolve) => {
      waiting = resolve;
      worker.postMessage(message);
    });
  };
  const end = async (): Promise<void> => {
    worker.removeAllListeners();
    // What comes after the end is of no interest, but an error without a listener would end the process.
    worker.on('error', () => undefined);
    await worker.terminate();
  };
  return {
    apply: (commands) => request({ type: 'apply', commands }),
    async close() {
      await request({ type: 'close' });
      await pending;
      if (failure !== undefined) throw failure;
      await end();
      await syncFile(path);
    },
    abandon: end,
  };
}

/** The library leaves the last bytes to the system. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The library tells of a full disk in a stack of its own words. */
function toError(message: string, path: string): MeaError {
  const words = /No space left|File too large|[Ww]rite failed|unable to flush|Input\/output error|I\/O error/.exec(
    message,
  );
  if (words === null) {
    return new MeaError('internal', { what: 'Writing HDF5 failed', got: message.slice(0, 2000), where: path });
  }
  return new MeaError('storage', {
    what: 'The file could not be written',
    got: words[0],
    where: path,
    remedy: 'make room on the disk or choose another folder',
  });
}
