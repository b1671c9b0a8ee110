// A controller in a process of its own whose subscriber is too slow for a while: SLOW_SUBSCRIBER ADDRESS SLOW_MS HOLD_MS.
// While it is slow, each block takes it HOLD_MS of computing, and it sends commands all the same; then it catches up,
// stops the acquisition, and tells on stdout, as one line of JSON, what came.
import { setTimeout as sleep } from 'node:timers/promises';

import { connectMeaLink } from '../../drivers/mea-link/connect-mea-link.js';
import type { GapEvent } from '../../drivers/mea-link/device-event.js';
import { openTransport } from '../../drivers/transports/open-transport.js';
import { systemTimers } from '../../src/timers.js';
import { createWideProfile } from '../helpers/wide-profile.js';

/** Between two commands. */
const COMMAND_MS = 100;

const [address = '', slowText, holdText] = process.argv.slice(2);
const slowMs = Number(slowText);
const holdMs = Number(holdText);
const timers = systemTimers();
const device = await connectMeaLink(
  {
    transport: openTransport(address, { timers }),
    timers,
    client: 'slow subscriber',
    options: { mainStallMs: 60_000, armedForMs: 1000, silenceMs: 5000, longDeadlineMs: 60_000, deadlineMs: 60_000 },
  },
  AbortSignal.timeout(10_000),
);
let isSlow = false;
let slowBlocks = 0;
let rssBytes = 0;
const gaps: GapEvent[] = [];
device.events$.subscribe((event) => {
  if (event.type === 'gap') gaps.push(event);
  if (event.type !== 'block' || !isSlow) return;
  slowBlocks += 1;
  const endMs = performance.now() + holdMs;
  while (performance.now() < endMs);
  if (slowBlocks % 64 === 0) rssBytes = Math.max(rssBytes, process.memoryUsage.rss());
});
const { profileHash } = await device.configure({ blockFrames: 20, safetyProfile: createWideProfile([0, 1, 2]) });
await device.start();
await device.arm({ serialNumber: device.capabilities.serialNumber, profileHash });
// As large as it is when all goes well.
await sleep(300);
const rssBefore = process.memoryUsage.rss();
isSlow = true;
const slowUntilMs = performance.now() + slowMs;
const answers: Promise<number>[] = [];
while (performance.now() < slowUntilMs) {
  answers.push(latencyOf(device.status()));
  await sleep(COMMAND_MS);
}
// On a clock that both processes have.
const abortedMs = performance.timeOrigin + performance.now();
const aborted = latencyOf(device.abort());
// The abort is sent, and what comes after it finds a subscriber that is fast again.
await sleep(1);
isSlow = false;
const latencies = await Promise.all(answers);
const abortLatencyMs = await aborted;
const end = await device.stop();
const { counters } = device;
process.stdout.write(
  `${JSON.stringify({
    end,
    gaps,
    counters,
    slowBlocks,
    abortedMs,
    abortLatencyMs,
    longestAnswerMs: Math.max(...latencies),
    commands: latencies.length,
    grownBytes: Math.max(0, rssBytes - rssBefore),
  })}\n`,
);
await device.close();

async function latencyOf(answer: Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await answer;
  return performance.now() - startedMs;
}
