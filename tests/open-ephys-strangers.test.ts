import { once } from 'node:events';
import { createServer as createHttpServer, request as askHttp } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';

import { connectOpenEphys } from '../drivers/open-ephys/connect-open-ephys.js';
import type { OpenEphysOptions } from '../drivers/open-ephys/open-ephys-options.js';
import { isMeaError, type ErrorTag } from '../protocols/errors.js';
import { hertz } from '../protocols/units.js';
import { OpenEphysFacade, openOpenEphysFacade } from '../sim-device/facades/open-ephys/open-ephys-facade.js';
import { OpenEphysBench, optionsFor, outline, startOn, waitForSample, warningsOf } from './helpers/open-ephys-bench.js';
import { createRampRig } from './helpers/ramp-rig.js';
import { waitUntil } from './helpers/wait-until.js';

const bench = new OpenEphysBench();
afterEach(() => bench.end());

/** A server that is not Open Ephys, at a free port. */
async function serve(handle: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    handle(socket);
  });
  return portOf(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function portOf(server: Server, onClose: () => void): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bench.closeLater(async () => {
    const closed = once(server, 'close');
    server.close();
    onClose();
    await closed;
  });
  const address = server.address();
  return isAddress(address) ? address.port : 0;
}

function isAddress(address: unknown): address is AddressInfo {
  return typeof address === 'object' && address !== null && 'port' in address;
}

/** An HTTP server that says the same to everybody, or what a path has. */
async function serveHttp(status: number, bodies: string | Readonly<Record<string, string>>): Promise<number> {
  const server = createHttpServer((request, response) => {
    const body = typeof bodies === 'string' ? bodies : (bodies[request.url ?? ''] ?? '');
    response.writeHead(status).end(body);
  });
  return portOf(server, () => {
    server.closeAllConnections();
  });
}

async function deadPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return isAddress(address) ? address.port : 0;
}

/** How a connection fails, and how long that takes. */
async function failure(options: OpenEphysOptions): Promise<{ readonly tag: ErrorTag | null; readonly text: string }> {
  try {
    const recorder = await connectOpenEphys(options, AbortSignal.timeout(20_000));
    await recorder.close();
    return { tag: null, text: 'it connected' };
  } catch (error) {
    return { tag: isMeaError(error) ? error.tag : null, text: String(error) };
  }
}

async function facadeAndOptions(): Promise<{ readonly facade: OpenEphysFacade; readonly options: OpenEphysOptions }> {
  const facade = await bench.facade(createRampRig());
  return { facade, options: optionsFor(facade) };
}

describe('at the port of the remote control', () => {
  it.each([
    ['nobody', deadPort, 'link', /connection refused.*start Open Ephys 0\.6 or later/u],
    [
      'somebody who speaks no HTTP',
      () => serve((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')),
      'link',
      /no HTTP \(HPE_\w+\).*something else listens there/u,
    ],
    [
      'somebody who hangs up',
      () => serve((socket) => socket.destroy()),
      'link',
      /Open Ephys did not do what it was asked.*is Open Ephys running/u,
    ],
    [
      'somebody whose answer breaks off',
      () => serve((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"mode"')),
      'link',
      /something else listens there/u,
    ],
    [
      'another web server',
      () => serveHttp(404, 'Not Found'),
      'link',
      /got 404 Not Found.*is this the port of Open Eph/u,
    ],
    ['a web page', () => serveHttp(200, '<!doctype html>'), 'link', /none of Open Ephys.*doctype.*port 37497/u],
    ['another service with JSON', () => serveHttp(200, '{"mode":"fast"}'), 'link', /none of Open Ephys/u],
    ['somebody who objects', () => serveHttp(400, 'parse error'), 'refused', /got 400 parse error/u],
    ['somebody who never answers', () => serve(() => undefined), 'deadline', /no answer in 300 ms/u],
  ] as const)('%s is named, with the remedy', async (...[, open, tag, text]) => {
    const { options } = await facadeAndOptions();
    const result = await failure({ ...options, httpPort: await open(), times: { httpMs: 300 } });
    expect(result.text).toMatch(text);
    expect(result.tag).toBe(tag);
  });

  it('a signal chain without ZMQ Interface is named', async () => {
    const { options } = await facadeAndOptions();
    const processors = JSON.stringify({ processors: [{ id: 100, name: 'Acquisition Board', streams: [] }] });
    const httpPort = await serveHttp(200, { '/api/status': '{"mode":"IDLE"}', '/api/processors': processors });
    const result = await failure({ ...options, httpPort });
    expect(result.text).toMatch(/no ZMQ Interface: got Acquisition Board; install the plugin/u);
    expect(result.tag).toBe('refused');
  });
});

describe('at the data port', () => {
  it.each([
    ['nobody', deadPort, 'link', /connection refused.*put the ZMQ Interface plugin into the signal chain/u],
    [
      'somebody who speaks no ZeroMQ',
      () => serve((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
      'link',
      /no ZeroMQ publisher.*give the data port of the ZMQ Interface/u,
    ],
    [
      'somebody who never answers',
      () => serve(() => undefined),
      'deadline',
      /greeting of a ZeroMQ publisher took long/u,
    ],
  ] as const)('%s is named, with the remedy', async (...[, open, tag, text]) => {
    const { options } = await facadeAndOptions();
    const result = await failure({ ...options, dataPort: await open(), times: { connectMs: 300 } });
    expect(result.text).toMatch(text);
    expect(result.tag).toBe(tag);
  });

  it('the port of the heartbeats is named, with the remedy', async () => {
    const { facade, options } = await facadeAndOptions();
    const result = await failure({ ...options, dataPort: facade.heartbeatPort, times: { connectMs: 1000 } });
    expect(result.text).toMatch(/no ZeroMQ publisher.*not the one after it \(heartbeats\)/u);
    expect(result.tag).toBe('link');
  });
});

describe('what the rig says', () => {
  it.each([
    ['another stream', { stream: 'Rhythm Data' }, /no such stream.*got mea-sim, expected Rhythm Data/u],
    ['another rate', { sampleRateHz: hertz(30_000) }, /another rate: got 20000 Hz, expected 30000 Hz/u],
  ])('%s is refused at once', async (_, change, text) => {
    const { options } = await facadeAndOptions();
    const result = await failure({ ...options, ...change });
    expect(result.text).toMatch(text);
    expect(result.tag).toBe('refused');
  });

  it.each([
    ['no stream', { stream: '' }],
    ['no channels', { channels: [] }],
    ['a gain of zero', { gainUvPerBit: 0 }],
    ['a port beyond 65535', { dataPort: 70_000 }],
    ['a negative time', { times: { httpMs: -1 } }],
  ])('%s is bad input', async (_, change) => {
    const { options } = await facadeAndOptions();
    expect((await failure({ ...options, ...change })).tag).toBe('bad-input');
  });

  it('channels that are not sent are refused by start, and the acquisition is ended again', async () => {
    const { facade, options } = await facadeAndOptions();
    const { recorder } = await bench.connect(facade, { ...options, channels: ['CH1', 'CH9', 'CH4'] });
    await expect(startOn(recorder, facade)).rejects.toThrow(
      /does not send 1 of the 3 channels: got CH1, CH2, CH3, CH4 in stream mea-sim, expected CH9/u,
    );
    expect(facade.program.mode).toBe('IDLE');
  });

  it('a program that sends nothing is told by start within its deadline', async () => {
    const { facade } = await facadeAndOptions();
    const { recorder, events } = await bench.connect(facade, { times: { firstBlockMs: 300 } });
    await expect(recorder.start()).rejects.toThrow(/No block of stream mea-sim came in 300 ms: got nothing at all/u);
    expect(facade.program.mode).toBe('IDLE');
    expect(events).toEqual([]);
  });
});

describe('a connection', () => {
  it('is not made when the signal was aborted, before or meanwhile', async () => {
    const { options } = await facadeAndOptions();
    await expect(connectOpenEphys(options, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    const dataPort = await serve(() => undefined);
    const slow = connectOpenEphys({ ...options, dataPort }, AbortSignal.timeout(100));
    await expect(slow).rejects.toThrow(/timeout/u);
  });

  it('survives messages that are none, which it counts', async () => {
    const { facade } = await facadeAndOptions();
    const { recorder, events } = await bench.connect(facade);
    await startOn(recorder, facade);
    const { counters } = recorder;
    expect(counters.badMessages).toBe(0);
    facade.publishRaw([Buffer.from('DATA\0'), Buffer.from('{"message_num": 5, "type"')]);
    facade.publishRaw([Buffer.from([1, 2, 3])]);
    while (recorder.counters.badMessages < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(warningsOf(events)[0]).toMatch(/1 messages could not be read; the last was a header that is no JSON/u);
    expect(recorder.isConnected).toBe(true);
  });

  it('whose cable was pulled is lost although nobody said goodbye', async () => {
    const { facade, options } = await facadeAndOptions();
    const cable = { isCut: false };
    const dataPort = await serve((near) => {
      const far = connect({ host: '127.0.0.1', port: facade.dataPort });
      far.on('error', () => undefined);
      near.on('close', () => far.destroy());
      near.on('data', (bytes) => cable.isCut || far.write(bytes));
      far.on('data', (bytes) => cable.isCut || near.write(bytes));
    });
    const times = { deadPeerMs: 300, giveUpMs: 100 };
    const { recorder, events } = await bench.connect(facade, {
      ...options,
      dataPort,
      heartbeatPort: facade.heartbeatPort,
      times,
    });
    await startOn(recorder, facade);
    const end = facade.program.nextSample;
    await waitForSample(events, end);
    cable.isCut = true;
    await waitUntil(
      () => events.at(-1)?.type === 'failed',
      () => 'no loss',
    );
    expect(outline(events).slice(-3)).toEqual([['link-lost'], ['ended', end], ['failed']]);
    expect(recorder.isConnected).toBe(false);
    // the remote control is still there
    await recorder.close();
    expect(facade.program.mode).toBe('IDLE');
  });

  it('is closed in bounded time although the remote control hangs', async () => {
    const { facade, options } = await facadeAndOptions();
    const remote = { hangs: false };
    const server = createHttpServer((request, response) => {
      if (remote.hangs) return;
      const { method, url } = request;
      const path = { host: '127.0.0.1', port: facade.httpPort, method, path: url };
      request.pipe(
        askHttp(path, (answer) => {
          answer.pipe(response);
        }),
      );
    });
    const httpPort = await portOf(server, () => {
      server.closeAllConnections();
    });
    const times = { closeMs: 300, httpMs: 1e6, startMs: 1e6 };
    const { recorder, events } = await bench.connect(facade, { ...options, httpPort, times });
    await startOn(recorder, facade);
    remote.hangs = true;
    await recorder.close();
    expect(recorder.isConnected).toBe(false);
    expect(outline(events).at(-1)).toEqual(['ended', facade.program.nextSample]);
  });

  it('left open does not crash the thread that ends', async () => {
    const { facade, options } = await facadeAndOptions();
    const { dataPort, httpPort, stream, channels, sampleRateHz } = options;
    const worker = new Worker(new URL('../dist/tests/programs/open-ephys-thread.js', import.meta.url), {
      workerData: { dataPort, httpPort, stream, channels, sampleRateHz },
    });
    const ended = once(worker, 'exit');
    while (facade.program.mode === 'IDLE') await new Promise((resolve) => setTimeout(resolve, 5));
    const timer = setInterval(() => {
      facade.advance(500);
    }, 5);
    expect(await ended).toEqual([0]);
    clearInterval(timer);
  });
});

describe('the emulated Open Ephys', () => {
  it('says that a port is taken, and holds none then', async () => {
    const { facade } = await facadeAndOptions();
    const rig = createRampRig();
    const { dataPort, httpPort } = facade;
    await expect(openOpenEphysFacade({ rig, dataPort, httpPort: 0 })).rejects.toThrow(
      /cannot listen.*does Open Ephys its/u,
    );
    await expect(openOpenEphysFacade({ rig, dataPort: 0, httpPort })).rejects.toThrow(
      /cannot listen.*take other ports/u,
    );
  });

  it('always says that it is emulated', async () => {
    const open = openOpenEphysFacade({ rig: createRampRig(), dataPort: 0, httpPort: 0, stream: 'Rhythm Data' });
    await expect(open).rejects.toThrow(/Bad stream of the emulated Open Ephys.*a name with mea-sim in it/u);
  });

  it('answers as the program does where a client is wrong', async () => {
    const { facade } = await facadeAndOptions();
    const ask = async (method: string, path: string, body: string | null): Promise<[number, string]> => {
      const answer = await fetch(`http://127.0.0.1:${facade.httpPort}${path}`, { method, body });
      return [answer.status, await answer.text()];
    };
    expect(await ask('PUT', '/api/status', '{"mode":"FLY"}')).toEqual([200, '{"mode":"IDLE"}']);
    expect((await ask('PUT', '/api/status', '{"mode"'))[0]).toBe(400);
    expect((await ask('PUT', '/api/message', '{}'))[0]).toBe(400);
    expect(await ask('GET', '/api/nothing', null)).toEqual([404, '']);
    expect((await ask('GET', '/api/processors/102', null))[1]).toContain('"name":"ZMQ Interface"');
    expect((await ask('GET', '/api/processors/9', null))[0]).toBe(404);
  });
});
