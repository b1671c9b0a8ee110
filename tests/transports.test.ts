import { existsSync, fstatSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Dealer, Publisher, Router, Subscriber } from 'zeromq';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openTransport } from '../drivers/transports/open-transport.js';
import { createCobsFraming, createLengthFraming, encodeZmqFrame } from '../protocols/mea-link/framing.js';
import type { AcceptLink, Link, Mount } from '../protocols/mea-link/link.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import { MAX_MESSAGE_BYTES } from '../protocols/mea-link/messages.js';
import { openMount } from '../sim-device/mounts/open-mount.js';
import { packageFolder } from '../src/cli/package-info.js';
import { systemTimers } from '../src/timers.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { openPtyPair, socat, type PtyPair } from './helpers/pty-pair.js';
import { createVirtualTimers } from './helpers/virtual-timers.js';
import {
  Acceptor,
  connectSoon,
  createMessage,
  describeTransport,
  failureOf,
  Recorder,
  until,
  type TransportPair,
} from './transport-contract.js';

const timers = systemTimers();

/** What a test opened, closed after it in the reverse order. */
const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function mountAt(address: string, accept: AcceptLink, options: object = {}): Promise<Mount> {
  const mount = await openMount(address, accept, { timers, ...options });
  opened.push(() => mount.close());
  return mount;
}

async function openNetworkPair(
  address: string,
  accept: AcceptLink,
  limits: { readonly bufferBytes?: number },
): Promise<TransportPair> {
  const mount = await openMount(address, accept, { timers, flushMs: 5000, ...limits });
  const transport = openTransport(mount.address, { timers, flushMs: 5000, ...limits });
  return { mount, transport, dispose: () => Promise.resolve() };
}

/** A port on which nobody listens: somebody just did. */
async function findDeadPort(): Promise<number> {
  const mount = await openMount('tcp://127.0.0.1:0', () => new Recorder(), { timers });
  await mount.close();
  return Number(/\d+$/u.exec(mount.address)?.[0]);
}

function portOf(mount: Mount): number {
  return Number(/:(\d+)$/u.exec(mount.address)?.[1]);
}

async function connectRaw(mount: Mount): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: portOf(mount) });
  socket.on('error', () => undefined);
  opened.push(() => {
    socket.destroy();
    return Promise.resolve();
  });
  await once(socket, 'connect');
  return socket;
}

/** Sends until the link refuses; returns how many bytes it took. */
async function fill(link: Link, bytesAtMost: number): Promise<number> {
  let taken = 0;
  let refusals = 0;
  // full for good: the system's own buffers are full as well
  while (refusals < 20 && taken < bytesAtMost) {
    if (link.send('data', createMessage(taken, 4096))) {
      taken += 4096;
      refusals = 0;
    } else {
      refusals += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  return taken;
}

describeTransport('memory', {
  makePair: async (accept, limits) => {
    const memoryHub = new MemoryHub(limits);
    return {
      mount: await openMount('memory:', accept, { timers, memoryHub }),
      transport: openTransport('memory:', { timers, memoryHub }),
      dispose: () => Promise.resolve(),
    };
  },
  toNobody: () => Promise.resolve(openTransport('memory:', { timers, memoryHub: new MemoryHub() })),
  lanesFromHost: ['control', 'data'],
});

describeTransport('tcp', {
  makePair: (accept, limits) => openNetworkPair('tcp://127.0.0.1:0', accept, limits),
  toNobody: async () => openTransport(`tcp://127.0.0.1:${await findDeadPort()}`, { timers }),
  lanesFromHost: ['control', 'data'],
});

describeTransport('zmq', {
  makePair: (accept, limits) => openNetworkPair('zmq+tcp://127.0.0.1:0', accept, limits),
  toNobody: async () => openTransport(`zmq+tcp://127.0.0.1:${await findDeadPort()}`, { timers }),
  lanesFromHost: ['control'],
});

describeWithDebianTool('a serial line', socat, () => {
  describeTransport('serial', {
    makePair: async (accept, limits) => {
      const line = await openPtyPair();
      return {
        mount: await openMount(`serial:${line.devicePath}`, accept, { timers, ...limits }),
        transport: openTransport(`serial:${line.hostPath}`, { timers, ...limits }),
        dispose: () => line.end(),
      };
    },
    toNobody: () => Promise.resolve(openTransport('serial:/dev/no-such-port', { timers })),
    lanesFromHost: ['control', 'data'],
    whyCloseIsUnseen: 'a serial line has no connection; heartbeats above it find out',
  });
});

describe('tcp', () => {
  it('reports bytes that are no frame, and hears the messages that follow', async () => {
    const acceptor = new Acceptor();
    const socket = await connectRaw(await mountAt('tcp://127.0.0.1:0', acceptor.accept));
    const { encoder } = createLengthFraming();
    const { recorder } = await acceptor.untilAccepted(1);
    socket.write(encoder.encode('control', createMessage(1, 50)));
    socket.write(Buffer.from('GET / HTTP/1.1\r\nHost: device\r\n\r\n'));
    for (const index of [2, 3]) socket.write(encoder.encode('control', createMessage(index, 50)));
    await recorder.untilMessages(3);
    expect(recorder.messages.map(({ message }) => message)).toEqual([1, 2, 3].map((i) => createMessage(i, 50)));
    expect(recorder.badFrames.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(32);
    expect(recorder.badFrames[0]?.message).toMatch(/^Bad frame at byte/u);
  });

  it('says that the connection failed when the other side resets it', async () => {
    const acceptor = new Acceptor();
    const socket = await connectRaw(await mountAt('tcp://127.0.0.1:0', acceptor.accept));
    const { link, recorder } = await acceptor.untilAccepted(1);
    socket.resetAndDestroy();
    await recorder.untilClosed();
    expect(recorder.reasons).toEqual([expect.stringMatching(/ECONNRESET/u)]);
    expect(link.send('data', createMessage(0, 10))).toBe(false);
  });

  it('stays within its bound while a receiver stands still, and loses nothing when it goes on', async () => {
    const acceptor = new Acceptor();
    const mount = await mountAt('tcp://127.0.0.1:0', acceptor.accept, { bufferBytes: 65_536 });
    const socket = await connectRaw(mount);
    const { link, recorder } = await acceptor.untilAccepted(1);
    const taken = await fill(link, 2 ** 26);
    expect(taken).toBeLessThan(2 ** 26);
    expect(link.pendingBytes).toBeLessThanOrEqual(65_536 + 4096);
    const { decoder } = createLengthFraming();
    const host = new Recorder();
    socket.on('data', (chunk: Uint8Array) => {
      decoder.push(chunk, host);
    });
    await host.untilMessages(taken / 4096);
    expect(host.badFrames).toEqual([]);
    expect(host.messages.map(({ message }) => message[0])).toEqual(
      Array.from({ length: taken / 4096 }, (_, i) => createMessage(i * 4096, 1)[0]),
    );
    expect(recorder.drains).toBeGreaterThan(0);
  });

  it('closes in time although the other side neither reads nor closes', async () => {
    const acceptor = new Acceptor();
    const mount = await mountAt('tcp://127.0.0.1:0', acceptor.accept, { flushMs: 50 });
    const socket = await connectRaw(mount);
    const { link, recorder } = await acceptor.untilAccepted(1);
    await fill(link, 2 ** 26);
    expect(link.pendingBytes).toBeGreaterThan(0);
    await link.close();
    expect([link.pendingBytes, recorder.reasons]).toEqual([0, []]);
    expect(socket.destroyed).toBe(false);
  });

  it('does not listen for other computers unless it is told to', async () => {
    for (const address of ['tcp://0.0.0.0:0', 'tcp://192.0.2.7:0', 'zmq+tcp://[::]:0', 'zmq+tcp://rig.example:0']) {
      const opening = openMount(address, () => new Recorder(), { timers });
      await expect(opening).rejects.toThrow(/may stimulate.*allow remote/u);
    }
    const mount = await mountAt('tcp://0.0.0.0:0', () => new Recorder(), { allowRemote: true });
    expect(mount.address).toMatch(/^tcp:\/\/0\.0\.0\.0:\d+$/u);
  });

  it.each(['tcp', 'zmq+tcp'])('is reached by name over %s', async (scheme) => {
    const acceptor = new Acceptor();
    const mount = await mountAt(`${scheme}://localhost:0`, acceptor.accept);
    const link = await connectSoon(openTransport(mount.address, { timers }), new Recorder());
    opened.push(() => link.close());
    expect(link.send('control', createMessage(1, 10))).toBe(true);
    await (await acceptor.untilAccepted(1)).recorder.untilMessages(1);
  });

  it.each(['tcp', 'zmq+tcp'])('says that a %s port is taken', async (scheme) => {
    const mount = await mountAt(`${scheme}://127.0.0.1:0`, () => new Recorder());
    const again = openMount(mount.address, () => new Recorder(), { timers });
    const error = await failureOf(again);
    expect([error.tag, error.message]).toEqual(['link', expect.stringMatching(/in use.*another port/u)]);
  });

  it('gives up a device that accepts the connection and never answers over ZeroMQ', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened.push(() => new Promise((resolve) => server.close(resolve)));
    const bound = server.address();
    const port = typeof bound === 'object' ? bound?.port : null;
    const transport = openTransport(`zmq+tcp://127.0.0.1:${port ?? ''}`, { timers, readyMs: 100 });
    await expect(connectSoon(transport, new Recorder())).rejects.toMatchObject({ tag: 'link' });
  });
});

describe('zmq', () => {
  function openRaw(mount: Mount): { readonly dealer: Dealer; readonly subscriber: Subscriber } {
    const options = { linger: 0, reconnectInterval: -1, receiveHighWaterMark: 8 } as const;
    const dealer = new Dealer(options);
    const subscriber = new Subscriber(options);
    opened.push(() => {
      dealer.close();
      subscriber.close();
      return Promise.resolve();
    });
    subscriber.subscribe();
    dealer.connect(`tcp://127.0.0.1:${portOf(mount)}`);
    subscriber.connect(`tcp://127.0.0.1:${portOf(mount) + 1}`);
    return { dealer, subscriber };
  }

  it('cuts off a client whose frame is too long, and says so', async () => {
    const acceptor = new Acceptor();
    const { dealer } = openRaw(await mountAt('zmq+tcp://127.0.0.1:0', acceptor.accept));
    await dealer.send('');
    const { recorder } = await acceptor.untilAccepted(1);
    await dealer.send(Buffer.from(encodeZmqFrame(createMessage(0, MAX_MESSAGE_BYTES))));
    await recorder.untilMessages(1);
    await dealer.send(Buffer.alloc(MAX_MESSAGE_BYTES + 5));
    await recorder.untilClosed();
    expect(recorder.reasons).toEqual([expect.stringMatching(/too long/u)]);
  });

  it('ends the link of the client that has gone, and no other', async () => {
    const acceptor = new Acceptor();
    const mount = await mountAt('zmq+tcp://127.0.0.1:0', acceptor.accept);
    const host = new Recorder();
    const link = await connectSoon(openTransport(mount.address, { timers }), host);
    opened.push(() => link.close());
    const first = await acceptor.untilAccepted(1);
    const { dealer } = openRaw(mount);
    await dealer.send('');
    const second = await acceptor.untilAccepted(2);
    dealer.close();
    await second.recorder.untilClosed();
    expect(first.link.send('control', createMessage(1, 10))).toBe(true);
    await host.untilMessages(1);
    expect([first.recorder.reasons, host.reasons]).toEqual([[], []]);
  });

  it('stays within its bound while a subscriber stands still, and loses nothing when it goes on', async () => {
    const acceptor = new Acceptor();
    const mount = await mountAt('zmq+tcp://127.0.0.1:0', acceptor.accept, { bufferBytes: 65_536 });
    const { dealer, subscriber } = openRaw(mount);
    // the subscription is in force when an empty frame has come
    await until(
      () => {
        dealer.send('').catch(() => undefined);
        return acceptor.links.length > 0;
      },
      () => 'no link',
    );
    const asking = setInterval(() => void dealer.send(''), 20);
    expect((await subscriber.receive())[0]?.length).toBe(0);
    clearInterval(asking);
    const { link } = await acceptor.untilAccepted(1);
    const taken = await fill(link, 2 ** 26);
    expect(taken).toBeLessThan(2 ** 26);
    expect(link.pendingBytes).toBeLessThanOrEqual(65_536 + 4096);
    const lengths: number[] = [];
    while (lengths.length < taken / 4096) {
      const [frame] = await subscriber.receive();
      if (frame !== undefined && frame.length > 0) lengths.push(frame[0]!);
    }
    expect(lengths).toEqual(Array.from({ length: taken / 4096 }, (_, i) => createMessage(i * 4096, 1)[0]));
  });

  it('serves a new client although a subscriber whose link has gone stands still', async () => {
    const acceptor = new Acceptor();
    const mount = await mountAt('zmq+tcp://127.0.0.1:0', acceptor.accept, { bufferBytes: 65_536, flushMs: 20 });
    const { dealer, subscriber } = openRaw(mount);
    await dealer.send('');
    const stuck = await acceptor.untilAccepted(1);
    const asking = setInterval(() => void dealer.send(''), 20);
    await subscriber.receive();
    clearInterval(asking);
    expect(await fill(stuck.link, 2 ** 26)).toBeLessThan(2 ** 26);
    await stuck.link.close();
    const host = new Recorder();
    const link = await connectSoon(openTransport(mount.address, { timers }), host);
    opened.push(() => link.close());
    const { link: device } = await acceptor.untilAccepted(2);
    expect(device.send('data', createMessage(4, 100))).toBe(true);
    await host.untilMessages(1);
    expect(host.messages[0]?.message).toEqual(createMessage(4, 100));
  });

  // Two guards against an abort of libzmq (sim-device/mounts/zmq.ts): one against its cause, one against what came of it,
  // which was an exception on most runs and the abort on some.
  it('looks into its sockets from one thread only', async () => {
    const onOtherThreads = [Router, Publisher].flatMap(({ prototype }) => [
      vi.spyOn(prototype, 'bind'),
      vi.spyOn(prototype, 'unbind'),
    ]);
    const bound = vi.spyOn(Router.prototype, 'bindSync');
    opened.push(() => Promise.resolve(vi.restoreAllMocks()));
    const mount = await mountAt('zmq+tcp://127.0.0.1:0', new Acceptor().accept);
    const link = await connectSoon(openTransport(mount.address, { timers }), new Recorder());
    await Promise.all([mount.close(), link.close()]);
    expect(bound).toHaveBeenCalled();
    for (const call of onOtherThreads) expect(call).not.toHaveBeenCalled();
  });

  it('closes at the moment its clients go or speak', async () => {
    let accepted = 0;
    for (let round = 0; round < 100; round += 1) {
      const acceptor = new Acceptor();
      const mount = await openMount('zmq+tcp://127.0.0.1:0', acceptor.accept, { timers });
      const clients = Array.from({ length: 4 }, () => openRaw(mount));
      for (const { dealer } of clients) await dealer.send('');
      await acceptor.untilAccepted(4);
      accepted += acceptor.links.length;
      for (const [index, { dealer }] of clients.entries()) {
        if (index % 2 === 0) dealer.close();
        else await dealer.send(Buffer.from(encodeZmqFrame(createMessage(round, 10))));
      }
      await mount.close();
      for (const close of opened.splice(0)) await close();
    }
    expect(accepted).toBe(400);
  });

  // What the library does at the end of a thread ended the process, or left the sockets of all threads standing.
  it.each(['close', 'exit', 'throw'])('outlives threads that end with a link open: %s', async (end) => {
    const program = join(packageFolder(), 'dist/tests/programs/zmq-thread.js');
    if (!existsSync(program)) throw new Error(`${program} is not there: build first, as npm test does`);
    const errors: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const acceptor = new Acceptor();
      const mount = await mountAt('zmq+tcp://127.0.0.1:0', acceptor.accept);
      const thread = new Worker(program, { workerData: { address: mount.address, end } });
      thread.on('error', (error) => errors.push(String(error)));
      const ended = new Promise((resolve) => thread.on('exit', resolve));
      const { link, recorder } = await acceptor.untilAccepted(1);
      expect(link.send('data', createMessage(0, 5000))).toBe(true);
      await ended;
      await recorder.untilClosed();
      expect(recorder.messages.length).toBeGreaterThan(0);
      const next = await connectSoon(openTransport(mount.address, { timers }), new Recorder());
      await next.close();
      await mount.close();
    }
    expect(errors).toEqual(end === 'throw' ? new Array(5).fill('Error: a bug in the thread') : []);
  });

  it('says that a host cannot be one, and asks it nothing afterwards', async () => {
    const virtual = createVirtualTimers();
    const transport = openTransport('zmq+tcp://-rig:9100', { timers: virtual });
    const error = await failureOf(connectSoon(transport, new Recorder()));
    expect([error.tag, error.message]).toEqual(['link', expect.stringMatching(/Invalid argument.*-rig/u)]);
    expect(virtual.pending).toBe(0);
  });

  it('can listen on the same ports as soon as it has closed', async () => {
    let address = 'zmq+tcp://127.0.0.1:0';
    for (let round = 0; round < 5; round += 1) {
      const mount = await openMount(address, () => new Recorder(), { timers });
      ({ address } = mount);
      const link = await connectSoon(openTransport(address, { timers }), new Recorder());
      await mount.close();
      await link.close();
    }
    expect(address).toMatch(/:\d{4,5}$/u);
  });
});

describe('memory', () => {
  async function join(hub: MemoryHub): Promise<{ link: Link; host: Recorder; device: Acceptor['links'][number] }> {
    const acceptor = new Acceptor();
    await mountAt('memory:', acceptor.accept, { memoryHub: hub });
    const host = new Recorder();
    const link = await connectSoon(openTransport('memory:', { timers, memoryHub: hub }), host);
    return { link, host, device: await acceptor.untilAccepted(1) };
  }

  it('tells both sides when it is cut, and loses what was under way', async () => {
    const hub = new MemoryHub();
    const { link, host, device } = await join(hub);
    link.send('control', createMessage(0, 10));
    hub.cut('the cable is out');
    await Promise.all([host.untilClosed(), device.recorder.untilClosed()]);
    expect([host.reasons, device.recorder.reasons]).toEqual([['the cable is out'], ['the cable is out']]);
    expect(device.recorder.messages).toEqual([]);
    expect(link.send('control', createMessage(0, 10))).toBe(false);
  });

  it('keeps everything while it is paused, and delivers it afterwards', async () => {
    const hub = new MemoryHub({ bufferBytes: 10_000 });
    const { link, host, device } = await join(hub);
    hub.pause();
    let taken = 0;
    while (link.send('control', createMessage(taken, 1000))) taken += 1;
    await new Promise((resolve) => setImmediate(resolve));
    expect([taken, link.pendingBytes, device.recorder.messages.length, host.drains]).toEqual([10, 10_000, 0, 0]);
    hub.resume();
    await device.recorder.untilMessages(10);
    expect([link.pendingBytes, host.drains]).toEqual([0, 1]);
  });

  it('moves only when the scheduler that it was given moves', async () => {
    const turns: (() => void)[] = [];
    const acceptor = new Acceptor();
    const hub = new MemoryHub({ defer: (callback) => turns.push(callback) });
    const turn = (): void => {
      for (const callback of turns.splice(0)) callback();
    };
    hub.listen(acceptor.accept);
    const connecting = hub.connect(new Recorder(), new AbortController().signal);
    turn();
    const link = await connecting;
    turn();
    link.send('control', createMessage(0, 10));
    await new Promise((resolve) => setImmediate(resolve));
    expect(acceptor.links[0]?.recorder.messages.length).toBe(0);
    turn();
    expect(acceptor.links[0]?.recorder.messages.length).toBe(1);
  });

  it('needs a hub that both sides know', async () => {
    expect(() => openTransport('memory:', { timers })).toThrow(/MemoryHub/u);
    await expect(openMount('memory:', () => new Recorder(), { timers })).rejects.toThrow(/MemoryHub/u);
  });
});

describeWithDebianTool('a serial port', socat, () => {
  async function openLine(): Promise<PtyPair> {
    const line = await openPtyPair();
    opened.push(() => line.end());
    return line;
  }

  it('reports bytes that are no frame, and hears the messages that follow', async () => {
    const line = await openLine();
    const acceptor = new Acceptor();
    await mountAt(`serial:${line.devicePath}?baud=921600`, acceptor.accept);
    const { recorder } = await acceptor.untilAccepted(1);
    const { encoder } = createCobsFraming();
    writeSync(line.hostFile, Buffer.from('login: root\r\n'));
    for (const index of [1, 2, 3]) writeSync(line.hostFile, encoder.encode('control', createMessage(index, 50)));
    await recorder.untilMessages(2);
    // the first frame has no delimiter before it: it ends the garbage
    expect(recorder.messages.map(({ message }) => message)).toEqual([2, 3].map((i) => createMessage(i, 50)));
    expect(recorder.badFrames.length).toBe(1);
    expect(fstatSync(line.hostFile).isCharacterDevice()).toBe(true);
  });

  it('sees at both ends that the cable was pulled, at the latest when it writes', async () => {
    const line = await openLine();
    const acceptor = new Acceptor();
    await mountAt(`serial:${line.devicePath}`, acceptor.accept);
    const host = new Recorder();
    const link = await connectSoon(openTransport(`serial:${line.hostPath}`, { timers }), host);
    await line.end();
    // a reader alone may hear nothing of it: that is what heartbeats are for
    for (const side of [link, acceptor.links[0]!.link]) side.send('control', createMessage(0, 10));
    await Promise.all([host.untilClosed(), acceptor.links[0]?.recorder.untilClosed()]);
    expect(link.send('control', createMessage(0, 10))).toBe(false);
    await link.close();
  });

  it('gives a line up that takes nothing', async () => {
    const line = await openLine();
    const host = new Recorder();
    const options = { timers, writeTimeoutMs: 100, bufferBytes: 65_536 };
    const link = await connectSoon(openTransport(`serial:${line.hostPath}?baud=921600`, options), host);
    expect(await fill(link, 2 ** 20)).toBeLessThan(2 ** 20);
    await host.untilClosed();
    expect(host.reasons).toEqual([expect.stringMatching(/^the line took no bytes for \d+ ms$/u)]);
    expect(link.pendingBytes).toBe(0);
  });

  it('says that another program has the port', async () => {
    const line = await openLine();
    const address = `serial:${line.hostPath}`;
    const link = await connectSoon(openTransport(address, { timers }), new Recorder());
    opened.push(() => link.close());
    const second = connectSoon(openTransport(address, { timers }), new Recorder());
    const error = await failureOf(second);
    expect([error.tag, error.message]).toEqual(['link', expect.stringMatching(/lock port.*another program/iu)]);
  });

  it('waits a moment for a port that is still locked, as it is while a last read goes on', async () => {
    const line = await openLine();
    const transport = openTransport(`serial:${line.hostPath}`, { timers });
    const link = await connectSoon(transport, new Recorder());
    const second = connectSoon(transport, new Recorder());
    // by now it has been refused once
    await new Promise((resolve) => setTimeout(resolve, 50));
    await link.close();
    const opening = await second;
    expect(opening.send('control', createMessage(1, 10))).toBe(true);
    await opening.close();
  });

  it('says that a port is not there', async () => {
    const opening = openMount('serial:/dev/no-such-port', () => new Recorder(), { timers });
    const error = await failureOf(opening);
    expect([error.tag, error.message]).toEqual(['link', expect.stringMatching(/plugged in/u)]);
  });
});
