import type { CheckContext } from './check-context.js';
import { MAX_MESSAGE_BYTES, MEA_LINK_VERSION, type Capabilities } from '../../protocols/mea-link/messages.js';
import type { ConformanceCheck } from './conformance-check.js';
import { want, wantEqual, wantRefused, wantReply, wantType } from './expectations.js';

/** Bytes of a block message around its samples; generous. */
const BLOCK_OVERHEAD_BYTES = 64;

/** Longer than a controller may be silent, and a little for the device to open its line again. */
const SILENCE_MS = 1500;

/** Who the device is, and who may speak to it. */
export const HELLO_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'hello-identity',
    title: 'hello is answered with device, serial number, firmware and the version of the protocol',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.connect();
      const { capabilities } = await session.hello();
      want(capabilities.device.trim() !== '', 'no name of the device', 'a name');
      want(capabilities.serialNumber.trim() !== '', 'no serial number', 'a serial number: arming names it');
      want(capabilities.firmware.trim() !== '', 'no version of the firmware', 'a version');
      wantEqual('protocol', capabilities.major, MEA_LINK_VERSION.major);
    },
  },
  {
    id: 'hello-acquisition-limits',
    title: 'channels, sample rate, gain and block size have values that can be',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { channels, sampleRateHz, gainUvPerBit, maxBlockFrames } = await askCapabilities(context);
      want(sampleRateHz > 0 && Number.isFinite(sampleRateHz), `sample rate ${sampleRateHz} Hz`, 'a rate above 0');
      want(maxBlockFrames >= 1, `maxBlockFrames ${maxBlockFrames}`, 'at least 1');
      if (channels > 0) want(gainUvPerBit > 0, `gain ${gainUvPerBit} uV`, 'a gain above 0');
      const bytes = 2 * channels * maxBlockFrames + BLOCK_OVERHEAD_BYTES;
      want(bytes <= MAX_MESSAGE_BYTES, `a largest block of ${bytes} bytes`, `messages of at most ${MAX_MESSAGE_BYTES}`);
    },
  },
  {
    id: 'hello-timing-limits',
    title: 'watchdog, heartbeat and ring have times that can be: the watchdog at most a second',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { watchdogMs, heartbeatMs, ringMs, stimulation } = await askCapabilities(context);
      want(heartbeatMs > 0 && heartbeatMs <= 1000, `heartbeatMs ${heartbeatMs}`, 'above 0, at most 1000');
      want(ringMs > 0, `ringMs ${ringMs}`, 'above 0');
      if (stimulation === null) return;
      want(watchdogMs > 20 && watchdogMs <= 1000, `watchdogMs ${watchdogMs}`, 'above 20 (one heartbeat), at most 1000');
    },
  },
  {
    id: 'hello-stimulation-limits',
    title: 'electrodes, steps, slots and queue of the stimulator have values that can be',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      context.assertStimulates();
      const { stimulation } = await askCapabilities(context);
      want(stimulation !== null, 'no stimulation', 'stimulation, as before');
      const { electrodes, currentStepUa, maxCurrentUa, timeStepUs, ...counts } = stimulation;
      want(electrodes.length > 0, 'no electrode', 'at least one, or no stimulation at all');
      want(
        electrodes.every((electrode, i) => i === 0 || electrode > electrodes[i - 1]!),
        electrodes.join(),
        'rising',
      );
      want(currentStepUa > 0 && currentStepUa <= maxCurrentUa, `step ${currentStepUa} uA`, `0 to ${maxCurrentUa} uA`);
      want(timeStepUs > 0, `timeStepUs ${timeStepUs}`, 'above 0');
      want(counts.maxPhases >= 2, `maxPhases ${counts.maxPhases}`, 'at least 2: a pulse that is balanced');
      want(
        counts.slots >= 1 && counts.queueLength >= 1,
        `${counts.slots} slots, queue of ${counts.queueLength}`,
        '1 of each',
      );
      want(counts.maxAheadMs > 0, `maxAheadMs ${counts.maxAheadMs}`, 'above 0');
    },
  },
  {
    id: 'hello-version',
    title: 'hello of another major version is refused as `version`',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.connect();
      wantRefused(await session.send(session.helloCommand({ major: MEA_LINK_VERSION.major + 1 })), 'version');
    },
  },
  {
    id: 'hello-minor-version',
    title: 'hello of a later minor version is answered',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.connect();
      await session.hello();
      wantType(await session.send(session.helloCommand({ minor: MEA_LINK_VERSION.minor + 7 })), 'hello');
    },
  },
  {
    id: 'hello-same-boot',
    title: 'boot id and capabilities are the same at each hello of a boot',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const first = await context.connect();
      const before = await first.hello();
      await first.close();
      const after = await (await context.connect()).hello();
      wantEqual('boot id', after.bootId, before.bootId);
      wantEqual('capabilities', JSON.stringify(after.capabilities), JSON.stringify(before.capabilities));
    },
  },
  {
    id: 'hello-first',
    title: 'commands before hello are refused as `not-controller`',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.connect();
      // On a line nobody sees a new link: there the controller before is gone when it has been silent for a second.
      if (context.isSerial) await session.sleep(SILENCE_MS);
      wantRefused(await session.send({ type: 'start' }), 'not-controller');
      wantRefused(await session.send({ type: 'disarm' }), 'not-controller');
    },
  },
  {
    id: 'hello-abort-before',
    title: 'abort is carried out even before hello',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.connect();
      wantType(await session.send({ type: 'abort' }), 'done');
    },
  },
  {
    id: 'hello-one-controller',
    title: 'a second controller is refused while the first is there, and may still abort',
    section: 'hello',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const first = await context.open();
      const second = await context.connectBeside();
      await first.status();
      wantRefused(await second.send(second.helloCommand()), 'not-controller');
      wantRefused(await second.send({ type: 'start' }), 'not-controller');
      wantType(await second.send({ type: 'abort' }), 'done');
      wantReply(await first.send({ type: 'status' }), 'status');
    },
  },
];

async function askCapabilities(context: CheckContext): Promise<Capabilities> {
  const session = await context.connect();
  return (await session.hello()).capabilities;
}
