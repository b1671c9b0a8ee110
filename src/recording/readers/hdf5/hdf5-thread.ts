// The program of the thread that reads one HDF5 file; `Hdf5File` starts it. A damaged file can abort the library, or keep it
// busy for ever: then this thread is the only thing that is lost.
import { parentPort, workerData } from 'node:worker_threads';
import { Module, ready, File } from 'h5wasm/node';
import { z } from 'zod';
import { MeaError } from '../../../../protocols/errors.js';
import { answerRequest } from './answer-request.js';
import type { FromHdf5Thread, Hdf5Answer, ToHdf5Thread } from './hdf5-messages.js';
import { allowOnly, limitMemory } from './hdf5-sandbox.js';

const data = z.object({ path: z.string(), memoryBytes: z.number() }).safeParse(workerData);
if (!data.success || parentPort === null)
  throw new MeaError('internal', { what: 'hdf5-thread is no program of its own', remedy: 'use Hdf5File.open' });
const port = parentPort;
const { path, memoryBytes } = data.data;

limitMemory(memoryBytes);
await ready;
Module.activate_throwing_error_handler();
allowOnly(Module, path);

const file = openFile();
if (file !== undefined)
  port.on('message', ({ id, request }: ToHdf5Thread) => {
    post(
      id,
      attempt(() => answerRequest(file, request)),
    );
  });

function openFile(): File | undefined {
  let opened: File | undefined;
  const answer = attempt(() => {
    opened = new File(path, 'r');
    return { type: 'entries', entries: [] };
  });
  post(0, answer);
  return opened;
}

/** An error of the library is an answer; an error of WebAssembly means that the library is lost, and ends the thread. */
function attempt(answer: () => Hdf5Answer): Hdf5Answer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || !(error instanceof Error)) throw error;
    return { type: 'failed', reason: toReason(error.message) };
  }
}

/** The library lists its calls, innermost last; what that one says is what went wrong. */
function toReason(message: string): string {
  const calls = Array.from(message.matchAll(/ in \w+\(\): (.*)/g), ([, said]) => said ?? '');
  return (calls.at(-1) ?? message).slice(0, 500);
}

function post(id: number, answer: Hdf5Answer): void {
  const buffers =
    answer.type === 'numbers'
      ? [answer.numbers.buffer]
      : answer.type === 'columns'
        ? answer.columns.map((column) => column.buffer)
        : [];
  port.postMessage({ id, answer } satisfies FromHdf5Thread, buffers);
}
