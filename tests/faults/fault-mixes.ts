import { openRandomStream } from '../../protocols/random.js';
import type { Scenario } from './run-scenario.js';

/**
 * The fault mix of a seed: between two and six switches of every kind, at strengths from mild to absurd, over either
 * framing, with a ring from 100 ms to 2 s.
 */
export function drawFaultMix(seed: number): Scenario {
  const random = openRandomStream(seed, 'fault-mix');
  const share = (most: number): string => (most * (0.02 + 0.98 * random.uniform())).toFixed(4);
  const every = (least: number, most: number): number => Math.round(least + (most - least) * random.uniform());
  const switches = [
    () => `drop=${share(0.1)}`,
    () => `duplicate=${share(0.1)}`,
    () => `reorder=${share(0.1)}`,
    () => `corrupt=${share(0.1)}`,
    () => `truncate=${share(0.1)}`,
    () => `slow-ack=${share(0.3)}:${every(5, 200)}`,
    () => `stall=${every(200, 1000)}:${every(10, 300)}`,
    () => `half-open=${every(400, 1500)}:${every(20, 400)}`,
    () => `disconnect=${every(300, 1500)}:${every(1, 300)}`,
    () => `brown-out=${every(800, 3000)}:${every(20, 200)}`,
    () => `clock-step=${every(300, 1500)}:${every(1, 500)}`,
    () => `counter-wrap=${every(1, 400)}`,
  ];
  const count = 2 + random.integer(5);
  const faults: string[] = [];
  for (let k = 0; k < count; k++) faults.push(switches.splice(random.integer(switches.length), 1)[0]!());
  return {
    name: `mix ${seed}`,
    seed,
    faults,
    framing: random.uniform() < 0.5 ? 'cobs' : 'length',
    durationMs: 1500,
    ringMs: every(100, 2000),
  };
}
