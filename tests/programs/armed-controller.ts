// A controller in a process of its own, for tests that end, stop or block it: ARMED_CONTROLLER ADDRESS. It arms the
// device once and keeps stimuli scheduled ahead. It tells on stdout, a JSON line each, what happens to it; on stdin it
// takes `arm`, `busy MS` (its main thread computes and nothing else runs) and `hang` (its loop makes no more progress).
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { connectMeaLink } from '../../drivers/mea-link/connect-mea-link.js';
import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import { openTransport } from '../../drivers/transports/open-transport.js';
import { systemTimers } from '../../src/timers.js';
import { openStimulusPlan } from '../helpers/stimulus-plan.js';
import { createWideProfile } from '../helpers/wide-profile.js';

/** Stimuli that are kept scheduled, their distance, and how far ahead the first one is: in samples of 20 kHz. */
const SCHEDULED = 12;
const DISTANCE = 600;
const LEAD = 2000;
/** Few messages, so that a busy machine has time for the heartbeats. */
const BLOCK_FRAMES = 200;
const ELECTRODES = [0, 1, 2];
const TOLD = [
  'armed-changed',
  'main-stalled',
  'link-lost',
  'link-restored',
  'link-failed',
  'device-restarted',
] as const;

const address = process.argv[2] ?? '';
const timers = systemTimers();
const device = await connectMeaLink(
  {
    transport: openTransport(address, { timers }),
    timers,
    client: 'armed controller',
    // The device's side is what is tested; a link that is silent because the machine is busy is kept.
    options: { silenceMs: 2000 },
  },
  AbortSignal.timeout(10_000),
);
const profile = createWideProfile(ELECTRODES);
const plan = openStimulusPlan(device, profile);
let nowSample = 0;
let lastSample = 0;
let isHanging = false;
/** A refusal is told once for each arming. */
let hasToldRefusal = false;

device.events$.subscribe((event) => {
  if (event.type === 'block') nowSample = event.firstSample + event.frames;
  if (isTold(event)) tell(event);
});
createInterface({ input: process.stdin }).on('line', (line) => void obey(line));
// Whoever started this process is gone: so is its purpose.
process.stdin.on('end', () => process.exit());
setInterval(() => {
  if (!isHanging) device.reportProgress();
}, 10);

const { profileHash } = await device.configure({ blockFrames: BLOCK_FRAMES, safetyProfile: profile });
await device.start();
await obey('arm');
for (;;) {
  try {
    if (lastSample < nowSample + LEAD + (SCHEDULED - 1) * DISTANCE) await scheduleNext();
  } catch (error) {
    tell({ type: 'failed', message: String(error) });
  }
  await sleep(5);
}

async function arm(): Promise<void> {
  isHanging = false;
  await device.arm({ serialNumber: device.capabilities.serialNumber, profileHash });
  hasToldRefusal = false;
  lastSample = 0;
  tell({ type: 'arm-done' });
}

async function scheduleNext(): Promise<void> {
  const sample = Math.max(lastSample + DISTANCE, nowSample + LEAD);
  if (!device.isArmed) {
    if (!hasToldRefusal) tell({ type: 'not-armed' });
    hasToldRefusal = true;
    return;
  }
  const electrode = ELECTRODES[Math.round(sample / DISTANCE) % ELECTRODES.length]!;
  const result = await device.stimulate(plan.next({ electrode, sample }, nowSample));
  if (result.type === 'scheduled') lastSample = sample;
  else tell({ type: 'refused', reason: result.reason });
}

async function obey(line: string): Promise<void> {
  const [name, argument] = line.split(' ');
  if (name === 'arm') {
    try {
      await arm();
    } catch (error) {
      tell({ type: 'arm-failed', message: String(error) });
    }
  } else if (name === 'hang') isHanging = true;
  else if (name === 'busy') {
    const endMs = performance.now() + Number(argument);
    while (performance.now() < endMs);
  }
}

function isTold(event: DeviceEvent): boolean {
  return TOLD.some((type) => type === event.type);
}

function tell(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
