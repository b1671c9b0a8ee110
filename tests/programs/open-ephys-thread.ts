// A thread with a link to Open Ephys, for a test of its end: it hears a few blocks and ends with the link open.
import { workerData } from 'node:worker_threads';
import { z } from 'zod';

import { connectOpenEphys } from '../../drivers/open-ephys/connect-open-ephys.js';
import { hertz } from '../../protocols/units.js';
import { systemTimers } from '../../src/timers.js';

const { dataPort, httpPort, stream, channels, sampleRateHz } = z
  .object({
    dataPort: z.number(),
    httpPort: z.number(),
    stream: z.string(),
    channels: z.array(z.string()),
    sampleRateHz: z.number(),
  })
  .parse(workerData);
const recorder = await connectOpenEphys(
  { timers: systemTimers(), dataPort, httpPort, stream, channels, sampleRateHz: hertz(sampleRateHz) },
  AbortSignal.timeout(10_000),
);
let blocks = 0;
recorder.events$.subscribe(({ type }) => {
  if (type === 'block') blocks += 1;
  if (blocks === 20) process.exit(0);
});
await recorder.start();
