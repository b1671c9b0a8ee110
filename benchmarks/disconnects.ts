import { runScenario } from '../tests/faults/run-scenario.js';

// `npm run bench -- disconnects [count] [first seed]`: links that are cut in virtual time, each for less than the ring
// holds. Nothing may be lost.

const [wanted = 1000, firstSeed = 8001] = process.argv.slice(2).map(Number);
const RING_MS = 5000;
let disconnects = 0;
let longestMs = 0;
let lost = 0;
let frames = 0;
let complete = 0;
let runs = 0;
for (let seed = firstSeed; disconnects < wanted; seed++) {
  const { events, counters, applied } = await runScenario({
    name: 'disconnects',
    seed,
    faults: ['disconnect=1500:300'],
    framing: seed % 2 === 0 ? 'length' : 'cobs',
    durationMs: 30_000,
    ringMs: RING_MS,
  });
  runs += 1;
  disconnects += applied.get('disconnect') ?? 0;
  lost += counters.lostMessages;
  frames += counters.frames;
  for (const event of events) {
    if (event.type === 'link-restored') longestMs = Math.max(longestMs, event.outageMs);
    if (event.type === 'stream-ended' && event.check.verdict === 'complete') complete += 1;
  }
}
process.stdout.write(
  `${disconnects} disconnects in ${runs} acquisitions, the longest outage ${longestMs.toFixed(0)} ms, ring ${RING_MS} ms\n` +
    `${lost} messages lost; ${complete} of ${runs} acquisitions complete by count and checksum, ${frames} frames\n`,
);
process.exitCode = lost === 0 && complete === runs ? 0 : 1;
