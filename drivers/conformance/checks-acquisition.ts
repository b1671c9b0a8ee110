import { updateCrc32c } from '../../protocols/mea-link/crc32c.js';
import type { BlockMessage, DataMessage } from '../../protocols/mea-link/messages.js';
import type { CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import type { DeviceSession } from './device-session.js';
import { awaitData, dataOf, want, wantEqual, wantRefused, wantType } from './expectations.js';

/** Blocks that a short acquisition waits for. */
const SOME_BLOCKS = 20;
/** How long the sample rate is measured, and how far it may be off. */
const RATE_MS = 2000;
const RATE_TOLERANCE = 0.01;

/** Blocks, their counters, rests and the sum at the end. */
export const ACQUISITION_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'stream-started',
    title: 'start is followed by `stream-started` with the sample of the first block',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await openRecording(context);
      const started = await awaitData(session, 'stream-started');
      const first = await awaitData(session, 'block');
      wantEqual('first sample of the first block', first.firstSample, started.firstSample);
    },
  },
  {
    id: 'stream-block-size',
    title: 'blocks have the frames that were configured, and all channels',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      for (const blockFrames of [context.blockFrames, Math.min(7, context.capabilities.maxBlockFrames)]) {
        const session = await openRecording(context, blockFrames);
        await awaitData(session, 'block', { after: SOME_BLOCKS });
        for (const block of dataOf(session, 'block')) {
          wantEqual('frames', block.frames, blockFrames);
          wantEqual('channels', block.channels, context.capabilities.channels);
          wantEqual('samples', block.samples.length, blockFrames * block.channels);
        }
        await session.send({ type: 'stop' });
        await session.close();
      }
    },
  },
  {
    id: 'stream-contiguous',
    title: 'each block begins with the sample that follows the last one of the block before',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await openRecording(context);
      await awaitData(session, 'block', { after: 2 * SOME_BLOCKS });
      assertContiguous(dataOf(session, 'block'));
    },
  },
  {
    id: 'stream-rate',
    title: 'samples come at the rate that hello names, within 1 % of the clock of this computer',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await openRecording(context);
      await awaitData(session, 'block', { after: 2 });
      await session.sleep(RATE_MS);
      const blocks = session.data.filter(({ message }) => message.type === 'block').slice(2);
      const [first, last] = [blocks[0], blocks.at(-1)];
      want(first !== undefined && last !== undefined, `no block in ${RATE_MS} ms`, 'blocks all the time');
      const samples = sampleOf(last.message) - sampleOf(first.message);
      const rateHz = (1000 * samples) / (last.atMs - first.atMs);
      const { sampleRateHz } = context.capabilities;
      const isRight = Math.abs(rateHz / sampleRateHz - 1) <= RATE_TOLERANCE;
      want(isRight, `${rateHz.toFixed(0)} Hz`, `${sampleRateHz} Hz +- ${100 * RATE_TOLERANCE} %`);
    },
  },
  {
    id: 'stream-ended-counts',
    title: 'stop is followed by `stream-ended` with the number of blocks and frames that were sent',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, ended } = await recordOnce(context);
      const blocks = dataOf(session, 'block');
      wantEqual('blocks', ended.blocks, blocks.length);
      wantEqual(
        'frames',
        ended.frames,
        blocks.reduce((sum, block) => sum + block.frames, 0),
      );
      const last = blocks.at(-1);
      if (last !== undefined) wantEqual('endSample', ended.endSample, last.firstSample + last.frames);
      wantEqual('last message', session.data.at(-1)?.message.type ?? 'none', 'stream-ended');
    },
  },
  {
    id: 'stream-ended-crc',
    title: '`stream-ended` carries the CRC-32C of all samples that were sent',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, ended } = await recordOnce(context);
      let crc = 0;
      for (const { samples } of dataOf(session, 'block')) {
        crc = updateCrc32c(crc, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
      }
      wantEqual('CRC-32C', toHex(ended.samplesCrc32c), toHex(crc));
    },
  },
  {
    id: 'stream-again',
    title: 'a second acquisition counts its blocks from 0 and goes on with the sample counter',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, ended } = await recordOnce(context);
      session.data.length = 0;
      wantType(await session.send({ type: 'start' }), 'done');
      const again = await awaitData(session, 'stream-started');
      want(again.firstSample >= ended.endSample, `sample ${again.firstSample}`, `at least ${ended.endSample}`);
      await awaitData(session, 'block', { after: 3 });
      wantType(await session.send({ type: 'stop' }), 'done');
      const end = await awaitData(session, 'stream-ended');
      wantEqual('blocks', end.blocks, dataOf(session, 'block').length);
    },
  },
  {
    id: 'rest-jump',
    title: 'rest sends `rested` and lets the sample counter jump by exactly as many samples as were asked for',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const durationSamples = 12_345;
      const session = await openRecording(context);
      await awaitData(session, 'block', { after: 3 });
      wantType(await session.send({ type: 'rest', durationSamples }), 'done');
      const rested = await awaitData(session, 'rested');
      wantEqual('samples from `fromSample` to `toSample`', rested.toSample - rested.fromSample, durationSamples);
      const at = session.data.findIndex(({ message }) => message.type === 'rested');
      const before = session.data.slice(0, at).findLast(({ message }) => message.type === 'block')?.message;
      if (before?.type === 'block') wantEqual('fromSample', rested.fromSample, before.firstSample + before.frames);
      const after = await awaitData(session, 'block', { after: dataOf(session, 'block').length });
      const next = session.data.slice(at).find(({ message }) => message.type === 'block')?.message ?? after;
      wantEqual('sample after the rest', sampleOf(next), rested.toSample);
    },
  },
  {
    id: 'rest-zero',
    title: 'a rest of no samples is refused as `bad-argument`, and begins nothing',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      wantRefused(await session.send({ type: 'rest', durationSamples: 0 }), 'bad-argument');
      wantType(await session.send({ type: 'stop' }), 'done');
      await awaitData(session, 'stream-ended');
      wantEqual('number of rests', dataOf(session, 'rested').length, 0);
    },
  },
  {
    id: 'rest-not-counted',
    title: '`stream-ended` counts no frames for a rest',
    section: 'acquisition',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await openRecording(context);
      wantType(await session.send({ type: 'rest', durationSamples: 5000 }), 'done');
      await awaitData(session, 'rested');
      wantType(await session.send({ type: 'stop' }), 'done');
      const ended = await awaitData(session, 'stream-ended');
      wantEqual(
        'frames',
        ended.frames,
        dataOf(session, 'block').reduce((sum, block) => sum + block.frames, 0),
      );
    },
  },
];

async function openRecording(context: CheckContext, blockFrames = context.blockFrames): Promise<DeviceSession> {
  assertRecords(context);
  return context.openRunning(context.profile, blockFrames);
}

async function recordOnce(
  context: CheckContext,
): Promise<{ session: DeviceSession; ended: Extract<DataMessage, { type: 'stream-ended' }> }> {
  const session = await openRecording(context);
  await awaitData(session, 'block', { after: SOME_BLOCKS });
  wantType(await session.send({ type: 'stop' }), 'done');
  return { session, ended: await awaitData(session, 'stream-ended') };
}

function assertRecords({ capabilities }: CheckContext): void {
  if (capabilities.channels === 0) throw new CheckSkipped('the device has no recording channels');
}

function assertContiguous(blocks: readonly BlockMessage[]): void {
  blocks.forEach((block, i) => {
    const before = blocks[i - 1];
    if (before !== undefined) wantEqual('first sample', block.firstSample, before.firstSample + before.frames);
  });
}

function sampleOf(message: DataMessage): number {
  return message.type === 'block' ? message.firstSample : Number.NaN;
}

function toHex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
