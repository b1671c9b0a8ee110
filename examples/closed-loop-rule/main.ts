import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { connectMeaLink } from '../../drivers/mea-link/connect-mea-link.js';
import { openTransport } from '../../drivers/transports/open-transport.js';
import { systemClock } from '../../src/clock.js';
import { rigSchema, toSafetyProfile } from '../../src/closed-loop/rig.js';
import { systemTimers } from '../../src/timers.js';
import { runRuleLoop } from './rule-loop.js';
import { EXAMPLE_PATTERN, EXAMPLE_RULE, exampleDetector } from './settings.js';

// node dist/examples/closed-loop-rule/main.js <rig file> [seconds]: see README.md.
const [rigFile, duration = '10'] = process.argv.slice(2);
const durationS = Number(duration);
if (rigFile === undefined || !(durationS > 0)) {
  process.stderr.write('usage: main.js <rig file with an address and safety limits> [seconds]\n');
  process.exit(2);
}
const rig = rigSchema.parse(parse(readFileSync(rigFile, 'utf8')));
const timers = systemTimers();
const stopped = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stopped.abort();
  });
}
const transport = openTransport(rig.address ?? '', { timers });
const device = await connectMeaLink({ transport, timers, client: 'closed-loop-rule' }, stopped.signal);
try {
  const { latency } = await runRuleLoop({
    device,
    timers,
    profile: toSafetyProfile(rig, systemClock().wallMs()),
    rule: EXAMPLE_RULE,
    pattern: EXAMPLE_PATTERN,
    createPipeline: exampleDetector(device.capabilities),
    blockFrames: 20,
    leadMs: 20,
    durationMs: durationS * 1000,
    signal: stopped.signal,
    print: (line) => {
      process.stdout.write(`${line}\n`);
    },
  });
  const { detect, decide, send, acknowledge, loop, trial } = latency;
  for (const [step, figures] of Object.entries({ detect, decide, send, acknowledge, loop, trial })) {
    const { count, p50Us, p99Us, maxUs } = figures;
    const us = [p50Us, p99Us, maxUs].map((value) => value.toFixed(0)).join(' / ');
    process.stdout.write(`${step.padEnd(12)} p50 / p99 / max ${us} us (${count})\n`);
  }
} finally {
  await device.close();
}
