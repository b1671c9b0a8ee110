// The emulated Open Ephys in a process of its own: OPEN_EPHYS_FACADE CHANNELS RATE. It prints its ports and its stream as a
// line of JSON, and lets time pass by the clock until its input ends; then it prints what it has sent.
import { once } from 'node:events';

import { openOpenEphysFacade } from '../../sim-device/facades/open-ephys/open-ephys-facade.js';
import { paceDevice } from '../../sim-device/pace.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { hertz } from '../../protocols/units.js';

const [channels = 64, rate = 30_000] = process.argv.slice(2).map(Number);
const rig = createEmulatedRig({
  culture: {
    parameters: 'ctrl',
    plasticity: 'free-energy',
    condition: 'none',
    seed: 42,
    electrodes: channels,
    inputs: Math.min(32, channels),
    sampleRateHz: hertz(rate),
  },
});
const facade = await openOpenEphysFacade({ rig, dataPort: 0, httpPort: 0 });
const { dataPort, httpPort } = facade;
const { stream, channelNames } = facade.program;
process.stdout.write(`${JSON.stringify({ dataPort, httpPort, stream, channelNames })}\n`);
const ending = new AbortController();
let worstBehindMs = 0;
const pacing = paceDevice(facade, {
  driftPpm: 0,
  signal: ending.signal,
  onBehind: (behindMs) => {
    worstBehindMs = Math.max(worstBehindMs, behindMs);
  },
});
process.stdin.resume();
await once(process.stdin, 'end');
ending.abort();
await pacing;
const { published } = facade.program;
process.stdout.write(`${JSON.stringify({ published, unsent: facade.unsent, worstBehindMs })}\n`);
await facade.close();
