// An emulated device in a process of its own that measures how fast its controller is: LATENCY_DEVICE CHANNELS LEAD. It
// serves over TCP on loopback and prints its address. A stimulus is due LEAD samples after the end of the block that it
// answers, so that its sample tells which block that was. On `report` at stdin it prints, as one line of JSON, for each
// trigger the microseconds from that block's being given to the socket to the trigger's being heard, and how long it
// was itself kept from running; then it ends.
import { createInterface } from 'node:readline';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { openMount } from '../../sim-device/mounts/open-mount.js';
import { paceDevice } from '../../sim-device/pace.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { systemTimers } from '../../src/timers.js';

const [channels = 64, lead = 400] = process.argv.slice(2).map(Number);
/** Times of so many blocks are kept. */
const KEPT = 4096;
/** Between two looks at the processor's time; a process that comes so much later without having used it was held up. */
const LOOK_MS = 5;
const HELD_MS = 5;

const timers = systemTimers();
const rig = createEmulatedRig({
  culture: {
    parameters: 'ctrl',
    plasticity: 'free-energy',
    condition: 'none',
    seed: 5,
    electrodes: channels,
    inputs: Math.min(8, channels),
  },
  // A spike somewhere in nearly every millisecond, and no artefacts: a rule fires in each block, whatever it does.
  activity: {
    spontaneousHz: Math.min(100, 6400 / channels),
    noisyShare: 0,
    amplitudeMedianUv: 120,
    amplitudeSigma: 0.2,
  },
  voltages: { artefact: { directUvPerUa: 0, fastUvPerUa: 0, slowUvPerUa: 0, stepUvPerUa: 0 } },
});
/** (index of a message) the sample after its block; (that sample) when the block was given to the socket. */
const madeAt = new Map<number, number>();
const sentMs = new Map<number, number>();
const latenciesUs: number[] = [];
let refused = 0;
let heardMs = 0;
const device = new EmulatedDevice({
  rig,
  // Nothing here is about the watchdog, and a loaded machine must not make it so.
  settings: { ...DEFAULT_DEVICE_SETTINGS, queueLength: 64, watchdogMs: 2000 },
  faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
  bootId: 1,
  observer: {
    onData: (message, index) => {
      if (message.type === 'block') madeAt.set(index, message.firstSample + message.frames);
    },
    onSent: (index) => {
      const end = madeAt.get(index);
      madeAt.delete(index);
      if (end === undefined) return;
      sentMs.set(end, performance.now());
      if (sentMs.size > KEPT) sentMs.delete(sentMs.keys().next().value!);
    },
    onCommand: (command, result) => {
      if (command.type !== 'trigger' || command.at.type !== 'sample') return;
      if (result.type === 'refused') refused += 1;
      const sent = sentMs.get(command.at.sample - lead);
      if (sent !== undefined) latenciesUs.push((heardMs - sent) * 1000);
    },
  },
});
/** Times in which this process wanted to run and did not get a processor: they are in the latencies, and not to be hidden. */
let heldUpMs = 0;
let longestHoldMs = 0;
let lookedMs = performance.now();
let used = process.cpuUsage();
const watch = setInterval(() => {
  const { user, system } = process.cpuUsage(used);
  const heldMs = performance.now() - lookedMs - LOOK_MS - (user + system) / 1000;
  if (heldMs > HELD_MS) {
    heldUpMs += heldMs;
    longestHoldMs = Math.max(longestHoldMs, heldMs);
  }
  lookedMs = performance.now();
  used = process.cpuUsage();
}, LOOK_MS);
const ended = new AbortController();
const mount = await openMount(
  'tcp://127.0.0.1:0',
  (link) => {
    const handler = device.accept(link);
    return {
      ...handler,
      onMessage: (lane, message) => {
        heardMs = performance.now();
        handler.onMessage(lane, message);
      },
    };
  },
  { timers },
);
process.stdout.write(`${mount.address}\n`);
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'clear') {
    latenciesUs.length = 0;
    heldUpMs = longestHoldMs = 0;
  }
  if (line !== 'report') return;
  process.stdout.write(`${JSON.stringify({ latenciesUs, refused, heldUpMs, longestHoldMs })}\n`);
  ended.abort();
});
// Whoever started this process is gone: so is its purpose.
process.stdin.on('end', () => process.exit());
await paceDevice(device, { driftPpm: 0, signal: ended.signal });
await device.close();
await mount.close();
process.stdin.destroy();
clearInterval(watch);
