import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { Reply, XPublisher } from 'zeromq';

import { MeaError } from '../../../protocols/errors.js';
import { decodeRequest, replyTo, type ZmqRequest } from '../../../protocols/open-ephys/heartbeat.js';
import { DEFAULT_HTTP_PORT } from '../../../protocols/open-ephys/http-api.js';
import type { Pulse } from '../../../protocols/stimulation/stim-pattern.js';
import { EmulatedRemote } from './answer-http.js';
import { EmulatedProgram, type ProgramOptions } from './emulated-program.js';

/** Loopback only: nobody else should see it. */
const HOST = '127.0.0.1';
const DEFAULT_DATA_PORT = 5556;
/** Pairs of ports that are tried when any will do. */
const PORT_ATTEMPTS = 20;
/** How long sockets may take to give their ports back. */
const RELEASE_MS = 500;
/** Messages that wait for a reader that is slow, the library's own value; later ones are dropped, as the vendor's are. */
const SEND_HIGH_WATER_MARK = 1000;
const MAX_BODY_BYTES = 1_000_000;
/** Messages that wait for the socket, which takes a few hundred in one go. */
const MAX_WAITING = 8192;

export interface OpenEphysFacadeOptions extends Omit<ProgramOptions, 'publish'> {
  /** 5556 by default; the heartbeats' port is the next one. 0 for any pair that is free. */
  readonly dataPort?: number | undefined;
  /** 37497 by default; 0 for any that is free. */
  readonly httpPort?: number | undefined;
  readonly sendHighWaterMark?: number | undefined;
}

/** What heartbeats get instead of their answer. */
export type ReplyFault = 'none' | 'silent' | 'gibberish';

interface BoundSockets {
  readonly publisher: XPublisher;
  readonly reply: Reply;
  readonly dataPort: number;
}

/**
 * Serves an emulated program as Open Ephys does: data on a PUB, heartbeats on a REP at the next port, remote control over
 * HTTP, on 127.0.0.1. Pace it by `advance`.
 *
 * @throws MeaError `link` when a port is taken; `bad-input` for names that cannot be
 */
export async function openOpenEphysFacade(options: OpenEphysFacadeOptions): Promise<OpenEphysFacade> {
  const { dataPort = DEFAULT_DATA_PORT, httpPort = DEFAULT_HTTP_PORT } = options;
  const sockets = dataPort === 0 ? bindAnywhere(options) : bindPair(dataPort, options);
  const server = createServer();
  try {
    await listen(server, httpPort);
    return new OpenEphysFacade(options, sockets, server);
  } catch (error) {
    server.close();
    await Promise.all([release(sockets.publisher), release(sockets.reply)]);
    throw error;
  }
}

/** A running facade; see `openOpenEphysFacade`. */
export class OpenEphysFacade {
  readonly host = HOST;
  readonly dataPort: number;
  readonly heartbeatPort: number;
  readonly httpPort: number;
  readonly program: EmulatedProgram;
  replyFault: ReplyFault = 'none';
  /** What clients asked for on the heartbeats' port, newest last; at most a thousand. */
  readonly requests: (ZmqRequest | null)[] = [];
  readonly #publisher: XPublisher;
  readonly #reply: Reply;
  readonly #server: Server;
  readonly #remote: EmulatedRemote;
  readonly #waiting: (readonly Uint8Array[])[] = [];
  #isSending = false;
  #unsent = 0;
  #subscribers = 0;
  #closing: Promise<void> | null = null;

  constructor(options: OpenEphysFacadeOptions, sockets: BoundSockets, server: Server) {
    this.program = new EmulatedProgram({
      ...options,
      publish: (parts) => {
        this.#publish(parts);
      },
    });
    this.#remote = new EmulatedRemote(this.program, options.canRecord !== false);
    this.#publisher = sockets.publisher;
    this.#reply = sockets.reply;
    this.#server = server;
    this.dataPort = sockets.dataPort;
    this.heartbeatPort = sockets.dataPort + 1;
    this.httpPort = portOf(server);
    server.on('request', (request, response) => {
      void readBody(request).then(
        (body) => {
          const { status, type, body: answer } = this.#remote.answer(request.method ?? '', request.url ?? '', body);
          response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(answer) }).end(answer);
        },
        () => response.destroy(),
      );
    });
    void this.#answerHeartbeats();
    void this.#countSubscribers();
  }

  get sampleRateHz(): number {
    return this.program.sampleRateHz;
  }

  /** Messages that the facade itself could not hand to its socket in time: a fault of the emulator's machine. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Clients whose subscription is in force. */
  get subscribers(): number {
    return this.#subscribers;
  }

  /** Lets time pass, in samples; publishes what then is there. */
  advance(frames: number): void {
    this.program.advance(frames);
  }

  /** Pulses begin now: the wire from a stimulator. */
  deliver(pulses: readonly Pulse[]): void {
    this.program.deliver(pulses);
  }

  /** A digital line, from 1, changes now: the wire from a trigger box. */
  setLine(line: number, isHigh: boolean): void {
    this.program.setLine(line, isHigh);
  }

  /** Sends parts as they are, outside the numbers: what no program sends. */
  publishRaw(parts: readonly Uint8Array[]): void {
    this.#publish(parts);
  }

  /** Gives all ports back. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await Promise.all([closed, release(this.#publisher), release(this.#reply)]);
  }

  /** Messages go out one after the other; the library refuses a second one while it is busy with the first. */
  #publish(parts: readonly Uint8Array[]): void {
    if (this.#closing !== null) return;
    if (this.#waiting.length === MAX_WAITING) {
      this.#unsent += 1;
      return;
    }
    this.#waiting.push(parts);
    if (!this.#isSending) void this.#send();
  }

  /** The publisher never waits: what a slow reader does not take is dropped. A closed one is spoken to in vain. */
  async #send(): Promise<void> {
    this.#isSending = true;
    for (let parts = this.#waiting.shift(); parts !== undefined; parts = this.#waiting.shift()) {
      await this.#publisher.send(parts.map(toBuffer)).catch(() => undefined);
      if (this.#closing !== null) return;
    }
    this.#isSending = false;
  }

  async #countSubscribers(): Promise<void> {
    for (;;) {
      try {
        const [change] = await this.#publisher.receive();
        this.#subscribers += change?.[0] === 1 ? 1 : -1;
      } catch {
        return;
      }
      if (this.#closing !== null) return;
    }
  }

  async #answerHeartbeats(): Promise<void> {
    for (;;) {
      let request: ZmqRequest | null;
      try {
        const [asked] = await this.#reply.receive();
        request = decodeRequest(asked?.toString() ?? '');
      } catch {
        return;
      }
      if (this.#closing !== null) return;
      this.requests.push(request);
      if (this.requests.length > 1000) this.requests.shift();
      // a REP that does not answer hears nothing more: what the vendor's clients must survive as well
      if (this.replyFault === 'silent') return;
      const answer = this.replyFault === 'none' ? replyTo(request) : '%!§';
      await this.#reply.send(answer).catch(() => undefined);
    }
  }
}

/** @throws MeaError `link` when one of the two is taken; then neither is held */
function bindPair(dataPort: number, options: OpenEphysFacadeOptions): BoundSockets {
  const sockets = createSockets(options);
  try {
    sockets.publisher.bindSync(`tcp://${HOST}:${dataPort}`);
    sockets.reply.bindSync(`tcp://${HOST}:${dataPort + 1}`);
    return { ...sockets, dataPort };
  } catch (error) {
    sockets.publisher.close();
    sockets.reply.close();
    throw cannotListen(error, `${HOST}:${dataPort} and ${dataPort + 1}`);
  }
}

/** The system gives one free port; the next one may be taken, so it is tried again. */
function bindAnywhere(options: OpenEphysFacadeOptions): BoundSockets {
  let failure: unknown = null;
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
    const sockets = createSockets(options);
    try {
      sockets.publisher.bindSync(`tcp://${HOST}:*`);
      const dataPort = Number(/:(\d+)$/u.exec(sockets.publisher.lastEndpoint ?? '')?.[1]);
      sockets.reply.bindSync(`tcp://${HOST}:${dataPort + 1}`);
      return { ...sockets, dataPort };
    } catch (error) {
      failure = error;
      sockets.publisher.close();
      sockets.reply.close();
    }
  }
  throw cannotListen(failure, `${HOST}, any port`);
}

function createSockets({ sendHighWaterMark = SEND_HIGH_WATER_MARK }: OpenEphysFacadeOptions) {
  // the same on the wire as a PUB, and it tells of those who listen
  const publisher = new XPublisher({ sendHighWaterMark, linger: 0, verbosity: 'allSubsUnsubs' });
  return { publisher, reply: new Reply({ linger: 0 }) };
}

/** Closes a socket; its port is free when this resolves. */
async function release(socket: XPublisher | Reply): Promise<void> {
  const freed = new Promise<void>((resolve) => {
    socket.events.on('close', () => {
      resolve();
    });
    setTimeout(resolve, RELEASE_MS).unref();
  });
  socket.close();
  await freed;
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen(error, `${HOST}:${port}`);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const { headers } = request;
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new Error('a body that is too long');
  return text(request);
}

function cannotListen(error: unknown, where: string): MeaError {
  const got = error instanceof Error ? error.message : String(error);
  const remedy = 'does Open Ephys itself run here? take other ports, or 0 for any that are free';
  return new MeaError('link', { what: 'The emulated Open Ephys cannot listen', got, where, remedy }, { cause: error });
}

/** The same bytes: zeromq sends a plain Uint8Array as text. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
