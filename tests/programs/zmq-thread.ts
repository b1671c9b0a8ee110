// A thread with a link over ZeroMQ, for tests of its end: {address, end}. It keeps sending until it closes the link and
// ends (`close`), ends with the link open (`exit`), or has a bug (`throw`).
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { z } from 'zod';

import { openTransport } from '../../drivers/transports/open-transport.js';
import { systemTimers } from '../../src/timers.js';

const { address, end } = z.object({ address: z.string(), end: z.enum(['close', 'exit', 'throw']) }).parse(workerData);
const link = await openTransport(address, { timers: systemTimers() }).connect(
  {
    onMessage: () => undefined,
    onBadFrame: () => undefined,
    onDrain: () => undefined,
    onClosed: () => undefined,
  },
  AbortSignal.timeout(10_000),
);
setInterval(() => {
  // longer than what the library copies
  for (let k = 0; k < 5; k++) link.send('control', new Uint8Array(500));
}, 1);
await sleep(20);
if (end === 'throw') throw new Error('a bug in the thread');
if (end === 'close') await link.close();
process.exit();
