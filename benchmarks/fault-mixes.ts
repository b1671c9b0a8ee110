import { drawFaultMix } from '../tests/faults/fault-mixes.js';
import { runScenario } from '../tests/faults/run-scenario.js';

// `npm run bench -- fault-mixes [count] [first seed]`: seeded mixes of faults in virtual time. In every one the device's
// ledger must be delivered messages plus reported gaps, what arrived must be delivered or counted as why not, and each
// stimulus that was accepted must have left once or be told of as dropped. (In the totals `made` also has what a device
// made before the driver had connected and after the acquisition had ended, and what ended with a boot.)

const [count = 1000, firstSeed = 7001] = process.argv.slice(2).map(Number);
const applied = new Map<string, number>();
const totals = { made: 0, delivered: 0, inGaps: 0, gaps: 0, duplicates: 0, badFrames: 0, linksLost: 0, stimuli: 0 };
const failures: string[] = [];
let lossless = 0;
for (let seed = firstSeed; seed < firstSeed + count; seed++) {
  const { made, events, counters, stimuli, unaccounted, applied: struck } = await runScenario(drawFaultMix(seed));
  totals.made += made.length;
  totals.delivered += counters.delivered;
  totals.inGaps += counters.lostMessages;
  totals.gaps += counters.gaps;
  totals.duplicates += counters.duplicates;
  totals.badFrames += counters.badFrames;
  totals.linksLost += counters.linksLost;
  totals.stimuli += stimuli;
  if (!events.some(({ type }) => type === 'gap')) lossless += 1;
  for (const [name, times] of struck) applied.set(name, (applied.get(name) ?? 0) + times);
  if (unaccounted.length > 0) failures.push(`seed ${seed}: ${unaccounted.slice(0, 3).join('; ')}`);
}
process.stdout.write(
  [
    `${count} fault mixes, seeds ${firstSeed} to ${firstSeed + count - 1}`,
    `accounted for exactly: ${count - failures.length} of ${count}; without any gap: ${lossless}`,
    `messages: ${Object.entries(totals)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
    `faults applied: ${[...applied].map(([name, times]) => `${name} ${times}`).join(', ')}`,
    ...failures,
    '',
  ].join('\n'),
);
process.exitCode = failures.length === 0 ? 0 : 1;
