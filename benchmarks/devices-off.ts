import { loadavg } from 'node:os';
import { openRandomStream } from '../protocols/random.js';
import { OFF_DEVICES, type OffDevice } from '../tests/helpers/off-lab.js';
import { measureKill, measureOff, type OffOutcome } from '../tests/helpers/off-measure.js';
import { medianOf, printLine } from './measure.js';

// `npm run bench -- devices-off [times]`: a program of its own fires a stimulator every 30 ms and is then told to fire once
// more and switch all off in the same turn, or killed with SIGKILL at a random moment. Real time, over TCP on the loopback and
// over pseudo-terminals; pulses are counted at the electrodes of the facades, whose time goes in slices of 1 to 5 ms.

const [times = 10] = process.argv.slice(2).map(Number);
const SEED = 20_271;
const PERIOD_MS = 30;

printLine(`devices-off: ${times} offs and ${times} kills each; load ${loadavg()[0]?.toFixed(2) ?? '?'} before`);
const verdicts: boolean[] = [];
for (const device of OFF_DEVICES) {
  const random = openRandomStream(SEED, device);
  const offs: OffOutcome[] = [];
  const kills: number[] = [];
  for (let i = 0; i < times; i++) {
    offs.push(await measureOff(device, PERIOD_MS * random.uniform()));
    kills.push((await measureKill(device, PERIOD_MS * random.uniform())).after);
  }
  verdicts.push(report(device, offs, kills));
}
process.exitCode = verdicts.includes(false) ? 1 : 0;

function report(device: OffDevice, offs: readonly OffOutcome[], kills: readonly number[]): boolean {
  const last = offs.map(({ lastMs }) => lastMs);
  const known = offs.map(({ knownMs }) => knownMs);
  const poked = offs.reduce((sum, { pokedOut }) => sum + pokedOut, 0);
  const most = Math.max(...kills);
  const isGood = poked === 0 && most <= 1;
  printLine(
    `${device}: last current ${describe(last)} after the call, known to be off after ${describe(known)}; ` +
      `${poked} pulses by others afterwards; after kill -9 at most ${most} pulse(s), ` +
      `${kills.filter((count) => count > 0).length} of ${times} times any${isGood ? '' : '; NOT as promised'}`,
  );
  return isGood;
}

function describe(values: readonly number[]): string {
  return `${medianOf(values).toFixed(1)} ms (max ${Math.max(...values).toFixed(1)})`;
}
