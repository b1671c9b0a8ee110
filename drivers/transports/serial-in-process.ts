import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { MeaError } from '../../protocols/errors.js';
import { abortReason } from '../../protocols/mea-link/link-options.js';
import type { SerialPortLike } from '../../protocols/mea-link/serial-link.js';
import type { Timers } from '../../protocols/timers.js';
import { fromWireError } from '../../protocols/wire-error.js';
import { frameMessage, serialWord, type SerialWord } from './serial-words.js';

const PROGRAM = new URL('./serial-process.js', import.meta.url);
/** How long the process may take to start and to open its port, which may be locked for a moment from before. */
const OPEN_MS = 10_000;
/** How long the process may take to free its port, before it is killed. */
const END_MS = 800;

/**
 * Opens a serial port in a process of its own. The library for serial ports watches them on the event loop of a process's
 * main thread alone; used from another thread it brings the process down. So a thread has its ports kept for it.
 *
 * @throws MeaError `link` with a remedy: absent, taken, not allowed; the signal's reason
 */
export async function openPortInProcess(
  { path, baud }: { readonly path: string; readonly baud: number },
  { timers, signal }: { readonly timers: Timers; readonly signal: AbortSignal },
): Promise<SerialPortLike> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [fileURLToPath(PROGRAM), path, String(baud)], {
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  const port = new PortInProcess(child, { path, timers });
  try {
    await port.untilOpen(signal);
    return port;
  } catch (error) {
    port.close(() => undefined);
    throw error;
  }
}

/** The other end of that process. */
export class PortInProcess extends EventEmitter implements SerialPortLike {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #path: string;
  readonly #timers: Timers;
  /** Who waits to hear that a message was given to the system, in their order. */
  readonly #writes: ((error: Error | null) => void)[] = [];
  #isOpen = false;
  #hasEnded = false;
  #onOpen: ((error?: Error) => void) | undefined;

  constructor(child: ChildProcess, { path, timers }: { readonly path: string; readonly timers: Timers }) {
    super();
    if (child.stdin === null || child.stdout === null) {
      throw new MeaError('internal', { what: 'A process was started without its streams' });
    }
    this.#child = child;
    this.#input = child.stdin;
    this.#path = path;
    this.#timers = timers;
    const words = child.stdio[3];
    if (words instanceof Readable) {
      createInterface({ input: words }).on('line', (line) => {
        this.#hear(serialWord.parse(JSON.parse(line)));
      });
    }
    child.stdout.on('data', (bytes: Uint8Array) => {
      this.emit('data', bytes);
    });
    // It is gone, which its end tells.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      this.#end(error.message);
    });
    // Not its exit: what it has said may still come after that.
    child.on('close', (code, signal) => {
      this.#end(code === 0 ? null : `the process of the port ended with ${signal ?? `code ${code}`}`);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @throws MeaError `link` when it cannot be opened, `deadline` when the process says nothing; the signal's reason */
  untilOpen(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#onOpen?.(abortReason(signal));
      };
      const cancel = this.#timers.after(OPEN_MS, () => {
        this.#onOpen?.(
          new MeaError('deadline', {
            what: `The process of the serial port has said nothing for ${OPEN_MS} ms`,
            where: this.#path,
            remedy:
              'is this machine overloaded, or does the driver of the adapter hang? unplug it, plug it in, try again',
          }),
        );
      });
      signal.addEventListener('abort', onAbort, { once: true });
      this.#onOpen = (error) => {
        this.#onOpen = undefined;
        cancel();
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  write(bytes: Uint8Array, done: (error: Error | null | undefined) => void): boolean {
    if (!this.#isOpen) {
      queueMicrotask(() => {
        done(new Error('the port is not open'));
      });
      return false;
    }
    this.#writes.push(done);
    this.#input.write(frameMessage(bytes));
    return true;
  }

  /** Called back when the port is free again; a process that does not free it is killed. */
  close(done: (error: Error | null) => void): void {
    if (this.#hasEnded) {
      queueMicrotask(() => {
        done(null);
      });
      return;
    }
    this.#isOpen = false;
    this.#child.once('close', () => {
      done(null);
    });
    this.#input.end();
    this.#killAfter();
  }

  /** Lets go of the port at once: the system is told to throw away what has not left, and the process ends. */
  abandon(): void {
    if (this.#hasEnded) return;
    this.#isOpen = false;
    this.#child.kill('SIGUSR2');
    this.#killAfter();
  }

  /** Ends the process where it does not end by itself. */
  #killAfter(): void {
    const cancel = this.#timers.after(END_MS, () => this.#child.kill('SIGKILL'));
    this.#child.once('close', cancel);
  }

  #hear(word: SerialWord): void {
    switch (word.type) {
      case 'open':
        this.#isOpen = true;
        this.#onOpen?.();
        break;
      case 'failed':
        this.#onOpen?.(fromWireError(word.error));
        break;
      case 'wrote':
        this.#writes.shift()?.(word.message === null ? null : new Error(word.message));
        break;
      case 'error':
        this.emit('error', new Error(word.message));
        break;
      case 'closed':
        this.#end(word.message);
        break;
    }
  }

  #end(reason: string | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isOpen = false;
    const error = reason === null ? null : new Error(reason);
    this.#onOpen?.(
      new MeaError('link', {
        what: 'The serial port cannot be opened',
        got: reason ?? 'the end of its process',
        where: this.#path,
        remedy: 'try again; should it end once more, see what the program has said before on its standard error',
      }),
    );
    for (const done of this.#writes.splice(0)) done(error ?? new Error('the port was closed'));
    this.emit('close', error);
  }
}
