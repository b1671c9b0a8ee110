// The program of the thread with the device; `startRigWorker` starts it. It ends when nothing is left to do.
import { parentPort, workerData } from 'node:worker_threads';
import { warmUpCommands } from '../../../drivers/mea-link/warm-up.js';
import { openRigDevice } from '../../../drivers/open-rig-device.js';
import { MeaError } from '../../../protocols/errors.js';
import type { CancelTimer } from '../../../protocols/timers.js';
import { createHostTimers } from './host-timers.js';
import { isRigThreadData, type FromRigThread, type ToRigThread } from './rig-messages.js';
import { RigService } from './rig-service.js';
import { warmUpGate } from './warm-up-gate.js';
import { toWireError } from '../../../protocols/wire-error.js';

const port = parentPort;
const data: unknown = workerData;
if (port === null || !isRigThreadData(data)) {
  throw new MeaError('internal', { what: 'rig-thread is no program of its own', remedy: 'use startRigWorker' });
}
const timers = createHostTimers(data.hostOffsetMs);
const post = (message: FromRigThread): void => {
  port.postMessage(message);
};
let service: RigService | undefined;
let cancelPoll: CancelTimer = () => undefined;
/** Twice within the interval of heartbeats: a stall is seen with the next of them. */
const POLL_MS = 10;
/** After so many the engine has compiled most of the way of a command. */
const WARM_UP_ROUNDS = 1000;

/** Ends the attempt to connect. */
const givenUp = new AbortController();
process.on('uncaughtException', (error) => {
  post({ type: 'ended', error: toWireError(error) });
  void end();
});
port.on('message', (message: ToRigThread) => {
  if (message.type === 'give-up') void end();
  else service?.onMessage(message, () => void end());
});
try {
  // Before there is a link, because it takes this thread some 100 ms, in which no heartbeat would go.
  await warmUpCommands(timers, WARM_UP_ROUNDS);
  warmUpGate(WARM_UP_ROUNDS);
  const device = await openRigDevice(
    data.address,
    { timers, client: data.client, driver: data.settings.driver },
    givenUp.signal,
  );
  try {
    givenUp.signal.throwIfAborted();
    service = new RigService({ device, timers, data, post });
  } catch (error) {
    await device.close();
    throw error;
  }
  poll();
} catch (error) {
  post({ type: 'ended', error: toWireError(error) });
  void end();
}

function poll(): void {
  cancelPoll = timers.after(POLL_MS, poll);
  service?.turn();
}

/** Links are closed before the thread ends: a ZeroMQ socket that is open then ends the whole process. */
async function end(): Promise<void> {
  givenUp.abort();
  await service?.close();
  cancelPoll();
  port?.close();
}
