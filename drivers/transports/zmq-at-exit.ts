/** How long a thread that ends waits for its sockets. */
const ENDING_MS = 100;

/** Sockets of ZeroMQ, and the observers that tell of their end. */
export interface ZmqSockets {
  /** Closes the sockets when nobody can wait for what was not sent. */
  closeNow(): void;
  /** For sockets that have ended. */
  stopObserving(): void;
}

/**
 * Sockets that have not ended. A thread that ends while one of them is waited for ends the process: the library (6.8.0)
 * throws out of its own clean-up. So they are closed first, wherever a thread can still do something: at its end or after
 * an error that nobody caught, but not when it is terminated from outside.
 */
const open = new Set<ZmqSockets>();
process.on('exit', () => {
  if (open.size === 0) return;
  for (const sockets of open) sockets.closeNow();
  // Threads of libzmq give frames back that were not sent, to a thread that must still be there, and report the end of each
  // socket to an observer that must still be there: without one they stand still for ever.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ENDING_MS);
  for (const sockets of open) sockets.stopObserving();
});

/** Sees to sockets at the end of the thread; the function that it gives is called when they have ended. */
export function closeAtExit(sockets: ZmqSockets): () => void {
  open.add(sockets);
  return () => {
    open.delete(sockets);
  };
}
