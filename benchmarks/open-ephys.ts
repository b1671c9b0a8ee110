import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

import { connectOpenEphys } from '../drivers/open-ephys/connect-open-ephys.js';
import { hertz } from '../protocols/units.js';
import { systemTimers } from '../src/timers.js';
import { printLine } from './measure.js';

// `npm run bench -- open-ephys [seconds]`: the emulated Open Ephys in a process of its own, 64 channels at 30 kHz in real
// time, about 1,900 messages a second; all of them must be heard, and cost less than a quarter of a core.

const CHANNELS = 64;
const RATE_HZ = 30_000;
/** Of one core, all threads of this process together. */
const MAX_SHARE = 0.25;
/** Before the figures: the compiler has its say once. */
const WARM_UP_MS = 3000;
const PROGRAM = fileURLToPath(new URL('../tests/programs/open-ephys-facade.js', import.meta.url));

const [seconds = 60] = process.argv.slice(2).map(Number);
const program = spawn(process.execPath, [PROGRAM, String(CHANNELS), String(RATE_HZ)], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const ended = once(program, 'exit');
const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();

const place = z
  .object({ dataPort: z.number(), httpPort: z.number(), stream: z.string(), channelNames: z.array(z.string()) })
  .parse(JSON.parse(String((await lines.next()).value)));
const recorder = await connectOpenEphys(
  {
    timers: systemTimers(),
    dataPort: place.dataPort,
    httpPort: place.httpPort,
    stream: place.stream,
    channels: place.channelNames,
    sampleRateHz: hertz(RATE_HZ),
  },
  AbortSignal.timeout(30_000),
);
let losses = 0;
let frames = 0;
recorder.events$.subscribe((event) => {
  if (event.type === 'block') frames += event.frames;
  else if (event.type === 'samples-lost') losses += 1;
  else if (event.type !== 'started' && event.type !== 'ended') printLine(`open-ephys: ${JSON.stringify(event)}`);
});
await recorder.start();
await sleep(WARM_UP_MS);
const before = { counters: recorder.counters, frames, cpu: process.cpuUsage(), ms: performance.now() };
await sleep(seconds * 1000);
const { user, system } = process.cpuUsage(before.cpu);
const elapsedS = (performance.now() - before.ms) / 1000;
const messages = recorder.counters.messages - before.counters.messages;
const measuredFrames = frames - before.frames;
await recorder.stop();
const { counters } = recorder;
await recorder.close();
program.stdin.end();
const sent = z
  .object({ published: z.number(), unsent: z.number(), worstBehindMs: z.number() })
  .parse(JSON.parse(String((await lines.next()).value)));
await ended;

const share = (user + system) / 1e6 / elapsedS;
const missing = sent.published - counters.messages;
const load = loadavg()[0]!.toFixed(1);
printLine(
  `open-ephys: ${CHANNELS} channels at ${RATE_HZ} Hz for ${elapsedS.toFixed(0)} s: ${(messages / elapsedS).toFixed(0)} messages ` +
    `and ${(measuredFrames / elapsedS).toFixed(0)} frames a second; of ${sent.published} messages sent ${missing} were not heard ` +
    `(by their numbers ${counters.missingMessages}), ${counters.badMessages} unreadable, ${losses} gaps`,
);
printLine(
  `open-ephys: receiving took ${(100 * share).toFixed(1)} % of a core (${((1e6 * share * elapsedS) / messages).toFixed(0)} us a message), ` +
    `load average ${load}; the emulator was behind the clock by at most ${sent.worstBehindMs.toFixed(0)} ms (0: less than 250)`,
);
const isGood = missing === 0 && counters.missingMessages === 0 && losses === 0 && share < MAX_SHARE;
if (!isGood) process.exitCode = 1;
