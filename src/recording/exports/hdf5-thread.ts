// The program of the thread that writes one HDF5 file; `createHdf5InThread` starts it. The library may abort for good when
// something goes wrong: here it takes nothing else with it.
import { parentPort, workerData } from 'node:worker_threads';
import { MeaError } from '../../../protocols/errors.js';
import { createHdf5File } from './hdf5-file.js';
import type { Hdf5Answer, Hdf5Request } from './hdf5-in-thread.js';

const path: unknown = workerData;
const port = parentPort;
if (port === null || typeof path !== 'string') {
  throw new MeaError('internal', { what: 'hdf5-thread is no program of its own', remedy: 'use createHdf5InThread' });
}
const file = createHdf5File(path);
// Its failure is the answer to the first request.
file.catch(() => undefined);

port.on('message', (request: Hdf5Request) => {
  void answer(request).then((reply) => {
    port.postMessage(reply);
  });
});

async function answer(request: Hdf5Request): Promise<Hdf5Answer> {
  try {
    const opened = await file;
    if (request.type === 'close') opened.close();
    else for (const command of request.commands) opened.apply(command);
    return { type: 'done' };
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
