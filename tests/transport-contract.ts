import { existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isMeaError, type MeaError } from '../protocols/errors.js';
import { crc32c } from '../protocols/mea-link/crc32c.js';
import type { AcceptLink, BadFrame, Link, LinkHandler, Mount, Transport } from '../protocols/mea-link/link.js';
import { MAX_MESSAGE_BYTES, type Lane } from '../protocols/mea-link/messages.js';

const DEADLINE_MS = 10_000;
const BUFFER_BYTES = 65_536;
const LANES = ['control', 'data'] as const;

/** A device that listens and the way to reach it. */
export interface TransportPair {
  readonly mount: Mount;
  readonly transport: Transport;
  /** Takes away what the test had under them, after both are closed. */
  dispose(): Promise<void>;
}

export interface TransportTraits {
  readonly makePair: (accept: AcceptLink, limits: { readonly bufferBytes?: number }) => Promise<TransportPair>;
  /** A way to a place where no device is. */
  readonly toNobody: () => Promise<Transport>;
  readonly lanesFromHost: readonly Lane[];
  /** Why one side cannot see that the other has closed, where it cannot. */
  readonly whyCloseIsUnseen?: string;
}

/** Keeps what a link told, and waits for more of it. */
export class Recorder implements LinkHandler {
  readonly messages: { readonly lane: Lane; readonly message: Uint8Array }[] = [];
  readonly badFrames: BadFrame[] = [];
  readonly reasons: string[] = [];
  drains = 0;

  onMessage(lane: Lane, message: Uint8Array): void {
    this.messages.push({ lane, message });
  }

  onBadFrame(frame: BadFrame): void {
    this.badFrames.push(frame);
  }

  onDrain(): void {
    this.drains += 1;
  }

  onClosed(reason: string): void {
    this.reasons.push(reason);
  }

  async untilMessages(count: number): Promise<void> {
    await until(
      () => this.messages.length >= count,
      () => `${this.messages.length} messages of ${count}`,
    );
  }

  async untilClosed(): Promise<void> {
    await until(
      () => this.reasons.length > 0,
      () => 'the link is not closed',
    );
  }
}

/** Waits for a condition, with a deadline; fails with what `describeState` says. */
export async function until(condition: () => boolean, describeState: () => string): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`after ${DEADLINE_MS} ms: ${describeState()}`);
    },
    { timeout: DEADLINE_MS, interval: 2 },
  );
}

/** Bytes that tell which message they are, so that a lost, doubled or mixed one is seen. */
export function createMessage(index: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (index * 31 + i * 7 + (i >> 8)) & 0xff);
}

/** Sends all messages, waiting where the link is full. */
async function sendAll(
  link: Link,
  recorder: Recorder,
  messages: readonly { readonly lane: Lane; readonly message: Uint8Array }[],
): Promise<void> {
  for (const { lane, message } of messages) {
    for (;;) {
      const { drains } = recorder;
      if (link.send(lane, message)) break;
      expect(recorder.reasons).toEqual([]);
      await until(
        () => recorder.drains > drains,
        () => 'no drain after the link was full',
      );
    }
  }
}

/** Both ends of one link. */
interface Joined {
  readonly host: { readonly link: Link; readonly recorder: Recorder };
  readonly device: { readonly link: Link; readonly recorder: Recorder };
}

/** A device that accepts every link and keeps what each told. */
export class Acceptor {
  readonly links: { readonly link: Link; readonly recorder: Recorder }[] = [];

  readonly accept: AcceptLink = (link) => {
    const recorder = new Recorder();
    this.links.push({ link, recorder });
    return recorder;
  };

  async untilAccepted(count: number): Promise<{ readonly link: Link; readonly recorder: Recorder }> {
    await until(
      () => this.links.length >= count,
      () => `${this.links.length} links of ${count}`,
    );
    return this.links.at(-1)!;
  }
}

/** Connects with a deadline. */
export function connectSoon(transport: Transport, handler: LinkHandler): Promise<Link> {
  return transport.connect(handler, AbortSignal.timeout(DEADLINE_MS));
}

/** The error of a promise that must fail with one of ours. */
export async function failureOf(promise: Promise<unknown>): Promise<MeaError> {
  const outcome: unknown = await promise.then(
    () => 'done',
    (error: unknown) => error,
  );
  if (isMeaError(outcome)) return outcome;
  throw new Error(`no MeaError came, but ${String(outcome)}`);
}

/** The contract of link.ts, which every transport and its mount keep. */
export function describeTransport(name: string, traits: TransportTraits): void {
  describe(name, () => {
    let acceptor = new Acceptor();
    let pair: TransportPair | null = null;

    beforeEach(() => {
      acceptor = new Acceptor();
    });
    afterEach(async () => {
      await pair?.mount.close();
      await pair?.dispose();
      pair = null;
    });

    async function openPair(limits: { bufferBytes?: number } = {}): Promise<TransportPair> {
      pair = await traits.makePair(acceptor.accept, limits);
      return pair;
    }

    async function join(limits: { bufferBytes?: number } = {}): Promise<Joined> {
      const { transport } = await openPair(limits);
      const recorder = new Recorder();
      const link = await connectSoon(transport, recorder);
      return { host: { link, recorder }, device: await acceptor.untilAccepted(1) };
    }

    it.each([0, 1, 63, 64, 65_535, MAX_MESSAGE_BYTES])('carries messages of %i bytes, both ways', async (length) => {
      const { host, device } = await join();
      const sent = [0, 1, 2].map((index) => createMessage(index, length));
      const toHost = LANES.flatMap((lane) => sent.map((message) => ({ lane, message })));
      const toDevice = traits.lanesFromHost.flatMap((lane) => sent.map((message) => ({ lane, message })));
      await Promise.all([sendAll(device.link, device.recorder, toHost), sendAll(host.link, host.recorder, toDevice)]);
      await Promise.all([host.recorder.untilMessages(toHost.length), device.recorder.untilMessages(toDevice.length)]);
      expectLanes(host.recorder, toHost);
      expectLanes(device.recorder, toDevice);
      await host.link.close();
    });

    it('carries 2,000 messages each way at once, whole and in order', async () => {
      const { host, device } = await join();
      const create = (lanes: readonly Lane[]): { lane: Lane; message: Uint8Array }[] =>
        Array.from({ length: 2000 }, (_, i) => ({
          lane: lanes[i % lanes.length]!,
          message: createMessage(i, (i * 7919) % 701),
        }));
      const [toHost, toDevice] = [create(LANES), create(traits.lanesFromHost)];
      await Promise.all([sendAll(device.link, device.recorder, toHost), sendAll(host.link, host.recorder, toDevice)]);
      await Promise.all([host.recorder.untilMessages(2000), device.recorder.untilMessages(2000)]);
      expectLanes(host.recorder, toHost);
      expectLanes(device.recorder, toDevice);
      await host.link.close();
    });

    it('gives the sender its buffer back at once and the receiver one of its own', async () => {
      const { host, device } = await join();
      const buffer = createMessage(1, 5000);
      for (const index of [1, 2]) {
        buffer.set(createMessage(index, 5000));
        expect(device.link.send('data', buffer)).toBe(true);
        expect(host.link.send('control', buffer)).toBe(true);
      }
      buffer.fill(0xee);
      for (const { recorder } of [host, device]) {
        await recorder.untilMessages(2);
        recorder.messages[1]?.message.fill(0xdd);
        expect(digest(recorder.messages[0]?.message)).toBe(digest(createMessage(1, 5000)));
      }
      await host.link.close();
    });

    describe.each([
      { from: 'device', lane: 'data' },
      { from: 'host', lane: 'control' },
    ] as const)('when the $from sends faster than the other side takes', ({ from, lane }) => {
      it('refuses within its bound, tells when to go on, and loses nothing that it took', async () => {
        const joined = await join({ bufferBytes: BUFFER_BYTES });
        const sender = joined[from];
        const receiver = joined[from === 'host' ? 'device' : 'host'];
        const sent: Uint8Array[] = [];
        // nothing is received before this turn ends; a system's own buffers take a few megabytes
        for (let i = 0; i < 10_000; i += 1) {
          const message = createMessage(i, 4096);
          if (!sender.link.send(lane, message)) break;
          sent.push(message);
        }
        expect(sent.length).toBeLessThan(10_000);
        expect(sender.link.pendingBytes).toBeGreaterThan(BUFFER_BYTES / 2);
        expect(sender.link.pendingBytes).toBeLessThanOrEqual(BUFFER_BYTES + 4096);
        expect(sender.recorder.drains).toBe(0);
        await until(
          () => sender.recorder.drains > 0,
          () => 'no drain',
        );
        expect(sender.link.pendingBytes).toBeLessThanOrEqual(BUFFER_BYTES / 2);
        expect(sender.recorder.drains).toBe(1);
        for (let i = 0; i < 20; i += 1) sent.push(createMessage(50_000 + i, 4096));
        await sendAll(
          sender.link,
          sender.recorder,
          sent.slice(-20).map((message) => ({ lane, message })),
        );
        await receiver.recorder.untilMessages(sent.length);
        expectLanes(
          receiver.recorder,
          sent.map((message) => ({ lane, message })),
        );
        await joined.host.link.close();
      });
    });

    const { whyCloseIsUnseen } = traits;
    if (whyCloseIsUnseen !== undefined) {
      it(`close by the host is not seen, and the device's link goes on: ${whyCloseIsUnseen}`, async () => {
        const { host, device } = await join();
        await host.link.close();
        const again = new Recorder();
        await connectSoon(pair!.transport, again);
        const message = createMessage(1, 100);
        await sendAll(device.link, device.recorder, [{ lane: 'data', message }]);
        await again.untilMessages(1);
        expect(device.recorder.reasons).toEqual([]);
      });
    } else {
      describe('close', () => {
        it.each(['host', 'device'] as const)(
          'by the %s is seen by the other side, after its last message',
          async (by) => {
            const joined = await join();
            const [closer, other] = by === 'host' ? [joined.host, joined.device] : [joined.device, joined.host];
            const lanes = by === 'host' ? traits.lanesFromHost : LANES;
            const last: { lane: Lane; message: Uint8Array }[] = [];
            // until the link is full: what it took waits inside it when it is closed
            for (let i = 0; i < 1000; i += 1) {
              const item = { lane: lanes[i % lanes.length]!, message: createMessage(i, 20_000) };
              if (!closer.link.send(item.lane, item.message)) break;
              last.push(item);
            }
            expect(closer.link.pendingBytes).toBeGreaterThan(100_000);
            await closer.link.close();
            await other.recorder.untilClosed();
            expectLanes(other.recorder, last);
            expect(other.recorder.reasons).toEqual(['the other side closed the connection']);
            expect(other.link.send('control', createMessage(0, 1))).toBe(false);
            expect(closer.recorder.reasons).toEqual([]);
          },
        );

        it('of the mount is seen by every client', async () => {
          const { host, device } = await join();
          const second = new Recorder();
          await connectSoon(pair!.transport, second);
          await acceptor.untilAccepted(2);
          await pair!.mount.close();
          await Promise.all([host.recorder.untilClosed(), second.untilClosed()]);
          expect([device.recorder.reasons, acceptor.links[1]?.recorder.reasons]).toEqual([[], []]);
        });
      });
    }

    it('refuses to send once it is closed, and closes twice', async () => {
      const { host } = await join();
      await host.link.close();
      await host.link.close();
      expect(host.link.send('control', createMessage(0, 10))).toBe(false);
      expect(host.link.pendingBytes).toBe(0);
      expect(host.recorder.reasons).toEqual([]);
    });

    it('says that nobody is there, and what to look at', async () => {
      const transport = await traits.toNobody();
      const { tag, details } = await failureOf(connectSoon(transport, new Recorder()));
      expect(tag).toBe('link');
      expect(details.where).toBeDefined();
      expect(details.remedy).toBeDefined();
    });

    it('gives up connecting when the signal says so', async () => {
      const { transport } = await openPair();
      const controller = new AbortController();
      const connecting = transport.connect(new Recorder(), controller.signal);
      const reason = new Error('the user pressed Ctrl-C');
      controller.abort(reason);
      await expect(connecting).rejects.toBe(reason);
      await expect(transport.connect(new Recorder(), controller.signal)).rejects.toBe(reason);
      // the attempt that was given up lets go of what it had, though perhaps a moment later
      const link = await vi.waitFor(() => connectSoon(transport, new Recorder()), { timeout: DEADLINE_MS });
      await link.close();
    });

    it('refuses a message that is too long by naming the limit, and goes on', async () => {
      const { host, device } = await join();
      const tooLong = new Uint8Array(MAX_MESSAGE_BYTES + 1);
      for (const { link } of [host, device]) {
        expect(() => link.send('control', tooLong)).toThrow(/65537 bytes, expected at most 65536/u);
        expect(link.send('control', createMessage(3, 100))).toBe(true);
      }
      for (const { recorder } of [host, device]) {
        await recorder.untilMessages(1);
        expect(digest(recorder.messages[0]?.message)).toBe(digest(createMessage(3, 100)));
      }
      await host.link.close();
    });

    it('lets an exception of its handler surface', async () => {
      const { transport } = await openPair();
      const bug = new Error('a bug in the handler');
      const handler = new Recorder();
      handler.onMessage = () => {
        throw bug;
      };
      const link = await connectSoon(transport, handler);
      const device = await acceptor.untilAccepted(1);
      const surfaced = await captureUncaught(async (errors) => {
        expect(device.link.send('control', createMessage(0, 10))).toBe(true);
        await until(
          () => errors.length > 0,
          () => 'the exception was swallowed',
        );
      });
      expect(surfaced).toEqual([bug]);
      await link.close();
    });

    it('connects again after each of 20 closes, and leaves nothing behind', async () => {
      const { transport } = await openPair();
      let before: number | null = null;
      let received = 0;
      for (let round = 0; round < 21; round += 1) {
        const recorder = new Recorder();
        const link = await connectSoon(transport, recorder);
        expect(link.send('control', createMessage(round, 500))).toBe(true);
        const count = (received += 1);
        const countReceived = (): number =>
          acceptor.links.reduce((sum, side) => sum + side.recorder.messages.length, 0);
        await until(
          () => countReceived() === count,
          () => `${countReceived()} messages in round ${round}`,
        );
        const device = acceptor.links.at(-1)!;
        expect(digest(device.recorder.messages.at(-1)?.message)).toBe(digest(createMessage(round, 500)));
        expect(device.link.send('data', createMessage(round, 600))).toBe(true);
        await recorder.untilMessages(1);
        expect(digest(recorder.messages[0]?.message)).toBe(digest(createMessage(round, 600)));
        await link.close();
        // the first round starts threads and files that stay
        before ??= await countSettledHandles();
      }
      await until(
        () => countHandles() < before! + 10,
        () => `${countHandles()} handles, ${before!} after the first round`,
      );
    });
  });
}

/** Short enough to print, and different for bytes that differ. */
function digest(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'none' : `${bytes.length} bytes, CRC ${crc32c(bytes)}`;
}

/** Each lane by itself: two lanes keep no order between them. */
function expectLanes(recorder: Recorder, sent: Recorder['messages']): void {
  expect(recorder.badFrames).toEqual([]);
  for (const lane of LANES) {
    const digestLane = (list: Recorder['messages']): string[] =>
      list.filter((item) => item.lane === lane).map(({ message }) => digest(message));
    expect(digestLane(recorder.messages)).toEqual(digestLane(sent));
  }
}

/** Runs with the errors that would end the program caught, and returns them. */
async function captureUncaught(run: (errors: readonly unknown[]) => Promise<void>): Promise<readonly unknown[]> {
  const errors: unknown[] = [];
  const keep = (error: unknown): void => {
    errors.push(error);
  };
  const uncaught = process.listeners('uncaughtException');
  const unhandled = process.listeners('unhandledRejection');
  process.removeAllListeners('uncaughtException').on('uncaughtException', keep);
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', keep);
  try {
    await run(errors);
  } finally {
    process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection');
    for (const listener of uncaught) process.on('uncaughtException', listener);
    for (const listener of unhandled) process.on('unhandledRejection', listener);
  }
  return errors;
}

/** Open files and resources of this process. */
function countHandles(): number {
  const files = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
  return files + process.getActiveResourcesInfo().filter((kind) => !/Timeout|Immediate/u.test(kind)).length;
}

/** The same once sockets that were closed are gone: the least of several readings. */
async function countSettledHandles(): Promise<number> {
  let least = countHandles();
  for (let reading = 0; reading < 20; reading += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    least = Math.min(least, countHandles());
  }
  return least;
}
