import { createServer, type Server, type Socket } from 'node:net';
import { MeaError } from '../../../protocols/errors.js';

/** As RHX names it. */
export type ConnectionStatus = 'Disconnected' | 'Pending' | 'Connected';

/** What is done with a client. */
export interface OneClientHandler {
  /** One read of the socket: whatever has come, as it came. */
  readonly onRead?: (bytes: Uint8Array) => void;
  readonly onGone?: () => void;
}

/**
 * A TCP server in the manner of RHX: it listens when it is told to, takes one client and stops listening; when the client
 * has left it does not listen again by itself.
 */
export class OneClientServer {
  readonly #place: { readonly host: string; port: number };
  readonly #handler: OneClientHandler;
  #server: Server | undefined;
  #socket: Socket | undefined;

  /** @param place port 0: any that is free, the same ever after */
  constructor(place: { readonly host: string; readonly port: number }, handler: OneClientHandler = {}) {
    this.#place = { ...place };
    this.#handler = handler;
  }

  get port(): number {
    return this.#place.port;
  }

  get status(): ConnectionStatus {
    if (this.#socket !== undefined) return 'Connected';
    return this.#server === undefined ? 'Disconnected' : 'Pending';
  }

  /** Listens, unless it does or has a client. @throws MeaError `link` when the port is taken */
  async open(): Promise<void> {
    if (this.status !== 'Disconnected') return;
    const server = createServer({ noDelay: true }, (socket) => {
      this.#accept(socket);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        if (this.#server === server) this.#server = undefined;
        const where = `${this.#place.host}:${this.#place.port}`;
        reject(new MeaError('link', { what: 'The emulated RHX cannot listen', got: error.message, where }));
      });
      server.listen(this.#place, resolve);
    });
    const bound = server.address();
    if (bound !== null && typeof bound === 'object') this.#place.port = bound.port;
  }

  /** False where nobody is there to take it. */
  write(bytes: Uint8Array | string): boolean {
    if (this.#socket === undefined) return false;
    this.#socket.write(bytes);
    return true;
  }

  /** Client and server are gone at once. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#socket !== undefined) {
      socket.destroy();
      return;
    }
    this.#server?.close();
    this.#server = undefined;
    this.#socket = socket;
    socket.on('data', (chunk) => this.#handler.onRead?.(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#handler.onGone?.();
    });
  }
}
