// A program that fires one group of a stimulator at a steady rate, its serial port in a process of its own as on a rig, for
// tests that kill it: FIRING_STIMULATOR PLACE, as JSON. On stdin it takes `off`: it fires once more, switches all off in the
// same turn, and tells when it called for that and when that was done, in nanoseconds of `process.hrtime`.
import { createInterface } from 'node:readline';

import { connectIntanRhx } from '../../drivers/intan-rhx/connect-intan-rhx.js';
import type { OpenPort } from '../../drivers/parts/device-port.js';
import type { Stimulator } from '../../drivers/parts/stimulator.js';
import { connectPulsePalBox } from '../../drivers/pulse-pal/connect-pulse-pal-box.js';
import { connectPulsePal } from '../../drivers/pulse-pal/connect-pulse-pal.js';
import { connectStimJim } from '../../drivers/stimjim/connect-stimjim.js';
import { openPortInProcess } from '../../drivers/transports/serial-in-process.js';
import { connectTtlBox } from '../../drivers/ttl-box/connect-ttl-box.js';
import { systemTimers } from '../../src/timers.js';
import { offPlace } from '../helpers/off-lab.js';
import { biphasic, passGate } from '../helpers/rhx-bench.js';

const PERIOD_MS = 30;
const BAUD = 115_200;

const place = offPlace.parse(JSON.parse(process.argv[2] ?? '{}'));
const timers = systemTimers();
const signal = AbortSignal.timeout(30_000);
const openPort: OpenPort = (path, stop) => openPortInProcess({ path, baud: BAUD }, { timers, signal: stop });
const serial = { port: place.serial, timers, openPort };

const { stimulator, start } = await connect();
const { groups, stimulation } = stimulator.description;
await stimulator.program(
  groups.map(({ electrodes }) =>
    passGate(
      electrodes.map((electrode) => biphasic(electrode)),
      stimulation,
    ),
  ),
);
await start();
stimulator.events$.subscribe(tell);
const firing = setInterval(fire, PERIOD_MS);
createInterface({ input: process.stdin }).on('line', () => void switchOff());
// Whoever started this program is gone: so is its purpose.
process.stdin.on('end', () => process.exit());

async function connect(): Promise<{ stimulator: Stimulator; start: () => Promise<void> }> {
  if (place.device.startsWith('Intan')) return connectRhx();
  const output = [{ trigger: 'output 1', electrodes: [0] }];
  if (place.device === 'StimJim') {
    return { stimulator: await connectStimJim({ ...serial, groups: output }, signal), start: () => Promise.resolve() };
  }
  const isolator = { name: 'dummy load', uaPerVolt: 10 };
  const recorderInput = { maxVolts: 1, protection: 'no recorder is connected' };
  const options = { ...serial, groups: output, isolator, recorderInput };
  return { stimulator: await connectPulsePal(options, signal), start: () => Promise.resolve() };
}

async function connectRhx(): Promise<{ stimulator: Stimulator; start: () => Promise<void> }> {
  const hasKeys = place.device === 'Intan RHX, its keys';
  const box = hasKeys
    ? undefined
    : await (place.device === 'Intan RHX with a TTL box' ? connectTtlBox : connectPulsePalBox)(serial, signal);
  const rhx = await connectIntanRhx(
    {
      ports: place.ports,
      channels: ['A-000', 'A-001', 'A-002', 'A-003'],
      groups: [{ trigger: hasKeys ? 'F1' : 'digital-in 1', electrodes: [0] }],
      ...(box !== undefined && { triggerBox: box }),
      timers,
    },
    signal,
  );
  return { stimulator: rhx.stimulator!, start: () => rhx.recorder.start() };
}

function fire(): void {
  stimulator.fire([0]).catch((error: unknown) => {
    tell({ type: 'not-fired', message: String(error) });
  });
}

async function switchOff(): Promise<void> {
  clearInterval(firing);
  fire();
  const callNs = process.hrtime.bigint();
  try {
    await stimulator.allOff();
    tell({ type: 'off', callNs: String(callNs), doneNs: String(process.hrtime.bigint()) });
  } catch (error) {
    tell({ type: 'off-failed', message: String(error) });
  }
}

function tell(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
