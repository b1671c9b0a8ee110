import { openRandomStream } from '../protocols/random.js';
import { startController } from '../tests/helpers/controller-process.js';
import {
  AFTERWARDS_TICKS,
  killController,
  startsAfter,
  untilStimulating,
  untilTicks,
} from '../tests/helpers/dead-man-measure.js';
import { serveDevice, type LinkName } from '../tests/helpers/served-device.js';
import { printLine, quantileOf } from './measure.js';

// `npm run bench -- dead-man [kills]`: a controller in a process of its own arms the emulated device, keeps stimuli
// scheduled, and is killed or stopped at a random moment. Measured at the device: from the signal to its being disarmed,
// and whether anything started after that. The limits are those that the design promises on a machine that has time.

const [kills = 20] = process.argv.slice(2).map(Number);
const SEED = 20_262;
const CASES = [
  { link: 'tcp', signal: 'SIGKILL', limitMs: 25 },
  { link: 'zmq', signal: 'SIGKILL', limitMs: 25 },
  { link: 'serial', signal: 'SIGKILL', limitMs: 120 },
  { link: 'tcp', signal: 'SIGSTOP', limitMs: 120 },
  { link: 'zmq', signal: 'SIGSTOP', limitMs: 120 },
  { link: 'serial', signal: 'SIGSTOP', limitMs: 120 },
] as const;

interface Off {
  readonly offMs: number;
  readonly cause: string;
  readonly startedAfter: number;
}

let failed = false;
for (const { link, signal, limitMs } of CASES) {
  const random = openRandomStream(SEED, `${signal} over ${link}`);
  const offs: Off[] = [];
  for (let k = 0; k < kills; k++) offs.push(await measure(link, signal, 60 * random.uniform()));
  const times = offs.map(({ offMs }) => offMs);
  const started = offs.reduce((sum, { startedAfter }) => sum + startedAfter, 0);
  const causes = [...new Set(offs.map(({ cause }) => cause))].join(' and ');
  const max = Math.max(...times);
  const isGood = max <= limitMs && started === 0;
  failed ||= !isGood;
  printLine(
    `${signal} over ${link}, ${kills} times: off after p50 ${quantileOf(times, 0.5).toFixed(1)}, ` +
      `p99 ${quantileOf(times, 0.99).toFixed(1)}, max ${max.toFixed(1)} ms (limit ${limitMs}), by ${causes}; ` +
      `${started} pulses started after${isGood ? '' : '; OVER the limit'}`,
  );
}
process.exitCode = failed ? 1 : 0;

async function measure(link: LinkName, signal: 'SIGKILL' | 'SIGSTOP', delayMs: number): Promise<Off> {
  const served = await serveDevice(link);
  const controller = startController(served.address);
  try {
    await controller.untilTold(/arm-done|arm-failed/);
    await untilStimulating({ served, controller }, 0);
    const outcome = await killController({ served, controller }, { delayMs, signal });
    await untilTicks(served, AFTERWARDS_TICKS);
    return { ...outcome, startedAfter: startsAfter(served, outcome.act).length };
  } finally {
    await controller.end();
    await served.close();
  }
}
