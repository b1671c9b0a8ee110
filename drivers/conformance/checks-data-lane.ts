import type { DataMessage } from '../../protocols/mea-link/messages.js';
import { nextSequence, sequenceDistance } from '../../protocols/mea-link/sequence.js';
import type { CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import type { DeviceSession, Received } from './device-session.js';
import { awaitData, want, wantEqual, wantRefused, wantReply, wantType } from './expectations.js';

/** A ring that is longer is not waited for. */
const MAX_RING_MS = 15_000;

/** Numbers of the data lane, heartbeats that tell of its end, and sending it again. */
export const DATA_LANE_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'data-sequence',
    title: 'messages of the data lane count on by one',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session } = await record(context);
      session.data.forEach(({ message }, i) => {
        const before = session.data[i - 1];
        if (before !== undefined) wantEqual('sequence', message.sequence, nextSequence(before.message.sequence));
      });
    },
  },
  {
    id: 'data-hello-sequence',
    title: 'the first message after hello has the number that hello named',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.connect();
      const hello = await session.hello();
      const { blockFrames, profile } = context;
      await session.send({ type: 'stop' });
      wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
      wantType(await session.send({ type: 'start' }), 'done');
      await awaitData(session, 'stream-started');
      wantEqual('sequence', session.data[0]!.message.sequence, hello.nextDataSequence);
    },
  },
  {
    id: 'heartbeat-interval',
    title: 'heartbeats come at least as often as hello says',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { heartbeatMs } = context.capabilities;
      const session = await context.openRunning();
      const from = session.control.length;
      const startMs = context.timers.nowMs();
      await session.sleep(10 * heartbeatMs + 20);
      const times = session.control.slice(from).filter(({ message }) => message.type === 'device-heartbeat');
      const moments = [startMs, ...times.map(({ atMs }) => atMs), context.timers.nowMs()];
      const longest = Math.max(...moments.slice(1).map((ms, i) => ms - moments[i]!));
      want(times.length >= 8, `${times.length} heartbeats in ten intervals`, 'at least 8');
      want(longest <= 2 * heartbeatMs + 20, `${longest.toFixed(0)} ms without one`, `about ${heartbeatMs} ms`);
    },
  },
  {
    id: 'heartbeat-tail',
    title: 'a heartbeat names the number that the next message of the data lane will have',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session } = await record(context);
      const last = session.data.at(-1);
      want(last !== undefined, 'an empty data lane', 'the messages of an acquisition');
      const heartbeat = await nextHeartbeat(session);
      wantEqual('nextDataSequence', heartbeat.nextDataSequence, nextSequence(last.message.sequence));
    },
  },
  {
    id: 'heartbeat-state',
    title: 'heartbeats carry state, arming and the next sample',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      const running = await nextHeartbeat(session);
      wantEqual('state', running.state, 'running');
      wantEqual('armed', running.armed, false);
      wantType(await session.send({ type: 'stop' }), 'done');
      const ready = await nextHeartbeat(session);
      wantEqual('state', ready.state, 'ready');
      wantEqual('nextSample', ready.nextSample, (await session.status()).nextSample);
    },
  },
  {
    id: 'resume-same-bytes',
    title: 'resume sends the data lane again from the number asked for, byte for byte',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, bootId } = await record(context);
      const { from, wanted } = afterFirst(session, 2);
      session.data.length = 0;
      const reply = wantReply(await session.send({ type: 'resume', bootId, fromSequence: from }), 'resumed');
      wantEqual('fromSequence', reply.fromSequence, from);
      await session.waitFor(() => (session.data.length >= wanted.length ? true : undefined), {
        what: `${wanted.length} messages again`,
      });
      wantSame(session, wanted);
    },
  },
  {
    id: 'resume-after-reconnect',
    title: 'a controller that comes back on a new link gets what it missed by resume',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, bootId } = await record(context);
      const { from, wanted } = afterFirst(session, 1);
      await session.close();
      const back = await context.connect(session.clientId);
      back.skipCommandIds(session.nextCommandId);
      wantEqual('boot id', (await back.hello()).bootId, bootId);
      wantReply(await back.send({ type: 'resume', bootId, fromSequence: from }), 'resumed');
      await back.waitFor(() => (back.data.length >= wanted.length ? true : undefined), {
        what: 'what was sent before',
      });
      wantSame(back, wanted);
    },
  },
  {
    id: 'resume-future',
    title: 'resume from a number that was not sent yet is refused as `bad-argument`',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, bootId } = await record(context);
      const { nextDataSequence } = await session.status();
      const fromSequence = (nextDataSequence + 1_000_000) >>> 0;
      wantRefused(await session.send({ type: 'resume', bootId, fromSequence }), 'bad-argument');
    },
  },
  {
    id: 'resume-other-boot',
    title: 'resume of another boot is refused as `bad-argument`',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { session, bootId } = await record(context);
      const { from: fromSequence } = afterFirst(session, 1);
      wantRefused(await session.send({ type: 'resume', bootId: (bootId + 1) >>> 0, fromSequence }), 'bad-argument');
    },
  },
  {
    id: 'resume-ring',
    title: 'the ring holds what it promises; resume from before it goes on later, and says from where',
    section: 'data lane',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { ringMs } = context.capabilities;
      if (ringMs > MAX_RING_MS) throw new CheckSkipped(`the ring holds ${ringMs} ms, which is too long to wait for`);
      const session = await context.connect();
      const { bootId } = await session.hello();
      await session.send({ type: 'stop' });
      const { blockFrames, profile } = context;
      wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
      wantType(await session.send({ type: 'start' }), 'done');
      const first = (await awaitData(session, 'stream-started')).sequence;
      await session.sleep(1.2 * ringMs + 500);
      wantType(await session.send({ type: 'stop' }), 'done');
      const ended = await awaitData(session, 'stream-ended', { deadlineMs: 5000 });
      session.data.length = 0;
      const reply = wantReply(await session.send({ type: 'resume', bootId, fromSequence: first }), 'resumed');
      const later = sequenceDistance(first, reply.fromSequence);
      want(later >= 0, `resumed ${-later} before what was asked for`, 'the number asked for, or a later one');
      const again = await session.waitFor(() => session.data[0], { what: 'the data lane again' });
      wantEqual('sequence of the first message', again.message.sequence, reply.fromSequence);
      const held = sequenceDistance(reply.fromSequence, ended.sequence);
      const wanted = Math.floor((0.95 * context.toSamples(ringMs)) / blockFrames);
      if (context.capabilities.channels > 0) want(held >= wanted, `${held} messages`, `${wanted}: ${ringMs} ms`);
    },
  },
];

interface Recording {
  readonly session: DeviceSession;
  readonly bootId: number;
}

/** A short acquisition, ended and at rest. */
async function record(context: CheckContext): Promise<Recording> {
  const session = await context.openRunning();
  const { bootId } = wantReply(await session.send(session.helloCommand()), 'hello');
  await session.sleep(200);
  wantType(await session.send({ type: 'stop' }), 'done');
  await awaitData(session, 'stream-ended');
  return { session, bootId };
}

/** What is asked for again: all but the first messages, as far as a device without channels has more of them. */
function afterFirst(
  { data }: DeviceSession,
  count: number,
): {
  readonly from: number;
  readonly wanted: readonly Received<DataMessage>[];
} {
  const wanted = data.slice(data.length > count ? count : 1);
  const [first] = wanted;
  want(first !== undefined, `${data.length} messages of an acquisition`, 'at least its beginning and its end');
  return { from: first.message.sequence, wanted };
}

/** The data lane holds these messages again, byte for byte. */
function wantSame({ data }: DeviceSession, wanted: readonly Received<DataMessage>[]): void {
  wanted.forEach(({ message, bytes }, i) => {
    const again = data[i];
    wantEqual('sequence', again?.message.sequence ?? 'none', message.sequence);
    const isSame = again !== undefined && Buffer.compare(again.bytes, bytes) === 0;
    want(isSame, `other bytes for message ${message.sequence}`, 'the same bytes');
  });
}

async function nextHeartbeat(session: DeviceSession): Promise<HeartbeatOf> {
  const from = session.control.length;
  return session.waitFor(
    () =>
      session.control.slice(from).flatMap(({ message }) => (message.type === 'device-heartbeat' ? [message] : []))[0],
    { what: 'a heartbeat' },
  );
}

type HeartbeatOf = Extract<DeviceSession['control'][number]['message'], { readonly type: 'device-heartbeat' }>;
